"""Blocking: which rows meet."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from matching.blocking import blocking_keys, representatives
from matching.linkage import all_pairs
from matching.model_file import packaged_model
from tests.unit.matching.builders import candidate_pairs, day, make_forms, meet

PHONE = "13911223344"


@pytest.mark.parametrize(
    ("relation", "one", "other"),
    [
        pytest.param("person", {"id_no": "11010519491231002X"}, {"id_no": "110105491231002"}, id="15 and 18 digits"),
        pytest.param("person", {"name": "张伟", "phone": PHONE}, {"name": "章先生", "phone": PHONE}, id="homophone surname, phone"),
        pytest.param("person", {"name": "王建国", "phone": PHONE}, {"name": "玉建国", "phone": PHONE}, id="surname look-alike, phone"),
        pytest.param("person", {"name": "王建国", "address": "长春路12号"}, {"name": "王健国", "address": "翠苑花园长春路12号"}, id="spot"),
        pytest.param("organisation", {"name": "深圳市维珍妮鞋业有限公司"}, {"name": "维珍妮鞋业"}, id="core"),
        pytest.param(
            "organisation",
            {"name": "深圳市维珍妮鞋业有限公司", "address": "光侨大道1200号"},
            {"name": "维珍妮", "address": "光侨大道1200号2栋"},
            id="short form at one place",
        ),
        pytest.param("organisation", {"name": "维珍妮鞋业"}, {"name": "唯珍妮鞋业"}, id="homophone stem"),
        pytest.param(
            "organisation",
            {"name": "深圳市恒瑞达电于有限公司", "address": "光明区长凤路48号"},
            {"name": "深圳市恒瑞达电子有限公司", "address": "光明区长凤路48号"},
            id="slip in the trade, and house",
        ),
        pytest.param("organisation", {"name": "甲乙", "phone": PHONE}, {"name": "丙丁", "phone": PHONE}, id="renamed, phone"),
        pytest.param(
            "case",
            {"department": "court", "references": [{"department": "labour", "number": "劳仲案(2026)5号"}]},
            {"department": "labour", "case_number": "劳仲案〔2026〕5号"},
            id="cited number",
        ),
        pytest.param(
            "case",
            {"petitioner_persons": [7], "reported_at": day(0)},
            {"petitioner_persons": [8, 7], "occurred_at": day(-100)},
            id="petitioner within 120 days",
        ),
        pytest.param(
            "case",
            {"longitude": 113.93, "latitude": 22.75, "category": "noise", "occurred_at": day(0)},
            {"longitude": 113.9301, "latitude": 22.7501, "category": "noise", "occurred_at": day(1)},
            id="spot on the map",
        ),
        pytest.param(
            "organisation",
            {"name": "深圳市维珍妮鞋业有限公司"},
            {"name": "维珍妮服装有限公司"},
            id="two trades of one stem, to be told apart",
        ),
        pytest.param(
            "person",
            {"phone": PHONE, "name": "王建国"},
            {"phone": "13511223344", "name": "王建国"},
            id="a slip in the phone's first digits",
        ),
    ],
)
def test_rows_that_should_meet_do(relation: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    assert meet(relation, one, other)


@pytest.mark.parametrize(
    ("relation", "one", "other"),
    [
        pytest.param("person", {"name": "王建国"}, {"name": "王建国"}, id="name alone"),
        pytest.param(
            "person", {"phone": "13800138000", "name": "王建国"}, {"phone": "13800138000", "name": "王建国"}, id="placeholder phone"
        ),
        pytest.param("person", {"phone": PHONE, "name": "王建国"}, {"phone": PHONE, "name": "李秀英"}, id="phone alone"),
        pytest.param("person", {}, {}, id="nothing"),
        pytest.param("organisation", {"name": "深圳市维珍妮鞋业有限公司"}, {"name": "维珍妮"}, id="short form alone"),
        pytest.param("organisation", {"name": "物业公司"}, {"name": "物业公司"}, id="placeholder name"),
        pytest.param("case", {"category": "noise", "occurred_at": day(0)}, {"category": "noise", "occurred_at": day(0)}, id="kind and day"),
        pytest.param(
            "case",
            {"respondent_organisations": [5], "category": "wages", "occurred_at": day(0)},
            {"respondent_organisations": [5], "category": "wages", "occurred_at": day(40)},
            id="one respondent's disputes of two months",
        ),
    ],
)
def test_rows_that_should_not_meet_do_not(relation: str, one: dict[str, Any], other: dict[str, Any]) -> None:
    assert not meet(relation, one, other)


def test_over_common_value_needs_a_second_field() -> None:
    model = dataclasses.replace(packaged_model("person"), over_common={"phone": frozenset({PHONE})})
    forms = make_forms("person", *({"name": name, "phone": PHONE} for name in ("王建国", "王秀英", "王健国", "王先生")))
    keys = blocking_keys("person", forms, model).to_pylist()
    assert {(key["id"], key["key"]) for key in keys if key["key"].startswith("ph")} == {
        (1, f"ph+:{PHONE}|wang|jian guo"),
        (2, f"ph+:{PHONE}|wang|xiu ying"),
        (3, f"ph+:{PHONE}|wang|jian guo"),
    }


def test_pairs_between_two_sides_are_those_within_both() -> None:
    forms = make_forms("person", *({"name": "王建国", "phone": PHONE} for _ in range(4)))
    keys = blocking_keys("person", forms, packaged_model("person"))
    new, known = keys.filter([id_ in (2, 3) for id_ in keys.column("id").to_pylist()]), keys
    assert candidate_pairs(keys).num_rows == 6
    assert candidate_pairs(new, known).to_pylist() == [
        {"left": left, "right": right} for left, right in ((1, 2), (1, 3), (2, 3), (2, 4), (3, 4))
    ]


def test_a_firm_named_in_many_records_is_compared_once() -> None:
    firm, other = {"name": "深圳市维珍妮鞋业有限公司"}, {"name": "维珍妮鞋业"}
    forms = make_forms("organisation", other, *([firm] * 50))
    assert set(representatives(forms).column("representative").to_pylist()) == {1, 2}
    assert all_pairs("organisation", forms, packaged_model("organisation")).num_rows == 1 + 49


def test_who_stands_alone_is_stood_for_by_nobody_and_stands_for_nobody() -> None:
    firm, other = {"name": "深圳市维珍妮鞋业有限公司"}, {"name": "维珍妮鞋业"}
    forms = make_forms("organisation", other, *([firm] * 5))
    assert representatives(forms, alone=[2, 4]).column("representative").to_pylist() == [1, 2, 3, 4, 3, 3]
    met = all_pairs("organisation", forms, packaged_model("organisation"), alone=[2, 4]).to_pylist()
    assert {(1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4), (3, 5), (3, 6)} == {(pair["left"], pair["right"]) for pair in met}
