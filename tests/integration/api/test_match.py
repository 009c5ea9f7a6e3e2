"""Records not yet filed: whom the hub knows, in the caller's view; what is refused; and that a closed record gives nothing away."""

from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from api.policy import grants
from schema import tables
from tests.integration.api.builders import Api, Store
from tests.integration.api.counting import statements
from tests.integration.pipeline.resolving import cases, credit_code, firm, id_number, parties, person, record, record_ids, settle

WHO = {"name": "欧阳震华", "id_no": id_number(1), "phone": "13912340001"}
ASKED = {"kind": "person", "role": "petitioner", **WHO}
BY_NAME = {"kind": "person", "name": "欧阳震华", "birth_date": "1980-01-01"}
FIRM = {"name": "深圳市明辉电子有限公司", "uscc": credit_code(1)}
ABOUT = {"title": "拖欠三个月工资", "text": "工厂拖欠三个月工资，老板失联", "category": "wages", "address": "马田街道将石路3号"}
QUESTION = {
    **ABOUT,
    "reported_at": "2026-03-01T08:00:00Z",
    "parties": [ASKED, {"kind": "organisation", "role": "respondent", **FIRM}],
}
NONE = {"answer": "none", "candidates": [], "acknowledged": []}


@pytest.fixture
def known(api: Api, store: Store) -> Iterator[Store]:
    """A case of two shared records."""
    named = (person(**WHO), firm(**FIRM))
    settle(store.engine, record("petition", "XF-1", *named, **ABOUT), record("labour", "LD-1", *named, **ABOUT))
    yield store


