"""Pairs of Chinese names, each with how far the two are one name, beside what the engine says of the names alone.

`python -m benchmarks names` prints the table. `name_pairs.csv` holds the pairs, made up for this purpose, with a tier and its reason:

- STRONG: any clerk takes both for one name; only the writing differs.
- MEDIUM: likely one name, but something else must agree.
- WEAK: must not be taken for one name.

A score is the match weight, prior left out, of two records that hold a name and nothing else. A STRONG pair fails where it
scores less than an exact copy does: the less telling of its two names beside itself, and the least of the model's levels for
one name at that. A WEAK pair fails where it scores as much as that level. Scores fall with the tiers where mean and median
of each tier lie below those of the one before, in either relation.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow as pa

from benchmarks.harness import Row, show
from matching import forms, linkage
from matching.model import Model
from matching.model_file import packaged_model
from schema.records import ORGANISATION_INPUT, PAIR, PERSON_INPUT

TABLE = Path(__file__).with_name("name_pairs.csv")
TIERS = ("STRONG", "MEDIUM", "WEAK")
_FORMS: dict[str, tuple[pa.Schema, Callable[[pa.Table, Model], pa.Table]]] = {
    "person": (PERSON_INPUT, forms.person_forms),
    "organisation": (ORGANISATION_INPUT, forms.organisation_forms),
}


def name_pairs() -> pl.DataFrame:
    """The table: relation, left, right, tier, reason, and what was found: `bits`, `copy_bits` and `is_failure`."""
    pairs = pl.read_csv(TABLE)
    return pl.concat([_scored(relation, pairs.filter(pl.col("relation") == relation)) for relation in _FORMS])


def tiers(scored: pl.DataFrame) -> pl.DataFrame:
    """relation, tier, `pairs`, `mean` and `median` in bits, `failures`; the tiers of a relation from STRONG to WEAK."""
    found = scored.group_by("relation", "tier").agg(
        pl.len().alias("pairs"),
        pl.col("bits").mean().alias("mean"),
        pl.col("bits").median().alias("median"),
        pl.col("is_failure").sum().alias("failures"),
    )
    return found.sort("relation", pl.col("tier").cast(pl.Enum(TIERS)), descending=[True, False])


def name_rows() -> list[Row]:
    """A row for each relation and tier: mean bits, which are to lie below the tier before; another for what failed."""
    rows, above = [], 0.0
    for relation, tier, pairs, mean, median, failures in tiers(name_pairs()).iter_rows():
        bound = {} if tier == TIERS[0] else {"at_most": round(above, 2) - 0.01}
        rows.append(Row(f"{relation} {tier}: mean bits", [mean], "", note=f"of {pairs} pairs; median {median:g}", **bound))
        if tier != "MEDIUM":
            rows.append(Row("  failures", [failures], "", at_most=0))
        above = mean
    return rows


def measure_names() -> None:
    """Print the table."""
    show("pairs of Chinese names; target: none fails, and scores fall with the tiers", name_rows())


def _scored(relation: str, pairs: pl.DataFrame) -> pl.DataFrame:
    model = packaged_model(relation)
    (names,) = (comparison for comparison in model.comparisons if comparison.name == "name")
    least = min(level.bits for level in names.levels if level.name.startswith("exact"))
    left, right = pairs["left"].to_list(), pairs["right"].to_list()
    bits = _bits(relation, left, right)
    copies = zip(_bits(relation, left, left), _bits(relation, right, right), strict=True)
    scored = pairs.with_columns(bits=pl.Series(bits), copy_bits=pl.Series([max(least, min(copy)) for copy in copies]))
    failure = pl.when(tier="STRONG").then(pl.col("bits") < pl.col("copy_bits")).when(tier="WEAK").then(pl.col("bits") >= least)
    return scored.with_columns(is_failure=failure.otherwise(pl.lit(False)))


def _bits(relation: str, left: list[str], right: list[str]) -> list[float]:
    """Match weight without the prior, of a record that holds the left name alone and one that holds the right one."""
    (schema, make_forms), model = _FORMS[relation], packaged_model(relation)
    rows = [
        {"id": number, "record_id": number, "department": "petition", "role": "petitioner", "name": name}
        for number, name in enumerate([*left, *right])
    ]
    formed = make_forms(pa.Table.from_pylist(rows, schema=schema), model)
    pairs = pa.table([range(len(left)), range(len(left), len(rows))], schema=PAIR)
    edges = linkage.link(relation, formed, None, pairs, model)
    found = dict(zip(edges.column("left").to_pylist(), edges.column("match_weight").to_pylist(), strict=True))
    return [found[number] - model.prior for number in range(len(left))]
