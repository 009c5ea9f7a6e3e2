"""What is hashed stays what it is: a row and a seal whose hashes were worked out once; and a shape keeps names alone."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid

import pytest

from api.audit.canonical import FIELDS, GENESIS, Seal, Tombstone, canonical, canonical_row, row_hash, seal_document
from api.audit.row import names_alone, row_of
from api.trace import Trace
from schema.tables import access

MOMENT = dt.datetime(2025, 1, 3, 8, 0, 0, 42, tzinfo=dt.timezone(dt.timedelta(hours=8)))


def make_row(**overrides: object) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(FIELDS)
    row |= {"access_id": 7, "at": "2025-01-03T00:00:00.000042Z", "caller": "张三", "action": "cases.read", "outcome": 200}
    return row | {"shape": {"include": ["parties"], "entry": "phone"}, "record_ids": [3, 1]} | overrides


def make_seal(**overrides: object) -> Seal:
    values: dict[str, object] = {"number": 1, "previous_hash": GENESIS, "first_place": 1, "last_place": 1, "sealed_at": MOMENT}
    return Seal(**{**values, "access_ids": [7], "row_hashes": [b"\x01" * 32], **overrides})  # type: ignore[arg-type]


def test_the_text_of_a_row() -> None:
    assert canonical_row(make_row()) == (
        '{"action":"cases.read","at":"2025-01-03T00:00:00.000042Z","caller":"张三","outcome":200,"record_ids":[3,1],'
        '"shape":{"entry":"phone","include":["parties"]}}'
    )


def test_hashes_that_were_worked_out_once() -> None:
    assert row_hash(canonical_row(make_row())).hex() == "9219a6088f95712823287099f586c7e3c0383ef3c9f5271c16d31b8c4dd6d318"
    assert make_seal().hashed().hash.hex() == "4028679ad5e4f2db229201b2fed796624c9753d87fc0b1d0822fe099d233588e"
    told = Tombstone(3, 40, b"\x02" * 32, MOMENT)
    pruned = make_seal(number=9, access_ids=[], row_hashes=[], last_place=0, tombstone=told)
    assert pruned.hashed().hash.hex() == "1b1beb805e6a731cac6b7e5a5b4cef23ef9ff52bb516e6a046d45a8b2a079c2c"
    assert hashlib.sha256(b"casehub audit chain").digest() == GENESIS


def test_a_column_that_a_later_version_adds_changes_no_hash() -> None:
    assert canonical_row({**make_row(), "later": None}) == canonical_row(make_row())


def test_every_column_is_hashed() -> None:
    assert set(FIELDS) | {"access_id"} == set(access.columns.keys())
    for name in FIELDS:
        assert row_hash(canonical_row(make_row(**{name: ["x"]}))) != row_hash(canonical_row(make_row())), name


@pytest.mark.parametrize(
    "change",
    [
        {"number": 2},
        {"previous_hash": b"\x05" * 32},
        {"first_place": 2},
        {"last_place": 2},
        {"sealed_at": MOMENT + dt.timedelta(microseconds=1)},
        {"access_ids": [8]},
        {"row_hashes": [b"\x03" * 32]},
        {"tombstone": Tombstone(1, 1, b"\x02" * 32, MOMENT)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_all_that_a_seal_says_is_hashed(change: dict[str, object]) -> None:
    assert make_seal(**change).hashed().hash != make_seal().hashed().hash


def test_the_document_of_a_seal_is_json_and_back() -> None:
    document = seal_document(make_seal())
    assert canonical(json.loads(canonical(document))) == canonical(document)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ({"filters": ["street", "reported_from"]}, {"filters": ["street", "reported_from"]}),
        ({"entry": "id_number", "include": {"parties"}}, {"entry": "id_number", "include": ["parties"]}),
        ({"q": "王小明"}, {"q": "?"}),
        ({"phone": "13800138000", "n": 13800138000, "permit": "H12345678"}, {"phone": "?", "n": "?", "permit": "?"}),
        ({"13800138000": "phone"}, {"?": "phone"}),
        ({"a": {"b": {"c": {"d": {"e": "f"}}}}}, {"a": {"b": {"c": {"d": {"e": "?"}}}}}),
        ({"words": "wages unpaid"}, {"words": "?"}),
    ],
)
def test_a_shape_keeps_names_alone(shape: dict[str, object], expected: dict[str, object]) -> None:
    assert names_alone(shape) == expected


def test_a_row_is_bounded_and_free_of_control_characters() -> None:
    trace = Trace("r", "x" * 500, purpose="a\x00b\nc\ud800", case_reference="", receiver=None)
    trace.person_ids = [uuid.UUID(int=1)] * 3
    row = row_of(trace, "cases.read", 200)
    assert (len(row["caller"]), row["purpose"], row["case_reference"]) == (200, "a b c ", None)
    assert (row["person_ids"], row["entity_ids"], row["shape"]) == ([uuid.UUID(int=1)], None, None)
