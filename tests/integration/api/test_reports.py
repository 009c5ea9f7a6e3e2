"""Reports of what is wrong: to whom they go, who sees them, what each side may do, and what cannot be reported."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import httpx
import pytest

from schema import tables
from tests.integration.api.builders import Api, Store, at

WORDS = "金额应为三万元，联系王小明"


class World:
    """A case of records of petition, labour and court, the last of them restricted or sealed, linked; and who asks."""

    def __init__(self, api: Api, store: Store, closed: str = "restricted") -> None:
        party = {"name": "王小明", "phone": "13800138000"}
        self.petition = store.record("petition", "XF-1", [party], title="欠薪", amount="100.00", street="440311001", reported_at=at(2))
        self.labour = store.record("labour", "LD-1", [party], title="拖欠工资", amount="120.00", address="光明路 1 号")
        self.court = store.record("court", "C-1", [party], title="诉讼", visibility=closed)
        self.case_id = store.case(self.petition, self.labour, self.court)
        for left, right in ((self.petition, self.labour), (self.labour, self.court)):
            link = {"decision": "link", "match_weight": 9.0, "levels": {}, "model_version": "1", "decided_by": "engine"}
            store.insert(tables.link, relation="case", left_id=left, right_id=right, known_from=1, **link)
        self.reporter = api.as_("clerk", "petition")
        self.owner = api.as_("clerk", "labour")

    def report(self, caller: Api, **more: Any) -> httpx.Response:
        return caller.post("/v1/reports", json={"case_id": str(self.case_id), "about": "case", "text": WORDS, **more})

    def value(self, caller: Api | None = None, **more: Any) -> httpx.Response:
        record = {"department": "labour", "source_record_id": "LD-1"}
        return self.report(caller or self.reporter, **{"about": "value", "field": "amount", "record": record, **more})


@pytest.fixture
def world(api: Api, store: Store) -> World:
    return World(api, store)


def end(department: str, number: str) -> dict[str, str]:
    return {"department": department, "source_record_id": number}


def codes(departments: list[dict[str, str]]) -> list[str]:
    return [each["code"] for each in departments]


def test_a_value_goes_to_the_department_that_states_it(world: World) -> None:
    made = world.value()
    assert made.status_code == 201, made.text
    report = made.json()
    assert [report["state"], codes(report["departments"]), report["is_for_platform"]] == ["open", ["labour"], False]
    assert [(each["department"]["code"], each["source_record_id"]) for each in report["records"]] == [("labour", "LD-1")]
    (item,) = world.owner.get("/v1/reports").json()["items"]
    assert item["report_id"] == report["report_id"]
    assert "text" not in item
    seen = world.owner.get(f"/v1/reports/{report['report_id']}").json()
    assert [seen["text"], seen["field"], seen["reporter_department"]["code"]] == [WORDS, "amount", "petition"]
    assert world.owner.get("/v1/reports", params={"box": "out"}).json()["items"] == []
    assert [each["report_id"] for each in world.reporter.get("/v1/reports?box=out").json()["items"]] == [report["report_id"]]


def test_without_a_record_it_is_the_value_that_the_case_shows(world: World) -> None:
    lineage = {line["field"]: line["department"]["code"] for line in world.reporter.case(world.case_id, "lineage")["lineage"]}
    for field in ("amount", "title", "address", "street"):
        assert codes(world.value(record=None, field=field).json()["departments"]) == [lineage[field]]
    assert [lineage["address"], lineage["street"]] == ["labour", "petition"]


def test_a_partys_value_may_be_reported(world: World) -> None:
    assert codes(world.value(field="parties.phone").json()["departments"]) == ["labour"]


def test_a_case_goes_to_all_whose_records_of_it_are_read(world: World) -> None:
    report = world.report(world.reporter).json()
    assert codes(report["departments"]) == ["labour", "petition"]
    assert report["records"] == []


def test_a_link_goes_to_both_and_to_the_platform(api: Api, world: World) -> None:
    report = world.report(api.as_("clerk", "procuratorate"), about="link", left=end("labour", "LD-1"), right=end("petition", "XF-1")).json()
    assert [codes(report["departments"]), report["is_for_platform"]] == [["labour", "petition"], True]
    admin = api.as_("admin")
    (item,) = admin.get("/v1/reports").json()["items"]
    seen = admin.get(f"/v1/reports/{item['report_id']}").json()
    assert seen["review_command"] == "casehub review pair labour/LD-1 petition/XF-1 no --relation case"
    assert world.owner.get(f"/v1/reports/{item['report_id']}").json()["review_command"] is None
    answered = admin.post(f"/v1/reports/{item['report_id']}/notes", json={"state": "corrected", "text": "已拆分"})
    assert answered.json()["notes"][0]["side"] == "owner"


def test_a_value_is_nothing_to_the_platforms_administrators(api: Api, world: World) -> None:
    report_id = world.value().json()["report_id"]
    assert api.as_("admin").get("/v1/reports").json()["items"] == []
    assert api.as_("admin").get(f"/v1/reports/{report_id}").status_code == 404


UNREADABLE = [
    pytest.param({"record": end("court", "C-1"), "field": "title"}, id="a record that is only acknowledged"),
    pytest.param({"record": end("labour", "LD-9")}, id="no such record"),
    pytest.param({"record": None, "field": "grade"}, id="a value that nobody states"),
    pytest.param({"about": "link", "field": None, "record": None, "left": end("labour", "LD-1"), "right": end("court", "C-1")}, id="link"),
    pytest.param(
        {"about": "link", "field": None, "record": None, "left": end("labour", "LD-1"), "right": end("labour", "LD-1")}, id="self"
    ),
    pytest.param({"case_id": str(uuid.uuid4())}, id="no such case"),
]


@pytest.mark.parametrize("closed", ["restricted", "sealed"])
@pytest.mark.parametrize("body", UNREADABLE)
def test_what_may_not_be_read_cannot_be_reported(api: Api, store: Store, body: dict[str, Any], closed: str) -> None:
    world = World(api, store, closed)
    answers = [world.value(**body), world.value(case_id=str(uuid.uuid4()))]
    for answer in answers:
        assert answer.status_code == 404
        assert WORDS not in answer.text
    assert answers[0].json()["detail"] == answers[1].json()["detail"]
    assert store.rows("SELECT * FROM ops.report") == []


def test_a_case_of_which_nothing_is_read_cannot_be_reported(api: Api, store: Store) -> None:
    for visibility in ("restricted", "sealed"):
        case_id = store.case(store.record("court", f"C-{visibility}", visibility=visibility))
        body = {"case_id": str(case_id), "about": "case", "text": WORDS}
        assert api.as_("clerk", "labour").post("/v1/reports", json=body).status_code == 404


MALFORMED = [
    pytest.param({"text": ""}, id="no words"),
    pytest.param({"text": "字" * 1_001}, id="too many words"),
    pytest.param({"text": "\x00"}, id="not text"),
    pytest.param({"field": None}, id="value without a field"),
    pytest.param({"field": "visibility"}, id="no field to report"),
    pytest.param({"field": "parties.phone", "record": None}, id="a party of no record"),
    pytest.param({"about": "case"}, id="case with a field"),
    pytest.param({"about": "link"}, id="link without ends"),
    pytest.param({"left": end("labour", "LD-1")}, id="value with an end"),
    pytest.param({"colour": "red"}, id="unknown"),
]


@pytest.mark.parametrize("body", MALFORMED)
def test_reports_that_are_refused(world: World, body: dict[str, Any]) -> None:
    answer = world.value(**body)
    assert answer.status_code == 422
    assert WORDS not in answer.text


def test_nobody_else_sees_it(api: Api, world: World) -> None:
    report_id = world.value().json()["report_id"]
    absent = api.as_("clerk", "labour").get(f"/v1/reports/{uuid.uuid4()}").json()["detail"]
    for other in (api.as_("clerk", "court"), api.as_("clerk", "petition"), api.as_("admin", "court"), api.as_("admin")):
        answer = other.get(f"/v1/reports/{report_id}")
        assert (answer.status_code, answer.json()["detail"]) == (404, absent)
        assert other.post(f"/v1/reports/{report_id}/notes", json={"text": "x"}).status_code == 404
        for box in ("in", "out"):
            assert other.get("/v1/reports", params={"box": box}).json()["items"] == []
    assert api.as_("engineer", "labour").get(f"/v1/reports/{report_id}").status_code == 403
    for path in ("/v1/reports", f"/v1/reports/{report_id}"):
        assert api.get(path).status_code == 401


def step(caller: Api, report_id: str, state: str | None, text: str | None = "说明") -> int:
    return caller.post(f"/v1/reports/{report_id}/notes", json={"state": state, "text": text}).status_code


def test_a_report_from_its_making_to_its_end(world: World) -> None:
    report_id = world.value().json()["report_id"]
    assert step(world.owner, report_id, "taken", None) == 201
    assert step(world.reporter, report_id, None, "附件已寄") == 201
    assert step(world.owner, report_id, "refused", "以合同为准") == 201
    assert step(world.reporter, report_id, "open", "合同有补充协议") == 201
    assert step(world.owner, report_id, "corrected", "已更正") == 201
    assert step(world.reporter, report_id, "closed", None) == 201
    report = world.reporter.get(f"/v1/reports/{report_id}").json()
    assert report["state"] == "closed"
    assert [(note["side"], note["state"], note["text"]) for note in report["notes"]] == [
        ("owner", "taken", None),
        ("reporter", None, "附件已寄"),
        ("owner", "refused", "以合同为准"),
        ("reporter", "open", "合同有补充协议"),
        ("owner", "corrected", "已更正"),
        ("reporter", "closed", None),
    ]
    assert step(world.owner, report_id, None, "再说一句") == 409


#: states before → who, state wanted: everything that is not allowed.
NOT_ALLOWED = [
    ([], "owner", "open"),
    ([], "owner", "closed"),
    ([], "reporter", "taken"),
    ([], "reporter", "corrected"),
    ([], "reporter", "refused"),
    ([], "reporter", "open"),
    (["taken"], "owner", "taken"),
    (["taken"], "reporter", "open"),
    (["corrected"], "owner", "refused"),
    (["refused"], "owner", "corrected"),
    (["refused"], "owner", "taken"),
    (["corrected"], "owner", "closed"),
]


@pytest.mark.parametrize(("before", "who", "wanted"), NOT_ALLOWED)
def test_steps_that_its_state_or_side_does_not_allow(world: World, before: list[str], who: str, wanted: str) -> None:
    report_id = world.value().json()["report_id"]
    for state in before:
        assert step(world.owner, report_id, state) == 201
    caller = world.owner if who == "owner" else world.reporter
    answer = caller.post(f"/v1/reports/{report_id}/notes", json={"state": wanted, "text": "x"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:casehub:problem:conflict")
    assert len(world.reporter.get(f"/v1/reports/{report_id}").json()["notes"]) == len(before)


@pytest.mark.parametrize("body", [{}, {"state": "corrected"}, {"state": "refused"}, {"state": "lost", "text": "x"}, {"text": "字" * 1_001}])
def test_steps_that_say_too_little(world: World, body: dict[str, str]) -> None:
    report_id = world.value().json()["report_id"]
    assert world.owner.post(f"/v1/reports/{report_id}/notes", json=body).status_code == 422


def test_who_reports_a_value_of_his_own_department_is_both_sides(world: World) -> None:
    report_id = world.value(world.owner).json()["report_id"]
    assert step(world.owner, report_id, "corrected") == 201
    assert step(world.owner, report_id, "closed") == 201


def test_a_record_that_was_closed_since_is_named_no_more(store: Store, world: World) -> None:
    report_id = world.value().json()["report_id"]
    store.run("UPDATE store.source_record SET visibility = 'sealed' WHERE source_record_id = 'LD-1'")
    assert world.reporter.get(f"/v1/reports/{report_id}").json()["records"] == []
    assert len(world.owner.get(f"/v1/reports/{report_id}").json()["records"]) == 1


def test_pages_and_states(world: World) -> None:
    ids = [world.value().json()["report_id"] for _ in range(5)]
    step(world.owner, ids[0], "taken")
    found: list[str] = []
    cursor = None
    while True:
        page = world.owner.get("/v1/reports", params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        found += [item["report_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == ids[::-1]
    assert [item["report_id"] for item in world.owner.get("/v1/reports?state=taken").json()["items"]] == ids[:1]
    assert world.owner.get("/v1/reports?cursor=zzz").status_code == 422


def test_words_reach_no_log_no_audit_no_metric(api: Api, store: Store, world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        report_id = world.value().json()["report_id"]
        step(world.owner, report_id, "refused", WORDS)
        metrics = api.as_("admin").get("/metrics").text
    audit = str(store.rows("SELECT * FROM audit.access"))
    for text in (caplog.text, metrics, audit):
        assert "王小明" not in text
    assert "reports.create" in audit and str(world.case_id) in audit


def test_open_reports_are_counted_by_department(api: Api, world: World) -> None:
    world.report(world.reporter, about="link", left=end("labour", "LD-1"), right=end("petition", "XF-1"))
    closed = world.value().json()["report_id"]
    world.value()
    step(world.reporter, closed, "closed")
    metrics = api.as_("admin").get("/metrics").text
    for department, count in (("labour", 2), ("petition", 1), ("platform", 1)):
        assert f'casehub_reports_open{{department="{department}"}} {count}.0' in metrics
