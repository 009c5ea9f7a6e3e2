"""A store is brought under a key and from one key to the next; what was known before is known after, and wrong keys are refused."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from api.queries.tails import TailsShown, find_tails
from connectors.contract import Contract
from hub.encryption import KeyRing, Protected, clear_bytes, clear_json, key_ring, number_forms, using
from hub.encryption.store_keys import require_keys
from hub.errors import DecryptionError, SettingsError
from pipeline import key_hiding, rotation
from pipeline.export import membership
from pipeline.ingest import ingest
from pipeline.landing.order import Order
from pipeline.resolving.decisions import decide
from pipeline.resolving.resolve import resolve
from pipeline.rotation import Held, rotate, status
from pipeline.store.locks import resolve_lock
from schema import tables
from tests.integration.api.builders import running_api
from tests.integration.encryption.builders import document, places_of, ring, write_keys_down
from tests.integration.pipeline.builders import SETTINGS, make_contract, make_page, make_row
from tests.integration.pipeline.resolving import id_number, invariants, parties, party_ids, person, record, rows, settle

PHONES = [f"139{number:08d}" for number in range(12345670, 12345690)]


def contract_with_numbers() -> Contract:
    """A petitioner with an ID number: it is what a party is known by from one version to the next."""
    number, phone = {"from": "document", "as": "id_no"}, {"from": "phone", "as": "phone"}
    return make_contract(parties=[{"role": "petitioner", "name": {"from": "who", "as": "person_name"}, "id_no": number, "phone": phone}])


def clear_store(engine: Engine, contract: Contract) -> None:
    """A store from before there were keys: twenty landed rows, and parties with ID numbers."""
    with using(None):
        take_in(engine, contract, 0)
        settle(
            engine, record("court", "1", person("王建国", id_no=id_number(1))), record("police", "2", person("王建國", id_no=id_number(1)))
        )


def take_in(engine: Engine, contract: Contract, turn: int) -> None:
    page = make_page(
        [
            make_row(number, phone=phone, text=f"第{turn}次", who=f"张{number}", document=id_number(100 + number))
            for number, phone in enumerate(PHONES)
        ]
    )
    ingest(engine, contract, SETTINGS, Order(), lambda *_: [page])
    resolve(engine, SETTINGS)


def key_ids(engine: Engine) -> dict[str, set[str]]:
    with engine.connect() as connection:
        found: dict[str, set[str]] = {}
        for one in status(connection):
            found.setdefault(one.table, set()).add(one.key_id)
        return found


def test_a_store_in_the_clear_is_encrypted_and_goes_on(database: Engine, tmp_path: Path) -> None:
    contract = contract_with_numbers()
    clear_store(database, contract)
    before = members(database, tmp_path)
    assert key_ids(database) == {"store.party": {""}, "store.golden_record": {""}, "landing.record": {""}}
    one = ring("k1")
    with using(one):
        with pytest.raises(SettingsError, match="from before there were keys"):
            require_keys(database, one)
        done = rotate(database, one, batch=7)
        assert done.left == 0
        require_keys(database, one)
        assert key_ids(database) == {"store.party": {"k1"}, "store.golden_record": {"k1"}, "landing.record": {"k1"}}
        assert places_of(database, [*PHONES, id_number(1)]) == {}
        assert members(database, tmp_path) == before
        # The same rows again are known, and a new version keeps its parties; a third mention meets the two.
        person_of = parties(database)
        take_in(database, contract, 0)
        assert rows(database, "SELECT count(*) FROM landing.record") == [20]
        take_in(database, contract, 1)
        assert parties(database) == person_of
        settle(database, record("labour", "3", person("王建国", id_no=id_number(1))))
        now = parties(database)
        assert now["labour/3/0"] == now["court/1/0"] == now["police/2/0"]
        assert rotate(database, one).rows == dict.fromkeys(done.rows, 0)


def members(engine: Engine, folder: Path) -> str:
    membership(engine, folder / "members.csv")
    return (folder / "members.csv").read_text()


def test_from_one_key_to_the_next(database: Engine, tmp_path: Path) -> None:
    contract = contract_with_numbers()
    with using(ring("k1")):
        take_in(database, contract, 0)
        write_keys_down(database)
    both = ring("k1", "k2")
    with using(both):
        write_keys_down(database)
        take_in(database, contract, 1)  # versions under the new key beside versions under the old one: parties keep their ids
        assert rows(database, "SELECT count(DISTINCT party_id), count(*) FROM store.party") == [(20, 40)]
        assert key_ids(database)["store.party"] == {"k1", "k2"}
        assert found(database, PHONES[3]) == found(database, PHONES[3], "k1") + found(database, PHONES[3], "k2")
        done = rotate(database, both)
        assert done.retired == ("k1",)
        assert {one for several in key_ids(database).values() for one in several} == {"k2"}
    with using(only("k2", both)):
        require_keys(database, only("k2", both))
        assert len(found(database, PHONES[3])) == 2


def only(name: str, whole: KeyRing) -> KeyRing:
    kept = document("k1", "k2")
    return KeyRing(kept.model_copy(update={"keys": {name: kept.keys[name]}, "current": name}))


def found(engine: Engine, phone: str, key_id: str | None = None) -> list[Any]:
    keys = key_ring()
    assert keys is not None
    forms = number_forms("phone", [phone]) if key_id is None else [keys.store_number(Protected.PHONE, phone, key_id)]
    return rows(engine, "SELECT party_id, version FROM store.party WHERE phone = ANY(:forms) ORDER BY version", forms=forms)


def test_a_key_in_use_is_not_missing_nor_another(database: Engine) -> None:
    with using(ring("k1")):
        take_in(database, contract_with_numbers(), 0)
        write_keys_down(database)
    other = KeyRing(document("k1", cipher="SM4-GCM"))
    for keys, words in ((None, "under key k1, which is not"), (ring("k9"), "under key k1, which is not"), (other, "not the one that")):
        with pytest.raises(SettingsError, match=words) as refused:
            require_keys(database, keys)
        assert refused.value.remedy
    with pytest.raises(SettingsError, match="under key k1"):
        rotate(database, ring("k9"))
    with (
        using(only("k2", ring("k1", "k2"))),
        pytest.raises(DecryptionError, match=r"store\.party\.id_no is encrypted under key k1") as gone,
    ):
        take_in(database, contract_with_numbers(), 1)
    assert not any(phone in str(gone.value) for phone in PHONES)


def test_an_unreadable_row_that_looks_encrypted_stops_nothing(database: Engine) -> None:
    contract = contract_with_numbers()
    with using(None):
        ingest(database, contract, SETTINGS, Order(), lambda *_: [make_page([b"enc:k1:AAAA", f"enc:{PHONES[0]} x:y".encode()])])
    with using(ring("k1")):
        assert {one.key_id for one in statuses(database)} <= {"", "k1"}
        assert rotate(database, ring("k1")).left == 0
        assert places_of(database, PHONES) == {}


def test_rotation_passes_over_what_others_work_on_and_says_so(database: Engine) -> None:
    contract = contract_with_numbers()
    clear_store(database, contract)
    with using(ring("k1")), database.connect() as other:
        other.execute(text("SELECT FROM store.party WHERE party_id = (SELECT min(party_id) FROM store.party) FOR UPDATE"))
        told: list[rotation.Rotation] = []
        worker = threading.Thread(target=lambda: told.append(rotate(database, ring("k1"))))
        worker.start()
        worker.join(60)
        assert [one.left for one in told] == [2]
        other.rollback()
        assert rotate(database, ring("k1")).left == 0


def test_a_killed_rotation_is_taken_up_again(database: Engine) -> None:
    clear_store(database, contract_with_numbers())

    class Killed(Exception):
        pass

    def kill(table: str, done: int) -> None:
        if done >= 10:
            raise Killed

    with using(ring("k1")):
        with pytest.raises(Killed):
            rotate(database, ring("k1"), kill, batch=5)
        held = {one.key_id: one.values for one in statuses(database) if one.table == "store.party"}
        assert held == {"": held[""], "k1": 20}
        assert rotate(database, ring("k1"), batch=5).left == 0


def test_a_rotation_that_another_came_before_hides_no_key_twice(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    clear_store(database, contract_with_numbers())
    hidden: list[list[Any]] = []

    @contextlib.contextmanager
    def late(engine: Engine) -> Iterator[Connection | None]:
        """RESOLVE's lock, had only after a whole rotation by somebody else."""
        monkeypatch.undo()
        rotate(engine, ring("k1"))
        hidden.append(numbers(engine))
        with resolve_lock(engine) as connection:
            yield connection

    before = numbers(database)
    with using(ring("k1")):
        monkeypatch.setattr(key_hiding, "resolve_lock", late)
        assert rotate(database, ring("k1")).left == 0
        assert numbers(database) == hidden[0] != before
        person_of = parties(database)
        settle(database, record("labour", "3", person("王建国", id_no=id_number(1))))
        assert parties(database)["labour/3/0"] == person_of["court/1/0"]


