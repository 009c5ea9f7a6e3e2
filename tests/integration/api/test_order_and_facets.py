"""Order by relevance and by stored sorts, as deep as one likes, and counts in the caller's view."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import uuid
from typing import Any

import pytest
from sqlalchemy import text

from api.cursor import CasePosition
from api.queries import facets, found, hits
from api.queries.pages import after_position, page_statement
from api.queries.search import Search
from tests.integration.api.builders import Api, Store, at
from tests.integration.api.waiting import vacuum


def pages(client: Api, **body: Any) -> list[str]:
    """Case ids of all pages."""
    seen, cursor = [], None
    while True:
        answer = client.find(**body, cursor=cursor)
        seen += [item["case_id"] for item in answer["items"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            return seen


def many(store: Store, count: int, title: str = "噪音", department: str = "petition", visibility: str = "shared") -> None:
    """So many cases of one record each, written at once; the newest has the greatest number."""
    first = "(SELECT coalesce(max(record_id), 0) FROM store.source_record)"
    store.run(
        f"""
        WITH made AS (
            INSERT INTO store.source_record (record_id, version, department, source_record_id, visibility, title, tokens, known_from,
                                             reported_at, category)
            SELECT {first} + n, 1, '{department}', '{title}' || n, '{visibility}', '{title}', '{title}', 1,
                   '2024-01-01'::timestamptz + n * interval '1 minute', CASE WHEN n % 4 = 0 THEN 'noise' ELSE 'wages' END
            FROM generate_series(1, {count}) n RETURNING *
        ), cases AS (
            INSERT INTO store.unified_case (case_id, founder_id, known_from, changed, title, category, reported_at, departments, records)
            SELECT md5(source_record_id)::uuid, record_id, 1, 1, title, category, reported_at, ARRAY[department], 1 FROM made
        )
        INSERT INTO store.case_member (record_id, known_from, case_id) SELECT record_id, 1, md5(source_record_id)::uuid FROM made
        """,
        "ANALYZE store.source_record",
        "ANALYZE store.unified_case",
        "ANALYZE store.case_member",
    )
    if visibility != "shared":
        shown = "title = NULL, category = NULL, reported_at = NULL"
        if visibility == "sealed":
            shown += ", departments = '{}', records = 0, has_sealed = true"
        store.run(
            f"""
            INSERT INTO store.golden_record (entity_id, known_from, fields, ranks, contents, stated_by)
            SELECT case_id, 1, ARRAY['category'], ARRAY[1], ARRAY[category], ARRAY[founder_id::text] FROM store.unified_case
            WHERE title = '{title}'
            """,
            f"UPDATE store.unified_case SET {shown} WHERE title = '{title}'",
            "SELECT store.publish_own_cases(ARRAY(SELECT case_id FROM store.unified_case))",
            "ANALYZE store.own_case",
        )


def test_title_before_text_and_rare_words_before_common_ones(api: Api, store: Store) -> None:
    def case(day: int, **fields: Any) -> str:
        return str(store.case(store.record("petition", str(day), reported_at=at(day), **fields)))

    in_text = case(9, title="投诉", text="某鞋厂拖欠工资")
    common = [case(day, title="工资问题", text="鞋厂拖欠") for day in (6, 7, 8)]
    rare = case(2, title="鞋厂问题", text="拖欠工资")
    both = case(1, title="鞋厂拖欠工资")
    clerk = api.as_("clerk", "court")
    expected = [both, rare, *reversed(common), in_text]
    assert clerk.ids(q="鞋厂 工资") == expected
    assert pages(clerk, q="鞋厂 工资", limit=1) == pages(clerk, q="鞋厂 工资", limit=4) == expected
    assert clerk.ids(q="鞋厂 工资", sort="newest") == [in_text, *reversed(common), rare, both]
    assert clerk.ids(q="鞋厂 工资", sort="oldest") == [both, rare, *common, in_text]


def test_the_default_order_suits_the_entry(api: Api, store: Store) -> None:
    store.case(store.record("petition", "P-1-1", [{"name": "王小明", "phone": "13800138000"}]))
    clerk = api.as_("clerk", "court")
    asked = {"王小明": "relevance", "欠薪": "relevance", "13800138000": "newest", "P-1-1": "newest", None: "newest"}
    assert {q: clerk.find(q=q)["sort"] for q in asked} == asked
    refused = clerk.post("/v1/cases/search", json={"sort": "relevance"})
    assert (refused.status_code, "sort=newest" in refused.json()["remedy"]) == (422, True)


def test_oldest_goes_through_ties_and_cases_without_a_time(api: Api, store: Store) -> None:
    times = [at(9), at(8), at(8), at(8), None, None, at(7)]
    cases = [(time, store.case(store.record("petition", str(n), reported_at=time))) for n, time in enumerate(times)]
    expected = [
        str(case) for _, case in sorted(cases, key=lambda each: (each[0] is None, each[0].timestamp() if each[0] else 0, -each[1].int))
    ]
    for limit in (1, 2, 3, 7):
        assert pages(api.as_("clerk", "labour"), sort="oldest", limit=limit) == expected


def test_a_cursor_is_good_for_its_own_order_alone(api: Api, store: Store) -> None:
    for n in range(3):
        store.case(store.record("petition", str(n), title="噪音"))
    clerk = api.as_("clerk", "court")
    for sort in ("relevance", "newest", "oldest"):
        cursor = clerk.find(q="噪音", sort=sort, limit=1)["next_cursor"]
        assert clerk.find(q="噪音", cursor=cursor)["sort"] == sort
        other = "newest" if sort != "newest" else "oldest"
        answer = clerk.post("/v1/cases/search", json={"q": "噪音", "sort": other, "cursor": cursor})
        assert (answer.status_code, f"sort={sort}" in answer.json()["remedy"]) == (422, True)


@pytest.mark.parametrize("few", [pytest.param(4_000, id="gathered"), pytest.param(500, id="more of it")])
def test_relevance_ends_at_a_thousand_and_says_what_to_do(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(hits, "FEW", few)
    many(store, 1_300)
    clerk = api.as_("clerk", "court")
    seen: list[str] = []
    cursor = None
    for _ in range(5):
        answer = clerk.find(q="噪音", limit=200, cursor=cursor)
        seen += [item["case_id"] for item in answer["items"]]
        cursor = answer["next_cursor"]
    assert len(set(seen)) == len(seen) == 1_000
    answer = clerk.post("/v1/cases/search", json={"q": "噪音", "limit": 200, "cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:casehub:problem:beyond-relevance"
    assert "sort=newest" in answer.json()["remedy"]
    assert len(set(pages(clerk, q="噪音", sort="newest", limit=200))) == 1_300


def test_words_are_found_from_the_newest_on_whichever_way_is_taken(api: Api, store: Store) -> None:
    many(store, 12_500)
    store.run(  # weeks apart, one of them in the future, one older than any case, and one at no time
        "UPDATE store.source_record SET reported_at = reported_at - interval '8 days' * (record_id % 40) WHERE record_id % 3 = 0",
        "UPDATE store.source_record SET reported_at = '2199-01-01' WHERE source_record_id = '噪音7'",
        "UPDATE store.source_record SET reported_at = '1901-01-01' WHERE source_record_id = '噪音8'",
        "UPDATE store.source_record SET reported_at = NULL WHERE source_record_id = '噪音9'",
        "UPDATE store.source_record SET tokens = '噪音 ab1'::tsvector WHERE record_id % 2 = 0",
        "UPDATE store.source_record SET tokens = '噪音 cd12'::tsvector WHERE record_id % 50 = 1",
        "UPDATE store.source_record SET visibility = 'sealed' WHERE source_record_id IN ('噪音12500', '噪音11')",
        "UPDATE store.source_record SET visibility = 'sealed' "
        "WHERE record_id = (SELECT max(record_id) FROM store.source_record WHERE tokens @@ 'cd12')",
        "ANALYZE store.source_record",
    )
    api.as_("clerk", "court").ids()
    login = store.rows("SELECT login FROM ops.row_scope WHERE own = 'court'")[0]["login"]
    order = "ORDER BY reported_at > now(), reported_at DESC NULLS LAST, record_id"
    ways = [("噪音", "噪音", 12_497), ("'噪':*", None, 12_497), ("'噪音' & 'ab':*", "噪音", None), ("'噪音' & 'cd':*", "噪音", None),
            ("'cd':*", None, None), ("cd12", "cd12", None), ("'x':*", None, 0)]  # fmt: skip
    for words, by_index, count in ways:
        plain = f"SELECT record_id FROM store.source_record WHERE visibility = 'shared' AND tokens @@ $q${words}$q$::tsquery {order}"
        newest = [row["record_id"] for row in store.rows(plain)]
        assert count is None or len(newest) == count
        for most in (1, 50, 1_500, 13_000):
            with store.engine.connect() as connection:
                connection.execute(text(f'SET SESSION AUTHORIZATION "{login}"'))
                found = connection.execute(
                    text("SELECT record_id FROM store.find_words(CAST(:words AS tsquery), CAST(:by_index AS tsquery), :most)"),
                    {"words": words, "by_index": by_index, "most": most},
                )
                assert found.scalars().all() == newest[:most], (words, most)


def test_windows_put_titles_first_and_lose_none(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hits, "FEW", 3)
    monkeypatch.setattr(hits, "RELEVANT_MOST", 3)
    cases = {}
    for day in range(1, 12):
        fields = {"title": "夜间噪音"} if day % 3 == 0 else {"title": "投诉", "text": "夜间噪音"}
        cases[day] = str(store.case(store.record("petition", str(day), reported_at=at(day), **fields)))
    clerk = api.as_("clerk", "court")
    seen = pages(clerk, q="夜间噪音", department="petition", limit=2)
    assert seen[:6] == [cases[day] for day in (9, 6, 11, 10, 8, 7)]
    assert sorted(seen) == sorted(cases.values())


def buffers(store: Store, own: str, position: CasePosition | None, sort: Any, **filters: Any) -> int:
    """Pages of the database that a page of 20 cases reads, as the department's clerk asks for it."""
    login = store.rows(f"SELECT login FROM ops.row_scope WHERE own = '{own}'")[0]["login"]
    wanted = Search(own=own, limit=20, after=position, sort=sort, **filters)
    with store.engine.connect() as connection:
        connection.execute(text(f'SET SESSION AUTHORIZATION "{login}"'))
        connection.execute(text("SET plan_cache_mode = force_generic_plan"))  # as the API's connections have it
        statement = page_statement(wanted, [], [], after_position(position, sort))
        explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
        for _ in range(2):  # planning the functions, once a connection, looks at the catalogue
            plan = connection.execute(text(explain), wanted.parameters).scalar_one()
        found = plan[0]["Plan"]
        return int(found["Shared Hit Blocks"] + found["Shared Read Blocks"])


