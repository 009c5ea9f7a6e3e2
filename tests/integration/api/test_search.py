"""The single entry: what it recognises, why each case matched, filters, and pages through ties."""

from __future__ import annotations

import json
import uuid

import pytest

from api.answers.cases import CasePage
from tests.integration.api.builders import Api, Store, at

ID = "440311199001011237"
ID_15 = "440311900101123"
PHONE = "13800138000"
USCC = "91440300MA5EFT1X2A"

WORKER = {"name": "王小明", "id_no": ID, "id_type": "resident_id", "phone": PHONE}
FIRM = {"name": "深圳市维珍妮鞋业有限公司", "kind": "organisation", "role": "respondent", "uscc": USCC}


@pytest.fixture
def case_id(store: Store) -> uuid.UUID:
    """A case of two departments' records; beside it one that nothing here asks for."""
    first = store.record(
        "petition",
        "XF〔2025〕17号",
        [WORKER, FIRM],
        title="反映拖欠工资",
        text="玉塘街道田寮社区某鞋厂拖欠工资三个月",
        address="玉塘街道田寮路12号",
    )
    second = store.record("labour", "LD2025-0103-0017", [WORKER, FIRM], title="维珍妮鞋业欠薪", reported_at=at(4))
    store.case(store.record("court", "(2025)粤0311民初99号", [{"name": "李四"}], title="借款纠纷", category="loan"))
    return store.case(first, second)


@pytest.mark.parametrize(
    ("q", "kind"),
    [
        pytest.param(ID, "id_number", id="ID number"),
        pytest.param("440311 19900101 1237", "id_number", id="ID number with blanks"),
        pytest.param("４４０３１１１９９００１０１１２３７", "id_number", id="ID number in full width"),
        pytest.param(ID_15, "id_number", id="ID number of 15 digits"),
        pytest.param(PHONE, "phone", id="phone"),
        pytest.param("+86 138-0013-8000", "phone", id="phone with prefix"),
        pytest.param(USCC.lower(), "credit_code", id="credit code in small letters"),
        pytest.param("LD2025-0103-0017", "case_number", id="case number"),
        pytest.param("XF[2025]17号", "case_number", id="case number with other brackets"),
        pytest.param("王小明", "name", id="name"),
        pytest.param("維珍妮鞋業有限公司", "organisation", id="firm in traditional characters"),
        pytest.param("玉塘街道田寮路12号", "address", id="address"),
        pytest.param("拖欠 工资", "words", id="words"),
        pytest.param("田寮", "words", id="a word of two characters"),
        pytest.param("欠", "words", id="a word of one character"),
    ],
)
def test_the_entry_is_recognised_and_finds_its_case(api: Api, case_id: uuid.UUID, q: str, kind: str) -> None:
    answer = api.as_("clerk", "petition").find(q=q)
    assert [item["case_id"] for item in answer["items"]] == [str(case_id)]
    assert answer["recognised_as"]["code"] == kind
    assert answer["items"][0]["matched"]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        pytest.param(PHONE, {("petition", "parties.phone"), ("labour", "parties.phone")}, id="phone"),
        pytest.param("LD2025-0103-0017", {("labour", "case_number"), ("labour", "source_record_id")}, id="number"),
        pytest.param("王小明", {("petition", "parties.name"), ("labour", "parties.name")}, id="name"),
        pytest.param("田寮路", {("petition", "address")}, id="address"),
        pytest.param("三个月", {("petition", "text")}, id="text"),
    ],
)
def test_the_answer_says_why(api: Api, case_id: uuid.UUID, q: str, found: set[tuple[str, str]]) -> None:
    item = api.as_("clerk", "petition").find(q=q)["items"][0]
    assert {(match["department"]["code"], field) for match in item["matched"] for field in match["fields"]} == found


@pytest.mark.parametrize("q", [PHONE, "王小明", "拖欠工资", "维珍妮", "没有这样的词", None])
def test_a_page_is_what_its_model_would_write(api: Api, case_id: uuid.UUID, q: str | None) -> None:
    answer = api.as_("clerk", "petition").post("/v1/cases/search", json={"q": q, "facets": "department,year", "total": True})
    assert answer.status_code == 200, answer.text
    assert CasePage.model_validate_json(answer.content).model_dump(mode="json") == answer.json()


