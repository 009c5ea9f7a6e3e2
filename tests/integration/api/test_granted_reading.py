"""A restricted record that was opened to a caller: read by him as a shared one, everywhere, for as long as the grant lasts."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from api.export import running
from api.policy import grants
from tests.integration.api.builders import Api, Store, at
from tests.integration.api.test_access_requests import PHONE, World

ALL = "records,parties,timeline,lineage,links"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grant counts from the next request on."""
    monkeypatch.setattr(grants, "FRESH_S", 0.0)


def seen(caller: Api, world: World) -> dict[str, Any]:
    return caller.case(world.case_id, ALL)


def test_a_granted_record_is_read_as_a_shared_one_by_that_caller_alone(api: Api, store: Store) -> None:
    world = World(api, store)
    colleague = api.as_("clerk", "labour")
    before = seen(world.asker, world)
    assert [before["record_count"], len(before["acknowledged"])] == [1, 1]
    request_id = world.asked()
    world.decide(world.desk, request_id, "grant")
    case = seen(world.asker, world)
    assert [case["record_count"], case.get("acknowledged", [])] == [2, []]
    court = next(record for record in case["records"] if record["department"]["code"] == "court")
    assert [court["title"], court["is_masked"]] == ["王**诉某厂", True]
    assert case["values"]["amount"] == "9000.00"
    assert PHONE not in str(case)
    (item,) = world.asker.find(q="某厂")["items"]
    assert item["record_count"] == 2
    for other in (colleague, api.as_("clerk", "petition"), api.as_("admin", "labour")):
        assert [seen(other, world)["record_count"], other.ids(q="某厂")] == [1, []]
    world.decide(world.desk, request_id, "revoke")
    assert seen(world.asker, world) == before
    assert world.asker.ids(q="某厂") == []


def test_a_case_of_ones_own_closed_record_is_listed_once_by_all_that_is_open(api: Api, store: Store) -> None:
    """With a closed record of another department that was opened, by its day, too; and as before when the grant is over."""
    court = store.record("court", "C-1", title="开庭", category="fraud", visibility="restricted", reported_at=at(2))
    mixed = store.case(store.record("labour", "LD-1", title="调解", category=None, visibility="sealed", reported_at=at(6)), court)
    others = {
        day: store.case(store.record("labour", f"LD-{day}", title="调解", visibility="sealed", reported_at=at(day))) for day in (4, 8)
    }
    asker, desk = api.as_("clerk", "labour"), api.as_("clerk", "court")
    own_alone = [str(case_id) for case_id in (others[8], mixed, others[4])]
    assert [asker.ids(), asker.ids(category="fraud"), asker.ids(reported_to="2025-01-02")] == [own_alone, [], []]
    asked = {"case_id": str(mixed), "department": "court", "reason": "核实开庭情况", "case_reference": "LD-1"}
    request_id = asker.post("/v1/access-requests", json=asked).json()["request_id"]
    decision = f"/v1/access-requests/{request_id}/decision"
    assert desk.post(decision, json={"decision": "grant", "hours": 2}).status_code == 200
    opened = [str(case_id) for case_id in (others[8], others[4], mixed)]
    assert [asker.ids(), asker.ids(category="fraud"), asker.ids(reported_to="2025-01-02")] == [opened, [str(mixed)], [str(mixed)]]
    assert asker.ids(sort="oldest") == opened[::-1]
    (facet,) = asker.find(facets="category")["facets"]
    assert {value["code"]: value["cases"] for value in facet["values"]} == {"wages": 2, "fraud": 1}
    assert desk.post(decision, json={"decision": "revoke", "note": "到此"}).status_code == 200
    assert [asker.ids(), asker.ids(category="fraud")] == [own_alone, []]


def test_what_was_sealed_since_is_opened_to_nobody(api: Api, store: Store) -> None:
    world = World(api, store)
    request_id = world.asked()
    world.decide(world.desk, request_id, "grant")
    assert seen(world.asker, world)["record_count"] == 2
    store.run("UPDATE store.source_record SET visibility = 'sealed' WHERE department = 'court'")
    case = seen(world.asker, world)
    assert [case["record_count"], case.get("acknowledged", [])] == [1, []]
    assert "amount" not in case["values"] and "9000.00" not in str(case)


def test_a_grant_that_ended_is_none(api: Api, store: Store) -> None:
    world = World(api, store)
    world.decide(world.desk, world.asked(), "grant")
    store.run("UPDATE ops.access_request SET granted_until = now() - interval '1 second'")
    assert seen(world.asker, world)["record_count"] == 1


def test_what_was_opened_is_read_by_the_callers_login(fragile_api: Api) -> None:
    """Whatever a route or an injected statement asks, row security gives no more than the policy does."""
    world = World(fragile_api, fragile_api.store)
    request_id = world.asked()
    world.decide(world.desk, request_id, "grant")
    opened = world.records(request_id)
    assert [opened.status_code, opened.json()["items"][0]["title"], opened.json()["items"][0]["is_masked"]] == [200, "王**诉某厂", True]
    fragile_api.store.run("UPDATE ops.row_scope SET departments = '{petition}' WHERE own = 'labour'")
    assert seen(world.asker, world)["record_count"] == 1
    assert world.records(request_id).status_code == 404


def test_an_export_breaks_off_when_what_was_opened_is_closed(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(api, store)
    request_id = world.asked()
    world.decide(world.desk, request_id, "grant")
    for number in "23":
        store.case(store.record("petition", f"XF-{number}", title="噪音"))
    monkeypatch.setattr("api.export.rows.CASES_AT_ONCE", 1)
    real, noted = running.Export._note, []

    def noting(self: running.Export, action: str, outcome: int, part: Any = None) -> None:
        real(self, action, outcome, part)
        noted.append(action)
        if len(noted) == 1:
            assert world.decide(world.desk, request_id, "revoke").status_code == 200

    monkeypatch.setattr(running.Export, "_note", noting)
    with pytest.raises(httpx.RemoteProtocolError):
        world.asker.post("/v1/cases/export", json={"format": "jsonl", "level": "records", "receiver": "区信访局督查科"})
    assert noted == ["cases.export.part", "cases.export.end"]
