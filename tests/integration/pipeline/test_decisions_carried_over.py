"""What a person said of a party is said of it still when its record names it by a number that was not there before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from time import monotonic, sleep

import pytest
from sqlalchemy import Engine

from connectors.contract import Contract
from hub.errors import BusyError
from hub.settings import Settings
from pipeline.relinking.relink import relink, swap
from pipeline.resolving import decisions
from pipeline.resolving import intake as taking
from pipeline.resolving.decisions import decide, take_apart
from pipeline.resolving.resolve import resolve
from pipeline.store.channel import Channel
from tests.integration.pipeline.builders import make_contract, make_page, make_row, take_in
from tests.integration.pipeline.resolving import (
    SETTINGS,
    Party,
    clusters,
    credit_code,
    firm,
    id_number,
    invariants,
    parties,
    party_ids,
    person,
    put,
    record,
    rows,
    settle,
)

BY_PHONE = person("欧阳震华", phone="13912340001")
BY_NUMBER = person("欧阳震华", id_no=id_number(1), phone="13912340001")
ANOTHER = person("王五", phone="13912340009")
DECISIONS = (
    "SELECT left_id, right_id, verdict, decided_by, decided_at, reason, applied_change IS NULL FROM ops.decision ORDER BY decision_id"
)
APART, TOGETHER = 2, 1


def contract_of(department: str) -> Contract:
    petitioner = {"role": "petitioner", "name": {"from": "who", "as": "person_name"}, "phone": {"from": "phone", "as": "phone"}}
    return make_contract(department=department, parties=[{**petitioner, "id_no": {"from": "zjhm", "as": "id_no"}}])


def say(engine: Engine, verdict: str, one: str = "police/1/0", other: str = "court/2/0", relation: str = "person") -> None:
    ids = party_ids(engine)
    decide(engine, relation, (ids[one], ids[other]), verdict, decided_by="clerk", reason="seen both")


def persons(engine: Engine, kind: str = "person") -> int:
    assert invariants(engine) == []
    return len(clusters(parties(engine, kind)))


@pytest.mark.parametrize(("other", "verdict", "count"), [(BY_PHONE, "no", APART), (ANOTHER, "yes", TOGETHER)], ids=["no", "yes"])
def test_a_verdict_outlives_the_number_that_comes(database: Engine, tmp_path: Path, other: Party, verdict: str, count: int) -> None:
    works, tax = contract_of("works"), contract_of("tax")
    one, two = ({"who": each["name"], "phone": each["phone"], "zjhm": None} for each in (BY_PHONE, other))
    take_in(database, works, make_page([make_row(1, **one)]))
    take_in(database, tax, make_page([make_row(2, **two)]))
    resolve(database, SETTINGS)
    assert persons(database) != count
    say(database, verdict, "works/1/0", "tax/2/0")
    resolve(database, SETTINGS)
    before, (said,) = party_ids(database), rows(database, DECISIONS)
    assert persons(database) == count
    take_in(database, works, make_page([make_row(1, **one | {"zjhm": id_number(1)})]))
    resolve(database, SETTINGS)
    assert party_ids(database) == before
    assert persons(database) == count
    assert rows(database, DECISIONS) == [said]
    take_in(database, tax, make_page([make_row(2, **two, text="another text")]))
    take_in(database, works, make_page([make_row(1, **one)]))  # and the number that goes
    resolve(database, SETTINGS)
    assert persons(database) == count
    settings = Settings(home=tmp_path)
    found = relink(database, settings)
    assert [each.records.is_empty() for each in found] == [True] * 3
    swap(database, settings, found)
    assert persons(database) == count


def test_a_party_left_out_by_a_version_that_nobody_saw_is_the_one_that_was_judged(database: Engine) -> None:
    works, tax = contract_of("works"), contract_of("tax")
    one = {"who": BY_PHONE["name"], "phone": BY_PHONE["phone"], "zjhm": None}
    take_in(database, works, make_page([make_row(1, **one)]))
    take_in(database, tax, make_page([make_row(2, **one)]))
    resolve(database, SETTINGS)
    say(database, "no", "works/1/0", "tax/2/0")
    before = party_ids(database)
    take_in(database, works, make_page([make_row(1, **one | {"who": None, "phone": None})]))
    take_in(database, works, make_page([make_row(1, **one | {"zjhm": id_number(1)})]))
    resolve(database, SETTINGS)
    assert party_ids(database)["works/1/0"] != before["works/1/0"]
    assert persons(database) == APART


def test_a_person_stays_who_he_is_when_his_number_comes_goes_and_comes_again(database: Engine) -> None:
    works = contract_of("works")
    one = {"who": BY_PHONE["name"], "phone": BY_PHONE["phone"]}
    found = []
    for number in (None, id_number(1), None, id_number(1), None, id_number(2)):
        take_in(database, works, make_page([make_row(1, **one, zjhm=number)]))
        resolve(database, SETTINGS)
        found.append(parties(database)["works/1/0"])
    assert len(set(found[:5])) == 1
    assert found[5] != found[0]  # another number is another person
    assert invariants(database) == []


def test_a_pair_that_nobody_could_tell_is_not_asked_again(database: Engine) -> None:
    settle(database, record("police", "1", BY_PHONE), record("court", "2", ANOTHER))
    say(database, "unsure")
    settle(database, record("police", "1", BY_NUMBER))
    assert [row[2] for row in rows(database, DECISIONS)] == ["unsure", "unsure"]
    assert rows(database, "SELECT count(*) FROM store.review_task WHERE state = 'open'") == [0]


def test_a_firm_is_known_still_when_its_code_comes(database: Engine) -> None:
    name = {"phone": "075512345678"}
    settle(
        database,
        record("police", "1", firm("深圳市维珍妮鞋业有限公司", **name)),
        record("court", "2", firm("深圳市维珍妮鞋业有限公司", **name)),
    )
    assert persons(database, "organisation") == TOGETHER
    say(database, "no", relation="organisation")
    settle(database, record("police", "1", firm("深圳市维珍妮鞋业有限公司", uscc=credit_code(1), **name)))
    assert persons(database, "organisation") == APART


def test_both_numbers_come_at_once(database: Engine) -> None:
    settle(database, record("police", "1", BY_PHONE), record("court", "2", BY_PHONE))
    say(database, "no")
    settle(database, record("police", "1", BY_NUMBER), record("court", "2", BY_NUMBER))
    assert persons(database) == APART


def test_the_newest_word_is_what_goes_on(database: Engine) -> None:
    settle(database, record("police", "1", BY_PHONE), record("court", "2", BY_PHONE))
    say(database, "no")
    say(database, "yes")
    settle(database, record("police", "1", BY_NUMBER))
    assert [row[2] for row in rows(database, DECISIONS)] == ["no", "yes", "yes"]
    assert persons(database) == TOGETHER


def test_what_is_said_while_the_number_waits_goes_on_to_it(database: Engine) -> None:
    settle(database, record("police", "1", BY_PHONE), record("court", "2", BY_PHONE))
    ids = party_ids(database)
    put(database, record("police", "1", BY_NUMBER))
    decide(database, "person", (ids["police/1/0"], ids["court/2/0"]), "no", decided_by="clerk")
    resolve(database, SETTINGS)
    assert persons(database) == APART


def test_nothing_is_said_of_a_party_that_resolve_has_in_hand(database: Engine) -> None:
    settle(database, record("police", "1", BY_PHONE), record("court", "2", BY_PHONE))
    ids = party_ids(database)
    put(database, record("police", "1", BY_NUMBER))
    with database.connect() as connection, Channel(connection) as channel:
        intake = taking.take(channel, taking.Place(), 10)
        assert intake is not None
        taking.publish_versions(channel, intake)
        with pytest.raises(BusyError, match="say it again in a moment"):
            decide(database, "person", (ids["police/1/0"], ids["court/2/0"]), "no", decided_by="clerk")
        with pytest.raises(BusyError):
            take_apart(database, "person", ids["court/2/0"], decided_by="clerk")
        connection.rollback()
    decide(database, "person", (ids["police/1/0"], ids["court/2/0"]), "no", decided_by="clerk")
    resolve(database, SETTINGS)
    assert persons(database) == APART


def wait_until_somebody_waits(engine: Engine) -> None:
    """Until a backend of this database waits for another's lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"
    deadline = monotonic() + 10
    while not rows(engine, waiting)[0]:
        assert monotonic() < deadline, "nobody waits for what is being said"
        sleep(0.02)


