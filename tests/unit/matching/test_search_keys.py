"""Keys by which names typed otherwise meet, and what is pinyin."""

from __future__ import annotations

import time

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from matching.search_keys import AGREEMENTS, NameAgreement, organisation_keys, person_keys, spoken
from matching.single import search_keys as single
from matching.single.search_keys import typed_keys


def closest(typed: str, name: str, kind: str = "person", typed_as: str | None = None) -> NameAgreement | None:
    """How what was typed agrees with a name; None: not at all."""
    keys = (person_keys if kind == "person" else organisation_keys)(pl.Series([name]))["key"]
    letters = spoken(typed)
    wanted = typed_keys(letters or typed, typed_as or ("spoken" if letters else kind))
    return min((wanted[key] for key in keys if key in wanted), default=None)


@pytest.mark.parametrize(
    ("typed", "name", "agrees"),
    [
        ("王小明", "王小明", NameAgreement.EXACT),
        ("王 小明", "王小明", NameAgreement.EXACT),
        ("張偉", "张伟", NameAgreement.VARIANT),
        ("陈生", "陈生", NameAgreement.EXACT),
        ("陳生", "陈生", NameAgreement.VARIANT),
        ("王晓明", "王小明", NameAgreement.PINYIN),
        ("仇英", "裘英", NameAgreement.PINYIN),
        ("王小民", "王小明", NameAgreement.ACCENT),
        ("曾志强", "曾自强", NameAgreement.ACCENT),
        ("王明小", "王小明", NameAgreement.LOOK),
        ("王小朋", "王小明", NameAgreement.SLIP),
        ("欧阳小小明", "欧阳小明", NameAgreement.SLIP),
        ("欧阳明", "欧阳小明", NameAgreement.SLIP),
        ("王强", "王伟", None),
        ("王大力", "王小明", None),
        ("wang xiaoming", "王小明", NameAgreement.PINYIN),
        ("WANGXIAOMIN", "王小明", NameAgreement.ACCENT),
        ("wxm", "王小明", NameAgreement.INITIALS),
        ("lü bu", "吕布", NameAgreement.PINYIN),
        ("lubu", "吕布", NameAgreement.ACCENT),
    ],
)
def test_persons(typed: str, name: str, agrees: NameAgreement | None) -> None:
    assert closest(typed, name) == agrees


@pytest.mark.parametrize(
    ("typed", "agrees"),
    [
        ("深圳市维珍妮鞋业有限公司", NameAgreement.EXACT),
        ("维珍妮鞋业", NameAgreement.VARIANT),
        ("維珍妮鞋業", NameAgreement.VARIANT),
        ("维珍妮", NameAgreement.STEM),
        ("维珍妮实业有限公司", NameAgreement.STEM),
        ("维真妮鞋业公司", NameAgreement.PINYIN),
        ("weizhenni", NameAgreement.PINYIN),
        ("维珍娜鞋业有限公司", NameAgreement.SLIP),
        ("光明", None),
    ],
)
def test_organisations(typed: str, agrees: NameAgreement | None) -> None:
    assert closest(typed, "深圳市维珍妮鞋业有限公司", "organisation") == agrees


def test_a_masked_name_and_one_that_says_nobody_have_no_keys() -> None:
    assert person_keys(pl.Series(["张先生", "张*", None, ""])).is_empty()


def test_a_firm_is_met_by_its_stem_where_that_looks_like_a_persons_name() -> None:
    assert closest("王小明", "深圳市王小明餐饮店", "organisation", "person") == NameAgreement.STEM


@pytest.mark.parametrize("typed", ["zhangwei", "Zhang Wei", "zhang-wei", "xi'an", "zw", "lü"])
def test_pinyin_and_initials(typed: str) -> None:
    assert spoken(typed)


@pytest.mark.parametrize("typed", ["", "A12", "hello", "张wei", "a" * 200, "zhangwei" * 30, "'; DROP", "%", "wang%", "zh'" * 60, "b"])
def test_what_is_no_pinyin(typed: str) -> None:
    assert spoken(typed) is None


def test_a_hostile_word_costs_no_time() -> None:
    for typed in ("a" * 100, "an" * 50, "zh'" * 33, "u" * 99 + "!", "ng" * 50, "i-" * 50, "ianguang" * 12):
        began = time.perf_counter()
        spoken(typed)
        assert time.perf_counter() - began < 0.05, typed[:8]


TYPED = st.one_of(
    st.text(max_size=30), st.text("张王小明伟偉欧阳深圳市光明区维珍妮鞋业有限公司第一中学店(分)·Aaz9 先生太总*某", max_size=16)
)


@settings(max_examples=12)
@example(["0齭", "齭齭"])
@example(["先生"])  # which says nobody, and looks as 陈生 does
@given(st.one_of(*(st.lists(TYPED, min_size=size, max_size=size) for size in (1, 30))))
def test_what_is_typed_has_the_keys_that_a_column_of_it_has(typed: list[str]) -> None:
    column = pl.Series(typed, dtype=pl.String)
    assert {(one, key) for one in typed for key in single.person_keys(one)} == set(person_keys(column).rows())
    assert {(one, key) for one in typed for key in single.organisation_keys(one)} == set(organisation_keys(column).rows())


@given(st.text(max_size=40))
def test_every_text_has_keys_or_none(typed: str) -> None:
    for kind in ("person", "organisation", "either"):
        assert all(key[0] in AGREEMENTS for key in typed_keys(typed, kind))  # type: ignore[arg-type]