def test_page_10_000_reads_no_more_than_page_1(api: Api, store: Store) -> None:
    vacuum(store.engine, "store.unified_case", "store.case_member", "store.source_record")  # other tests' dead rows count, too
    many(store, 20_000)
    api.as_("clerk", "court").ids()
    listed = [(row["reported_at"], row["case_id"]) for row in store.rows("SELECT reported_at, case_id FROM store.unified_case")]
    for sort, ordered in (("newest", sorted(listed, reverse=True)), ("oldest", sorted(listed))):
        first = buffers(store, "court", None, sort)
        second, deep = (buffers(store, "court", CasePosition(*ordered[place], sort=sort), sort) for place in (19, 19_979))
        assert second <= 1.1 * first + 5, (sort, first, second, deep)
        assert deep <= 1.1 * first + 5, (sort, first, second, deep)


@pytest.mark.parametrize("visibility", ["restricted", "sealed"])
def test_a_page_costs_no_more_where_a_department_has_many_closed_records(api: Api, store: Store, visibility: str) -> None:
    many(store, 500)
    many(store, 3_000, "涉案", "police", visibility)
    police, court = api.as_("clerk", "police"), api.as_("clerk", "court")
    newest = [row["case_id"] for row in store.rows("SELECT case_id FROM store.own_case ORDER BY reported_at DESC, case_id LIMIT 30")]
    assert police.ids(limit=30) == [str(case_id) for case_id in newest]
    assert police.ids(limit=1, category="noise") != court.ids(limit=1, category="noise")
    assert [len(pages(caller, limit=200)) for caller in (police, court)] == [3_500, 500]
    position = CasePosition(dt.datetime(2024, 1, 2, tzinfo=dt.UTC), newest[0])
    for filters in ({}, {"equal": {"category": "noise"}}):
        theirs, others = ([buffers(store, own, at, "newest", **filters) for at in (None, position)] for own in ("police", "court"))
        assert max(theirs) <= max(others) + 300, (filters, theirs, others)


