"""COMPARISON of lists: what two rows have in common, and how rare it is.

Enters a column of lists (words, pieces, mentions). What two rows share says the more the fewer rows hold it: a road named by
two rows of a table is nearly a proof, a river named by a fifth of them is none.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from matching.levels import Levels, graded
from matching.model import Comparison
from matching.sides import Floats, Sides

_PAIRS = 200_000  # at a time, for memory


def shared(sides: Sides, comparison: Comparison) -> Levels:
    """How many rows of the table hold the rarest of what both hold; without limit where both hold something, but nothing in common."""
    held = _held(sides, comparison)
    return graded(comparison, np.where(sides.both(comparison.column), _met(sides, held, pl.col("rows").min(), np.inf), np.nan))


def overlap(sides: Sides, comparison: Comparison) -> Levels:
    """Share of the shorter list, 0–1, that both hold, what is rare weighing more: 1 where one list is all in the other."""
    held = _held(sides, comparison).with_columns(weight=(pl.lit(1.0 + len(sides.forms)) / pl.col("rows")).log())
    whole = np.zeros(len(sides.forms))
    lists = held.group_by("row").agg(pl.col("weight").sum())
    whole[lists["row"].to_numpy()] = lists["weight"].to_numpy()
    shorter = np.minimum(whole[sides.left], whole[sides.right])
    common = _met(sides, held, pl.col("weight").sum(), 0.0)
    return graded(comparison, np.where(sides.both(comparison.column), common / np.maximum(shorter, 1e-12), np.nan))


def _held(sides: Sides, comparison: Comparison) -> pl.DataFrame:
    """What each row holds, each item once, and how many rows hold it."""
    lists = sides.forms[comparison.column]
    held = pl.DataFrame({"row": np.arange(len(lists)), "item": lists}).explode("item").drop_nulls().unique()
    return held.with_columns(rows=pl.len().over("item").cast(pl.Float64))


def _met(sides: Sides, held: pl.DataFrame, measure: pl.Expr, none: float) -> Floats:
    """A measure of what both rows of each pair hold; `none` where that is nothing."""
    found: Floats = np.full(len(sides), none)
    theirs = held.lazy().select("row", "item")
    for start in range(0, len(sides), _PAIRS):
        part = slice(start, start + _PAIRS)
        pairs = pl.DataFrame({"pair": np.arange(len(sides))[part], "left": sides.left[part], "right": sides.right[part]})
        ours = pairs.lazy().join(held.lazy(), left_on="left", right_on="row")
        both = ours.join(theirs, left_on=["right", "item"], right_on=["row", "item"]).group_by("pair")
        measured = both.agg(measure.alias("measure")).collect()
        found[measured["pair"].to_numpy()] = measured["measure"].to_numpy()
    return found