def test_what_looks_like_a_name_and_is_none_was_words(api: Api, store: Store) -> None:
    store.case(store.record("petition", "1", title="高空抛物"))
    clerk = api.as_("clerk", "petition")
    assert clerk.find(q="高空")["recognised_as"]["code"] == "words"
    assert clerk.find(q="高山")["recognised_as"]["code"] == "name"


def test_a_case_id_is_an_entry_too_even_after_a_merge(api: Api, store: Store, case_id: uuid.UUID) -> None:
    old, older = uuid.uuid4(), uuid.uuid4()
    store.merge(older, old)
    store.merge(old, case_id)
    clerk = api.as_("clerk", "petition")
    assert clerk.ids(q=str(case_id)) == clerk.ids(q=str(older)) == [str(case_id)]


def test_only_the_published_version_is_found(api: Api, store: Store) -> None:
    record = store.record("petition", "1", title="噪音", known_to=5)
    with store.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO store.source_record (record_id, version, department, source_record_id, visibility, title, tokens, known_from)"
            f" VALUES ({record}, 2, 'petition', '1', 'shared', '污水', '污水', 5),"
            f" ({record}, 3, 'petition', '1', 'shared', '垃圾', '垃圾', NULL)"
        )
    case_id = store.case(record)
    clerk = api.as_("clerk", "petition")
    assert clerk.ids(q="噪音") == []
    assert clerk.ids(q="垃圾") == []
    assert clerk.ids(q="污水") == [str(case_id)]
    assert [each["version"] for each in clerk.case(case_id, "records")["records"]] == [2]


def test_filters(api: Api, store: Store) -> None:
    person, firm = uuid.uuid4(), uuid.uuid4()
    one = store.case(
        store.record(
            "petition",
            "1",
            [{"name": "王小明", "entity": person}],
            category="noise",
            status="resolved",
            grade="green",
            street="440311005",
            community="440311001001",
            reported_at=at(5),
        )
    )
    two = store.case(
        store.record("labour", "2", [{"name": "甲公司", "kind": "organisation", "entity": firm}], category="wages", reported_at=at(9))
    )
    clerk = api.as_("clerk", "petition")
    assert clerk.ids() == [str(two), str(one)]
    assert clerk.ids(department="labour") == [str(two)]
    for name, value in {
        "category": "noise",
        "status": "resolved",
        "grade": "green",
        "street": "440311005",
        "community": "440311001001",
    }.items():
        assert clerk.ids(**{name: value}) == [str(one)]
    assert clerk.ids(category="noise", status="resolved", department="labour") == []
    assert clerk.ids(reported_from="2025-01-06") == [str(two)]
    assert clerk.ids(reported_to="2025-01-05") == [str(one)]
    assert clerk.ids(reported_from="2025-01-05T00:00:00Z", reported_to="2025-01-05T00:00:00Z") == []
    assert clerk.ids(person_id=str(person)) == [str(one)]
    assert clerk.ids(organisation_id=str(firm)) == [str(two)]
    assert clerk.ids(organisation_id=str(firm), person_id=str(person)) == []


def test_a_merged_persons_old_id_still_finds(api: Api, store: Store) -> None:
    old, new = uuid.uuid4(), uuid.uuid4()
    store.merge(old, new, "person")
    case_id = store.case(store.record("petition", "1", [{"name": "王小明", "entity": new}]))
    assert api.as_("clerk", "petition").ids(person_id=str(old)) == [str(case_id)]


def test_pages_go_through_ties_and_cases_without_a_time(api: Api, store: Store) -> None:
    times = [at(9), at(8), at(8), at(8), at(8), at(7), None, None, None]
    cases = [(time, store.case(store.record("petition", str(n), title="噪音扰民", reported_at=time))) for n, time in enumerate(times)]
    expected = [str(case) for _, case in sorted(cases, key=lambda each: (each[0] is None, -each[0].timestamp() if each[0] else 0, each[1]))]
    clerk = api.as_("clerk", "labour")
    for limit in (1, 2, 3, 4, 9, 200):
        for q in (None, "噪音"):
            seen: list[str] = []
            cursor = None
            while True:
                answer = clerk.find(limit=limit, cursor=cursor, q=q)
                assert len(answer["items"]) <= limit
                seen += [item["case_id"] for item in answer["items"]]
                cursor = answer["next_cursor"]
                if cursor is None:
                    break
            assert seen == expected


