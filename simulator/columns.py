"""Columns of a made-up world: drawing, picking and patching whole arrays at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import yaml

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Random = np.random.Generator

_WORDS = Path(__file__).parent / "words"
SECONDS_A_DAY = 86_400


@cache
def words(name: str) -> dict[str, Any]:
    """A word list of simulator/words, read once."""
    text = (_WORDS / f"{name}.yml").read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)  # CSafeLoader builds plain data only
    return document


def strings(values: Sequence[str]) -> pl.Series:
    """A vocabulary to pick from."""
    return pl.Series(values, dtype=pl.String)


def pick(vocabulary: pl.Series, places: Ints) -> pl.Series:
    """The words that stand at these places."""
    return vocabulary.gather(places)


def draw(rng: Random, weights: Sequence[float] | Floats, count: int) -> Ints:
    """Places drawn by weight."""
    bounds = np.cumsum(np.asarray(weights, dtype=np.float64))
    found: Ints = np.searchsorted(bounds, rng.random(count) * bounds[-1], side="right").astype(np.int64)
    return found


def draw_rows(rng: Random, bounds: Floats, rows: Ints) -> Ints:
    """One place a row, by the weights of that row; `bounds` holds cumulated shares, one line a kind of row."""
    found: Ints = (rng.random(len(rows))[:, None] >= bounds[rows]).sum(axis=1).astype(np.int64)
    return found


def below(rng: Random, limits: Ints) -> Ints:
    """Whole numbers from 0, each below its own limit."""
    return np.minimum((rng.random(len(limits)) * limits).astype(np.int64), np.maximum(limits - 1, 0))


def chance(rng: Random, share: float | Floats, count: int) -> Flags:
    """True at this share."""
    return np.asarray(rng.random(count, dtype=np.float32) < share)


def glue(*pieces: pl.Series | str) -> pl.Series:
    """Pieces side by side; a null makes the whole null."""
    columns = [pl.lit(piece) if isinstance(piece, str) else piece.rename(f"c{number}") for number, piece in enumerate(pieces)]
    frame = pl.DataFrame([column for column in columns if isinstance(column, pl.Series)])
    return frame.select(pl.concat_str([c if isinstance(c, pl.Expr) else pl.col(c.name) for c in columns]).alias("glued")).to_series()


def put(column: pl.Series, rows: Ints, values: pl.Series) -> pl.Series:
    """The column with these rows replaced."""
    if len(rows) == 0:
        return column
    order = np.arange(len(column))
    order[rows] = len(column) + np.arange(len(rows))
    return pl.concat([column, values.cast(column.dtype)]).gather(order)


def blank(column: pl.Series, keep: Flags) -> pl.Series:
    """The column with null where it is not kept."""
    return pl.select(pl.when(pl.Series(keep)).then(column)).to_series()


def either(flags: Flags, then: pl.Series, otherwise: pl.Series) -> pl.Series:
    """One column where the flag is set, the other elsewhere."""
    return pl.select(pl.when(pl.Series(flags)).then(then).otherwise(otherwise)).to_series()


def spread(sizes: Ints) -> tuple[Ints, Ints]:
    """Groups of these sizes laid out in a row: the group of each place, and its position within the group."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    starts = np.cumsum(sizes) - sizes
    return group, np.arange(len(group)) - starts[group]


@dataclass
class Notes:
    """Which kinds of noise were applied to which rows."""

    kinds: list[str] = field(default_factory=list)
    rows: list[Ints] = field(default_factory=list)

    def add(self, kind: str, rows: Ints | Flags) -> None:
        """Note a kind for rows, told by number or by flag."""
        numbers = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows.astype(np.int64)
        if len(numbers):
            self.kinds.append(kind)
            self.rows.append(numbers)

    def lists(self, count: int) -> pl.Series:
        """One list of kinds a row, in the order they were noted."""
        empty = pl.Series([[]], dtype=pl.List(pl.String))
        if not self.rows:
            return empty.gather(np.zeros(count, dtype=np.int64))
        kinds = pick(strings(self.kinds), np.repeat(np.arange(len(self.kinds)), [len(rows) for rows in self.rows]))
        noted = pl.DataFrame({"row": np.concatenate(self.rows), "kind": kinds})
        grouped = noted.group_by("row", maintain_order=True).agg("kind")
        order = np.zeros(count, dtype=np.int64)
        order[grouped["row"].to_numpy()] = 1 + np.arange(grouped.height)
        return pl.concat([empty, grouped["kind"]]).gather(order).alias("noise")
