"""Who looked at a person: by his id, by an identifier, and through cases in which he was a party at that time."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from sqlalchemy import Engine, text, update

from api.audit import write_audit
from api.audit.subject import find_subject, looks
from api.trace import Trace
from hub.errors import NotFound, RequestError
from schema import tables
from tests.integration.api.builders import Store
from tests.integration.audit.builders import tampering

ID_NUMBER = "440311199001011237"
NOW = dt.datetime(2025, 6, 1, tzinfo=dt.UTC)


@pytest.fixture
def store(database: Engine) -> Store:
    """A store whose changes 1, 2, 3 … are of the days before NOW: change n is 10 - n days ago."""
    store = Store(database)
    for number in range(1, 10):
        store.insert(
            tables.change,
            epoch=1,
            change_number=number,
            relation="case",
            entity_id=uuid.uuid4(),
            kind="updated",
            at=NOW - dt.timedelta(days=10 - number),
        )
    return store


def day_of(change: float) -> dt.datetime:
    return NOW - dt.timedelta(days=10 - change)


def look(store: Store, name: str, change: float = 9.5, outcome: int = 200, **shown: Any) -> None:
    """A call that was made at a change's time."""
    write_audit(store.engine, Trace(uuid.uuid4().hex, caller=name, **shown), "cases.read", outcome)
    with tampering(store.engine) as connection:
        connection.execute(update(tables.access).where(tables.access.c.caller == name).values(at=day_of(change)))


def who(store: Store, entry: str, **period: Any) -> list[tuple[str, str]]:
    with store.engine.connect() as connection:
        return [(found.row["caller"], found.how) for found in looks(connection, find_subject(connection, entry), **period)]


def person(store: Store) -> uuid.UUID:
    found = uuid.uuid4()
    store.insert(tables.person, person_id=found, founder_id=1, known_from=1, changed=1, departments=["petition"], mentions=1)
    return found


def test_by_his_id_his_number_and_his_cases(store: Store) -> None:
    wang, li = person(store), person(store)
    record = store.record("petition", "1", [{"name": "王小明", "id_no": ID_NUMBER, "entity": wang}])
    case, other = store.case(record), store.case(store.record("labour", "2", [{"name": "李四", "entity": li}]))
    look(store, "asked for him", person_ids=[wang])
    look(store, "listed his case", entity_ids=[other, case])
    look(store, "saw his record", record_ids=[record])
    look(store, "was refused", outcome=403, entity_ids=[case])
    look(store, "saw another", entity_ids=[other], person_ids=[li])
    expected = [("asked for him", "named"), ("listed his case", "case"), ("saw his record", "record"), ("was refused", "case")]
    assert who(store, str(wang)) == who(store, ID_NUMBER) == who(store, ID_NUMBER[:6] + ID_NUMBER[8:17]) == expected
    assert [name for name, _ in who(store, str(case))] == ["listed his case", "saw his record", "was refused"]
    assert [name for name, _ in who(store, str(li))] == ["listed his case", "saw another"]


def test_a_case_that_he_has_left_counts_for_the_time_he_was_in_it(store: Store) -> None:
    """His record moved to another case with change 5."""
    wang = person(store)
    record = store.record("petition", "1", [{"name": "王小明", "entity": wang}])
    before, after = store.case(record), uuid.uuid4()
    store.run(f"UPDATE store.case_member SET known_to = 5 WHERE record_id = {record}")
    store.insert(tables.case_member, record_id=record, known_from=5, case_id=after)
    look(store, "while it was there", 4, entity_ids=[before])
    look(store, "when it had left", 6, entity_ids=[before])
    look(store, "before it came", 4, entity_ids=[after])
    look(store, "where it is now", 6, entity_ids=[after])
    assert who(store, str(wang)) == [("while it was there", "case"), ("where it is now", "case")]


def test_a_version_that_named_him_no_more(store: Store) -> None:
    """The record's second version, published with change 4, is without him."""
    wang = person(store)
    record = store.record("petition", "1", [{"name": "王小明", "entity": wang}])
    case = store.case(record)
    store.run(f"UPDATE store.party SET known_to = 4 WHERE record_id = {record}")
    look(store, "while he was named", 3, entity_ids=[case])
    look(store, "afterwards", 5, entity_ids=[case])
    assert who(store, str(wang)) == [("while he was named", "case")]


def test_a_mention_that_was_held_for_him_and_is_another_now(store: Store) -> None:
    """With change 5 it became clear that this 王小明 is somebody else: until then he was looked at; the other was all along."""
    wang, namesake = person(store), person(store)
    record = store.record("petition", "1", [{"name": "王小明", "entity": wang}])
    case = store.case(record)
    store.run("UPDATE store.person_member SET known_to = 5")
    party_id = store.rows("SELECT party_id FROM store.party")[0]["party_id"]
    store.insert(tables.person_member, party_id=party_id, known_from=5, person_id=namesake)
    look(store, "before", 3, entity_ids=[case])
    look(store, "after", 7, entity_ids=[case])
    assert who(store, str(wang)) == [("before", "case")]
    assert who(store, str(namesake)) == [("before", "case"), ("after", "case")]


def test_merged_ids_are_one_person_until_they_are_parted(store: Store) -> None:
    old, new = person(store), person(store)
    store.merge(old, new, "person")
    look(store, "by the old id", person_ids=[old])
    look(store, "by the new id", person_ids=[new])
    expected = [("by the old id", "named"), ("by the new id", "named")]
    assert who(store, str(old)) == who(store, str(new)) == expected
    store.run("UPDATE store.redirect SET known_to = 9")
    assert who(store, str(new)) == [("by the new id", "named")]


def test_a_number_that_resolves_to_nobody_yet(store: Store) -> None:
    case = store.case(store.record("petition", "1", [{"name": "王小明", "id_no": ID_NUMBER}]))
    look(store, "saw the case", entity_ids=[case])
    assert who(store, ID_NUMBER) == [("saw the case", "case")]


def test_a_period(store: Store) -> None:
    wang = person(store)
    for change in (2, 4, 6):
        look(store, f"at {change}", change, person_ids=[wang])
    assert who(store, str(wang), since=day_of(3), before=day_of(6)) == [("at 4", "named")]


def test_a_call_within_a_minute_of_a_change_counts_for_both_sides(store: Store) -> None:
    wang = person(store)
    record = store.record("petition", "1", [{"name": "王小明", "entity": wang}])
    case = store.case(record)
    store.run(f"UPDATE store.case_member SET known_to = 5 WHERE record_id = {record}")
    look(store, "as the chunk committed", 5 + 30 / 86400, entity_ids=[case])
    assert who(store, str(wang)) == [("as the chunk committed", "case")]


def test_what_is_no_person_and_what_nobody_has(store: Store) -> None:
    with pytest.raises(RequestError):
        who(store, "王小明")
    for entry in (ID_NUMBER, str(uuid.uuid4())):
        with pytest.raises(NotFound) as caught:
            who(store, entry)
        assert entry not in str(caught.value)


def test_the_index_serves(store: Store) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = "\n".join(
            connection.execute(
                text(
                    "EXPLAIN SELECT FROM audit.access WHERE entity_ids && ARRAY[uuid '00000000-0000-0000-0000-000000000001'] "
                    "OR person_ids && ARRAY[uuid '00000000-0000-0000-0000-000000000001'] OR record_ids && CAST(ARRAY[1] AS bigint[])"
                )
            ).scalars()
        )
    assert "ix_access_ids" in plan
