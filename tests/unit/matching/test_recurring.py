"""What comes again at one spot weeks later, agrees in all but the day, and is two."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

import polars as pl

from matching.evaluation import evaluate
from matching.table_linkage import link_table
from matching.table_model import table_model_from

_KINDS = ("street light out", "rubbish dumped", "hole in the road", "loud music", "tree fallen", "sign bent", "water leak", "rats seen")
_DAYS = (("same", 0), ("near", 3), ("close", 14), ("around", 60))
_MODEL: dict[str, Any] = {
    "version": 1,
    "fields": {"reported": {"from": "reported", "as": "date"}, "kind": "kind", "address": "address"},
    "blocking": [{"name": "address", "fields": ["address"]}, {"name": "kind_and_day", "fields": ["kind", "reported"]}],
    "comparisons": [
        {"name": "reported", "kind": "days", "levels": [*({"name": n, "at_most": most} for n, most in _DAYS), {"name": "far"}]},
        {"name": "kind", "kind": "name"},
        {"name": "address", "kind": "name"},
    ],
    "told_apart_by": ["reported", "kind"],
}


def reports(seed: int, spots: int = 120) -> pl.DataFrame:
    """Reports of what happens at some spots, each thing up to three times in weeks or months."""
    drawn, rows, number = random.Random(seed), [], 0
    for _ in range(spots):
        street = f"{drawn.randint(1, 400)} {''.join(drawn.choice('abcdefghiklmnoprstuvz') for _ in range(7))} road"
        for _ in range(2):
            kind, day = drawn.choice(_KINDS), date(2024, 1, 1) + timedelta(drawn.randrange(360))
            for _ in range(drawn.choice((1, 2, 3))):
                for _ in range(drawn.choice((1, 2, 2, 3))):
                    reported = day + timedelta(drawn.choice((0, 0, 0, 1, 2)))
                    rows.append((number, str(reported), kind, street if drawn.random() < 0.9 else None))
                day, number = day + timedelta(drawn.randint(20, 120)), number + 1
    return pl.DataFrame(rows, schema=["truth", "reported", "kind", "address"], orient="row").cast(pl.String)


def test_what_recurs_is_told_apart_by_the_days_between() -> None:
    for seed in (3, 4):
        rows = reports(seed)
        linkage = link_table(rows, table_model_from(_MODEL, "reports"))
        found = evaluate(pl.Series(linkage.clusters["cluster"]), rows["truth"]).pairwise
        assert found.precision > 0.9  # 0.3 where what recurs counts as one in what the days between show
        assert found.recall > 0.85
        same, near, *later = (level.m or 0.0 for level in linkage.model.comparisons[0].levels)
        assert same + near > 0.99 > 0.02 > sum(later)