def test_a_caller_of_one_community_is_paged_through_its_cases_week_by_week(api: Api, store: Store) -> None:
    here, there = "440311001001", "440311001002"
    times: dict[str, dt.datetime | None] = {}
    numbers = itertools.count(1)

    def case(*records: tuple[str, dt.datetime | None]) -> None:
        ids = [
            store.record("petition", f"{next(numbers)}", title="噪音", community=place, reported_at=told, category="noise")
            for place, told in records
        ]
        own = [told for place, told in records if place == here]
        case_id = str(store.case(*ids))
        if own:
            times[case_id] = min((told for told in own if told is not None), default=None)

    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    for step in range(40):
        case((here, start + dt.timedelta(days=5 * step)))
    case((here, start + dt.timedelta(days=100)), (there, start))  # the older record is not to be read
    case((here, start + dt.timedelta(days=9)), (here, start + dt.timedelta(days=190)))
    case((there, start + dt.timedelta(days=1)))
    case((here, None))
    case((here, dt.datetime(1960, 5, 1, tzinfo=dt.UTC)))
    case((here, dt.datetime(2199, 5, 1, tzinfo=dt.UTC)))
    clerk = api.as_("community_clerk_440311001001", "political_legal")
    for sort, sign in (("newest", -1), ("oldest", 1)):
        for filters in ({}, {"category": "noise"}, {"q": "噪音"}):
            seen = pages(clerk, sort=sort, limit=7, **filters)
            told = [times[case_id] for case_id in seen]
            assert sorted(seen) == sorted(times), (sort, filters)
            known = [each for each in told if each is not None]
            assert known == sorted(known, key=lambda each: sign * each.timestamp())
            assert told[len(known) :] == [None]
    assert clerk.find(category="noise", facets="category")["total"] == {"cases": len(times), "is_estimate": False}