def numbers(engine: Engine) -> list[Any]:
    """What stands for blocking keys and for identifiers."""
    return [
        rows(engine, "SELECT key, party_id FROM store.person_key ORDER BY 1, 2"),
        rows(engine, "SELECT party_id, keys FROM store.person_key_list ORDER BY 1"),
        rows(engine, "SELECT person_id, identifier_hash FROM store.person ORDER BY 1"),
    ]


def statuses(engine: Engine) -> list[Held]:
    with engine.connect() as connection:
        return status(connection)


def test_ends_are_found_in_a_store_that_is_half_encrypted(database: Engine) -> None:
    clear_store(database, contract_with_numbers())
    with database.begin() as connection:
        connection.execute(text("INSERT INTO ops.row_scope (login, policy_version) VALUES (session_user, 0) ON CONFLICT DO NOTHING"))
    with using(ring("k1")):
        take_in(database, contract_with_numbers(), 1)
        assert key_ids(database)["store.party"] == {"", "k1"}
        with database.connect() as connection:
            for end, shown, expected in ((PHONES[4][-4:], 4, 1), (PHONES[4][-6:], 4, 0), (PHONES[4][-6:], 99, 1), ("0000", 4, 0)):
                assert len(find_tails(connection, end, TailsShown(shown, shown, 0, 0), 10)) == expected


