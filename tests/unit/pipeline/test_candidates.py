"""BLOCKING: keys as the store holds them."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from pipeline import candidates
from pipeline.candidates import Met, key_numbers
from pipeline.relations import ORGANISATION


def test_keys_are_the_64_bits_that_xxh3_states_for_them() -> None:
    # The algorithm's published value for no input at all: stored keys must mean the same to every later version.
    assert key_numbers(pl.Series(["", None], dtype=pl.String)).to_list() == [0x2D06800538D394C2, None]


def test_equal_keys_are_equal_numbers_and_others_are_not() -> None:
    numbers = key_numbers(pl.Series([f"ph:{number}|王" for number in range(70_000)] * 2))
    assert numbers.n_unique() == 70_000
    assert numbers.dtype == pl.Int64


def test_of_one_entity_some_are_compared_for_each_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Node 1 shares key 7 with ten of one firm, key 8 with the last of them too, key 9 with that last one's neighbour alone."""
    none: Any = None
    shared = [(7, 1, other) for other in range(100, 110)] + [(8, 1, 109), (9, 1, 120)]
    met = Met(pl.DataFrame(shared, {"key": pl.Int64, "id": pl.Int64, "other": pl.Int64}, orient="row"))
    monkeypatch.setattr(candidates, "entities_of", lambda channel, relation, ids: pl.DataFrame({"id": ids, "entity": "e"}))
    turns = candidates.in_turn(none, ORGANISATION, met)
    firsts = turns.filter("is_first")["other"].sort().to_list()
    assert (firsts, turns.height) == ([100, 109, 120], 11)  # two of key 7, the one with most keys among them; of 8 and 9 the only one


def test_all_are_compared_where_they_are_few() -> None:
    none: Any = None
    met = Met(pl.DataFrame([(7, 1, other) for other in range(6)], {"key": pl.Int64, "id": pl.Int64, "other": pl.Int64}, orient="row"))
    assert candidates.in_turn(none, ORGANISATION, met)["is_first"].all()