def facets_of(answer: dict[str, Any]) -> dict[str, dict[str, int]]:
    return {facet["name"]: {value["code"]: value["cases"] for value in facet["values"]} for facet in answer["facets"]}


def test_facets_count_what_is_found(api: Api, store: Store) -> None:
    store.case(
        store.record("petition", "1", category="noise", grade="red", street="440311005", community="440311001001", reported_at=at(5))
    )
    store.case(store.record("petition", "2", category="noise"), store.record("labour", "3", category="noise", status="resolved"))
    store.case(store.record("labour", "4", category="wages", title="欠薪"))
    clerk = api.as_("clerk", "court")
    answer = clerk.find(facets="department,category,status,grade,street,community,year")
    assert answer["total"] == {"cases": 3, "is_estimate": False}
    assert facets_of(answer) == {
        "department": {"petition": 2, "labour": 2},
        "category": {"noise": 2, "wages": 1},
        "status": {"resolved": 1},
        "grade": {"red": 1},
        "street": {"440311005": 1},
        "community": {"440311001001": 1},
        "year": {"2025": 3},
    }
    assert answer["facets"][0]["values"][0]["zh"] in ("信访局", "人力资源局")
    assert not any(facet["is_estimate"] for facet in answer["facets"])
    assert facets_of(clerk.find(category="noise", facets="department")) == {"department": {"petition": 2, "labour": 1}}
    assert facets_of(clerk.find(q="欠薪", facets="category")) == {"category": {"wages": 1}}
    assert clerk.find(limit=1, total=True)["total"]["cases"] == 3
    assert clerk.find()["total"] is None
    assert clerk.post("/v1/cases/search", json={"facets": "category,phone"}).status_code == 422


