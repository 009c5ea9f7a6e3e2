"""REPEATS: which sources of a table hold nothing twice, by what its own pairs show.

Enters the pairs that met, weighed; leaves for each source what was seen of it. What is one and stands in two sources shows how alike
rows are that are one: of pairs of two sources, each row the other's likeliest, half are more alike than the rest. A source that held
things twice would have pairs of its own that are as alike; one that holds nothing twice has none, however many of its firms
stand in one building, or its tracks on one album.

How alike two rows are is the share of the bits they reach of those they would have if all that both hold were equal: the weight
alone is high for neighbours, too, where they share many columns. They are as alike, too, if they are so in what says who somebody is,
and that alone would link them: who registers anew after moving is there twice.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from matching.expectation import Flags, Floats, Ints
from matching.model import Model
from matching.table_model import TableModel

_FOUND = 0.5  # of the repeats: as alike as the more alike half
_REPEATED = 0.015  # of a source's rows, from which on it is taken to hold things twice
_SURELY_FEWER = 0.05  # of its rows, that its repeats must be below with what chance may hide: few rows tell nothing
_SURE = 3.0  # bits by which what says who somebody is must link alone
_LEAST_ACROSS = 30  # pairs that are one and stand in this source and another, to tell how alike such rows are


@dataclass(frozen=True)
class SourceSeen:
    """What the pairs of a table show of one source.

    Args:
        source: its name.
        rows: of it.
        across: pairs of its rows with those of other sources, each the other's likeliest.
        within: pairs of its own rows that are linked and as alike as the more alike half of these.
        share: of its pairs that are seen: of a sample of the rows so many.
    """

    source: str
    rows: int
    across: int
    within: int
    share: float = 1.0

    @property
    def holds_nothing_twice(self) -> bool:
        """Whether fewer of its rows are repeats than matter, by what was seen and by what chance may hide."""
        rows = self.rows * self.share
        most = self.within + 2 * self.within**0.5 + 3  # seldom are so few seen of more
        is_rare = self.within / _FOUND <= _REPEATED * rows and most / _FOUND <= _SURELY_FEWER * rows
        return self.across >= _LEAST_ACROSS and is_rare


def sources_seen(
    levels: pa.Table, edges: pa.Table, model: Model, source: pl.Series, where: Collection[str] = (), share: float = 1.0
) -> tuple[SourceSeen, ...]:
    """What pairs show of each source, by name.

    Args:
        levels: of the pairs that met, none left out for being of one source.
        edges: EDGE of the same pairs, in the same order.
        model: that weighed them.
        source: of each row; rows without one take no part.
        where: comparisons of what says where somebody is.
        share: of the whole table's pairs that these rows have.
    """
    names = source.drop_nulls().unique().sort()
    of = source.to_frame("s").join(pl.DataFrame({"s": names, "n": range(len(names))}), on="s", how="left", maintain_order="left")["n"]
    code = of.fill_null(-1).to_numpy().astype(np.int64)
    left, right = (levels.column(side).to_numpy() for side in ("left", "right"))
    ours, theirs = code[left], code[right]
    weight = edges.column("match_weight").to_numpy()
    links = (weight >= model.link) & (ours >= 0) & (theirs >= 0)
    across = links & (ours != theirs)
    across &= _likeliest(across, left, right, weight, len(code))
    who = replace(model, comparisons=tuple(each for each in model.comparisons if each.name not in where))
    looks = [_look(levels, model, 0.0), *([_look(levels, who, _SURE)] if where and who.comparisons else [])]
    within = links & (ours == theirs)
    as_alike = np.zeros(int(within.sum()), dtype=np.bool_)
    for alike, may_link in looks:
        usual = across & may_link
        bound = _medians(np.tile(alike[usual], 2), np.concatenate((ours[usual], theirs[usual])), len(names))
        as_alike |= may_link[within] & (alike[within] >= bound[ours[within]])
    counted = (code[code >= 0], np.concatenate((ours[across], theirs[across])), ours[within][as_alike])
    seen = zip(names.to_list(), *(np.bincount(each, minlength=len(names)).tolist() for each in counted), strict=True)
    return tuple(SourceSeen(str(name), rows, others, repeats, share) for name, rows, others, repeats in seen)


def source_of(rows: pl.DataFrame, table: TableModel) -> pl.Series | None:
    """Where each row comes from, if the table tells."""
    return None if table.source is None else rows[table.source].cast(pl.String)


def apart(rows: pl.DataFrame, table: TableModel) -> pl.Series:
    """The source of each row, where it is known to hold nothing twice."""
    source = source_of(rows, table)
    if source is None or not table.unique_within:
        return pl.Series("apart", [None], dtype=pl.String).new_from_index(0, len(rows))
    if table.unique_within is True:
        return source.alias("apart")
    return pl.select(pl.when(source.is_in(sorted(table.unique_within))).then(source).alias("apart")).to_series()


def without_repeats(seen: Sequence[SourceSeen]) -> frozenset[str]:
    """Names of those that hold nothing twice."""
    return frozenset(each.source for each in seen if each.holds_nothing_twice)


def _medians(values: Floats, of: Ints, count: int) -> Floats:
    """The median of the values of each source; infinity where it has none."""
    held = pl.DataFrame({"of": of, "value": values}).group_by("of").agg(pl.col("value").median())
    found = np.full(count, np.inf)
    found[held["of"].to_numpy()] = held["value"].to_numpy()
    return found


def _look(levels: pa.Table, model: Model, least: float) -> tuple[Floats, Flags]:
    """Of each pair the share of the bits that it reaches, and whether these comparisons link it, by so many bits at least."""
    reached, most = np.zeros(levels.num_rows), np.zeros(levels.num_rows)
    for comparison in model.comparisons:
        bits = np.array([0.0, *(level.bits for level in comparison.levels)])
        level = levels.column(comparison.name).to_numpy()
        reached += bits[level]
        most += np.where(level > 0, max(bits.max(), 0.0), 0.0)
    share: Floats = np.divide(reached, most, out=np.zeros_like(most), where=most > 0)
    return share, model.prior + reached >= model.link + least


def _likeliest(pairs: Flags, left: Ints, right: Ints, weight: Floats, rows: int) -> npt.NDArray[np.bool_]:
    """Which of these pairs weigh most of all those of their left and of their right row."""
    most = np.full(rows, -np.inf)
    for side in (left, right):
        np.maximum.at(most, side[pairs], weight[pairs])
    found: npt.NDArray[np.bool_] = (weight >= most[left]) & (weight >= most[right])
    return found
