"""One case: its parts, masking, lineage, links, redirects."""

from __future__ import annotations

import uuid

import orjson
import pytest

from api.case_parts import BECAUSE
from matching.model_file import document_of
from pipeline.resolving.models import model_path
from schema import tables
from tests.integration.api.builders import Api, Store, at
from tests.integration.api.counting import statements

ID = "440311199001011237"
PERSON, FIRM = uuid.uuid4(), uuid.uuid4()
WORKER = {
    "name": "王小明",
    "id_no": ID,
    "id_type": "resident_id",
    "phone": "13800138000",
    "address": "田寮社区3栋502",
    "birth_date": "1990-01-01",
    "gender": "male",
    "entity": PERSON,
}
EMPLOYER = {
    "name": "维珍妮鞋业",
    "kind": "organisation",
    "role": "respondent",
    "uscc": "91440300MA5EFT1X2A",
    "phone": "075527000000",
    "entity": FIRM,
}
ALL = "records,parties,timeline,lineage,links"


class Case:
    """A case of a petition's and a labour record, the labour one first."""

    def __init__(self, store: Store) -> None:
        self.labour = store.record(
            "labour",
            "LD-1",
            [WORKER, EMPLOYER],
            title="王小明等人欠薪",
            text=f"王小明，身份证{ID}，电话138-0013-8000，欠薪。",
            amount="36000.00",
            reported_at=at(4),
            accepted_at=at(4, 1),
        )
        self.petition = store.record(
            "petition", "XF-1", [WORKER], title="反映欠薪", amount="35000.00", reported_at=at(3), street="440311005"
        )
        self.case_id = store.case(self.labour, self.petition)
        store.link(self.labour, self.petition)


@pytest.fixture
def case(store: Store) -> Case:
    return Case(store)


def test_a_departments_own_records_are_clear_and_others_masked(api: Api, case: Case) -> None:
    answer = api.as_("clerk", "petition").case(case.case_id, ALL)
    labour, petition = answer["records"]
    assert labour["is_masked"] and not petition["is_masked"]
    assert labour["title"] == "王**等人欠薪"
    assert labour["text"] == "王**，身份证4403**********1237，电话138****8000，欠薪。"
    parties = {(party["department"]["code"], party["kind"]): party for party in answer["parties"]}
    assert parties["petition", "person"]["name"] == "王小明"
    assert parties["petition", "person"]["id_no"] == ID
    masked = parties["labour", "person"]
    assert masked["name"] == "王**"
    assert masked["id_no"] == "4403**********1237"
    assert masked["phone"] == "138****8000"
    assert masked["address"] == "田寮社区*栋*"
    assert masked["birth_date"] == "1990-**-**"
    assert masked["person_id"] == str(PERSON)
    assert masked["role"]["zh"] == "诉求人"
    firm = parties["labour", "organisation"]
    assert (firm["name"], firm["uscc"], firm["phone"], firm["organisation_id"]) == ("维珍妮鞋业", "91440300MA5EFT1X2A", "****00", str(FIRM))


def test_nobody_else_sees_a_personal_value(api: Api, case: Case) -> None:
    for role, dept in (("clerk", "court"), ("engineer", None), ("admin", None), ("engineer", "labour")):
        caller = api.as_(role, dept)
        for answer in (caller.get(f"/v1/cases/{case.case_id}?include={ALL}"), caller.post("/v1/cases/search", json={"q": ID})):
            assert answer.status_code == 200
            assert str(case.case_id) in answer.text
            for value in (ID, "13800138000", "138-0013-8000", "小明", "1990-01-01", "075527000000"):
                assert value not in answer.text


def test_own_golden_values_are_clear_and_others_masked(api: Api, case: Case) -> None:
    assert api.as_("clerk", "labour").case(case.case_id)["title"] == "王小明等人欠薪"
    assert api.as_("clerk", "petition").case(case.case_id)["title"] == "王**等人欠薪"
    assert api.as_("clerk", "petition").find(q="欠薪")["items"][0]["title"] == "王**等人欠薪"
    assert api.as_("clerk", "labour").find(q="欠薪")["items"][0]["title"] == "王小明等人欠薪"


