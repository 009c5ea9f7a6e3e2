"""Access to restricted records: asked, granted, refused, ended, revoked, withdrawn, broken in an emergency; never to sealed ones."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import httpx
import pytest

from api.policy import grants
from tests.integration.api.builders import Api, Store

PHONE, ID = "13800138000", "440311199001011234"
REASON = "核实王小明欠薪案的诉讼情况"


class World:
    """A case of a petition's record and a court's closed one; a clerk who asks, one who is asked."""

    def __init__(self, api: Api, store: Store, visibility: str = "restricted") -> None:
        self.store = store
        party = {"name": "王小明", "phone": PHONE, "id_no": ID}
        self.court = store.record("court", "C-1", [party], title="王小明诉某厂", amount="9000.00", visibility=visibility)
        self.case_id = store.case(store.record("petition", "XF-1", [party], title="欠薪"), self.court)
        self.asker = api.as_("clerk", "labour")
        self.desk = api.as_("clerk", "court")

    def ask(self, caller: Api | None = None, **more: Any) -> httpx.Response:
        body = {"case_id": str(self.case_id), "department": "court", "reason": REASON, "case_reference": "LD-7", **more}
        return (caller or self.asker).post("/v1/access-requests", json=body)

    def asked(self, **more: Any) -> str:
        answer = self.ask(**more)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["request_id"])

    def decide(self, caller: Api, request_id: str, decision: str, **more: Any) -> httpx.Response:
        needed = {
            "grant": {"hours": 2},
            "refuse": {"note": "不符"},
            "revoke": {"note": "到此"},
            "review": {"note": "属实", "is_justified": True},
        }
        body = {"decision": decision, **needed.get(decision, {}), **more}
        return caller.post(f"/v1/access-requests/{request_id}/decision", json=body)

    def records(self, request_id: str, caller: Api | None = None) -> httpx.Response:
        return (caller or self.asker).get(f"/v1/access-requests/{request_id}/records")

    def grants(self) -> list[dict[str, Any]]:
        return self.store.rows("SELECT * FROM ops.live_grant")


@pytest.fixture
def world(api: Api, store: Store) -> World:
    return World(api, store)


def test_asked_granted_and_read_masked(world: World) -> None:
    made = world.ask().json()
    request_id = made["request_id"]
    assert [made["state"], made["needs_review"], made["records"]] == ["open", False, None]
    assert world.records(request_id).status_code == 404
    assert world.grants() == []
    (item,) = world.desk.get("/v1/access-requests").json()["items"]
    assert [item["request_id"], item["reason"], item["case_reference"], item["caller_department"]["code"]] == [
        request_id,
        REASON,
        "LD-7",
        "labour",
    ]
    seen = world.desk.get(f"/v1/access-requests/{request_id}").json()
    assert [each["source_record_id"] for each in seen["records"]] == ["C-1"]
    granted = world.decide(world.desk, request_id, "grant", hours=2).json()
    assert granted["state"] == "granted"
    (grant,) = world.grants()
    assert [grant["caller"], grant["caller_department"], grant["department"], grant["record_id"]] == [
        made["caller"],
        "labour",
        "court",
        world.court,
    ]
    found = world.records(request_id)
    (record,) = found.json()["items"]
    assert [record["title"], record["amount"], record["is_masked"]] == ["王**诉某厂", "9000.00", True]
    (party,) = found.json()["parties"]
    assert [party["name"], party["phone"], party["id_no"]] == ["王**", "138****8000", "4403**********1234"]
    for value in (PHONE, ID, "王小明"):
        assert value not in found.text


def test_a_grant_is_the_askers_alone(api: Api, world: World) -> None:
    request_id = world.asked()
    world.decide(world.desk, request_id, "grant")
    assert world.records(request_id).status_code == 200
    for other in (api.as_("clerk", "labour"), api.as_("admin"), api.as_("clerk", "petition")):
        assert world.records(request_id, other).status_code == 404
        assert other.get(f"/v1/access-requests/{request_id}").status_code == 404
        assert world.decide(other, request_id, "revoke").status_code == 404
        for box in ("in", "out"):
            assert other.get("/v1/access-requests", params={"box": box}).json()["items"] == []
    assert world.records(request_id, world.desk).status_code == 404  # its own it reads elsewhere, in the clear


def test_a_grant_opens_no_other_case_and_nothing_that_came_later(store: Store, world: World) -> None:
    request_id = world.asked()
    store.case(store.record("court", "C-2", visibility="restricted"))
    later = store.record("court", "C-3", visibility="restricted", known_from=1)
    store.run(f"INSERT INTO store.case_member (record_id, known_from, case_id) VALUES ({later}, 1, '{world.case_id}')")
    world.decide(world.desk, request_id, "grant")
    assert [each["source_record_id"] for each in world.records(request_id).json()["items"]] == ["C-1"]


@pytest.mark.parametrize("how", ["ended", "revoked", "withdrawn"])
def test_a_grant_ends(world: World, how: str) -> None:
    request_id = world.asked()
    world.decide(world.desk, request_id, "grant")
    assert len(world.grants()) == 1
    if how == "ended":
        world.store.run("UPDATE ops.access_request SET granted_until = now()")
    else:
        assert (
            world.decide(*((world.desk, request_id, "revoke") if how == "revoked" else (world.asker, request_id, "withdraw"))).status_code
            == 200
        )
    assert world.records(request_id).status_code == 404
    assert world.grants() == []
    assert world.asker.get(f"/v1/access-requests/{request_id}").json()["state"] == how
    assert [item["state"] for item in world.asker.get(f"/v1/access-requests?box=out&state={how}").json()["items"]] == [how]


@pytest.mark.parametrize("visibility", ["sealed", "a word from a later version"])
def test_what_is_sealed_after_the_grant_is_closed_at_once(world: World, visibility: str) -> None:
    request_id = world.asked()
    world.decide(world.desk, request_id, "grant")
    world.store.run(f"UPDATE store.source_record SET visibility = '{visibility}' WHERE department = 'court'")
    assert world.records(request_id).status_code == 404


def test_refused(world: World) -> None:
    request_id = world.asked()
    assert world.decide(world.desk, request_id, "refuse", note="请先补充材料").json()["state"] == "refused"
    found = world.asker.get(f"/v1/access-requests/{request_id}").json()
    assert [found["note"], found["granted_until"]] == ["请先补充材料", None]
    assert world.records(request_id).status_code == 404
    assert world.ask().status_code == 201  # and may be asked again


SIDES = [("asker", "grant"), ("asker", "refuse"), ("asker", "revoke"), ("asker", "review"), ("desk", "withdraw")]


@pytest.mark.parametrize(("who", "decision"), SIDES)
def test_each_side_decides_its_own(world: World, who: str, decision: str) -> None:
    request_id = world.asked()
    assert world.decide(getattr(world, who), request_id, decision).status_code == 403


STATES = [
    ("open", "desk", "revoke"),
    ("open", "desk", "review"),
    ("granted", "desk", "grant"),
    ("granted", "desk", "refuse"),
    ("granted", "desk", "review"),
    ("refused", "desk", "grant"),
    ("refused", "desk", "revoke"),
    ("refused", "asker", "withdraw"),
    ("revoked", "desk", "grant"),
    ("revoked", "asker", "withdraw"),
    ("withdrawn", "desk", "grant"),
]


@pytest.mark.parametrize(("state", "who", "decision"), STATES)
def test_decisions_that_the_state_does_not_allow(world: World, state: str, who: str, decision: str) -> None:
    request_id = world.asked()
    steps = {"granted": ["grant"], "refused": ["refuse"], "revoked": ["grant", "revoke"], "withdrawn": ["withdraw"]}
    for step in steps.get(state, []):
        assert world.decide(world.asker if step == "withdraw" else world.desk, request_id, step).status_code == 200
    answer = world.decide(getattr(world, who), request_id, decision)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:casehub:problem:conflict")


MALFORMED = [
    {"decision": "grant", "hours": None},
    {"decision": "grant", "hours": 0},
    {"decision": "grant", "hours": 721},
    {"decision": "refuse", "note": None},
    {"decision": "refuse", "hours": 3},
    {"decision": "review", "is_justified": None},
    {"decision": "burn"},
]


@pytest.mark.parametrize("body", MALFORMED)
def test_decisions_that_are_malformed(world: World, body: dict[str, Any]) -> None:
    assert world.decide(world.desk, world.asked(), **body).status_code == 422


@pytest.mark.parametrize("body", [{"reason": "急"}, {"reason": "字" * 1_001}, {"case_reference": " "}, {"emergency": True, "reason": ""}])
def test_requests_that_are_malformed(world: World, body: dict[str, Any]) -> None:
    answer = world.ask(**body)
    assert answer.status_code == 422
    assert "王小明" not in answer.text


def test_the_same_is_asked_for_once(world: World) -> None:
    world.asked()
    assert world.ask().status_code == 409


def test_nothing_is_told_of_what_cannot_be_asked_for(api: Api, store: Store) -> None:
    """A sealed record, a shared one, a department without any, a case that is not there: one answer, in an emergency too."""
    sealed = World(api, store, "sealed")
    for emergency in (False, True):
        answers = [
            sealed.ask(emergency=emergency),
            sealed.ask(department="petition", emergency=emergency),
            sealed.ask(department="housing", emergency=emergency),
            sealed.ask(case_id=str(uuid.uuid4()), emergency=emergency),
        ]
        assert {answer.status_code for answer in answers} == {404}
        assert len({str({**answer.json(), "request_id": ""}) for answer in answers}) == 1
    assert store.rows("SELECT * FROM ops.access_request") == []
    assert sealed.desk.get("/v1/access-requests").json()["items"] == []


def test_who_may_ask(api: Api, world: World) -> None:
    assert world.ask(api.as_("admin")).status_code == 403
    assert world.ask(api.as_("engineer", "labour")).status_code == 403
    assert world.ask(world.desk).status_code == 404  # its own are no restricted ones to it
    assert world.ask(api.as_("admin", "labour")).status_code == 201
    assert api.post("/v1/access-requests", json={}).status_code == 401


def test_an_emergency_opens_at_once_with_an_alarm_and_is_reviewed(
    api: Api, store: Store, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        made = world.ask(emergency=True).json()
        request_id = made["request_id"]
        assert [made["state"], made["needs_review"], made["is_emergency"]] == ["granted", True, True]
        assert world.records(request_id).status_code == 200
    (alarm,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert request_id in alarm.getMessage()
    for value in ("王小明", "欠薪", "LD-7", "C-1", str(world.case_id)):
        assert value not in caplog.text
    assert [row["action"] for row in store.rows("SELECT action FROM audit.access WHERE action LIKE '%emergency'")] == [
        "access_requests.emergency"
    ]
    (hours,) = store.rows("SELECT extract(epoch FROM granted_until - created_at) / 3600 AS hours FROM ops.access_request")
    assert round(float(hours["hours"])) == 4
    assert 'casehub_emergency_access_unreviewed{department="court"} 1.0' in api.as_("admin").get("/metrics").text
    reviewed = world.decide(world.desk, request_id, "review").json()
    assert [reviewed["needs_review"], reviewed["is_justified"], reviewed["review_note"], reviewed["state"]] == [
        False,
        True,
        "属实",
        "granted",
    ]
    assert world.records(request_id).status_code == 200
    assert world.decide(world.desk, request_id, "review").status_code == 409
    assert "casehub_emergency_access_unreviewed{" not in api.as_("admin").get("/metrics").text


def test_an_emergency_that_was_none_is_closed_by_its_review(world: World) -> None:
    request_id = world.asked(emergency=True)
    assert world.decide(world.desk, request_id, "review", is_justified=False).json()["state"] == "revoked"
    assert world.records(request_id).status_code == 404


def test_an_emergency_that_is_over_is_reviewed_all_the_same(world: World) -> None:
    request_id = world.asked(emergency=True)
    world.store.run("UPDATE ops.access_request SET granted_until = now()")
    (item,) = world.desk.get("/v1/access-requests").json()["items"]
    assert [item["state"], item["needs_review"]] == ["ended", True]
    assert world.decide(world.desk, request_id, "review", is_justified=False).status_code == 200


def test_emergencies_without_a_review_lead_the_list_and_stop_at_three(store: Store, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grants, "FRESH_S", 3600.0)  # what is open already cannot be asked for once more
    first = [world.asked(emergency=True) for _ in range(3)]
    assert world.ask(emergency=True).status_code == 409
    plain = world.asked()
    for _ in range(3):
        case_id = store.case(store.record("court", str(uuid.uuid4()), visibility="restricted"))
        world.asked(case_id=str(case_id))
    found: list[str] = []
    cursor = None
    while True:
        page = world.desk.get("/v1/access-requests", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        found += [item["request_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found[:3] == first[::-1]
    assert len(found) == len(set(found)) == 7
    assert found[-1] == plain
    world.decide(world.desk, first[0], "review")
    assert world.ask(emergency=True).status_code == 201


def test_the_view_says_who_may_read_what_until_when(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grants, "FRESH_S", 60.0)  # who knows that it is open to him has nothing to ask for
    request_id = world.asked()
    world.decide(world.desk, request_id, "grant", hours=1)
    world.asked(emergency=True)  # four hours: the longer one counts
    (grant,) = world.grants()
    assert grant["record_id"] == world.court
    (row,) = world.store.rows("SELECT max(granted_until) AS until FROM ops.access_request")
    assert grant["until"] == row["until"]


def test_reasons_reach_no_log_and_no_audit(store: Store, world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        request_id = world.asked()
        world.decide(world.desk, request_id, "refuse", note=f"查无 {REASON}")
    assert "王小明" not in caplog.text
    audit = str(store.rows("SELECT * FROM audit.access"))
    assert "王小明" not in audit
    assert "access_requests.decide" in audit
