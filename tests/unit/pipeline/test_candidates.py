"""BLOCKING: keys as the store holds them."""

from __future__ import annotations

import polars as pl

from pipeline.resolving.candidates import key_numbers


def test_keys_are_the_64_bits_that_xxh3_states_for_them() -> None:
    # The algorithm's published value for no input at all: stored keys must mean the same to every later version.
    assert key_numbers(pl.Series(["", None], dtype=pl.String)).to_list() == [0x2D06800538D394C2, None]


def test_equal_keys_are_equal_numbers_and_others_are_not() -> None:
    numbers = key_numbers(pl.Series([f"ph:{number}|王" for number in range(70_000)] * 2))
    assert numbers.n_unique() == 70_000
    assert numbers.dtype == pl.Int64


def test_each_key_has_its_number_where_others_are_null() -> None:
    keys = pl.Series("key", [None, "a", "b", None, "a", None])
    a, b = key_numbers(pl.Series(["a", "b"])).to_list()
    assert key_numbers(keys).to_list() == [None, a, b, None, a, None]
    assert key_numbers(keys.clear()).to_list() == []
