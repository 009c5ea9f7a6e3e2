"""COMPARISON of plain texts: equal, a few edits apart, alike in spelling, in words or in pieces of three characters.

For what no Chinese form fits: English names, codes, titles. Each distinct pair of values is compared once; `words` and
`ngrams` weigh a piece by how rare it is among the values of the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from rapidfuzz import fuzz
from rapidfuzz.distance import OSA, JaroWinkler, Postfix
from rapidfuzz.process import cpdist
from scipy.sparse import csr_array

from matching.levels import Levels, first_of
from matching.model import Comparison
from matching.sides import Flags, Floats, Sides

_Texts: TypeAlias = Sequence[str]
_PIECE = 3
_ROUNDING = 1e-6  # scores come with seven figures


def string(sides: Sides, comparison: Comparison) -> Levels:
    """The first level of which a test holds; the last one takes the rest."""
    both, same = sides.both(comparison.column), sides.same(comparison.column)
    unequal = both & ~same
    measures = _Measures(sides, comparison.column, unequal)
    steps: list[tuple[str, Flags]] = []
    for level in comparison.levels:
        holds = both if not level.tests else np.zeros(len(sides), dtype=np.bool_)
        for test, bound in level.tests:
            if test == "exact":
                holds |= same
            elif test == "swapped_with":
                holds |= unequal & _swapped(sides, comparison.column, str(bound))
            else:
                holds |= same | measures.keeps(test, float(bound))
        steps.append((level.name, holds))
    return first_of(comparison, steps, len(sides))


class _Measures:
    """Measures of the unequal pairs of a column, each worked out when first asked for."""

    def __init__(self, sides: Sides, column: str, unequal: Flags) -> None:
        self.unequal = unequal
        self.left: list[str] = []
        self.right: list[str] = []
        self.number = np.empty(0, dtype=np.int64)
        if unequal.any():
            self.left, self.right, self.number = sides.distinct_texts(column, unequal)
        self.values = sides.values(column)
        self._found: dict[str, Floats] = {}

    def keeps(self, test: str, bound: float) -> Flags:
        """Whether each pair is unequal and within the bound."""
        holds: Flags = self.unequal.copy()
        if len(self.left):
            measure = self._measure(test)
            kept = measure <= bound if test == "edits" else measure >= bound - _ROUNDING
            holds[self.unequal] = kept[self.number]
        return holds

    def _measure(self, test: str) -> Floats:
        if test not in self._found:
            self._found[test] = _MEASURES[test](self.left, self.right, self.values)
        return self._found[test]


def _scored(scorer: Any, scale: float = 1.0) -> Callable[[_Texts, _Texts, _Texts], Floats]:
    def measure(left: _Texts, right: _Texts, _: _Texts) -> Floats:
        found: Floats = cpdist(left, right, scorer=scorer, dtype=np.float32, workers=-1).astype(np.float64) * scale
        return found

    return measure


def _contains(left: _Texts, right: _Texts, _: _Texts) -> Floats:
    pairs = zip(left, right, strict=True)
    return np.array([float(f" {one} " in f" {other} " or f" {other} " in f" {one} ") for one, other in pairs])


def _words(left: _Texts, right: _Texts, values: _Texts) -> Floats:
    return _cosine(left, right, values, lambda texts: texts.str.split(" "))


def _ngrams(left: _Texts, right: _Texts, values: _Texts) -> Floats:
    return _cosine(left, right, values, _pieces)


def _pieces(texts: pl.Series) -> pl.Series:
    """Pieces of three characters, a blank before and after."""
    padded = pl.select(pl.concat_str(pl.lit(" "), texts, pl.lit(" "))).to_series()
    # As many pieces as there are characters: a slice for each place of the longest text would be one of all others, too.
    cut = [padded.str.slice(start).str.extract_all(f"(?s).{{{_PIECE}}}") for start in range(_PIECE)]
    return pl.select(pl.concat_list(cut)).to_series()


def _cosine(left: _Texts, right: _Texts, values: _Texts, cut: Callable[[pl.Series], pl.Series]) -> Floats:
    """Cosine of the pieces of either side, each weighed by the logarithm of how rare it is among the values."""
    distinct = pl.Series("value", values, dtype=pl.String)
    table = _weighed_pieces(cut(distinct))
    lengths = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).ravel())
    place = pl.DataFrame({"value": distinct, "place": np.arange(len(distinct))})
    sides = (pl.DataFrame({"value": side}, schema={"value": pl.String}) for side in (left, right))
    ours, theirs = (side.join(place, on="value", how="left", maintain_order="left")["place"].to_numpy() for side in sides)
    shared, sizes = np.zeros(len(ours)), np.diff(table.indptr).astype(np.int64)
    _, starts = np.unique(np.cumsum(sizes[ours] + sizes[theirs]) // _AT_ONCE, return_index=True)
    for start, end in pairwise([*starts.tolist(), len(ours)]):
        part = slice(start, end)
        shared[part] = np.asarray(table[ours[part]].multiply(table[theirs[part]]).sum(axis=1)).ravel()
    cosine: Floats = shared / np.maximum(lengths[ours] * lengths[theirs], 1e-12)
    return cosine


def _weighed_pieces(lists: pl.Series) -> csr_array:
    """A row a text, a column a piece: how often, by logarithm, times how rare it is."""
    pieces = pl.DataFrame({"row": np.arange(len(lists)), "piece": lists}).explode("piece").filter(pl.col("piece") != "")
    counted = pieces.group_by("row", "piece").agg(pl.len().alias("n")).sort("row", "piece")
    weight = pl.col("n").cast(pl.Float64).log1p() * (pl.lit(1.0 + len(lists)) / pl.len().over("piece")).log()
    table = counted.select("row", weight=weight, column=pl.col("piece").rank("dense").cast(pl.Int64) - 1)
    rows, columns = table["row"].to_numpy(), table["column"].to_numpy()
    return csr_array((table["weight"].to_numpy(), (rows, columns)), shape=(len(lists), int(columns.max(initial=0)) + 1))


_AT_ONCE = 10_000_000  # pieces of value pairs, for memory: of long texts a pair has thousands
_MEASURES: dict[str, Callable[[_Texts, _Texts, _Texts], Floats]] = {
    "edits": _scored(OSA.distance),
    "jaro_winkler": _scored(JaroWinkler.similarity),
    "similarity": _scored(fuzz.ratio, 0.01),
    "words": _words,
    "ngrams": _ngrams,
    "contains": _contains,
    "ending": _scored(Postfix.similarity),  # characters at their ends that are equal
}


def _swapped(sides: Sides, column: str, other: str) -> Flags:
    """Where the column of each side holds what the other side has in another column."""
    values = pl.concat([sides.forms[column], sides.forms[other].cast(pl.String)]).unique().drop_nulls()
    codes = {"old": values, "new": pl.int_range(len(values), dtype=pl.Int64, eager=True)}
    stated = (sides.forms[name].replace_strict(**codes, default=-1, return_dtype=pl.Int64) for name in (column, other))
    ours, theirs = (codes_.fill_null(-1).to_numpy() for codes_ in stated)
    known = (ours[sides.left] >= 0) & (theirs[sides.left] >= 0)
    swapped: Flags = known & (ours[sides.left] == theirs[sides.right]) & (theirs[sides.left] == ours[sides.right])
    return swapped