def ask(caller: Api, **body: Any) -> dict[str, Any]:
    answer = caller.post("/v1/match", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ask_person(caller: Api, **values: Any) -> dict[str, Any]:
    (answered,) = ask(caller, parties=[{"kind": "person", **values}])["parties"]
    return answered


def test_nobody_is_certain_of_two_whom_numbers_tell_apart(api: Api, store: Store) -> None:
    """Of one name the hub would join neither; a number, or that the one is met far oftener, says which it is."""
    firms = [firm(FIRM["name"], uscc=credit_code(number)) for number in (1, 2)]
    settle(store.engine, record("petition", "XF-1", firms[0], **ABOUT), record("labour", "LD-1", firms[1], **ABOUT))
    clerk, ids = api.as_("clerk", "court"), parties(store.engine, "organisation")

    def ask_firm(**values: Any) -> dict[str, str]:
        (answered,) = ask(clerk, parties=[{"kind": "organisation", "name": FIRM["name"], **values}])["parties"]
        return {one["organisation_id"]: one["answer"] for one in answered["candidates"]}

    one, other = ids["petition/XF-1/0"], ids["labour/LD-1/0"]
    assert ask_firm() == {one: "possible", other: "possible"}
    assert ask_firm(uscc=credit_code(2)) == {other: "certain"}
    settle(store.engine, *(record("court", f"C-{number}", firms[0], address=f"马田街道将石路{number}号") for number in range(10, 19)))
    assert ask_firm()[one] == "certain"


def test_a_known_record_finds_its_parties_and_its_case(api: Api, known: Store) -> None:
    answer = ask(api.as_("clerk", "court"), **QUESTION)
    one, organisation = answer["parties"]
    assert [one["answer"], one["candidates"][0]["person_id"]] == ["certain", parties(known.engine)["petition/XF-1/0"]]
    assert organisation["candidates"][0]["organisation_id"] == parties(known.engine, "organisation")["petition/XF-1/1"]
    (found,) = answer["case"]["candidates"]
    assert found["answer"] == "certain"
    assert found["case"]["case_id"] == cases(known.engine)["petition/XF-1"]
    assert (found["case"]["record_count"], found["case"]["category"]["code"]) == (2, "wages")


def test_the_steps_are_a_waterfall_of_the_weight(api: Api, known: Store) -> None:
    answer = ask(api.as_("clerk", "court"), **QUESTION)
    weighed = [one for each in (*answer["parties"], answer["case"]) for one in each["candidates"]]
    assert len(weighed) == 3
    for one in weighed:
        assert one["levels"][0]["comparison"] == "prior"
        assert sum(step["bits"] for step in one["levels"]) == pytest.approx(one["match_weight"])


def test_what_was_compared_is_masked_for_others_and_clear_for_its_own(api: Api, known: Store) -> None:
    shown = {}
    for dept in ("court", "petition"):
        answered = ask_person(api.as_("clerk", dept), **WHO)
        shown[dept] = answered["candidates"][0]["compared_with"]
    assert (shown["court"]["name"], shown["court"]["is_masked"]) == ("欧阳**", True)
    assert WHO["id_no"] not in str(shown["court"]) and WHO["phone"] not in str(shown["court"])
    assert (shown["petition"]["department"]["code"], shown["petition"]["name"], shown["petition"]["is_masked"]) == (
        "petition",
        "欧阳震华",
        False,
    )


def test_parties_alone_are_looked_up_without_a_case(api: Api, known: Store) -> None:
    answer = ask(api.as_("clerk", "court"), parties=[{"kind": "person", **WHO}])
    assert answer.keys() == {"parties"}
    assert answer["parties"][0]["answer"] == "certain"


def test_what_nobody_has_met_is_none(api: Api, known: Store) -> None:
    answer = ask(
        api.as_("clerk", "court"),
        title="路灯不亮",
        text="路灯坏了很久没有人修",
        parties=[{"kind": "person", "name": "上官婉清", "phone": "13912349999"}],
    )
    assert answer == {"parties": [NONE], "case": NONE}


def test_values_are_read_as_feeds_are(api: Api, known: Store) -> None:
    answered = ask_person(api.as_("clerk", "court"), name=" 欧阳 震华", phone="+86 139-1234-0001", id_no=WHO["id_no"].lower())
    assert answered["answer"] == "certain"


# visibility, caller's department → answer, whether a desk is named
TABLE = [
    ("shared", "procuratorate", "certain", False),
    ("shared", "court", "certain", False),
    ("shared", None, "certain", False),
    ("restricted", "procuratorate", "certain", False),
    ("restricted", "court", "none", True),
    ("restricted", None, "none", True),
    ("sealed", "procuratorate", "certain", False),
    ("sealed", "court", "none", False),
    ("sealed", None, "none", False),
    ("a later word", "court", "none", False),
]


@pytest.mark.parametrize(("visibility", "dept", "answer", "is_told"), TABLE)
def test_who_is_told_what(api: Api, store: Store, visibility: str, dept: str | None, answer: str, is_told: bool) -> None:
    settle(store.engine, record("procuratorate", "JC-1", person(**WHO), firm(**FIRM), visibility=visibility, **ABOUT))
    found = ask(api.as_("clerk" if dept else "admin", dept), **QUESTION)
    for each in found["parties"]:
        assert each["answer"] == answer
        assert [desk["department"]["code"] for desk in each["acknowledged"]] == (["procuratorate"] if is_told else [])
    assert found["case"]["answer"] == answer
    if answer == "none":
        assert all(each["candidates"] == [] for each in (*found["parties"], found["case"]))


def test_what_was_opened_for_a_time_is_compared_as_a_shared_record(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grants, "FRESH_S", 0.0)
    settle(store.engine, record("procuratorate", "JC-1", person(**WHO), visibility="restricted", **ABOUT))
    caller = api.as_("clerk", "court")
    assert ask_person(caller, **WHO)["answer"] == "none"
    (name,) = (row["caller"] for row in store.rows("SELECT DISTINCT caller FROM audit.access"))
    request = {"request_id": uuid.uuid4(), "case_id": uuid.UUID(cases(store.engine)["procuratorate/JC-1"]), "department": "procuratorate"}
    asked = {"caller": name, "caller_department": "court", "reason": "x", "case_reference": "x", "is_emergency": False}
    until = dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)
    store.insert(tables.access_request, **request, **asked, state="granted", granted_until=until)
    store.insert(tables.access_request_record, request_id=request["request_id"], record_id=record_ids(store.engine)["procuratorate/JC-1"])
    answered = ask_person(caller, **WHO)
    assert (answered["answer"], answered["acknowledged"], answered["candidates"][0]["compared_with"]["is_masked"]) == ("certain", [], True)
    assert ask_person(api.as_("clerk", "court"), **WHO)["answer"] == "none"


