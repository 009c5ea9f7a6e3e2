"""How well the packaged models link a simulated district: floors that no change of a weight, a form or a key may fall below.

`python -m benchmarks matching` measures the same on worlds that are larger; what it prints stands in docs/benchmarks.md.
"""

from __future__ import annotations

from functools import cache

import polars as pl
import pytest

from benchmarks.worlds import Feeds
from matching.evaluation import Evaluation, evaluate
from matching.linkage import deduplicate
from matching.model_file import packaged_model

RECORDS, SEED = 4_000, 424242  # a world that no weight was set by, and that is not measured
WRONG_MOST = 0.002  # of the pairs that must stay two
FEEDS = Feeds(RECORDS, SEED)


@cache
def linked(relation: str) -> tuple[Evaluation, dict[str, tuple[int, int, bool]]]:
    """What the packaged model makes of a relation: its quality, and of each kind of hard pairs how many there are and were made one."""
    measured = FEEDS.measured(relation)
    found = pl.DataFrame(deduplicate(relation, measured.inputs, packaged_model(relation)))
    cluster = measured.rows.select("id").join(found, on="id", how="left", maintain_order="left")["cluster"]
    return evaluate(cluster, measured.rows["truth"]), measured.by_kind(cluster)


@pytest.mark.parametrize(
    ("relation", "precision", "recall"), [("person", 0.99, 0.865), ("organisation", 0.98, 0.89), ("case", 0.98, 0.896)]
)
def test_the_packaged_model_links_a_district_it_has_not_seen(relation: str, precision: float, recall: float) -> None:
    evaluation, _ = linked(relation)
    assert evaluation.true_pairs > 2_000
    assert evaluation.pairwise.precision >= precision
    assert evaluation.pairwise.recall >= recall


@pytest.mark.parametrize(("relation", "kind"), [("case", "two_disputes_one_person"), ("organisation", "same_stem_firms")])
def test_what_looks_like_one_and_is_two_stays_two(relation: str, kind: str) -> None:
    pairs, made_one, is_one = linked(relation)[1][kind]
    assert not is_one
    assert pairs > 300
    assert made_one <= WRONG_MOST * pairs
