"""One value through a transform is what the column of one value is: shapes that pass as they are, and ways that are shorter."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.columns.transforms import TRANSFORMS, Options
from pipeline.columns.transforms.single import SHAPES, Unreadable, transformed

WRITTEN = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["无", "不详", "N/A", " 无 ", "--", "\ufeff王五\u200b", "保密", "未登记", "0000-00-00", "２０２５", "3.6万", "-0", "0.005", "1e3"]
    ),
    st.from_regex(r"-?[0-9]{1,16}(\.[0-9]{0,3})?", fullmatch=True),
    st.from_regex(r"(18|19|20|21)[0-9]{2}-[01][0-9]-[0-3][0-9]", fullmatch=True),
    st.from_regex(
        r"(18|19|20|21)[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9](Z|[+-][0-2][0-9]:[0-6][0-9])", fullmatch=True
    ),
)


def by_column(transform: str, value: str) -> Any:
    read = TRANSFORMS[transform](pl.Series([value], dtype=pl.String), Options())
    return Unreadable if read.refused[0] else read.values[0]


def by_value(transform: str, value: str) -> Any:
    try:
        return transformed(transform, value)
    except Unreadable:
        return Unreadable


@pytest.mark.parametrize("transform", SHAPES)
@given(data=st.data())
def test_a_value_of_the_shape_passes_as_it_is(transform: str, data: st.DataObject) -> None:
    value = data.draw(st.from_regex(SHAPES[transform], fullmatch=True))
    assert by_value(transform, value) == by_column(transform, value)


@pytest.mark.parametrize(
    "transform", ["text", "party_name", "address", "id_no", "uscc", "phone", "money", "date", "datetime", "gender", "street"]
)
@given(value=WRITTEN)
@example(value="1900-01-01T00:00:00-24:00")
@example(value="1900-01-01T00:00:00+08:00")
@example(value="2026-01-02T24:00:00Z")
@example(value="2026-01-02T10:60:00Z")
def test_any_value_is_read_as_its_column(transform: str, value: str) -> None:
    assert by_value(transform, value) == by_column(transform, value)
