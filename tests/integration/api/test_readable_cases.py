"""Lists and counts of who reads some departments or places alone: what his cases come to when all are summed up, without summing all up."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

import pytest
from sqlalchemy import Connection, Engine, text

from api.access import Caller
from api.cursor import CasePosition, Sort
from api.policy.document import DEFAULT, read_policy
from api.policy.logins import Logins
from api.queries import facets, pages
from api.queries.search import FILTERS, Search
from tests.integration.api.builders import Store, at

HERE, THERE = "440311001001", "440311001002"
START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
POLICY = read_policy(DEFAULT)
STATED = {
    "category": ("wages", "noise", "drugs"),
    "status": ("accepted", "resolved"),
    "grade": ("red", "green", None),
    "street": ("440311001", "440311002"),
    "community": (HERE, THERE),
}
ALL_OF_HIS = "SELECT * FROM store.summed_up(ARRAY(SELECT DISTINCT case_id FROM store.case_member), true) WHERE departments IS NOT NULL"


def limited(department: str, role: str = "clerk", **rights: Any) -> Caller:
    return Caller("x", role, department, dataclasses.replace(POLICY.rights(department, role), **rights))


CALLERS = [
    pytest.param(limited("political_legal", f"community_clerk_{HERE}"), id="one community"),
    pytest.param(limited("court", streets=frozenset({"440311002"}), communities=frozenset({HERE})), id="a street and a community"),
    pytest.param(limited("court", departments=frozenset({"labour"})), id="some departments"),
    pytest.param(limited("court", departments=frozenset()), id="its own alone"),
]


@pytest.fixture
def store(database: Engine) -> Store:
    return Store(database)


def many_mixed(store: Store, count: int) -> None:
    """Cases of one to three records each, of any department, place, visibility and time."""
    draw = random.Random(7)
    numbers = itertools.count(1)
    times = [None, dt.datetime(1960, 5, 1, tzinfo=dt.UTC), dt.datetime(2199, 5, 1, tzinfo=dt.UTC)]
    for _ in range(count):
        records = []
        for _ in range(draw.randint(1, 3)):
            told = draw.choice(times) if draw.random() < 0.1 else START + dt.timedelta(days=draw.randrange(500))
            stated = {name: draw.choice(values) for name, values in STATED.items()}
            department = draw.choice(("petition", "labour", "court", "political_legal"))
            visibility = draw.choice(("shared", "shared", "shared", "restricted", "sealed"))
            records.append(store.record(department, str(next(numbers)), visibility=visibility, reported_at=told, **stated))
        store.case(*records)


FILTERED: list[dict[str, Any]] = [
    {},
    *({"equal": {name: value}} for name, values in STATED.items() for value in values if value is not None),
    {"equal": {"category": "fraud"}},
    {"department": "labour"},
    {"department": "court", "equal": {"category": "drugs", "grade": "red", "status": "resolved"}},
    {"equal": {"category": "noise", "community": THERE}},
    {"reported_from": START + dt.timedelta(days=200)},
    {"reported_from": START + dt.timedelta(days=90), "reported_before": START + dt.timedelta(days=180)},
    {"reported_before": START + dt.timedelta(days=120), "department": "petition", "equal": {"status": "accepted"}},
    {"reported_from": dt.datetime(2300, 1, 1, tzinfo=dt.UTC)},
    {"reported_before": dt.datetime(1900, 1, 1, tzinfo=dt.UTC)},
]


def passes(row: Any, search: Search) -> bool:
    told = row.reported_at
    return (
        all(getattr(row, name) == value for name, value in search.equal.items())
        and search.department in (None, *row.departments)
        and (search.reported_from is None or (told is not None and told >= search.reported_from))
        and (search.reported_before is None or (told is not None and told < search.reported_before))
    )


def in_order(rows: Sequence[Any], sort: str) -> list[Any]:
    """Rows in a stored order: those without a time last, each way round."""
    newest = sorted(rows, key=lambda row: (row.reported_at is None, -(row.reported_at or START).timestamp(), row.case_id))
    if sort == "newest":
        return newest
    return sorted(rows, key=lambda row: (row.reported_at is None, (row.reported_at or START).timestamp(), -row.case_id.int))


def paged(connection: Connection, search: Search) -> list[tuple[Any, ...]]:
    """The rows of all pages."""
    seen: list[tuple[Any, ...]] = []
    while True:
        found = pages.page(connection, search)
        rows = found[: search.limit]
        asked = ("case_id", "reported_at", *search.equal)
        seen += [tuple(row[name] for name in asked) for row in rows]
        if len(found) <= search.limit:
            return seen
        assert len(found) == search.limit + 1
        search = dataclasses.replace(search, after=CasePosition(rows[-1]["reported_at"], rows[-1]["case_id"], search.sort))


@pytest.mark.parametrize("who", CALLERS)
def test_lists_and_counts_are_those_of_all_his_cases_summed_up(
    logins: Logins, store: Store, who: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "_CANDIDATES", 4)  # so that it takes several looks to fill a page
    many_mixed(store, 70)
    found_any = 0
    with logins.engine(who).connect() as connection:
        his = connection.execute(text(ALL_OF_HIS)).all()
        assert len(his) > 10
        for filters, sort in itertools.product(FILTERED, ("newest", "oldest")):
            search = Search(own=who.department, is_whole=False, limit=7, sort=cast(Sort, sort), **filters)
            wanted = in_order([row for row in his if passes(row, search)], sort)
            found_any += bool(wanted)
            asked = ("case_id", "reported_at", *search.equal)
            assert paged(connection, search) == [tuple(getattr(row, name) for name in asked) for row in wanted], (filters, sort)
            assert facets.count(connection, search, []).total == len(wanted), filters
            counts = facets.count(connection, search, ["department", *FILTERS])
            assert (counts.total, counts.is_estimate) == (len(wanted), False), filters
            assert dict(counts.facets["department"]) == Counter(code for row in wanted for code in set(row.departments))
            for name in FILTERS:
                assert dict(counts.facets[name]) == Counter(value for row in wanted if (value := getattr(row, name)) is not None)
    assert found_any > 20


def test_many_are_estimated_without_summing_them_up(logins: Logins, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    many_mixed(store, 60)
    monkeypatch.setattr(facets, "COUNTED", 5)
    summed_up: list[str] = []
    real = facets.fetch

    def noted(connection: Connection, statement: str, parameters: Any) -> Any:
        if "summed_up" in statement:
            summed_up.append(statement)
        return real(connection, statement, parameters)

    monkeypatch.setattr(facets, "fetch", noted)
    who = limited("political_legal", f"community_clerk_{HERE}")
    with logins.engine(who).connect() as connection:
        assert facets.count(connection, Search(own=who.department, is_whole=False, limit=7), ["category"]).is_estimate
    assert [facets._SLICE in statement for statement in summed_up] == [True]


def test_a_rare_filter_sums_up_hardly_any_of_his_cases(logins: Logins, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.run(
        f"""
        WITH made AS (
            INSERT INTO store.source_record (record_id, version, department, source_record_id, visibility, known_from, reported_at,
                                             category, community)
            SELECT n, 1, 'petition', n, 'shared', 1, '2023-01-01'::timestamptz + n * interval '12 hours',
                   CASE WHEN n = 7 THEN 'drugs' ELSE 'noise' END, '{HERE}' FROM generate_series(1, 2000) n RETURNING *
        ), cases AS (
            INSERT INTO store.unified_case (case_id, founder_id, known_from, changed, category, reported_at, departments, records)
            SELECT md5(source_record_id)::uuid, record_id, 1, 1, category, reported_at, ARRAY[department], 1 FROM made
        ), golden AS (
            INSERT INTO store.golden_record (entity_id, known_from, fields, ranks, contents, stated_by)
            SELECT md5(source_record_id)::uuid, 1, ARRAY['category'], ARRAY[1], ARRAY[category], ARRAY[record_id::text] FROM made
        )
        INSERT INTO store.case_member (record_id, known_from, case_id) SELECT record_id, 1, md5(source_record_id)::uuid FROM made
        """,
        "ANALYZE store.source_record", "ANALYZE store.unified_case", "ANALYZE store.case_member", "ANALYZE store.golden_record",
    )  # fmt: skip
    who = limited("political_legal", f"community_clerk_{HERE}")
    looked_at: list[int] = []
    real = pages.fetch

    def counted(connection: Connection, statement: str, parameters: Any) -> Any:
        looked_at.append(blocks(connection, statement, parameters))
        return real(connection, statement, parameters)

    with logins.engine(who).connect() as connection:
        search = Search(own=who.department, is_whole=False, limit=20, equal={"category": "drugs"})
        pages.page(connection, search)  # planning looks at the catalogue
        whole = [blocks(connection, ALL_OF_HIS, {}) for _ in range(2)][-1]
        monkeypatch.setattr(pages, "fetch", counted)
        [found] = pages.page(connection, search)
        assert found["reported_at"] == at(1).replace(year=2023) + dt.timedelta(hours=84)
        assert sum(looked_at) < 0.6 * whole, (looked_at, whole)


def blocks(connection: Connection, statement: str, parameters: Any) -> int:
    """Pages of the database that a statement reads."""
    plan = connection.execute(text(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"), parameters).scalar_one()
    return int(plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"])