def test_pages_of_cases_with_closed_records_keep_the_order(api: Api, store: Store) -> None:
    expected = []
    for day in range(20, 10, -1):
        shared = store.record("petition", f"p{day}", reported_at=at(day))
        sealed = store.record("procuratorate", f"s{day}", reported_at=at(31 - day), visibility="sealed") if day % 2 else None
        expected.append(str(store.case(*([sealed] if sealed else []), shared)))
    clerk = api.as_("clerk", "labour")
    seen, cursor = [], None
    while True:
        answer = clerk.find(limit=3, cursor=cursor)
        seen += [item["case_id"] for item in answer["items"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert seen == expected


def test_a_get_takes_the_same_filters(api: Api, case_id: uuid.UUID) -> None:
    clerk = api.as_("clerk", "petition")
    answer = clerk.get("/v1/cases", params={"q": "王小明", "category": "wages", "limit": 5})
    assert answer.status_code == 200
    assert [item["case_id"] for item in answer.json()["items"]] == [str(case_id)]


def test_identifiers_are_refused_in_a_url(api: Api) -> None:
    clerk = api.as_("clerk", "petition")
    for q in (ID, ID_15, PHONE, USCC, "440311 19900101 1237", "王小明 13800138000", "电话0755-12345678", f"身份证{ID}号"):
        answer = clerk.get("/v1/cases", params={"q": q})
        assert answer.status_code == 400
        assert answer.json()["type"] == "urn:casehub:problem:identifier-in-url"
        assert "POST /v1/cases/search" in answer.json()["remedy"]
        assert q not in answer.text


ATTACKS = (
    "' OR 1=1 --",
    "'; DROP TABLE store.unified_case; --",
    "%' OR '1'='1",
    "' UNION SELECT secret_hash FROM ops.api_key --",
    "%",
    "_",
    "\\",
    "*",
    ":*",
    "a & b | !c <-> d",
    "(((",
    "'''",
    "$8",
    "%s",
    "%(q)s",
    ":q",
    "{{7*7}}",
    "\x00",
    "\ud800",
    "王\x00小明",
)


def test_an_injection_finds_nothing_and_breaks_nothing(api: Api, case_id: uuid.UUID) -> None:
    clerk = api.as_("clerk", "petition")
    for q in ATTACKS:
        answer = clerk.post("/v1/cases/search", content=json.dumps({"q": q}), headers={"Content-Type": "application/json"})
        assert answer.status_code in (200, 422), q
        if answer.status_code == 200 and "小明" not in q:
            assert answer.json()["items"] == [], q
        if q.isascii() and "\x00" not in q:
            assert clerk.get("/v1/cases", params={"q": q}).status_code == 200, q
    assert clerk.ids(q="王小明") == [str(case_id)]


def test_statements_a_search_do_not_grow_with_the_page(api: Api, store: Store) -> None:
    from tests.integration.api.counting import statements

    for n in range(12):
        store.case(
            store.record("petition", f"a{n}", [WORKER, FIRM], title="欠薪"), store.record("labour", f"b{n}", [WORKER], title="欠薪案")
        )
    clerk = api.as_("clerk", "court")
    clerk.ids(q="欠薪")  # so that the login of its department and role is there, and common words are known
    counts = set()
    for limit in (1, 12):
        with statements() as seen:
            assert len(clerk.ids(q="欠薪", limit=limit)) == limit
        counts.add(len(seen))
    assert len(counts) == 1
    assert counts.pop() <= 9


def test_what_a_number_is_and_whether_few_hold_it_is_one_question(api: Api, store: Store) -> None:
    from tests.integration.api.counting import statements

    store.case(store.record("petition", "GM-20250103-1", [WORKER, FIRM], title="欠薪"))
    clerk = api.as_("clerk", "court")
    numbers = [WORKER["phone"], WORKER["id_no"], FIRM["uscc"], "GM-20250103-1"]
    told = {}
    for number in [*numbers, *numbers]:  # the second time all that is looked up once is known
        with statements() as seen:
            assert len(clerk.ids(q=number)) == 1
        told[number] = len(seen)
    # That one, the page, what it shows, why, and the row; of a phone and an ID number whose it is as well.
    assert list(told.values()) == [6, 6, 5, 5]
