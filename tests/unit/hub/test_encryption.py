"""Keys, stored forms and the document that keys come from."""

from __future__ import annotations

import base64
import json
import stat
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.encryption import PREFIX, KeyRing, Protected, clear_bytes, clear_json, clear_rows, number_forms, store_bytes, store_json, using
from hub.encryption.key_document import KeyDocument, parse_document, read_document, read_file, with_new_key, write_document
from hub.errors import DecryptionError, SettingsError
from hub.settings import Settings
from pipeline.resolving.candidates import key_numbers, key_numbers_of, open_key_numbers
from pipeline.store.protected import clear_numbers, clear_payloads, clear_values, store_documents, store_numbers, store_values
from tests.integration.encryption.builders import document, ring

PHONE, ID_NO = "13800138000", "44031119900101123X"
CIPHERS = [pytest.param("AES-256-GCM", id="aes"), pytest.param("SM4-GCM", id="sm4")]


@pytest.mark.parametrize("cipher", CIPHERS)
def test_a_number_is_one_text_and_comes_back(cipher: str) -> None:
    keys = ring(cipher=cipher)
    stored = keys.store_number(Protected.PHONE, PHONE)
    assert stored == keys.store_number(Protected.PHONE, PHONE)
    assert keys.number(Protected.PHONE, stored) == PHONE
    assert stored.startswith("enc:k1:")
    assert PHONE[-4:] not in stored[-4:]
    assert keys.number(Protected.PHONE, PHONE) == PHONE


@pytest.mark.parametrize("cipher", CIPHERS)
@given(number=st.text(max_size=40))
def test_whatever_was_stored_comes_back(cipher: str, number: str) -> None:
    keys = ring(cipher=cipher)
    assert keys.number(Protected.ID_NO, keys.store_number(Protected.ID_NO, number)) == number
    assert keys.document(Protected.RAW, keys.store_document(Protected.RAW, number.encode())) == number.encode()


def test_equal_ends_are_equal_and_others_are_not() -> None:
    keys, other = ring("k1"), ring("k1", "k2")
    ends = {number: keys.store_number(Protected.PHONE, f"138000{number:05d}")[-4:] for number in range(10_000)}
    assert len(set(ends.values())) > 9_950  # two that fall together make a candidate more
    assert keys.store_number(Protected.PHONE, "15911110042")[-4:] == ends[42] == other.store_number(Protected.PHONE, "15911110042")[-4:]
    assert keys.end(Protected.ID_NO, "0042") != ends[42]


def test_documents_are_another_text_each_time() -> None:
    keys = ring()
    assert len({keys.store_document(Protected.PAYLOAD, b"{}") for _ in range(100)}) == 100


def test_what_was_changed_or_passed_off_is_refused_without_its_value() -> None:
    keys = ring()
    stored = keys.store_number(Protected.PHONE, PHONE)
    changed = stored[:20] + ("A" if stored[20] != "A" else "B") + stored[21:]
    for value, field in (
        (changed, Protected.PHONE),
        (stored, Protected.ID_NO),
        ("enc:k1:?.abcd", Protected.PHONE),
        ("enc:k1", Protected.PHONE),
    ):
        with pytest.raises(DecryptionError, match=str(field).replace(".", r"\.")) as refused:
            keys.number(field, value)
        assert PHONE not in str(refused.value) + repr(refused.value.detail)
        assert refused.value.remedy
    with pytest.raises(DecryptionError, match="key k9, which is not there"):
        keys.number(Protected.PHONE, ring("k9").store_number(Protected.PHONE, PHONE))


def test_forms_to_ask_for_are_those_under_each_key_and_the_clear_one() -> None:
    keys = ring("k1", "k2")
    with using(keys):
        assert number_forms("phone", [PHONE]) == [
            PHONE,
            keys.store_number(Protected.PHONE, PHONE, "k1"),
            keys.store_number(Protected.PHONE, PHONE, "k2"),
        ]
        assert number_forms("uscc", [PHONE]) == [PHONE]
    with using(None):
        assert number_forms("phone", [PHONE]) == [PHONE]


def test_frames_and_rows_there_and_back() -> None:
    frame = pl.DataFrame({"phone": [PHONE, None, PHONE, ""], "id_no": [ID_NO, None, None, ID_NO], "name": ["enc:k1:x", "b", None, "d"]})
    fields, values = pl.Series(["phone", "name", "id_no", "phone"]), pl.Series([PHONE, "enc:k1:x", ID_NO, None])
    with using(ring()):
        stored = store_numbers(frame)
        assert stored["name"].to_list() == frame["name"].to_list()
        assert all(one is None or one.startswith(PREFIX) for name in ("phone", "id_no") for one in stored[name])
        assert clear_numbers(stored).equals(frame)
        assert clear_rows(stored.to_dicts()) == frame.to_dicts()
        golden = store_values(fields, values)
        assert [one is not None and one.startswith("enc:k1:x") for one in golden] == [False, True, False, False]
        assert clear_values(fields, golden).to_list() == values.to_list()
        payloads = pl.Series("payload", ['{"a": 1}', None])
        kept = store_documents(Protected.PAYLOAD, payloads)
        assert clear_payloads(pl.Series("payload", [f'"{kept[0]}"', None, '{"b": 2}'])).to_list() == ['{"a": 1}', None, '{"b": 2}']
        cells: list[Any] = [PHONE, None, 1]
        assert PHONE not in store_json(Protected.CELLS, cells)
        assert clear_json(Protected.CELLS, store_json(Protected.CELLS, cells)) == cells
        assert store_json(Protected.CELLS, None) is None
        assert clear_bytes(Protected.RESULT, store_bytes(Protected.RESULT, b"\xff\x00") or b"") == b"\xff\x00"
    with using(None):
        assert store_numbers(frame) is frame
        assert store_json(Protected.CELLS, cells) is cells
        assert store_bytes(Protected.RESULT, b"x") == b"x"