@pytest.mark.parametrize("visibility", ["restricted", "sealed"])
def test_a_closed_record_is_known_by_no_name(api: Api, store: Store, visibility: str) -> None:
    settle(store.engine, record("procuratorate", "JC-1", person(**WHO), visibility=visibility, **ABOUT))
    assert ask(api.as_("clerk", "court"), parties=[BY_NAME], **ABOUT) == {"parties": [NONE], "case": NONE}


def test_a_restricted_case_is_known_by_its_number_alone(api: Api, store: Store) -> None:
    settle(store.engine, record("court", "(2026)粤0311民初12号", case_number="(2026)粤0311民初12号", visibility="restricted", **ABOUT))
    cited = ask(api.as_("clerk", "labour"), references=[{"department": "court", "number": "(2026)粤0311民初12号"}])["case"]
    assert (cited["answer"], cited["candidates"]) == ("none", [])
    assert [desk["department"]["code"] for desk in cited["acknowledged"]] == ["court"]


@pytest.mark.parametrize("visibility", ["restricted", "sealed"])
def test_a_closed_record_changes_no_weight_and_no_level(api: Api, store: Store, visibility: str) -> None:
    by_phone = person("欧阳震华", phone=WHO["phone"])
    settle(store.engine, record("petition", "XF-1", by_phone, firm(FIRM["name"]), **{**ABOUT, "text": "老板失联"}))
    caller = api.as_("clerk", "court")
    before = ask(caller, **QUESTION)
    settle(store.engine, record("procuratorate", "JC-1", person(**WHO), firm(**FIRM), visibility=visibility, **ABOUT))
    after = ask(caller, **QUESTION)
    assert cases(store.engine)["petition/XF-1"] == cases(store.engine)["procuratorate/JC-1"]  # they are one, and he is not told
    for one, other in zip((*before["parties"], before["case"]), (*after["parties"], after["case"]), strict=True):
        assert one["answer"] != "none"
        assert _open(one) == _open(other)
    own = ask(api.as_("clerk", "procuratorate"), **QUESTION)
    assert own["parties"][0]["candidates"][0]["match_weight"] > after["parties"][0]["candidates"][0]["match_weight"]


def _open(answered: dict[str, Any]) -> list[Any]:
    """What is said of candidates, but for the desks to ask."""
    return [{**one, "case": {**one.get("case", {}), "acknowledged": []}} for one in answered["candidates"]]


def test_a_sealed_person_and_nobody_are_asked_for_by_the_same_statements(api: Api, store: Store) -> None:
    settle(store.engine, record("procuratorate", "JC-1", person(**WHO), visibility="sealed", **ABOUT))
    caller = api.as_("clerk", "court")
    nobody = {"name": "上官婉清", "id_no": id_number(9), "phone": "13912349999"}
    seen = []
    for who in (WHO, nobody, WHO, nobody):
        with statements() as sent:
            assert ask(caller, parties=[{"kind": "person", **who}]) == {"parties": [NONE]}
        seen.append([one.split("(")[0] for one in sent if "PREPARE" not in one])
    assert seen[2] == seen[3]


@pytest.mark.parametrize("visibility", ["shared", "sealed"])
def test_persons_that_a_closed_record_alone_joins_are_not_one_in_the_match(api: Api, store: Store, visibility: str) -> None:
    number, phone = person("欧阳震华", id_no=WHO["id_no"]), person("欧阳震华", phone=WHO["phone"])
    nowhere = {name: value for name, value in ABOUT.items() if name != "address"}  # at one address a name alone would make them one
    settle(store.engine, record("petition", "XF-1", number, title="路灯不亮"), record("labour", "LD-1", phone, **nowhere))
    caller = api.as_("clerk", "court")
    asked = {
        **nowhere,
        "reported_at": "2026-03-01T08:00:00Z",
        "parties": [{"kind": "person", "role": "petitioner", "name": WHO["name"], "id_no": WHO["id_no"]}],
    }
    before = ask(caller, **asked)
    settle(store.engine, record("procuratorate", "JC-1", person(**WHO), visibility=visibility, title="另案"))
    assert parties(store.engine)["petition/XF-1/0"] == parties(store.engine)["labour/LD-1/0"]
    after = ask(caller, **asked)
    assert before["parties"][0]["answer"] == after["parties"][0]["answer"] == "certain"
    assert (before["case"] == after["case"]) is (visibility == "sealed")