def test_summary_timeline_lineage_and_links(api: Api, case: Case) -> None:
    answer = api.as_("clerk", "petition").case(case.case_id, ALL)
    assert answer["category"] == {"code": "wages", "zh": "欠薪劳资", "en": "unpaid wages and labour"}
    assert answer["street"]["zh"] == "玉塘街道"
    assert [each["code"] for each in answer["departments"]] == ["labour", "petition"]
    assert answer["record_count"] == 2
    assert answer["values"]["amount"] == "36000.00"
    assert [(event["kind"]["code"], event["source_record_id"]) for event in answer["timeline"]] == [
        ("reported", "XF-1"),
        ("reported", "LD-1"),
        ("accepted", "LD-1"),
    ]
    amount = next(line for line in answer["lineage"] if line["field"] == "amount")
    assert (amount["value"], amount["department"]["code"], amount["source_record_id"], amount["version"]) == (
        "36000.00",
        "labour",
        "LD-1",
        1,
    )
    assert amount["losing"] == [
        {
            "value": "35000.00",
            "stated_by": [{"department": {"code": "petition", "zh": "信访局", "en": "Petition"}, "source_record_id": "XF-1", "version": 1}],
            "because": {"code": "issuer", "zh": BECAUSE["issuer"][0], "en": BECAUSE["issuer"][1]},
        }
    ]
    (link,) = answer["links"]
    assert (link["left"]["source_record_id"], link["right"]["source_record_id"], link["match_weight"]) == ("LD-1", "XF-1", 14.2)
    assert (link["levels"], link["decision"], link["decided_by"]) == ({"person": "same"}, "link", "engine")


def test_only_what_is_asked_for_is_there(api: Api, case: Case) -> None:
    clerk = api.as_("clerk", "petition")
    assert not {"records", "parties", "timeline", "lineage", "links"} & set(clerk.case(case.case_id))
    assert "timeline" in clerk.case(case.case_id, "timeline")
    assert clerk.get(f"/v1/cases/{case.case_id}?include=records,secrets").status_code == 422


def test_a_merged_case_answers_308_along_the_chain(api: Api, store: Store, case: Case) -> None:
    old, older = uuid.uuid4(), uuid.uuid4()
    store.merge(older, old)
    store.merge(old, case.case_id)
    clerk = api.as_("clerk", "petition")
    answer = clerk.get(f"/v1/cases/{older}?include=timeline,records")
    assert answer.status_code == 308
    assert answer.headers["location"] == f"/v1/cases/{case.case_id}?include=records,timeline"
    assert clerk.get(f"/v1/cases/{older}", follow_redirects=True).json()["case_id"] == str(case.case_id)


def test_what_is_not_there_is_404(api: Api, store: Store, case: Case) -> None:
    ended = store.case(store.record("petition", "9"), known_to=3)
    store.run(f"UPDATE store.case_member SET known_to = 3 WHERE case_id = '{ended}'")
    for case_id in (uuid.uuid4(), ended):
        answer = api.as_("clerk", "petition").get(f"/v1/cases/{case_id}")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:casehub:problem:not-found")
    assert api.as_("clerk", "petition").get("/v1/cases/not-a-uuid").status_code == 404


def test_a_case_of_too_many_records_says_so(api: Api, store: Store) -> None:
    case_id = store.case(store.record("petition", "1", title="噪音"))
    clerk = api.as_("clerk", "labour")
    for first, last, is_complete in ((1_000_001, 1_000_999, True), (1_001_000, 1_001_000, False)):
        numbers = f"FROM generate_series({first}, {last}) n"
        store.run(
            "INSERT INTO store.source_record (record_id, version, department, source_record_id, visibility, known_from)"
            f" SELECT n, 1, 'petition', 'm' || n, 'shared', 1 {numbers}",
            f"INSERT INTO store.case_member (record_id, known_from, case_id) SELECT n, 1, '{case_id}' {numbers}",
        )
        case = clerk.case(case_id, "records")
        assert (case["record_count"], len(case["records"]), case["is_complete"]) == (1000, 1000, is_complete)