def test_rotation_beside_ingest_and_resolve(database: Engine) -> None:
    contract, both = make_contract(), ring("k1", "k2")
    with using(ring("k1")):
        take_in(database, contract, 0)
        write_keys_down(database)
        person_of = parties(database)
    with using(both):
        stop, errors, rounds = threading.Event(), [], 0

        def rotating() -> None:
            nonlocal rounds
            try:
                while not stop.is_set():
                    rotate(database, both, batch=2)
                    rounds += 1
            except Exception as error:
                errors.append(error)

        worker = threading.Thread(target=rotating)
        worker.start()
        for turn in range(1, 6):
            take_in(database, contract, turn)
        stop.set()
        worker.join(60)
        assert errors == []
        assert rounds > 0
        assert rotate(database, both).left == 0
        assert parties(database) == person_of
        assert invariants(database) == []
        assert {one for several in key_ids(database).values() for one in several} == {"k2"}


def test_the_api_says_that_a_value_does_not_decrypt_and_not_which(database: Engine, caplog: pytest.LogCaptureFixture) -> None:
    with using(ring("k1")), running_api(database) as api:
        number = api.store.record("labour", "LD-1", [{"name": "王小明", "phone": PHONES[0]}])
        case_id = api.store.case(number)
        clerk = api.as_("clerk", "labour")
        assert clerk.case(case_id, "parties")["parties"][0]["phone"] == PHONES[0]
        stored = rows(database, "SELECT phone FROM store.party")[0]
        api.store.run("UPDATE store.party SET phone = 'enc:gone:' || split_part(phone, ':', 3)")
        answer = clerk.get(f"/v1/cases/{case_id}", params={"include": "parties"})
        assert answer.status_code == 500
        assert answer.json()["type"] == "urn:casehub:problem:decryption"
        told = answer.text + caplog.text
        assert PHONES[0] not in told
        assert stored.split(":")[2] not in told
        assert len(clerk.ids()) == 1  # what needs no number is told


def job() -> dict[str, Any]:
    """A batch look-up that somebody handed in."""
    asked = {"caller": "x", "role": "clerk", "format": "csv", "columns": ["a"], "kinds": ["phone"], "rows": 2}
    return asked | {"expires_at": dt.datetime.now(dt.UTC)}


