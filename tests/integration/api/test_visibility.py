"""Sealed records reach nobody else; restricted ones are acknowledged, and no more."""

from __future__ import annotations

import uuid

import pytest

from api.access import Caller, Clearance, Purpose, clearance
from api.queries.visible import ACKNOWLEDGED, READABLE
from schema import tables
from tests.integration.api.builders import Api, Store, at

PHONE = "13912345678"
SECRET_WORDS = "未成年人盗窃"
ALL = "records,parties,timeline,lineage,links"


class Mixed:
    """A petition's record, and a closed one of the procuratorate whose values win everywhere."""

    def __init__(self, store: Store, visibility: str) -> None:
        self.person = uuid.uuid4()
        self.closed = store.record(
            "procuratorate",
            "JC-1",
            [{"name": "赵小虎", "phone": PHONE, "entity": self.person}],
            visibility=visibility,
            title=SECRET_WORDS,
            category="public_order",
            status="resolved",
            grade="red",
            street="440311001",
            community="440311001001",
            reported_at=at(1),
            resolved_at=at(21),
            amount="999.00",
        )
        self.open = store.record("petition", "XF-1", [{"name": "李四"}], title="反映噪音", category="noise", reported_at=at(2))
        self.case_id = store.case(self.closed, self.open)
        store.insert(
            tables.link,
            relation="case",
            left_id=self.closed,
            right_id=self.open,
            known_from=1,
            decision="link",
            match_weight=9.0,
            levels={},
            model_version="1",
            decided_by="engine",
        )


#: Everything that only the closed record says.
TELLING = (SECRET_WORDS, "赵", "JC-1", "public_order", "999.00", "440311001", "2025-01-01", "2025-01-21", PHONE)

OTHERS = [("clerk", "labour"), ("clerk", "petition"), ("engineer", None), ("admin", None)]


@pytest.mark.parametrize("visibility", ["sealed", "restricted", "a word from a later version"])
def test_a_closed_record_reaches_no_value(api: Api, store: Store, visibility: str) -> None:
    mixed = Mixed(store, visibility)
    for role, dept in OTHERS:
        _reaches_no_value(api.as_(role, dept), mixed, visibility)


def _reaches_no_value(caller: Api, mixed: Mixed, visibility: str) -> None:
    detail = caller.get(f"/v1/cases/{mixed.case_id}?include={ALL}")
    listed = caller.post("/v1/cases/search", json={})
    for answer in (detail, listed):
        assert answer.status_code == 200
        for value in TELLING:
            assert value not in answer.text
    case = detail.json()
    assert (case["record_count"], [each["code"] for each in case["departments"]]) == (1, ["petition"])
    assert case["links"] == []
    assert [case["category"]["code"], case["reported_at"]] == ["noise", "2025-01-02T00:00:00Z"]
    item = listed.json()["items"][0]
    assert [item["record_count"], item["category"]["code"], item["reported_at"], item["grade"]] == [
        1,
        "noise",
        "2025-01-02T00:00:00Z",
        None,
    ]
    desks = [each["department"]["code"] for each in case.get("acknowledged", [])]
    assert (
        desks == [each["department"]["code"] for each in item["acknowledged"]] == (["procuratorate"] if visibility == "restricted" else [])
    )


FILTERS = (
    {"category": "public_order"},
    {"status": "resolved"},
    {"grade": "red"},
    {"street": "440311001"},
    {"community": "440311001001"},
    {"department": "procuratorate"},
    {"reported_to": "2025-01-01"},
    {"q": SECRET_WORDS},
    {"q": "赵小虎"},
)


@pytest.mark.parametrize("visibility", ["sealed", "restricted"])
def test_a_closed_record_makes_no_filter_and_no_words_match(api: Api, store: Store, visibility: str) -> None:
    mixed = Mixed(store, visibility)
    clerk, admin, own = api.as_("clerk", "labour"), api.as_("admin"), api.as_("clerk", "procuratorate")
    for body in FILTERS:
        if visibility == "restricted" and "department" in body:  # that the department holds a record is what is acknowledged
            assert clerk.ids(**body) == [str(mixed.case_id)]
            continue
        assert clerk.ids(**body) == admin.ids(**body) == [], body
        assert own.ids(**body) == [str(mixed.case_id)], body


@pytest.mark.parametrize("visibility", ["sealed", "restricted"])
def test_a_department_lists_and_filters_its_own_closed_cases(api: Api, store: Store, visibility: str) -> None:
    case_id = store.case(
        store.record("procuratorate", "JC-9", title=SECRET_WORDS, category="fraud", reported_at=at(7), visibility=visibility)
    )
    clerk = api.as_("clerk", "procuratorate")
    for body in ({}, {"category": "fraud"}, {"department": "procuratorate"}, {"reported_from": "2025-01-07"}, {"q": SECRET_WORDS}):
        (item,) = clerk.find(**body)["items"]
        assert [item["case_id"], item["record_count"], item["title"], item["category"]["code"]] == [str(case_id), 1, SECRET_WORDS, "fraud"]
    case = clerk.case(case_id)
    assert (case["category"]["code"], case["reported_at"]) == ("fraud", "2025-01-07T00:00:00Z")