def test_numbers_of_blocking_keys_are_hidden_by_the_lookup_key_alone() -> None:
    texts = pl.Series([f"ph:{number}" for number in range(1000)])
    with using(None):
        clear = key_numbers(texts).to_list()
        assert open_key_numbers(texts).to_list() == clear == key_numbers_of(texts.to_list())
    with using(ring("k1")):
        hidden = key_numbers(texts).to_list()
        assert open_key_numbers(texts).to_list() == clear
        assert key_numbers_of(texts.to_list()) == hidden
    with using(ring("k2", cipher="SM4-GCM")):
        assert key_numbers(texts).to_list() == hidden
    assert len(set(hidden)) == 1000
    assert not set(hidden) & set(clear)


def test_a_document_is_made_grown_and_kept_to_oneself(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    first = with_new_key(None, "2026-11", "AES-256-GCM")
    write_document(path, first)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    second = with_new_key(read_file(path), "2027-01", "SM4-GCM")
    write_document(path, second)
    found = read_document(Settings(encryption_keys_file=path))
    assert found is not None
    assert (found.current, found.lookup, set(found.keys)) == ("2027-01", first.lookup, {"2026-11", "2027-01"})
    assert found.keys["2026-11"] == first.keys["2026-11"]
    assert [one.name for one in tmp_path.iterdir()] == ["keys.json"]
    assert base64.b64encode(first.lookup).decode() not in repr(found) + repr(found.keys)
    with pytest.raises(SettingsError, match="a key 2027-01 already"):
        with_new_key(found, "2027-01", "AES-256-GCM")


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    write_document(path, document())
    path.chmod(0o640)
    with pytest.raises(SettingsError, match="others than its owner"):
        read_document(Settings(encryption_keys_file=path))
    with pytest.raises(SettingsError, match="cannot be read"):
        read_document(Settings(encryption_keys_file=tmp_path / "none.json"))


def test_keys_come_from_a_command_without_a_shell(tmp_path: Path) -> None:
    path = tmp_path / "keys of mine.json"
    write_document(path, document())
    assert read_document(Settings(encryption_keys_command=f"cat '{path}'")) == document()
    for command, words in (
        (f"{sys.executable} -c 'print(1); raise SystemExit(3)'", "ended with 3"),
        ("/nowhere/kms", "did not run"),
        (f"echo $(cat '{path}')", "cannot be read"),
    ):
        with pytest.raises(SettingsError, match=words):
            read_document(Settings(encryption_keys_command=command))
    with pytest.raises(SettingsError, match="both set"):
        read_document(Settings(encryption_keys_command="cat", encryption_keys_file=path))
    assert read_document(Settings()) is None


def changed(**values: Any) -> str:
    made = json.loads(document().as_json())
    return json.dumps(made | values)


KEY = json.loads(document().as_json())["keys"]["k1"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("{", "neither JSON nor YAML", id="no document"),
        pytest.param("[]", "document", id="a list"),
        pytest.param(changed(current="k2"), "current names no key", id="current"),
        pytest.param(changed(lookup="AAAA"), "lookup has 32 bytes", id="short lookup"),
        pytest.param(changed(lookup="&&&&"), "no base64", id="no base64"),
        pytest.param(changed(lookup=KEY["key"]), "stands twice", id="one key for two things"),
        pytest.param(changed(keys={"k1": {**KEY, "cipher": "SM4-GCM"}}), "16 bytes", id="length of another cipher"),
        pytest.param(changed(keys={"k1": {**KEY, "cipher": "DES"}}), "AES-256-GCM", id="cipher"),
        pytest.param(changed(keys={"k1": KEY, "a:b": KEY}), "a key's id", id="id"),
        pytest.param(changed(keys={"k1": KEY, "lookup": KEY}), "a key's id", id="reserved id"),
        pytest.param(changed(more=1), "more", id="unknown word"),
    ],
)
def test_a_mistake_is_named_and_no_key_is_shown(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as refused:
        parse_document(text, "CASEHUB_ENCRYPTION_KEYS_FILE")
    assert KEY["key"] not in str(refused.value)


def test_a_document_may_be_indented_with_tabs() -> None:
    text = json.dumps(json.loads(document().as_json()), indent="\t")
    assert parse_document(text, "x") == document()


def test_a_document_may_be_yaml() -> None:
    key = KEY["key"]
    lookup = base64.b64encode(document().lookup).decode()
    text = f"current: k1\nlookup: {lookup}\nkeys:\n  k1: {{cipher: AES-256-GCM, key: {key}}}\n"
    assert parse_document(text, "x") == document()
    assert isinstance(KeyRing(parse_document(text, "x")), KeyRing)
    assert isinstance(document(), KeyDocument)