def test_events_and_batch_look_ups_are_rotated_too(database: Engine) -> None:
    cells, answer, result, body = (
        [PHONES[0], None],
        {"read_as": ["phone"], "cases": 0},
        b"\xef\xbb\xbf" + PHONES[0].encode(),
        b'{"id": "1"}',
    )
    lookup_id = uuid.uuid4()
    with database.begin() as connection:
        connection.execute(tables.inbox.insert().values(department="works", event_id="1", body=body))
        connection.execute(tables.lookup.insert().values(lookup_id=lookup_id, result=result, **job()))
        connection.execute(tables.lookup_row.insert().values(lookup_id=lookup_id, ordinal=1, cells=cells, answer=answer))
        connection.execute(tables.lookup_row.insert().values(lookup_id=lookup_id, ordinal=2))  # a line that could not be read
    for keys in (ring("k1"), ring("k1", "k2")):
        with using(keys):
            assert rotate(database, keys).left == 0
            assert places_of(database, PHONES) == {}
            assert clear_bytes(Protected.EVENT, bytes(rows(database, "SELECT body FROM ops.inbox")[0])) == body
            assert clear_bytes(Protected.RESULT, bytes(rows(database, "SELECT result FROM ops.lookup")[0])) == result
            first, second = rows(database, "SELECT cells, answer FROM ops.lookup_row ORDER BY ordinal")
            assert (clear_json(Protected.CELLS, first[0]), clear_json(Protected.ANSWER, first[1])) == (cells, answer)
            assert tuple(second) == (None, None)
    assert {key for held in key_ids(database).values() for key in held} == {"k2"}


def test_large_rows_are_rotated_a_few_at_a_time(database: Engine) -> None:
    size, most = 1_000, 2_500
    files = {uuid.UUID(int=place): b"," * size * times for place, times in enumerate((1, 1, 1, 4, 1))}  # as stored, all are small
    page = make_page([make_row(place, text="x" * size * times) for place, times in enumerate((1, 9, 1, 1, 1))])
    with using(None), database.begin() as connection:
        for lookup_id, result in files.items():
            connection.execute(tables.lookup.insert().values(lookup_id=lookup_id, result=result, **job()))
        connection.execute(tables.inbox.insert(), [{"department": "works", "event_id": str(place), "body": b"1"} for place in range(7)])
        ingest(database, make_contract(), SETTINGS, Order(), lambda *_: [page])
    told: list[tuple[str, int]] = []
    with using(ring("k1")):
        assert rotate(database, ring("k1"), lambda *done: told.append(done), batch_bytes=most).left == 0
        found = rows(database, "SELECT lookup_id, result FROM ops.lookup")
        kept = {lookup_id: clear_bytes(Protected.RESULT, bytes(result)) for lookup_id, result in found}
    assert kept == files
    assert [done for table, done in told if table == "ops.lookup"] == [2, 3, 4, 5]
    assert [done for table, done in told if table == "ops.inbox"] == [7]
    assert [done for table, done in told if table == "landing.record"] == [1, 2, 4, 5]


@pytest.mark.parametrize("former", [None, ring("k1")], ids=["in the clear", "k1"])
@pytest.mark.parametrize("verdict", ["yes", "no"])
def test_a_verdict_on_who_has_no_name_outlives_the_number_that_comes_under_the_next_key(
    database: Engine, former: KeyRing | None, verdict: str
) -> None:
    nameless, other = person(None, phone=PHONES[0]), person("王五", phone=PHONES[0] if verdict == "no" else PHONES[1])
    with using(former):
        settle(database, record("police", "1", nameless), record("court", "2", other))
        ids = party_ids(database)
        decide(database, "person", (ids["police/1/0"], ids["court/2/0"]), verdict, decided_by="clerk")
        resolve(database, SETTINGS)
    with using(ring("k1", "k2")):
        settle(database, record("police", "1", nameless | {"id_no": id_number(1), "id_type": "resident_id"}))
        now = party_ids(database)
        assert now["police/1/0"] != ids["police/1/0"]
        told = rows(database, "SELECT left_id, right_id, verdict FROM ops.decision ORDER BY decision_id")
        pairs = [sorted(each[one] for one in ("police/1/0", "court/2/0")) for each in (ids, now)]
        assert told == [(*pair, verdict) for pair in pairs]
        assert len(set(parties(database).values())) == (1 if verdict == "yes" else 2)
