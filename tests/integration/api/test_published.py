"""What RESOLVE really publishes, asked through the API: its rows mean what the API takes them to mean."""

from __future__ import annotations

from typing import Any

import pytest

from hub.settings import Settings
from pipeline.resolving.resolve import resolve
from schema import tables
from tests.integration.api.builders import Api, Store, at

ID = "440311199001011237"
WORKER = {"name": "王小明", "id_no": ID, "id_type": "resident_id", "phone": "13800138000"}


def published(store: Store, *records: tuple[str, str, dict[str, Any]]) -> list[int]:
    """Records as NORMALISE leaves them, held by a person to be one case, and resolved."""
    ids = []
    for department, number, fields in records:
        record_id = store.record(department, number, [WORKER], known_from=None, **fields)
        store.insert(tables.pending, record_id=record_id, reason="new")
        ids.append(record_id)
    for other in ids[1:]:
        store.insert(tables.decision, relation="case", left_id=ids[0], right_id=other, verdict="yes", decided_by="tester")
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE store.party SET known_from = NULL")
    resolve(store.engine, Settings())
    return ids


@pytest.mark.parametrize("visibility", ["sealed", "restricted"])
def test_the_published_summary_is_made_of_shared_records(api: Api, store: Store, visibility: str) -> None:
    closed = {"visibility": visibility, "title": "未成年人案件材料一份", "category": "fraud", "status": "resolved", "grade": "red"}
    published(
        store,
        ("petition", "XF-1", {"title": "反映噪音", "category": "noise", "reported_at": at(5)}),
        ("procuratorate", "JC-1", {**closed, "street": "440311001", "reported_at": at(1), "updated_at": at(9)}),
    )
    (row,) = store.rows("SELECT * FROM store.unified_case WHERE known_to IS NULL")
    assert [row["title"], row["category"], row["reported_at"]] == ["反映噪音", "noise", at(5)]
    assert [row["status"], row["grade"], row["street"]] == [None, None, None]
    clerk, own = api.as_("clerk", "labour"), api.as_("clerk", "procuratorate")
    for body in ({"category": "fraud"}, {"reported_to": "2025-01-02"}, {"grade": "red"}):
        assert clerk.ids(**body) == [], body
        assert own.ids(**body) == [str(row["case_id"])], body
    (item,) = clerk.find(q=ID)["items"]
    assert [item["title"], item["category"]["code"], item["record_count"]] == ["反映噪音", "noise", 1]
    assert own.find(q=ID)["items"][0]["record_count"] == 2


def test_a_resolved_case_has_every_part(api: Api, store: Store) -> None:
    published(
        store,
        ("petition", "XF-1", {"title": "王小明反映欠薪", "amount": "100.00", "reported_at": at(5)}),
        ("labour", "LD-1", {"title": "欠薪", "amount": "120.00", "reported_at": at(6)}),
    )
    (item,) = api.as_("clerk", "petition").find(q="13800138000")["items"]
    case = api.as_("clerk", "petition").case(item["case_id"], "records,parties,timeline,lineage,links")
    assert {party["person_id"] for party in case["parties"]} == {case["parties"][0]["person_id"]}
    assert case["parties"][0]["person_id"] is not None
    amounts = next(line for line in case["lineage"] if line["field"] == "amount")
    assert {amounts["value"], amounts["losing"][0]["value"]} == {"100.00", "120.00"}
    assert case["links"][0]["decided_by"] == "tester"
    assert [event["kind"]["code"] for event in case["timeline"]] == ["reported", "reported", "joined", "joined"]
    assert api.as_("clerk", "court").find(q="欠薪")["items"][0]["title"] == "王**反映欠薪"
    assert api.as_("clerk", "court").ids(person_id=case["parties"][0]["person_id"]) == [item["case_id"]]


@pytest.mark.parametrize("is_there", [True, False], ids=["sealed record", "none"])
def test_a_sealed_record_that_says_the_same_puts_no_value_first(api: Api, store: Store, is_there: bool) -> None:
    """A value that an older record states stands where it stands without the newer sealed one that states it too."""
    here = {"street": "440311001", "community": "440311001001"}
    older = {"title": "反映噪音", "category": "noise", "status": "accepted"}
    newer = {"title": "拖欠工资", "category": "wages", "status": "resolved"}
    records = [
        ("petition", "XF-1", {**older, **here, "reported_at": at(5)}),
        ("labour", "LD-1", {**newer, **here, "reported_at": at(6)}),
        ("court", "FY-1", {"visibility": "sealed", "reported_at": at(4)}),  # so the court's own list of cases has it
    ]
    published(store, *records, *[("procuratorate", "JC-1", {**older, "visibility": "sealed", "reported_at": at(9)})][:is_there])
    for who in (("clerk", "petition"), ("clerk", "court"), ("community_clerk_440311001001", "political_legal")):
        caller = api.as_(*who)
        for body in ({}, {"status": "resolved"}, {"category": "wages"}):
            (item,) = caller.find(**body)["items"]
            assert [item["title"], item["category"]["code"], item["status"]["code"]] == list(newer.values()), (who, body)
        assert caller.ids(status="accepted") == []
        lineage = caller.case(item["case_id"], "lineage")["lineage"]
        told = {each["field"]: [each["value"], *(lost["value"] for lost in each["losing"])] for each in lineage}
        assert [told[name] for name in older] == [[newer[name], older[name]] for name in older], who


def test_a_sealed_record_hides_no_value_that_lost(api: Api, store: Store) -> None:
    """A value that a department states beside its best one is told of, though a sealed record states it first."""
    records: list[tuple[str, str, dict[str, Any]]] = [
        ("petition", f"XF-{day}", {"title": title, "reported_at": at(day)}) for day, title in ((5, "反映噪音一次"), (6, "拖欠工资三月"))
    ]
    sealed = [
        ("procuratorate", f"JC-{day}", {"title": title, "visibility": "sealed", "reported_at": at(day)})
        for day, title in ((9, "反映噪音一次"), (10, "案件材料一份"))
    ]
    published(store, *records, *sealed)
    clerk = api.as_("clerk", "labour")
    (case_id,) = clerk.ids()
    (title,) = [each for each in clerk.case(case_id, "lineage")["lineage"] if each["field"] == "title"]
    assert [title["value"], *(lost["value"] for lost in title["losing"])] == ["拖欠工资三月", "反映噪音一次"]


def test_a_record_elsewhere_that_says_the_same_takes_no_value_from_a_clerk_of_one_community(api: Api, store: Store) -> None:
    same = {"title": "拖欠工资", "category": "wages", "status": "accepted"}
    places = (("440311001", "440311001001"), ("440311005", "440311005001"))
    here, there = ({"street": street, "community": community} for street, community in places)
    published(
        store, ("petition", "XF-1", {**same, **here, "reported_at": at(5)}), ("petition", "XF-2", {**same, **there, "reported_at": at(6)})
    )
    clerk = api.as_("community_clerk_440311001001", "political_legal")
    (item,) = clerk.find(category="wages")["items"]
    assert [item["title"], item["category"]["code"], item["status"]["code"]] == list(same.values())
    assert same.items() <= clerk.case(item["case_id"])["values"].items()
