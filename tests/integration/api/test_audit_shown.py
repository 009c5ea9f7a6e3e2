"""Whoever is shown is in the row of the call: persons of opened records, and every case, person and firm that a list names."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from api.audit.subject import find_subject, looks
from schema import tables
from tests.integration.api.builders import Api, Store
from tests.integration.api.test_audit_rows import ID_NUMBER, LI, PERSON, WANG, last
from tests.integration.api.test_reports import end


def shown(store: Store, action: str) -> set[uuid.UUID]:
    """What the last call noted, none of it twice."""
    row: dict[str, Any] = last(store)
    ids = row["entity_ids"] or []
    assert (row["action"], len(ids)) == (action, len(set(ids)))
    return set(ids)


def actions_about(store: Store, entry: str) -> list[tuple[str, str]]:
    with store.engine.connect() as connection:
        return [(look.row["action"], look.how) for look in looks(connection, find_subject(connection, entry))]


@pytest.fixture
def case_id(store: Store) -> uuid.UUID:
    return store.case(store.record("petition", "P-1", [WANG, LI], title="拖欠工资"))


def test_a_look_at_an_opened_record_is_one_at_its_persons(api: Api, store: Store) -> None:
    """Also when the record is another case's by then."""
    court = store.record("court", "C-1", [WANG], title="诉讼", visibility="restricted")
    case_id = store.case(store.record("petition", "P-1", [LI], title="欠薪"), court)
    clerk = api.as_("clerk", "labour")
    asked = {"case_id": str(case_id), "department": "court", "reason": "核实诉讼情况", "case_reference": "LD-7", "emergency": True}
    request_id = clerk.post("/v1/access-requests", json=asked).json()["request_id"]
    epoch = {"epoch": store.rows("SELECT epoch FROM ops.change_counter")[0]["epoch"], "change_number": 2}
    store.insert(
        tables.change,
        relation="case",
        entity_id=case_id,
        kind="updated",
        at=store.rows("SELECT now() - interval '1 h' AS at")[0]["at"],
        **epoch,
    )
    store.run(f"UPDATE store.case_member SET known_to = 2 WHERE record_id = {court}")
    store.insert(tables.case_member, record_id=court, known_from=2, case_id=uuid.uuid4())
    answer = clerk.get(f"/v1/access-requests/{request_id}/records")
    assert str(PERSON) in answer.text
    assert shown(store, "access_requests.records") == {case_id}
    assert (last(store)["person_ids"], last(store)["record_ids"]) == ([PERSON], [court])
    assert ("access_requests.records", "named") in actions_about(store, ID_NUMBER)
    store.run("UPDATE store.person_member SET person_id = gen_random_uuid()")  # held for somebody else since: the record tells it still
    assert ("access_requests.records", "record") in actions_about(store, ID_NUMBER)


def test_lists_of_reports_and_access_requests_name_their_cases(api: Api, store: Store, case_id: uuid.UUID) -> None:
    other = store.case(store.record("court", "C-1", visibility="restricted"), store.record("petition", "P-2"))
    clerk = api.as_("clerk", "labour")
    value = {"about": "value", "field": "title", "record": end("petition", "P-1"), "text": "有误"}
    assert clerk.post("/v1/reports", json={"case_id": str(case_id), **value}).status_code == 201
    asked = {"case_id": str(other), "department": "court", "reason": "核实诉讼情况", "case_reference": "LD-7"}
    assert clerk.post("/v1/access-requests", json=asked).status_code == 201
    for caller, box in ((clerk, "out"), (api.as_("clerk", "petition"), "in")):
        caller.get("/v1/reports", params={"box": box})
        assert shown(store, "reports.list") == {case_id}
    for caller, box in ((clerk, "out"), (api.as_("clerk", "court"), "in")):
        caller.get("/v1/access-requests", params={"box": box})
        assert shown(store, "access_requests.list") == {other}
    assert actions_about(store, ID_NUMBER).count(("reports.list", "case")) == 2


def test_watches_name_what_is_watched_and_what_was_delivered(api: Api, store: Store, case_id: uuid.UUID) -> None:
    clerk = api.as_("clerk", "labour")
    watch_id = clerk.post("/v1/watches", json={"watched": "case", "id": str(case_id)}).json()["watch_id"]
    clerk.post("/v1/watches", json={"watched": "person", "id": str(PERSON)})
    clerk.post("/v1/watches", json={"watched": "query", "query": {"q": "欠薪"}})
    assert clerk.get("/v1/watches").status_code == 200
    assert shown(store, "watches.list") == {case_id, PERSON}
    assert clerk.get(f"/v1/watches/{watch_id}").status_code == 200
    assert shown(store, "watches.read") == {case_id}
    other = store.case(store.record("petition", "P-2"))
    at = {"watch_id": watch_id, "epoch": 1}
    for number, kind, into in ((7, "updated", None), (8, "merged", other)):
        event = {"relation": "case", "entity_id": case_id, "kind": kind, "into_id": into, "at": store.rows("SELECT now() AS at")[0]["at"]}
        store.insert(tables.watch_event, change_number=number, **at, **event)
    store.insert(tables.watch_delivery, delivery_id=uuid.uuid4(), change_number=7, **at)
    assert len(clerk.get(f"/v1/watches/{watch_id}/deliveries").json()["items"]) == 1
    assert shown(store, "watches.deliveries") == {case_id}
    assert len(clerk.get(f"/v1/watches/{watch_id}/events").json()["items"]) == 2
    assert shown(store, "watches.events") == {case_id, other}


@pytest.mark.parametrize(("relation", "path"), [("person", "persons"), ("organisation", "organisations")])
def test_every_mention_of_a_person_or_firm_names_its_case(api: Api, store: Store, relation: str, path: str) -> None:
    """The cases are listed up to 200, the mentions beyond that."""
    entity = uuid.uuid4()
    records = [store.record("petition", f"P-{n}", [{"name": "维珍妮鞋业", "kind": relation, "entity": entity}]) for n in range(3)]
    cases = {store.case(record) for record in records}
    store.run("DELETE FROM store.unified_case")  # so that no list tells of them
    answer = api.as_("clerk", "labour").get(f"/v1/{path}/{entity}").json()
    assert ({uuid.UUID(each["case_id"]) for each in answer["mentions"]}, answer["cases"]) == (cases, [])
    assert shown(store, f"{path}.read") == cases | ({entity} if relation == "organisation" else set())


def test_links_and_a_timeline_name_the_other_cases(api: Api, store: Store, case_id: uuid.UUID) -> None:
    (inside,) = [row["record_id"] for row in store.rows("SELECT record_id FROM store.case_member")]
    outside = store.record("labour", "LD-1")
    other, before = store.case(outside), uuid.uuid4()
    store.link(inside, outside, decision="review")
    store.run("UPDATE store.case_member SET known_from = 2")
    store.insert(tables.case_member, record_id=inside, known_from=1, known_to=2, case_id=before)
    epoch = {"epoch": store.rows("SELECT epoch FROM ops.change_counter")[0]["epoch"], "change_number": 2}
    store.insert(tables.change, relation="case", entity_id=case_id, kind="created", **epoch)
    clerk = api.as_("clerk", "court")
    for include, others in (("records", set()), ("links", {other}), ("timeline", {before}), ("links,timeline", {other, before})):
        told = str(clerk.case(case_id, include))
        assert all(str(each) in told for each in others)
        assert shown(store, "cases.read") == {case_id, *others}