def test_statements_a_case_do_not_grow_with_it(api: Api, store: Store, case: Case) -> None:
    many = [store.record("labour", f"m{n}", [WORKER, EMPLOYER], title=f"欠薪{n}") for n in range(15)]
    big = store.case(*many)
    store.link(many[0], many[1])
    clerk = api.as_("clerk", "petition")
    clerk.case(case.case_id)  # who asks is looked up once
    counts = set()
    for case_id in (case.case_id, big):
        with statements() as seen:
            clerk.case(case_id, ALL)
        counts.add(len(seen))
    assert len(counts) == 1
    assert counts.pop() <= 12


def test_mentions_of_one_are_put_together(api: Api, case: Case) -> None:
    answer = api.as_("clerk", "petition").case(case.case_id, "parties")
    worker, firm = sorted(answer["entities"], key=lambda one: "organisation_id" in one)
    assert (worker["person_id"], worker["name"], worker["other_names"]) == (str(PERSON), "王小明", ["王**"])
    assert {ref["source_record_id"] for ref in worker["mentioned_by"]} == {"LD-1", "XF-1"}
    assert [role["code"] for role in worker["roles"]] == ["petitioner"]
    assert (firm["organisation_id"], firm["name"]) == (str(FIRM), "维珍妮鞋业")
    masked = api.as_("clerk", "court").case(case.case_id, "parties")["entities"]
    assert "王小明" not in str(masked)


def test_a_value_tells_the_rule_by_which_it_won(api: Api, case: Case) -> None:
    lineage = {line["field"]: line for line in api.as_("clerk", "petition").case(case.case_id, "lineage")["lineage"]}
    assert [issuer["code"] for issuer in lineage["amount"]["rule"]["issuers"]] == ["court", "labour"]
    assert lineage["title"]["rule"]["completeness"] == "longest"
    assert [lost["because"]["code"] for lost in lineage["title"]["losing"]] == ["completeness"]


def test_what_a_closed_record_states_does_not_order_what_others_read(api: Api, store: Store) -> None:
    """A sealed record says the same as the older of two: it must not come first for that."""
    old = store.record("petition", "1", status="received", updated_at=at(1), reported_at=at(1))
    new = store.record("labour", "2", status="resolved", updated_at=at(9), reported_at=at(1))
    sealed = store.record("procuratorate", "3", status="received", updated_at=at(20), reported_at=at(1), visibility="sealed")
    case_id = store.case(sealed, old, new)
    assert api.as_("clerk", "procuratorate").case(case_id)["values"]["status"] == "received"
    others = api.as_("clerk", "court").case(case_id, "lineage")
    assert others["values"]["status"] == "resolved"
    (line,) = [line for line in others["lineage"] if line["field"] == "status"]
    assert [lost["because"]["code"] for lost in line["losing"]] == ["recency"]


def test_models_are_not_asked_for_at_each_answer(api: Api, store: Store) -> None:
    ends = store.record("petition", "1"), store.record("labour", "2")
    case_id = store.case(*ends)
    document = orjson.loads(orjson.dumps(document_of(model_path("case")), option=orjson.OPT_NON_STR_KEYS))
    store.insert(tables.model, relation="case", version="kept", document=document)
    store.link(*ends, levels={}, model_version="kept")
    clerk = api.as_("clerk", "petition")
    for wanted in (True, False):
        with statements() as seen:
            (link,) = clerk.case(case_id, ALL)["links"]
        assert link["waterfall"]["link"] == document["thresholds"]["link"]
        assert any("ops.model" in each for each in seen) == wanted


def test_a_link_without_its_model_has_no_waterfall(api: Api, case: Case) -> None:
    (link,) = api.as_("clerk", "petition").case(case.case_id, "links")["links"]
    assert "waterfall" not in link
    assert link["told"]["code"] == "engine_link"