def test_resolve_waits_for_what_is_just_being_said(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(database, record("police", "1", BY_PHONE), record("court", "2", BY_PHONE))
    ids = party_ids(database)
    put(database, record("police", "1", BY_NUMBER))
    has_held, require = Event(), decisions._require_held

    def held(relation: str, *, is_held: bool) -> None:
        require(relation, is_held=is_held)
        has_held.set()
        wait_until_somebody_waits(database)  # the chunk has come to the party

    monkeypatch.setattr(decisions, "_require_held", held)
    with ThreadPoolExecutor(1) as pool:
        pair = (ids["police/1/0"], ids["court/2/0"])
        saying = pool.submit(decide, database, "person", pair, "no", decided_by="clerk")
        assert has_held.wait(10)
        resolve(database, SETTINGS)
        saying.result()
    assert persons(database) == APART


def test_the_number_comes_after_a_deletion(database: Engine) -> None:
    settle(database, record("police", "1", BY_PHONE), record("court", "2", BY_PHONE))
    say(database, "no")
    settle(database, record("police", "1", is_deleted=True))
    settle(database, record("police", "1", BY_NUMBER))
    assert persons(database) == APART


def test_the_other_one_was_deleted_when_the_number_came(database: Engine) -> None:
    settle(database, record("police", "1", BY_PHONE), record("court", "2", BY_PHONE))
    say(database, "no")
    settle(database, record("court", "2", is_deleted=True))
    settle(database, record("police", "1", BY_NUMBER))
    assert rows(database, "SELECT count(*) FROM ops.decision WHERE applied_change IS NULL") == [0]
    settle(database, record("court", "2", BY_PHONE))
    assert persons(database) == APART


def test_of_two_with_one_name_each_keeps_his_own(database: Engine) -> None:
    namesake = BY_PHONE | {"id_no": id_number(2), "id_type": "resident_id"}
    settle(database, record("police", "1", namesake, BY_PHONE), record("court", "2", BY_PHONE))
    say(database, "no", "police/1/1")
    settle(database, record("police", "1", BY_NUMBER, namesake))
    assert parties(database)["police/1/0"] != parties(database)["court/2/0"]


def test_another_number_is_another_person_of_whom_nothing_was_said(database: Engine) -> None:
    settle(database, record("police", "1", BY_NUMBER), record("court", "2", BY_PHONE))
    say(database, "no")
    settle(database, record("police", "1", BY_PHONE | {"id_no": id_number(2), "id_type": "resident_id"}))
    assert len(rows(database, DECISIONS)) == 1
    assert persons(database) == TOGETHER


@pytest.mark.parametrize(
    ("kind", "before", "now"),
    [
        pytest.param("person", person("欧阳震华", phone="13912340001"), person("歐陽震華", phone="13912340001"), id="traditional"),
        pytest.param("person", person("歐陽震華", phone="13912340001"), person("欧阳震华", phone="13912340001"), id="simplified"),
        pytest.param("person", person("Smith", phone="13912340001"), person("ＳＭＩＴＨ", phone="13912340001"), id="full width"),
        pytest.param(
            "organisation",
            firm("深圳市维珍妮鞋业有限公司", phone="075512345678"),
            firm("深圳市維珍妮鞋業有限公司", phone="075512345678"),
            id="a firm",
        ),
    ],
)
@pytest.mark.parametrize("verdict", ["no", "yes"])
def test_a_verdict_outlives_another_writing_of_the_name(database: Engine, kind: str, before: Party, now: Party, verdict: str) -> None:
    other = before if verdict == "no" else (person("王五") if kind == "person" else firm("光明区某某食品厂"))
    settle(database, record("police", "1", before), record("court", "2", other))
    say(database, verdict, relation=kind)
    settle(database, record("police", "1", now))
    assert persons(database, kind) == (APART if verdict == "no" else TOGETHER)
    assert [row[2] for row in rows(database, DECISIONS)] == [verdict, verdict]


NAMELESS = person(None, phone="13912340001")


@pytest.mark.parametrize(("before", "now"), [(NAMELESS, BY_PHONE), (BY_PHONE, NAMELESS)], ids=["comes", "goes"])
@pytest.mark.parametrize("verdict", ["no", "yes"])
def test_a_verdict_outlives_a_name_that_comes_to_a_phone_or_goes(database: Engine, before: Party, now: Party, verdict: str) -> None:
    other = person("王五", phone="13912340001" if verdict == "no" else "13912340009")
    settle(database, record("police", "1", before), record("court", "2", other))
    say(database, verdict)
    settle(database, record("police", "1", now))
    assert persons(database) == (APART if verdict == "no" else TOGETHER)
    assert [row[2] for row in rows(database, DECISIONS)] == [verdict, verdict]


def test_of_two_with_one_phone_nothing_is_said_of_the_name_that_comes(database: Engine) -> None:
    settle(database, record("police", "1", NAMELESS, person("李四", phone="13912340001")), record("court", "2", ANOTHER))
    say(database, "yes")
    settle(database, record("police", "1", person("赵六", phone="13912340001"), person("孙七", phone="13912340001")))
    assert [row[2] for row in rows(database, DECISIONS)] == ["yes"]