def test_its_own_department_sees_a_sealed_record_whole(api: Api, store: Store) -> None:
    mixed = Mixed(store, "sealed")
    case = api.as_("clerk", "procuratorate").case(mixed.case_id, ALL)
    assert case["title"] == SECRET_WORDS
    assert case["record_count"] == 2
    assert [record["is_masked"] for record in case["records"]] == [False, True]
    assert len(case["links"]) == 1


@pytest.mark.parametrize("q", [PHONE, "JC-1"])
def test_an_identifier_finds_a_restricted_record_and_names_its_desk(api: Api, store: Store, q: str) -> None:
    mixed = Mixed(store, "restricted")
    for body in ({"q": q}, {"person_id": str(mixed.person)}):
        answer = api.as_("clerk", "labour").post("/v1/cases/search", json=body)
        (item,) = answer.json()["items"]
        assert item["case_id"] == str(mixed.case_id)
        assert [each["desk"] for each in item["acknowledged"]] == ["检察院数据专班"]
        assert [match["source_record_id"] for match in item["matched"]] == ([None] if "q" in body else [])
        for value in TELLING[:-1]:
            assert value not in answer.text


@pytest.mark.parametrize("body", [{"q": PHONE}, {"q": "JC-1"}])
def test_an_identifier_finds_no_sealed_record(api: Api, store: Store, body: dict[str, str]) -> None:
    mixed = Mixed(store, "sealed")
    assert api.as_("clerk", "labour").ids(**body) == []
    assert api.as_("clerk", "labour").ids(person_id=str(mixed.person)) == []
    assert api.as_("clerk", "procuratorate").ids(**body) == [str(mixed.case_id)]


def test_a_case_of_restricted_records_alone(api: Api, store: Store) -> None:
    case_id = store.case(store.record("court", "C-1", [{"name": "赵小虎", "phone": PHONE}], visibility="restricted", title=SECRET_WORDS))
    clerk = api.as_("clerk", "labour")
    (item,) = clerk.find(q=PHONE)["items"]
    assert [item["case_id"], item["record_count"], item["title"], item["reported_at"]] == [str(case_id), 0, None, None]
    assert clerk.ids() == []
    assert clerk.ids(q=PHONE, category="wages") == []
    case = clerk.case(case_id, ALL)
    assert case["values"] == {}
    assert case["records"] == case["parties"] == case["timeline"] == case["lineage"] == []
    assert case["acknowledged"][0]["department"]["zh"] == "法院"


def test_a_case_of_sealed_records_alone_is_not_there(api: Api, store: Store) -> None:
    case_id = store.case(store.record("procuratorate", "JC-9", [{"name": "赵小虎", "phone": PHONE}], visibility="sealed"))
    old = uuid.uuid4()
    store.merge(old, case_id)
    clerk = api.as_("clerk", "labour")
    absent = clerk.get(f"/v1/cases/{uuid.uuid4()}").json()
    for hidden in (case_id, old):
        answer = clerk.get(f"/v1/cases/{hidden}")
        assert answer.status_code == 404
        assert {**answer.json(), "request_id": ""} == {**absent, "request_id": ""}
    assert clerk.ids(q=str(case_id)) == clerk.ids(q=PHONE) == clerk.ids() == []


def test_names_of_a_sealed_record_do_not_change_how_others_are_masked(api: Api, store: Store) -> None:
    sealed = store.record("procuratorate", "JC-1", [{"name": "明天"}], visibility="sealed")
    case_id = store.case(store.record("petition", "1", title="明天停水"), sealed)
    assert api.as_("clerk", "labour").case(case_id)["title"] == "明天停水"
    assert api.as_("clerk", "labour").find()["items"][0]["title"] == "明天停水"


@pytest.mark.parametrize("own", [None, "labour", "court"])
def test_the_database_and_the_policy_say_the_same(store: Store, own: str | None) -> None:
    """The SQL fragments against `clearance`, for every visibility."""
    for visibility in ("shared", "restricted", "sealed", "unheard-of"):
        for dept in ("labour", "petition"):
            store.record(dept, f"{dept}-{visibility}", visibility=visibility)
    quoted = "NULL" if own is None else f"'{own}'"
    marks = f"{READABLE} AS readable, {ACKNOWLEDGED} AS acknowledged".replace(":own", quoted)
    rows = store.rows(f"SELECT department, visibility, {marks} FROM store.source_record r")
    assert len(rows) == 8
    for row in rows:
        verdict = clearance(Caller("x", "clerk", own, purpose=Purpose("handling", "1")), row["department"], row["visibility"])
        assert bool(row["readable"]) == (verdict in (Clearance.CLEAR, Clearance.MASKED))
        assert bool(row["acknowledged"]) == (verdict is Clearance.ACKNOWLEDGED)
