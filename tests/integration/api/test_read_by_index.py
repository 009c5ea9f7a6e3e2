"""Whatever a caller asks, the store's records, parties, members and entities are looked up by an index, in functions of the store's, too.

A condition that is not known to leak nothing finds no index behind row security. On the few rows of a test that takes no time; on a
hundred thousand records the change feed took a minute for fifty changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from api.watches import worker as workers
from tests.integration.api.builders import Api, as_of, running_api
from tests.integration.api.changing import LI, NOISE, SHOES, WAGES, WANG, case_of, record, settle
from tests.integration.api.receiving import worker
from tests.integration.api.waiting import wait_for

EXPLAINED = {
    "session_preload_libraries": "auto_explain",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_level": "notice",
}
SCANNED = re.compile(
    r"Seq Scan on ((?:source_record|party|case_event|golden_record|link|unified_case|own_case|name_form|change|redirect"
    r"|(?:person|organisation)(?:_member|_key)?|case_member|case_key)(?: \w+)?)  "
)


@pytest.fixture
def explained(database: Engine) -> Iterator[list[str]]:
    """What departments' logins were told of their statements' plans."""
    with database.begin() as connection:
        for name, value in EXPLAINED.items():
            connection.execute(text(f"ALTER DATABASE {database.url.database} SET {name} = '{value}'"))
    told: list[str] = []

    def keep(connection: Any) -> None:
        if connection.info.user.endswith((".clerk", ".engineer")) or ".community_clerk_" in connection.info.user:
            told.extend(connection.notices)
        del connection.notices[:]

    def executed(_: Any, cursor: Any, *__: Any) -> None:
        keep(cursor.connection)  # before SQLAlchemy takes them away

    def returned(connection: Any, _: Any) -> None:
        keep(connection)  # of statements that went past SQLAlchemy

    event.listen(Engine, "after_cursor_execute", executed)
    event.listen(Engine, "checkin", returned)
    yield told
    event.remove(Engine, "after_cursor_execute", executed)
    event.remove(Engine, "checkin", returned)


def questions(api: Api, case_id: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    search = "/v1/cases/search"
    everything = {"facets": "department,category,status,grade,street,community,year", "total": True}
    for body in (
        {},
        everything,
        {"sort": "oldest", "category": "wages"},
        {"department": "police", "reported_from": "2025-01-01", "reported_to": "2026-12-31", **everything},
        *(
            {"q": q, **everything}
            for q in ("拖欠工资", "王建国", "王建過", "wang jianguo", "13912340001", "0001", "维珍妮鞋业", "南环大道12号", "1", "的")
        ),
    ):
        yield "POST", search, {"json": body}
        answer = api.post(search, json={**body, "limit": 1}).json()
        if answer.get("next_cursor"):
            yield "POST", search, {"json": {**body, "limit": 1, "cursor": answer["next_cursor"]}}
    whole = {"include": "records,parties,timeline,lineage,links"}
    case = api.get(f"/v1/cases/{case_id}", params=whole)
    yield "GET", f"/v1/cases/{case_id}", {"params": whole}
    yield "GET", f"/v1/cases/{case_id}", {"params": {**whole, "as_of": as_of(1)}}
    for relation in ("person", "organisation"):
        for entity_id in {party[f"{relation}_id"] for party in case.json().get("parties", []) if party.get(f"{relation}_id")}:
            yield "GET", f"/v1/{relation}s/{entity_id}", {}
            yield "POST", search, {"json": {f"{relation}_id": entity_id, **everything}}
    for query in ({}, {"limit": 1}, {"relation": "case"}):
        yield "GET", "/v1/changes", {"params": query}
    for level in ("cases", "records", "parties"):
        yield "POST", "/v1/cases/export", {"json": {"level": level, "format": "csv", "receiver": "统计科"}}
    names = {"person": ("petitioner", WANG["name"]), "organisation": ("respondent", SHOES["name"])}
    parties = [{"kind": kind, "role": role, "name": name} for kind, (role, name) in names.items()]
    yield "POST", "/v1/match", {"json": {"category": "wages", "title": "拖欠工资", "parties": parties}}


@pytest.mark.parametrize(
    "who", [("clerk", "labour"), ("clerk", "police"), ("community_clerk_440311001001", "political_legal"), ("engineer", None)]
)
def test_no_question_reads_a_table_whole(database: Engine, explained: list[str], who: tuple[str, str | None]) -> None:
    settle(database, record("police", "1", WANG, SHOES, **WAGES), record("labour", "2", WANG, SHOES, **WAGES, visibility="restricted"))
    settle(
        database, record("police", "3", LI, **NOISE), record("court", "4", LI, **NOISE), record("court", "5", SHOES, visibility="sealed")
    )
    settle(database, record("police", "3", WANG, **NOISE))
    with running_api(database) as api:
        caller = api.as_(*who)
        asked = 0
        for method, path, given in questions(caller, case_of(database, "police", "1")):
            answer = caller.request(method, path, **given)
            asked += answer.status_code == 200
            assert answer.status_code in (200, 403, 404), (path, answer.text)
    assert asked > 10
    assert_read_by_index(explained)


def test_no_watch_or_look_up_reads_a_table_whole(database: Engine, explained: list[str]) -> None:
    settle(database, record("police", "1", WANG, SHOES, **WAGES), record("court", "5", SHOES, visibility="sealed"))
    case_id = case_of(database, "police", "1")
    with running_api(database) as api:
        clerk = api.as_("clerk", "labour")
        parties = clerk.get(f"/v1/cases/{case_id}", params={"include": "parties"}).json()["parties"]
        ids = {
            relation: party[f"{relation}_id"] for party in parties for relation in ("person", "organisation") if party.get(f"{relation}_id")
        }
        wanted: list[dict[str, Any]] = [{"watched": "case", "id": case_id}]
        wanted += [{"watched": relation, "id": entity_id} for relation, entity_id in ids.items()]
        asked = [{"q": q} for q in ("拖欠工资", "王建国", "wang jianguo", "13912340001", "维珍妮鞋业", "SSN-1")]
        asked += [{"category": "wages"}, {"department": "police"}]
        wanted += [{"watched": "query", "query": query} for query in asked]
        made = [clerk.post("/v1/watches", json=body) for body in wanted]
        assert {answer.status_code for answer in made} == {201}, [answer.text for answer in made if answer.status_code != 201]
        rows = "姓名,电话,单位,编号\n王建国,,,\n,13912340001,,\n,,维珍妮鞋业,\n,,,1\n".encode()
        look_up = clerk.post("/v1/lookups", content=rows, headers={"Content-Type": "text/csv"}).json()["lookup_id"]
        assert wait_for(lambda: clerk.get(f"/v1/lookups/{look_up}").json()["state"], "done")
        settle(database, record("police", "3", WANG, SHOES, **WAGES), record("court", "6", LI, **NOISE))
        with worker(database) as hub:
            events, _ = workers.run_once(hub)
    assert events > len(asked) / 2
    assert_read_by_index(explained)


def assert_read_by_index(explained: list[str]) -> None:
    scanned = [(found[1], plan[:2000]) for plan in explained if (found := SCANNED.search(plan))]
    assert len(explained) > 50
    assert not scanned, (len(scanned), {name for name, _ in scanned}, scanned[0][1])
