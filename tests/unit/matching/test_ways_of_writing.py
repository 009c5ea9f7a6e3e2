"""What sources write of one code or category, more or less of it."""

from __future__ import annotations

import polars as pl
import pytest

from matching.ways_of_writing import abbreviated_to, pattern_of


def test_noughts_before_a_number_are_a_way_of_writing_only_where_there_is_another() -> None:
    numbers = [str(n) for n in range(1, 20)]
    pattern = pattern_of(pl.Series([*numbers, *(f"{n:03}" for n in range(1, 20))]))
    assert pattern is not None
    assert pl.Series(["007", "7", "A7", "10", "0"]).str.extract(pattern).to_list() == ["7", "7", "7", "10", "0"]
    postcodes = [f"{n:05}" for n in range(1_000, 99_000, 487)]
    assert pattern_of(pl.Series(postcodes)) is None


def test_what_follows_a_dash_is_a_way_of_writing_where_codes_without_it_are_the_same() -> None:
    codes = [f"27{n:03}" for n in range(0, 900, 7)]
    pattern = pattern_of(pl.Series([*codes, *(f"{code}-06{n % 90 + 10}" for n, code in enumerate(codes))]))
    assert pattern is not None
    assert pl.Series(["27007-0612", "27007"]).str.extract(pattern).to_list() == ["27007", "27007"]
    assert pattern_of(pl.Series([*codes, *(f"HV{n}-{n}X" for n in range(90))])) is None


@pytest.mark.parametrize(
    ("values", "letters"),
    [
        (["M", "Male", "F", "Female", "U"], 1),
        (["English", "Eng.", "eng", "German", "ger"], 3),
        (["North", "North East", "South"], 0),  # two regions
        (["A", "AB", "AC"], 0),
        (["1", "10", "2"], 0),
        (["app", "phone", "web"], 0),
    ],
)
def test_a_category_that_is_cut_off_by_some_is_known(values: list[str], letters: int) -> None:
    assert abbreviated_to(pl.Series(values)) == letters
