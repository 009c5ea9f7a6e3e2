"""PUBLISH: history, change numbers, differences alone, and large entities brought up to date from what they show."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, text

from hub.errors import StoreUnavailable
from hub.settings import Settings
from pipeline.resolving import chunk as chunks
from pipeline.resolving import golden as ranking
from pipeline.resolving.resolve import resolve
from tests.integration.pipeline.resolving import (
    SETTINGS,
    TABLES,
    Record,
    cases,
    credit_code,
    firm,
    golden,
    id_number,
    invariants,
    parties,
    person,
    put,
    record,
    record_ids,
    rows,
    settle,
)

MEMBERS_THEN = (
    "SELECT party_id, person_id::text FROM store.person_member"
    " WHERE known_from <= :number AND (known_to IS NULL OR known_to > :number) ORDER BY 1"
)
VALUES_THEN = (
    "SELECT entity_id::text, field, rank, value FROM store.golden_value"
    " WHERE known_from <= :number AND (known_to IS NULL OR known_to > :number) ORDER BY 1, 2, 3"
)


def last_change(database: Engine) -> int:
    (number,) = rows(database, "SELECT max(change_number) FROM store.change")
    return int(number)


def test_what_was_known_at_a_change_can_be_read_afterwards(database: Engine) -> None:
    seen = []
    for step in (
        record("police", "1", person("王建国", id_no=id_number(1), phone="13912340001")),
        record("court", "2", person("王建國", id_no=id_number(1))),
        record("police", "1", person("王建国", id_no=id_number(1), phone="13912340002")),
        record("court", "2", is_deleted=True),
    ):
        settle(database, step)
        number = last_change(database)
        seen.append((number, rows(database, MEMBERS_THEN, number=number), rows(database, VALUES_THEN, number=number)))
    for number, members, values in seen:
        assert rows(database, MEMBERS_THEN, number=number) == members
        assert rows(database, VALUES_THEN, number=number) == values
    assert len({str(values) for *_, values in seen}) == 4


def test_change_numbers_follow_one_another_and_stand_on_the_entities(database: Engine) -> None:
    for number in range(4):
        settle(database, record("police", str(number), person("王建国", id_no=id_number(number % 2))))
    numbers = rows(database, "SELECT change_number FROM store.change ORDER BY 1")
    assert numbers == list(range(1, len(numbers) + 1))
    assert rows(database, "SELECT last_change FROM ops.change_counter") == [len(numbers)]
    newest = "SELECT entity_id, max(change_number) FROM store.change GROUP BY 1 ORDER BY 1"
    entities = "SELECT person_id, changed FROM store.person UNION ALL SELECT case_id, changed FROM store.unified_case ORDER BY 1"
    assert rows(database, newest) == rows(database, entities)


def test_only_the_differences_are_written(database: Engine) -> None:
    settle(database, record("police", "1", person("王建国", id_no=id_number(1), phone="13912340001"), status="received"))
    shown = "SELECT entity_id::text, known_from FROM store.golden_record WHERE known_to IS NULL"
    before = dict(rows(database, shown))
    settle(database, record("police", "1", person("王建国", id_no=id_number(1), phone="13912340001"), status="resolved"))
    after = dict(rows(database, shown))
    (case_id,) = set(cases(database).values())
    assert {name for name in after if after[name] != before[name]} == {case_id}
    assert rows(database, "SELECT relation, kind FROM store.change WHERE change_number > :first", first=before[case_id] + 1) == [
        ("case", "updated")
    ]


@pytest.mark.parametrize("text_", ['说"好"', "a\\b\\", "{1,2}", "一,二", "第一行\n第二行", "NULL", "null", " 空 ", "\\N"])
def test_a_value_of_any_marks_is_shown_as_the_one_record_states_it(database: Engine, text_: str) -> None:
    settle(database, record("police", "1", title=text_, address=text_))
    (case_id,) = set(cases(database).values())
    shown = golden(database, case_id)
    (number,) = record_ids(database).values()
    assert (shown["title"], shown["address"]) == ([(text_, [number])], [(text_, [number])])
    assert rows(database, "SELECT title FROM store.unified_case") == [text_]


def test_an_empty_text_is_no_value_of_a_record_alone(database: Engine) -> None:
    settle(database, record("police", "1", title="", handling_unit="马田派出所"))
    (case_id,) = set(cases(database).values())
    assert set(golden(database, case_id)) == {"handling_unit", "reported_at"}


@pytest.mark.parametrize(("visibility", "departments", "count"), [("sealed", [], 0), ("restricted", ["court"], 1)])
def test_a_limited_record_alone_says_nothing_to_everybody(database: Engine, visibility: str, departments: list[str], count: int) -> None:
    settle(database, record("court", "1", visibility=visibility, category="wages", status="received", street="matian"))
    everybody = "SELECT coalesce(title, category, status, grade, street, community), departments, records FROM store.unified_case"
    assert rows(database, everybody) == [(None, departments, count)]
    (case_id,) = set(cases(database).values())
    assert "title" in golden(database, case_id)  # for those who may read the record


def mentions(count: int, code: int = 1) -> list[Record]:
    """One firm named in many ways, by many departments, at many times, some of it sealed."""
    departments = ("police", "court", "labour", "petition", "market_regulation")
    names = ("深圳市维珍妮鞋业有限公司", "维珍妮鞋业有限公司", "維珍妮鞋業有限公司", "深圳维珍妮鞋业")
    return [
        record(
            departments[number % 5],
            f"{code}-{number}",
            firm(
                names[number % 4],
                uscc=credit_code(code),
                phone=f"0755{number % 13:08d}",
                address=f"马田街道将石社区南环大道{number % 17}号",
            ),
            visibility="sealed" if number % 7 == 0 else "shared",
            updated_at=f"2026-03-{number * 11 % 28 + 1:02d}T00:00:00Z",
        )
        for number in range(count)
    ]


def shown(database: Engine) -> tuple[Any, ...]:
    (entity,) = set(parties(database, "organisation").values())
    named = {number: name for name, number in record_ids(database).items()}
    values = {
        field: [(value, [named[number] for number in stated_by]) for value, stated_by in ranked]
        for field, ranked in golden(database, entity).items()
    }
    return values, rows(database, "SELECT departments, mentions FROM store.organisation WHERE known_to IS NULL")


def test_a_large_entity_shows_the_same_whether_it_grew_or_came_at_once(database: Engine) -> None:
    settle(database, *mentions(60))
    at_once = shown(database)
    with database.begin() as connection:
        connection.execute(text(f"TRUNCATE {', '.join(table for table in TABLES if table != 'ops.change_counter')}"))
    for number in range(0, 60, 4):
        settle(database, *mentions(60)[number : number + 4])
    assert shown(database) == at_once
    assert len(at_once[0]["address"]) > 10
    assert invariants(database) == []


def test_entities_that_are_ranked_apart_show_what_they_show_together(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ranking, "AT_ONCE", 2)
        for some in (slice(6), slice(6, None)):  # those that come then are ranked with what is shown already
            settle(database, *(mention for code in range(1, 6) for mention in mentions(9, code)[some]))
    written = rows(database, "SELECT * FROM store.golden_value ORDER BY entity_id, field, rank")
    with database.begin() as connection:
        connection.execute(text("INSERT INTO ops.pending (record_id, reason) SELECT record_id, 'values' FROM store.source_record"))
    resolve(database, Settings())
    assert len(written) > 5 * 20
    assert rows(database, "SELECT * FROM store.golden_value ORDER BY entity_id, field, rank") == written


def test_a_department_alone_is_answered_whatever_its_rank(database: Engine) -> None:
    many = [
        record(
            "petition",
            str(number),
            firm("深圳市维珍妮鞋业有限公司", uscc=credit_code(1), phone=f"1391234{number:04d}"),
            updated_at="2026-03-02T00:00:00Z",
        )
        for number in range(20)
    ]
    old = record(
        "court", "1", firm("深圳市维珍妮鞋业有限公司", uscc=credit_code(1), phone="13700000001"), updated_at="2020-01-01T00:00:00Z"
    )
    settle(database, old, *many)
    (entity,) = set(parties(database, "organisation").values())
    phones = golden(database, entity)["phone"]
    assert phones[-1] == ("13700000001", [record_ids(database)["court/1"]])
    assert len(phones) == 11


def test_a_server_that_goes_away_in_mid_chunk_loses_that_chunk_alone(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    put(database, *(record("police", str(number), person("王建国", id_no=id_number(number))) for number in range(4)))
    honest = chunks.update_reviews

    def cut(*arguments: Any) -> int:
        with database.connect() as other:
            other.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
                )
            )
        return honest(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(chunks, "update_reviews", cut)
        with pytest.raises(StoreUnavailable):
            resolve(database, Settings(resolve_chunk_records=2))
    assert rows(database, "SELECT count(*) FROM ops.pending") == [4]
    assert rows(database, "SELECT count(*) FROM store.person") == [0]
    assert resolve(database, SETTINGS).records == 4
    assert rows(database, "SELECT relation FROM ops.model ORDER BY 1") == ["case", "organisation", "person", "survivorship"]
    assert invariants(database) == []
