"""The single entry finds what is typed otherwise than it is written, says how, and tells nobody more than before."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest

from pipeline.resolving.names import catch_up
from tests.integration.api.builders import Api, Store, at

ID = "440311199001011237"
PHONE = "13800138000"
WANG = {"name": "王小明", "id_no": ID, "id_type": "resident_id", "phone": PHONE}
ZHANG = {"name": "張偉", "phone": "0755-27001234"}
FIRM = {"name": "深圳市维珍妮鞋业有限公司", "kind": "organisation", "role": "respondent"}


def learn(store: Store) -> None:
    """Keep the keys of the names in the store, as RESOLVE does."""
    with store.engine.connect() as connection:
        connection.exec_driver_sql("DELETE FROM store.name_form")
        catch_up(connection)


@pytest.fixture
def cases(store: Store) -> dict[str, str]:
    """Three cases, each of another person or firm."""
    made = {
        "wang": store.case(store.record("petition", "GMXF20250103000123", [WANG], title="反映拖欠工资", reported_at=at(3))),
        "zhang": store.case(store.record("court", "(2025)粤0311民初99号", [ZHANG], title="借款纠纷", reported_at=at(4))),
        "firm": store.case(store.record("labour", "LD2025-0103-0017", [FIRM], title="工伤争议", reported_at=at(5))),
    }
    learn(store)
    return {name: str(case_id) for name, case_id in made.items()}


@pytest.mark.parametrize(
    ("q", "case", "kind", "agreement"),
    [
        pytest.param("王小明", "wang", "name", "exact", id="as written"),
        pytest.param("张伟", "zhang", "name", "variant", id="simplified for traditional"),
        pytest.param("王晓明", "wang", "name", "pinyin", id="same sound"),
        pytest.param("王晓鸣", "wang", "name", "pinyin", id="same sound, two characters"),
        pytest.param("章伟", "zhang", "words", "pinyin", id="same sound, a surname not listed"),
        pytest.param("王小民", "wang", "name", "pinyin", id="near sound: min for ming"),
        pytest.param("王明小", "wang", "name", "typo", id="swapped"),
        pytest.param("王少明", "wang", "name", "typo", id="one character other"),
        pytest.param("王小小明", "wang", "words", "typo", id="one character too many"),
        pytest.param("wangxiaoming", "wang", "pinyin", "pinyin", id="pinyin"),
        pytest.param("Wang Xiao Ming", "wang", "pinyin", "pinyin", id="pinyin with blanks"),
        pytest.param("wang xiaomin", "wang", "pinyin", "pinyin", id="pinyin, near sound"),
        pytest.param("wxm", "wang", "pinyin", "partial", id="initials"),
        pytest.param("zhangwei", "zhang", "pinyin", "pinyin", id="pinyin of a traditional name"),
        pytest.param("维珍妮有限公司", "firm", "organisation", "partial", id="a firm's stem with another form"),
        pytest.param("维真妮鞋业", "firm", "words", "pinyin", id="a firm by its sound"),
        pytest.param("维珍你鞋业有限公司", "firm", "organisation", "pinyin", id="a firm's slip"),
        pytest.param("weizhenni", "firm", "pinyin", "pinyin", id="a firm in pinyin"),
        pytest.param("000123", "wang", "partial_number", "partial", id="tail of a case number"),
        pytest.param("50103000", "wang", "partial_number", "partial", id="middle of a case number"),
        pytest.param("0311民初99", "zhang", "words", "exact", id="part of a court's number"),
        pytest.param("03010017", "firm", "partial_number", None, id="no such part"),
        pytest.param("01030017", "firm", "partial_number", "partial", id="tail without its dashes"),
        pytest.param("8000", "wang", "partial_number", "partial", id="last four of a phone"),
        pytest.param("1237", "wang", "partial_number", "partial", id="last four of an ID number"),
    ],
)
def test_what_is_typed_otherwise_is_found(api: Api, cases: dict[str, str], q: str, case: str, kind: str, agreement: str | None) -> None:
    answer = api.as_("clerk", "petition").find(q=q)
    found = {item["case_id"]: item["matched"][0]["agreement"] for item in answer["items"]}
    assert answer["recognised_as"]["code"] == kind
    assert found == ({} if agreement is None else {cases[case]: agreement})
    assert answer["tried"]


def test_the_closest_name_comes_first(api: Api, store: Store) -> None:
    names = ["王少明", "王晓明", "王小明", "王小民"]
    ids = {name: str(store.case(store.record("petition", str(n), [{"name": name}], reported_at=at(9 - n)))) for n, name in enumerate(names)}
    learn(store)
    answer = api.as_("clerk", "court").find(q="王小明")
    assert [item["case_id"] for item in answer["items"]] == [ids[name] for name in ("王小明", "王晓明", "王小民", "王少明")]
    assert [item["matched"][0]["agreement"] for item in answer["items"]] == ["exact", "pinyin", "pinyin", "typo"]


def test_words_are_not_taken_for_the_sound_of_names(api: Api, store: Store) -> None:
    words = store.case(store.record("petition", "1", title="高空抛物"))
    store.case(store.record("petition", "2", [{"name": "抛悟"}]))
    learn(store)
    assert api.as_("clerk", "court").ids(q="抛物") == [str(words)]


def test_names_of_the_published_version_alone_are_found(api: Api, store: Store) -> None:
    record = store.record("petition", "1", [{"name": "王小明"}], known_to=5)
    store.record("petition", "2", [{"name": "王小明"}], is_deleted=True)
    store.record("petition", "3", [{"name": "王小明"}], known_from=None)
    learn(store)
    assert store.case(store.record("petition", "4", [{"name": "李四"}]))
    assert record
    assert api.as_("clerk", "petition").ids(q="wangxiaoming") == []


SEALED = {"name": "赵六六", "id_no": "440311199505055555", "id_type": "resident_id", "phone": "13911112222"}
LOOSE = ("赵六六", "趙六六", "赵陆陆", "zhaoliuliu", "zll", "赵七六", "赵六七六", "2222", "5555", "SEAL99", "AL991", "密封", "赵六")


@pytest.mark.parametrize("visibility", ["sealed", "restricted", "a word unknown"])
def test_no_loose_entry_finds_a_closed_record(api: Api, store: Store, visibility: str) -> None:
    closed = store.record("procuratorate", "SEAL991", [SEALED], title="密封的案件", visibility=visibility)
    alone = store.case(closed)
    mixed = store.record("procuratorate", "SEAL992", [SEALED], title="密封的案件", visibility=visibility)
    beside = store.case(mixed, store.record("petition", "P1", [{"name": "孙一"}], title="噪音"))
    learn(store)
    other, own = api.as_("clerk", "court"), api.as_("clerk", "procuratorate")
    for q in LOOSE:
        for sort in ("relevance", "newest", "oldest"):
            answer = other.find(q=q, sort=sort, total=True, facets="department,category,year")
            assert answer["items"] == [], (q, sort)
            assert answer["total"] == {"cases": 0, "is_estimate": False}
            assert {facet["name"]: facet["values"] for facet in answer["facets"]} == {"department": [], "category": [], "year": []}
        assert set(own.ids(q=q)) <= {str(alone), str(beside)}
    assert set(own.ids(q="zhaoliuliu")) == set(own.ids(q="2222")) == {str(alone), str(beside)}


def test_a_closed_record_changes_no_order_and_no_highlight(api: Api, store: Store) -> None:
    """With and without sealed records that would be closer, rarer or first, others are answered to the letter the same."""
    shared = [store.record("petition", f"P{n}", [{"name": name}], title=title, reported_at=at(n)) for n, name, title in (
        (1, "王晓明", "噪音扰民"), (2, "王小民", "夜间噪音"), (3, "李四", "王小明的投诉"))]  # fmt: skip
    ids = [store.case(record) for record in shared]
    learn(store)
    other = api.as_("clerk", "court")
    queries: list[dict[str, Any]] = [
        {"q": q, "total": True, "facets": "department,category"} for q in ("王小明", "噪音", "wangxiaoming", "噪音 扰民")
    ]
    before = [other.find(**query) for query in queries]
    for n in range(30):
        sealed = store.record(
            "procuratorate",
            f"S{n}",
            [{"name": "王小明"}],
            title="噪音扰民 王小明",
            text="噪音 王小明",
            visibility="sealed",
            reported_at=at(20),
        )
        store.case(sealed) if n % 2 else store.run(f"INSERT INTO store.case_member VALUES ({sealed}, 1, '{ids[n % 3]}', NULL)")
    learn(store)
    assert [other.find(**query) for query in queries] == before


def test_the_end_of_a_number_tells_no_more_than_its_mask(api: Api, cases: dict[str, str]) -> None:
    """Else ten tries a digit would tell the whole number."""
    other, own, engineer = api.as_("clerk", "labour"), api.as_("clerk", "petition"), api.as_("engineer", "petition")
    for tail in ("38000", "138000", "0138000", "11237", "1011237"):
        assert other.ids(q=tail) == []
        assert engineer.ids(q=tail) == []
        assert own.ids(q=tail) == [cases["wang"]]
    assert other.ids(q="8000") == engineer.ids(q="1237") == [cases["wang"]]
    assert other.ids(q="1234") == []  # of a landline the mask shows two digits
    assert api.as_("clerk", "court").ids(q="1234") == [cases["zhang"]]


def test_highlights_stand_in_what_the_caller_is_shown(api: Api, store: Store) -> None:
    text = f"王小明，电话{PHONE}，反映玉塘街道某鞋厂拖欠工资三个月"
    store.case(store.record("petition", "XF〔2025〕17号", [WANG], title="王小明反映拖欠工资", text=text))
    learn(store)
    own, other = api.as_("clerk", "petition"), api.as_("clerk", "court")

    def marked(client: Api, q: str) -> dict[str, list[str]]:
        highlights = client.find(q=q)["items"][0]["matched"][0]["highlights"]
        return {each["field"]: [each["text"][start:end] for start, end in each["marks"]] for each in highlights}

    assert marked(other, "拖欠工资") == {"title": ["拖欠工资"], "text": ["拖欠工资"]}
    assert marked(other, "拖欠工資") == {"title": ["拖欠工资"], "text": ["拖欠工资"]}
    assert marked(own, "王小明") == {"parties.name": ["王小明"]}
    assert marked(other, "王小明") == {}
    assert marked(own, "8000") == {"parties.phone": ["8000"]}
    assert marked(own, "2025]17") == {"case_number": ["2025〕17"]}
    for q in ("王小明", PHONE, "拖欠工资", "wangxiaoming", "8000", "1237", "小明 反映", "13800138"):
        answer = json.dumps(other.find(q=q), ensure_ascii=False)
        assert "小明" not in answer.replace(q, ""), q
        assert PHONE not in answer
        assert ID not in answer


ATTACKS = ("%", "_", "\\", "%%%%", "____", "\\%\\_", "1234%", "12_4", "1%' OR '1'='1", "0001\\", "2025%17", "wang%", "w_xm", "'||'1234")


def test_patterns_and_quotes_stand_for_themselves(api: Api, cases: dict[str, str]) -> None:
    clerk = api.as_("clerk", "petition")
    for q in ATTACKS:
        assert clerk.ids(q=q) == [], q
    for q in ("王&小", "!王小明", "王小明:*A", "王 <-> 小", "('王' | '小')", "\\'王"):
        answer = clerk.post("/v1/cases/search", json={"q": q})
        assert answer.status_code == 200, q


def test_a_hostile_entry_is_answered_soon(api: Api, cases: dict[str, str]) -> None:
    clerk = api.as_("clerk", "petition")
    clerk.ids(q="王小明")
    for q in ("王" * 200, "zhang" * 40, "a" * 200, "1" * 200, "(0)" * 66, "%_" * 100, "王小明 " * 50, "zh'" * 66, "ü" * 200):
        began = time.perf_counter()
        clerk.find(q=q)
        assert time.perf_counter() - began < 2, q[:6]


def test_one_name_of_two_kinds_and_long_names(api: Api, store: Store) -> None:
    long = "维" * 300 + "有限公司"
    one = store.case(store.record("petition", "1", [{"name": "王小明"}, {"name": "王小明", "kind": "organisation"}]))
    two = store.case(store.record("petition", "2", [{"name": long, "kind": "organisation"}]))
    learn(store)
    clerk = api.as_("clerk", "petition")
    assert clerk.ids(q="王小明") == [str(one)]
    assert clerk.ids(q=long[:150]) == [str(two)]
    assert uuid.UUID(clerk.ids(q="wangxiaoming")[0]) == one
