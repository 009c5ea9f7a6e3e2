"""MEETING of two rows of a table: by which blocking rules they come to be compared, and what keeps them apart whatever they weigh.

A pair's weight says what its levels say. Whether `run` ever weighs it, and whether a link would stand, is said by these.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from matching.blocking import rule_keys
from matching.model import Model


@dataclass(frozen=True)
class Meeting:
    """How two rows stand to each other beside what they weigh.

    Args:
        rules: that bring them together.
        crowded: rules whose block of the two is over their limit, with the rows of the smallest such block, and the limit.
        is_one_source: both are of a source that holds nothing twice.
        is_two_identifiers: each has an identifier, and another one.
    """

    rules: tuple[str, ...]
    crowded: tuple[tuple[str, int, int], ...]
    is_one_source: bool
    is_two_identifiers: bool


def meeting(forms: pa.Table, one: int, other: int, model: Model) -> Meeting:
    """How two rows of a table stand to each other.

    Args:
        forms: of the whole table.
        one: id of a row.
        other: id of another.
        model: whose rules.
    """
    met, crowded = [], []
    for rule in model.blocking:
        keys = pl.DataFrame(rule_keys(forms, rule, model))
        shared = keys.filter(pl.col("id") == one).join(keys.filter(pl.col("id") == other), on="key", how="semi")
        sizes = keys.join(shared, on="key", how="semi").group_by("key").len()["len"].to_list()
        limit = model.limit_of(rule)
        if sizes and min(sizes) <= limit:
            met.append(rule.name)
        elif sizes:
            crowded.append((rule.name, min(sizes), limit))
    held = pl.DataFrame(forms.select(["id", "apart", "identifier"])).filter(pl.col("id").is_in([one, other]))
    sources, identifiers = held["apart"].drop_nulls().to_list(), held["identifier"].drop_nulls().to_list()
    return Meeting(
        tuple(met),
        tuple(crowded),
        is_one_source=one != other and len(sources) == 2 and sources[0] == sources[1],
        is_two_identifiers=len(set(identifiers)) == 2,
    )
