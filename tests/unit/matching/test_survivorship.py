"""Which value wins, and what stays ranked behind it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.survivorship import COMPLETENESS, RANKED, VALUES, FieldRule, Statement, decisive, golden, standing
from tests.unit.matching.builders import day

RULES = {"name": FieldRule(("police", "civil_affairs"), "unmasked"), "address": FieldRule((), "longest")}


def _rank(*rows: dict[str, Any]) -> list[tuple[str, str, int]]:
    filled = [
        {"cluster": 1, "field": "name", "department": "petition", "updated_at": day(0), "record_id": n, **row}
        for n, row in enumerate(rows, 1)
    ]
    ranked = golden(pa.Table.from_pylist(filled, schema=VALUES), RULES)
    assert ranked.schema == RANKED
    return [(row["value"], row["department"], row["rank"]) for row in ranked.to_pylist()]


def test_issuer_first_then_completeness_then_recency_then_record() -> None:
    assert _rank(
        {"value": "王先生", "updated_at": day(9)},
        {"value": "王建国", "updated_at": day(1)},
        {"value": "王健国", "department": "labour", "updated_at": day(2)},
        {"value": "王建囯", "department": "court", "updated_at": day(2)},
        {"value": "王*国", "department": "police", "updated_at": day(-9)},
        {"value": "王剑国", "department": "health", "updated_at": None},
    ) == [
        ("王*国", "police", 1),
        ("王健国", "labour", 2),
        ("王建囯", "court", 3),
        ("王建国", "petition", 4),
        ("王剑国", "health", 5),
        ("王先生", "petition", 6),
    ]


def test_longest_counts_where_the_rule_says_so() -> None:
    ranked = _rank({"field": "address", "value": "长春路", "updated_at": day(9)}, {"field": "address", "value": "长春路12号"})
    assert [value for value, _, _ in ranked] == ["长春路12号", "长春路"]
    assert [
        value
        for value, _, _ in _rank({"field": "status", "value": "resolved_long"}, {"field": "status", "value": "new", "updated_at": day(1)})
    ] == [
        "new",
        "resolved_long",
    ]


def test_a_departments_statements_count_once_and_empty_ones_not() -> None:
    rows = (
        {"value": "王建国"},
        {"value": "王建国", "updated_at": day(3)},
        {"value": None},
        {"value": ""},
        {"value": "王建国", "department": "labour"},
    )
    ranked = golden(
        pa.Table.from_pylist(
            [
                {"cluster": 1, "field": "name", "department": "petition", "updated_at": day(0), "record_id": n, **row}
                for n, row in enumerate(rows, 1)
            ],
            schema=VALUES,
        ),
        RULES,
    ).to_pylist()
    assert [(row["department"], row["record_id"], row["rank"]) for row in ranked] == [("petition", 2, 1), ("labour", 5, 2)]


def test_clusters_and_fields_are_ranked_on_their_own_in_any_order() -> None:
    rows = [
        {"cluster": c, "field": f, "value": v, "department": d, "updated_at": day(t), "record_id": r}
        for c, f, v, d, t, r in (
            (1, "name", "甲", "police", 0, 1),
            (1, "name", "乙", "labour", 1, 2),
            (2, "name", "丙", "labour", 0, 3),
            (1, "phone", "1", None, 0, 4),
            (1, "phone", "2", "police", 0, 5),
        )
    ]
    forward = golden(pa.Table.from_pylist(rows, schema=VALUES), RULES).to_pylist()
    assert forward == golden(pa.Table.from_pylist(rows[::-1], schema=VALUES), RULES).to_pylist()
    assert [(row["cluster"], row["field"], row["rank"], row["value"]) for row in forward] == [
        (1, "name", 1, "甲"),
        (1, "name", 2, "乙"),
        (1, "phone", 1, "1"),
        (1, "phone", 2, "2"),
        (2, "name", 1, "丙"),
    ]
    assert golden(VALUES.empty_table(), RULES).num_rows == 0


_STATEMENT = st.tuples(
    st.sampled_from(
        ["王建国", "王*国", "王先生", "王先生\n", "王师傅", "小王", "王生", "阿生", "王建生", "欧阳", "王XX", "王健国大", "国"]
    ),
    st.sampled_from(["police", "civil_affairs", "petition", "court"]),
    st.one_of(st.none(), st.integers(0, 3).map(day)),
)


@given(st.lists(_STATEMENT, min_size=1, max_size=8), st.sampled_from(COMPLETENESS))
def test_one_by_one_they_stand_in_the_order_in_which_all_are_ranked(stated: list[tuple[str, str, Any]], completeness: str) -> None:
    rule = FieldRule(("police", "civil_affairs"), completeness)
    rows = [
        {"cluster": 1, "field": "name", "value": value, "department": department, "updated_at": at, "record_id": number}
        for number, (value, department, at) in enumerate(stated)
    ]
    ranked = golden(pa.Table.from_pylist(rows, schema=VALUES), {"name": rule}).to_pylist()
    one_by_one = [Statement(row["value"], row["department"], row["updated_at"], f"{row['record_id']:03}") for row in ranked]
    keys = [(standing(rule, one), one.record) for one in one_by_one]
    assert keys == sorted(keys)


def test_what_decides_is_the_first_that_tells_two_apart() -> None:
    rule = FieldRule(("police",), "longest")
    best = Statement("王建国", "police", day(1), "a")
    for loser, criterion in (
        (Statement("王建国", "court", day(9), "b"), "issuer"),
        (Statement("王*国", "police", day(9), "b"), "completeness"),
        (Statement("王国", "police", day(9), "b"), "completeness"),
        (Statement("王健国", "police", day(0), "b"), "recency"),
        (Statement("王健国", "police", None, "b"), "recency"),
        (Statement("王健国", "police", day(1), "b"), "record"),
    ):
        assert decisive(rule, best, loser) == criterion


@pytest.mark.parametrize("masked", ["陈师傅", "陈阿姨", "陈", "小陈", "陈XX", "陈某", "陈●"])
def test_a_name_of_which_but_the_surname_is_told_stands_behind_a_whole_one(masked: str) -> None:
    assert [value for value, _, _ in _rank({"value": masked, "updated_at": day(9)}, {"value": "陈国强"})] == ["陈国强", masked]


def test_a_title_that_ends_a_text_hides_nothing_of_it() -> None:
    rows = {"field": "address", "value": "光明大道 12 号找陈师傅"}, {"field": "address", "value": "光明大道 12 号", "updated_at": day(9)}
    assert [value for value, _, _ in _rank(*rows)] == ["光明大道 12 号找陈师傅", "光明大道 12 号"]
