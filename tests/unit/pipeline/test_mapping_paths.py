"""Compiled paths mean what the jmespath package means by them."""

from __future__ import annotations

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.columns.json_paths import _compiled
from pipeline.columns.payloads import Payloads

COMPILED = [
    "a",
    "a.b",
    '"案件".b',
    "a[0]",
    "a[-1].b",
    "a[*].b",
    "a[]",
    "a[].b",
    "a[].b[].c",
    "a[?b=='x']",
    "a[?b=='x'].c",
    "a[?b!=`1`].c",
    "a[?b=='x' && c=='y']",
    "a[?b || c]",
    "a[?b=='x'] | [0]",
    "a[?b=='x'].c | [0]",
    "a || b",
    "a && b",
    "@",
    "a[*].b | [0]",
]
LEFT_TO_THE_PACKAGE = ["length(a)", "a[?b>`1`]", "{x: a, y: b}", "[a, b]", "a.*", "a[0:1]", "!a", "sum(a[*].b)"]

DOCUMENT = {"a": [{"b": 2}, {"b": 0}], "b": 1}

scalars = st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from(["", "x", "y", 1.0])
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c", "案件"]), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize("expression", COMPILED)
def test_what_contracts_write_is_compiled(expression: str) -> None:
    assert _compiled(jmespath.compile(expression).parsed) is not None


@pytest.mark.parametrize("expression", LEFT_TO_THE_PACKAGE)
def test_the_rest_is_the_packages(expression: str) -> None:
    assert _compiled(jmespath.compile(expression).parsed) is None
    assert Payloads([DOCUMENT]).found(expression) == [jmespath.search(expression, DOCUMENT)]


@given(st.sampled_from(COMPILED), st.lists(st.dictionaries(st.sampled_from(["a", "b", "案件"]), documents, max_size=3), max_size=4))
def test_both_find_the_same(expression: str, rows: list[dict[str, object]]) -> None:
    ours, theirs = Payloads(rows).found(expression), [jmespath.search(expression, row) for row in rows]
    assert (ours, repr(ours)) == (theirs, repr(theirs))


def test_a_row_that_a_path_cannot_be_applied_to_is_a_fault() -> None:
    source = Payloads([{"a": "xy"}, {"a": 5}, {}, {"a": [1]}])
    assert source.path("length(a)").to_list() == ["2", None, None, "1"]
    assert source.faults == {"length(a)": [1, 2]}
