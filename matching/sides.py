"""Forms seen from both sides of each candidate pair, as arrays.

Enters forms and pairs; leaves, for a column, codes of its distinct values on either side, so that values are compared
once however many pairs hold them.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from rapidfuzz.distance import OSA
from rapidfuzz.process import cpdist

from hub.errors import ContractError

Flags: TypeAlias = npt.NDArray[np.bool_]
Codes: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
_ROOM = 4  # places a number, up to which laying them out is quicker than sorting


class Sides:
    """Columns of forms gathered for pairs.

    Args:
        forms: a row for each id, in any order.
        pairs: PAIR; a pair may name one id twice.

    Raises:
        ContractError: a pair names an id that has no form.
    """

    def __init__(self, forms: pa.Table, pairs: pa.Table) -> None:
        self.forms = pl.DataFrame(forms)
        self.left = self._rows(pairs.column("left").to_numpy())
        self.right = self._rows(pairs.column("right").to_numpy())
        self._codes: dict[str, tuple[Codes, pa.Array]] = {}
        self._lengths: dict[str, Codes] = {}
        self._overlaps: dict[tuple[str, str], Flags] = {}

    def __len__(self) -> int:
        return len(self.left)

    def _rows(self, ids: npt.NDArray[np.int64]) -> Codes:
        found: Any = pa.compute.index_in(pa.array(ids), value_set=self.forms["id"].to_arrow())
        if found.null_count:
            raise ContractError(
                "候选对中的编号没有可比形式 · a pair names an id that has no form",
                remedy="传入每对两侧的可比形式 · pass the forms of both sides of every pair",
            )
        rows: Codes = found.to_numpy().astype(np.int64)
        return rows

    def codes(self, column: str) -> tuple[Codes, Codes]:
        """Codes of the values on either side: equal codes, equal values; −1 is null."""
        codes, _ = self._coded(column)
        return codes[self.left], codes[self.right]

    def values(self, column: str) -> list[str]:
        """The distinct values of a text column, each at its code."""
        values: list[str] = self._coded(column)[1].to_pylist()
        return values

    def written(self, column: str) -> list[str]:
        """The distinct values of any column as texts, each at its code: of dates and numbers as training counts them."""
        if self.forms.schema[column] == pl.String:
            return self.values(column)
        return pl.Series(self._coded(column)[1]).cast(pl.String).to_list()

    def both(self, *columns: str) -> Flags:
        """Where both sides have every one of the columns."""
        flags = np.ones(len(self), dtype=np.bool_)
        for column in columns:
            present = self.forms[column].is_not_null().to_numpy()
            flags &= present[self.left] & present[self.right]
        return flags

    def same(self, *columns: str) -> Flags:
        """Where both sides have every one of the columns, and each is equal."""
        flags = np.ones(len(self), dtype=np.bool_)
        for column in columns:
            left, right = self.codes(column)
            flags &= (left == right) & (left >= 0)
        return flags

    def either(self, column: str) -> Flags:
        """Where a boolean column is true on at least one side."""
        true: Flags = self.forms[column].fill_null(False).to_numpy()
        return true[self.left] | true[self.right]

    def numbers(self, column: str) -> tuple[Floats, Floats]:
        """A numeric column from either side; null is NaN."""
        values = self.forms[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        return values[self.left], values[self.right]

    def filled(self, *columns: str) -> Flags:
        """Where both sides have something in at least one of the list columns."""
        has_any = np.zeros(self.forms.height, dtype=np.bool_)
        for column in columns:
            has_any |= self._length(column) > 0
        return has_any[self.left] & has_any[self.right]

    def overlap(self, ours: str, theirs: str) -> Flags:
        """Where the left side's list and the right side's other list share an element."""
        if (ours, theirs) not in self._overlaps:
            where = (self._length(ours)[self.left] > 0) & (self._length(theirs)[self.right] > 0)
            shares = np.zeros(len(self), dtype=np.bool_)
            if where.any():
                left = self.forms[ours].gather(pl.Series(self.left[where]))
                right = self.forms[theirs].gather(pl.Series(self.right[where]))
                shares[where] = (left.list.set_intersection(right).list.len() > 0).to_numpy()
            self._overlaps[ours, theirs] = shares
        return self._overlaps[ours, theirs]

    def _length(self, column: str) -> Codes:
        if column not in self._lengths:
            self._lengths[column] = self.forms[column].list.len().fill_null(0).to_numpy().astype(np.int64)
        return self._lengths[column]

    def gathered(self, column: str, where: Flags) -> tuple[pl.Series, pl.Series]:
        """A column from either side, for the pairs flagged."""
        values = self.forms[column]
        return values.gather(pl.Series(self.left[where])), values.gather(pl.Series(self.right[where]))

    def distinct(self, column: str, where: Flags, *more: str) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]], Codes]:
        """Distinct value pairs of a text column among the pairs flagged, whichever side a value stands on.

        Args:
            column: the text column; null on neither side where flagged.
            where: a flag for each pair.
            more: text columns that follow from `column`, wanted beside it.

        Returns:
            one side's (value, *more), the other's, and for each flagged pair the number of its value pair.
        """
        one, other, number = self._distinct_rows(column, where)
        values = self.forms.select(pl.col(name).fill_null("") for name in (column, *more))
        return values[one].rows(), values[other].rows(), number

    def distinct_texts(self, column: str, where: Flags) -> tuple[list[str], list[str], Codes]:
        """The same of one column, as plain texts: a tuple for each of a million takes as long as comparing them."""
        one, other, number = self._distinct_rows(column, where)
        values = self.forms[column]
        return values.gather(one).to_list(), values.gather(other).to_list(), number

    def _distinct_rows(self, column: str, where: Flags) -> tuple[Codes, Codes, Codes]:
        """Of each distinct value pair a row with one side's value and a row with the other's; for each flagged pair its value pair."""
        codes, dictionary = self._coded(column)
        size = max(len(dictionary), 1)
        left, right = codes[self.left[where]], codes[self.right[where]]
        joint, number = _each_once(np.minimum(left, right) * size + np.maximum(left, right), size * size)
        row_of = np.zeros(size, dtype=np.int64)
        row_of[codes[codes >= 0]] = np.flatnonzero(codes >= 0)
        return row_of[joint // size], row_of[joint % size], number

    def edits(self, column: str, where: Flags, at_most: int) -> Codes:
        """Edits (one character put in, left out, changed, or two neighbours swapped) between the values of a text column.

        Returns:
            for each pair; `at_most` + 1 where there are more, or the pair is not flagged.
        """
        edits = np.full(len(self), at_most + 1, dtype=np.int64)
        if where.any():
            left, right, number = self.distinct_texts(column, where)
            found = cpdist(left, right, scorer=OSA.distance, score_cutoff=at_most, dtype=np.int32)
            edits[where] = found[number]
        return edits

    def _coded(self, column: str) -> tuple[Codes, pa.Array]:
        if column not in self._codes:
            encoded: Any = pa.compute.dictionary_encode(self.forms[column].to_arrow())
            codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
            self._codes[column] = (codes, encoded.dictionary)
        return self._codes[column]


def _each_once(numbers: Codes, end: int) -> tuple[Codes, Codes]:
    """The distinct ones of numbers from 0 to before `end`, in order, and for each number its place among them.

    A place for every number that there may be takes a tenth of the time of sorting them, as long as it is no longer than they are many.
    """
    if end > _ROOM * len(numbers):
        return np.unique(numbers, return_inverse=True)
    is_there = np.zeros(end, dtype=np.bool_)
    is_there[numbers] = True
    distinct = np.flatnonzero(is_there)
    place = np.empty(end, dtype=np.int64)
    place[distinct] = np.arange(len(distinct))
    return distinct, place[numbers]
