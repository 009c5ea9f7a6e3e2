"""EVALUATION: how good clusters are, against the truth.

Enters two columns over the same rows, the cluster predicted and the entity in truth; leaves pairwise and B³ precision,
recall and F1. Counted from sizes of groups, so that a million rows take no pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import pyarrow as pa


@dataclass(frozen=True)
class Quality:
    """Precision, recall and F1, each 0–1; one where there is nothing to find and nothing was claimed."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean of the two."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


@dataclass(frozen=True)
class Evaluation:
    """Pairwise (how many linked pairs are right, how many right pairs are linked) and B³ (the same, a row at a time)."""

    pairwise: Quality
    b_cubed: Quality
    rows: int
    predicted_pairs: int
    true_pairs: int
    shared_pairs: int


def evaluate(predicted: pa.Array | pa.ChunkedArray | pl.Series, truth: pa.Array | pa.ChunkedArray | pl.Series) -> Evaluation:
    """Compare clusters with the truth; a row whose truth is null takes no part.

    Args:
        predicted: the cluster of each row.
        truth: the entity of each row, in the same order.
    """
    frame = pl.DataFrame({"predicted": pl.Series(predicted), "truth": pl.Series(truth)}).drop_nulls("truth")
    both = frame.group_by("predicted", "truth").agg(pl.len().cast(pl.Int64).alias("n"))
    both = both.with_columns(pl.col("n").sum().over("predicted").alias("of_predicted"), pl.col("n").sum().over("truth").alias("of_truth"))
    shared = _pairs(both["n"])
    claimed = _pairs(both.group_by("predicted").agg(pl.col("n").sum())["n"])
    wanted = _pairs(both.group_by("truth").agg(pl.col("n").sum())["n"])
    rows = frame.height
    square = pl.col("n") * pl.col("n")
    cubed = both.select(precision=(square / pl.col("of_predicted")).sum(), recall=(square / pl.col("of_truth")).sum())
    return Evaluation(
        pairwise=Quality(_share(shared, claimed), _share(shared, wanted)),
        b_cubed=Quality(_share(cubed["precision"].item(), rows), _share(cubed["recall"].item(), rows)),
        rows=rows,
        predicted_pairs=claimed,
        true_pairs=wanted,
        shared_pairs=shared,
    )


def _pairs(sizes: pl.Series) -> int:
    return int((sizes * (sizes - 1)).sum()) // 2


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 1.0
