"""Value pairs of candidate pairs: each is named once, whether a column has few values or hardly one twice."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from matching.sides import Sides
from schema.records import PAIR

ROWS = 120


@pytest.mark.parametrize("values", [1, 7, ROWS])
@pytest.mark.parametrize("share", [1.0, 0.02], ids=["all", "few"])
def test_each_value_pair_is_named_once_and_every_pair_finds_its_own(values: int, share: float) -> None:
    dice = np.random.default_rng(values)
    texts = [f"值{number}" for number in dice.permutation(ROWS) % values]
    left, right = np.triu_indices(ROWS, 1)
    turned = dice.random(len(left)) < 0.5  # a value may stand on either side
    left, right = np.where(turned, right, left), np.where(turned, left, right)
    sides = Sides(pl.DataFrame({"id": range(ROWS), "name": texts}).to_arrow(), pa.table([left, right], schema=PAIR))
    where = dice.random(len(left)) < share
    one, other, number = sides.distinct_texts("name", where)
    expected = [frozenset((texts[a], texts[b])) for a, b in zip(left[where], right[where], strict=True)]
    named = [frozenset(pair) for pair in zip(one, other, strict=True)]
    assert [named[place] for place in number] == expected
    assert len(named) == len(set(expected))


def test_of_no_pair_there_is_none() -> None:
    sides = Sides(pl.DataFrame({"id": [1, 2], "name": ["a", "b"]}).to_arrow(), pa.table([[1], [2]], schema=PAIR))
    assert [len(each) for each in sides.distinct_texts("name", np.zeros(1, dtype=np.bool_))] == [0, 0, 0]