def test_twins_are_not_certain(api: Api, store: Store) -> None:
    at_home = {"address": "马田街道将石路3号2栋301", "phone": "13912340007", "birth_date": "2001-05-06"}
    settle(store.engine, record("petition", "XF-2", person("张小龙", **at_home)))
    answered = ask_person(api.as_("clerk", "court"), name="张小虎", **at_home)
    assert answered["answer"] != "certain"


def test_a_masked_name_is_weighed_as_one(api: Api, store: Store) -> None:
    settle(store.engine, record("petition", "XF-2", person("张小龙", phone="13912340007")))
    answered = ask_person(api.as_("clerk", "court"), name="张先生", phone="13912340007")
    (candidate,) = answered["candidates"]
    assert {step["comparison"]: step.get("level") for step in candidate["levels"]}["name"] == "masked"


def test_a_batch_says_of_each_what_it_says_alone_in_any_order(api: Api, known: Store) -> None:
    caller = api.as_("clerk", "court")
    other = {"parties": [{"kind": "person", "name": "上官婉清", "phone": "13912349999"}]}
    questions = [QUESTION, other, {"parties": [ASKED]}, {**QUESTION, "parties": QUESTION["parties"][::-1]}]
    alone = [ask(caller, **one) for one in questions]
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        answer = caller.post("/v1/match/batch", json={"records": [questions[place] for place in order]})
        assert answer.json() == {"items": [alone[place] for place in order]}
    assert alone[3]["parties"] == alone[0]["parties"][::-1]


def test_what_was_made_known_is_in_the_audit(api: Api, known: Store) -> None:
    ask(api.as_("clerk", "court"), **QUESTION)
    (row,) = known.rows("SELECT action, outcome, entity_ids::text[] AS ids FROM audit.access")
    shown = {
        cases(known.engine)["petition/XF-1"],
        parties(known.engine)["petition/XF-1/0"],
        parties(known.engine, "organisation")["petition/XF-1/1"],
    }
    assert (row["action"], row["outcome"], set(row["ids"])) == ("match.record", 200, shown)


SECRET = "13987654321"
REFUSED = [
    pytest.param({}, id="nothing"),
    pytest.param({"parties": []}, id="no party"),
    pytest.param({"title": "  ", "text": "无"}, id="words that say nothing"),
    pytest.param({"parties": [{"kind": "person", "gender": "男"}]}, id="a party that says nobody"),
    pytest.param({"parties": [{"kind": "ghost", "name": SECRET}]}, id="kind"),
    pytest.param({"parties": [{"kind": "person", "name": "王五", "uscc": credit_code(1)}]}, id="a person with a credit code"),
    pytest.param({"parties": [{"kind": "organisation", "name": "某厂", "id_no": id_number(2)}]}, id="a firm with an ID number"),
    pytest.param({"parties": [{"kind": "person", "phone": f"打电话给{SECRET}转王五的妈妈"}] * 51}, id="too many parties"),
    pytest.param({"parties": [{"kind": "person", "phone": "没有号码"}]}, id="a phone that is none"),
    pytest.param({"parties": [{"kind": "person", "id_no": f"{SECRET}号"}]}, id="a document that is none"),
    pytest.param({"parties": [{"kind": "person", "name": "王五", "birth_date": "昨天"}]}, id="a date that is none"),
    pytest.param({"parties": [{"kind": "person", "name": "王五", "role": "king"}]}, id="role"),
    pytest.param({"title": "x" * 501}, id="title too long"),
    pytest.param({"text": "字" * 5001}, id="text too long"),
    pytest.param({"title": "a\x00b"}, id="a control character"),
    pytest.param({"title": 7}, id="a number for a text"),
    pytest.param({"category": "nonsense"}, id="category"),
    pytest.param({"street": "440399999"}, id="a street that is none"),
    pytest.param({"amount": "1e400"}, id="amount"),
    pytest.param({"amount": True}, id="amount true"),
    pytest.param({"title": "x", "people_involved": -1}, id="people"),
    pytest.param({"title": "x", "people_involved": 10**30}, id="very many people"),
    pytest.param({"title": "x", "longitude": 181}, id="longitude"),
    pytest.param({"title": "x", "occurred_at": "2025-13-45T00:00:00Z"}, id="time"),
    pytest.param({"title": "x", "visibility": "shared"}, id="a field unknown"),
    pytest.param({"references": [{"department": "court", "number": "12"}] * 21}, id="too many references"),
    pytest.param({"references": [{"department": "'; DROP", "number": "12"}]}, id="department"),
]