def test_facets_are_of_the_callers_view(api: Api, store: Store) -> None:
    sealed = store.record("procuratorate", "S", title="噪音", category="drugs", grade="red", visibility="sealed", reported_at=at(5))
    alone = store.record("procuratorate", "T", title="噪音", category="drugs", visibility="sealed")
    store.case(sealed, store.record("petition", "P", title="噪音", category="noise", grade="green"))
    store.case(alone)
    names = "department,category,grade,year"
    for q in (None, "噪音"):
        other = api.as_("clerk", "court").find(q=q, facets=names)
        assert facets_of(other) == {
            "department": {"petition": 1}, "category": {"noise": 1}, "grade": {"green": 1}, "year": {"2025": 1}
        }  # fmt: skip
        assert other["total"]["cases"] == 1
        own = api.as_("clerk", "procuratorate").find(q=q, facets=names)
        assert own["total"]["cases"] == 2
        assert facets_of(own)["category"] == {"drugs": 2}
        assert facets_of(own)["department"] == {"procuratorate": 2, "petition": 1}


def test_beyond_ten_thousand_it_is_estimated_and_said_so(api: Api, store: Store) -> None:
    many(store, facets.COUNTED)
    clerk = api.as_("clerk", "court")
    assert clerk.find(total=True, limit=1)["total"] == {"cases": 10_000, "is_estimate": False}
    assert clerk.find(q="噪音", total=True, limit=1)["total"] == {"cases": 10_000, "is_estimate": False}
    many(store, 20_000, title="欠薪")
    for q, cases in ((None, 30_000), ("欠薪", 20_000)):
        answer = clerk.find(q=q, facets="category", limit=1)
        assert answer["total"]["is_estimate"]
        assert answer["facets"][0]["is_estimate"]
        assert 0.75 * cases < answer["total"]["cases"] < 1.25 * cases
        found = facets_of(answer)["category"]
        assert 0.15 < found["noise"] / sum(found.values()) < 0.35
    store.run("UPDATE store.source_record SET visibility = 'sealed', department = 'procuratorate' WHERE title = '欠薪'",
              "UPDATE store.unified_case SET departments = '{}', category = NULL, reported_at = NULL WHERE title = '欠薪'")  # fmt: skip
    assert clerk.find(total=True, limit=1)["total"] == {"cases": 10_000, "is_estimate": False}
    assert clerk.find(q="欠薪", total=True, limit=1)["total"] == {"cases": 0, "is_estimate": False}


def test_a_case_that_only_acknowledges_is_in_no_facet_of_words(api: Api, store: Store) -> None:
    store.case(store.record("court", "C1", [{"name": "王小明", "phone": "13800138000"}], title="噪音", visibility="restricted"))
    clerk = api.as_("clerk", "petition")
    assert clerk.find(q="噪音", facets="department")["total"]["cases"] == 0
    answer = clerk.find(q="13800138000", facets="department,category")
    assert answer["total"]["cases"] == len(answer["items"]) == 1
    assert "wages" not in json.dumps(answer)
    assert uuid.UUID(answer["items"][0]["case_id"])


def test_an_export_goes_past_where_relevance_ends(api: Api, store: Store) -> None:
    many(store, 1_300)
    body = {"q": "噪音", "format": "jsonl", "receiver": "法院数据专班"}
    answer = api.as_("clerk", "court").post("/v1/cases/export", json=body)
    assert answer.status_code == 200, answer.text
    found = {json.loads(line).get("case_id") for line in answer.text.splitlines() if line.strip()} - {None}
    assert len(found) == 1_300


def test_a_phone_and_a_person_of_very_many_records_are_listed_case_by_case(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "FEW", 2)
    person = uuid.uuid4()
    party = {"name": "王小明", "phone": "13800000000", "entity": person}
    cases = [str(store.case(store.record("petition", str(n), [party], reported_at=at(n)))) for n in range(1, 6)]
    other = str(store.case(store.record("petition", "7", [{"name": "李四", "phone": "13800000001"}], reported_at=at(7))))
    in_text = str(store.case(store.record("petition", "8", title="来电13800000000反映噪音", reported_at=at(8))))
    store.case(store.record("procuratorate", "9", [party], visibility="sealed", reported_at=at(9)))
    clerk = api.as_("clerk", "court")
    assert pages(clerk, q="13800000000", limit=3) == [in_text, *cases[::-1]]
    assert pages(clerk, q="13800000001", limit=3) == [other]
    assert pages(clerk, person_id=str(person), limit=3) == cases[::-1]