@pytest.mark.parametrize("body", REFUSED)
def test_what_cannot_be_read_is_refused_without_repeating_it(api: Api, body: dict[str, Any]) -> None:
    answer = api.as_("clerk", "court").post("/v1/match", json=body)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:casehub:problem:request")
    assert answer.json()["errors"]
    for value in (SECRET, "王五", id_number(2), credit_code(1)):
        assert value not in answer.text


RAW = [
    pytest.param(b'{"parties":' + b"[" * 60_000 + b"]" * 60_000 + b"}", 422, id="nested deeply"),
    pytest.param(b'{"a":' * 20_000 + b"1" + b"}" * 20_000, 422, id="objects nested deeply"),
    pytest.param(b'{"title": "\\ud800"}', 422, id="half a character"),
    pytest.param(b'{"title": NaN}', 422, id="NaN"),
    pytest.param(b'{"title": "x", "longitude": Infinity}', 422, id="infinity"),
    pytest.param(b"not json", 422, id="no JSON"),
    pytest.param(b'{"text": "' + b"a" * 300_000 + b'"}', 413, id="too large"),
]


@pytest.mark.parametrize(("body", "status"), RAW)
def test_hostile_bodies(api: Api, body: bytes, status: int) -> None:
    answer = api.as_("clerk", "court").post("/v1/match", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([], id="none"),
        pytest.param([{"title": "x"}] * 101, id="too many"),
        pytest.param([{"parties": [{"kind": "person", "name": "王五"}] * 50}] * 11, id="too many parties"),
        pytest.param([{"title": "x"}, {}], id="one empty"),
    ],
)
def test_a_batch_out_of_bounds_is_refused(api: Api, records: list[Any]) -> None:
    answer = api.as_("clerk", "court").post("/v1/match/batch", json={"records": records})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:casehub:problem:request")


LONG = [
    "(" * 200,
    "【" * 200,
    "第1" * 100,
    "有限公司" * 50,
    "光明区公明街道" * 28,
    "深圳市" * 66,
    "某" * 200,
    "王" * 200,
    "·" * 199 + "x",
    "村社区" * 66,
    "之-1" * 66,
    "分公司" * 66,
    "a" * 200,
    "张*" * 100,
    "等1" * 100,
    "路1" * 100,
]


@pytest.mark.parametrize("text", LONG)
def test_no_name_and_no_address_takes_long(api: Api, text: str) -> None:
    caller = api.as_("clerk", "court")
    named = [
        {"kind": kind, "name": f"{text[:190]}{place}x", "address": f"{text[:190]}{place}"}
        for place in range(25)
        for kind in ("person", "organisation")
    ]
    began = time.process_time()  # the API runs in this process
    answer = caller.post("/v1/match", json={"parties": named})
    assert answer.status_code == 200
    assert time.process_time() - began < 3


def test_injection_finds_nobody(api: Api, known: Store) -> None:
    for text in ("' OR '1'='1", "%", "_", "王小明'; DROP TABLE store.party; --", "{欧阳震华}", "$1", "%(ids)s"):
        answer = ask(api.as_("clerk", "court"), title=text, case_number=text, parties=[{"kind": "organisation", "name": f"x{text}"}])
        assert [each["answer"] for each in (*answer["parties"], answer["case"])] == ["none", "none"]


def test_without_a_token_it_is_401(api: Api) -> None:
    for path in ("/v1/match", "/v1/match/batch"):
        assert api.post(path, json=QUESTION).status_code == 401
