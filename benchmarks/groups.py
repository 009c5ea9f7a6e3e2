"""Tables in which things of one group are two: tracks of an album, members of a household, requests about a spot, shops of a mall, models.

`python -m benchmarks groups`: each table is made up from a seed, drafted and linked as `casehub match draft` and `run` do, with what
the draft states as `told_apart_by` and `unique_within` and without either, and beside Splink at the best threshold by the truth. SEED was
drawn when the code was done.
"""

from __future__ import annotations

import logging
import random

import polars as pl
import splink.comparison_library as cl

from benchmarks import peer
from benchmarks.group_tables import households, products, requests, shops, tracks
from benchmarks.harness import Row, show
from matching.evaluation import Evaluation, evaluate
from matching.model_draft import draft
from matching.table_linkage import link_table
from matching.table_model import table_model_from

SEED = 997529


def measure_groups() -> None:
    """Print the table."""
    rows = []
    for name, made, setup in (
        (_TRACKS, tracks, _tracks_setup),
        (_HOMES, households, _households_setup),
        (_SPOTS, requests, _requests_setup),
        (_SHOPS, shops, _shops_setup),
        (_PRODUCTS, products, _products_setup),
    ):
        table = made(random.Random(SEED))  # noqa: S311 - a made-up table
        document = dict(draft(table, "truth").document)
        apart_by, once = (document.get(name, []) for name in ("told_apart_by", "unique_within"))
        with_it, without = (_linked(table, each) for each in (document, {**document, "told_apart_by": [], "unique_within": []}))
        logging.disable(logging.WARNING)  # it tells of each iteration
        theirs = peer.link(_as_splink_reads(table), setup()).evaluation
        note = "; ".join(f"{who} {_told(one)}" for who, one in (("hub", with_it), ("without", without), ("Splink", theirs)))
        rows.append(
            Row(
                f"{name}, {len(table):,} rows: F1",
                [with_it.pairwise.f1],
                "",
                at_least=theirs.pairwise.f1,
                note=f"{', '.join(apart_by)}; nothing twice in {', '.join(once) or 'none'}: {note}",
            )
        )
    show("tables of groups, drafted; target: Splink's best threshold on the same rows", rows)


_TRACKS, _HOMES, _SPOTS = "tracks of albums, five sources", "persons of households, five sources", "requests about spots"
_SHOPS, _PRODUCTS = "shops, some in malls, two directories", "products of families, three shops"


def _linked(table: pl.DataFrame, document: dict[str, object]) -> Evaluation:
    linkage = link_table(table, table_model_from(document, "the draft"))
    return evaluate(pl.Series(linkage.clusters.column("cluster")), table["truth"])


def _as_splink_reads(table: pl.DataFrame) -> pl.DataFrame:
    table = table.with_columns(unique_id="id").with_columns(pl.col(pl.String).replace("", None))
    return table.with_columns(pl.col(name).cast(pl.Float64) for name in ("longitude", "latitude") if name in table.columns)


def _told(one: Evaluation) -> str:
    return f"P {one.pairwise.precision:.3f} R {one.pairwise.recall:.3f} F1 {one.pairwise.f1:.3f}"


def _tracks_setup() -> peer.Setup:
    texts = [cl.JaroWinklerAtThresholds(name, [0.95, 0.88, 0.8]) for name in ("title", "artist", "album")]
    exact = [cl.ExactMatch(name) for name in ("number", "year", "length", "language")]
    rules = [("title",), ("artist",), ("album",), ("number", "year")]
    return peer.Setup([*texts, *exact], rules, rules[:3], [("title", "artist"), ("title", "album")])


def _households_setup() -> peer.Setup:
    comparisons = [
        cl.NameComparison("first"),
        cl.NameComparison("last"),
        cl.LevenshteinAtThresholds("born", [1, 2]),
        cl.JaroWinklerAtThresholds("street", [0.95, 0.88]),
        cl.ExactMatch("city"),
        cl.ExactMatch("zip"),
        cl.LevenshteinAtThresholds("phone", [1]),
    ]
    rules = [("born",), ("phone",), ("street",), ("first", "last")]
    return peer.Setup(comparisons, rules, [("born",), ("street",), ("first", "last")], [("first", "last", "born"), ("first", "phone")])


def _requests_setup() -> peer.Setup:
    comparisons = [
        cl.ExactMatch("category"),
        cl.JaroWinklerAtThresholds("description", [0.95, 0.88]),
        cl.JaroWinklerAtThresholds("address", [0.95, 0.88]),
        cl.DistanceInKMAtThresholds("latitude", "longitude", [0.05, 0.3, 1]),
        cl.AbsoluteDateDifferenceAtThresholds(
            "created", input_is_string=True, datetime_format="%Y-%m-%d %H:%M:%S", metrics=["day", "day", "month"], thresholds=[3, 14, 2]
        ),
    ]
    rules = [("address",), ("category", "address"), ("description", "category")]
    return peer.Setup(comparisons, rules, [("address",), ("description",)], [("category", "address", "description")])


def _shops_setup() -> peer.Setup:
    comparisons = [
        cl.JaroWinklerAtThresholds("name", [0.95, 0.88, 0.8]),
        cl.JaroWinklerAtThresholds("address", [0.95, 0.88]),
        cl.ExactMatch("city"),
        cl.LevenshteinAtThresholds("phone", [1]),
        cl.DistanceInKMAtThresholds("latitude", "longitude", [0.05, 0.3, 1]),
    ]
    return peer.Setup(
        comparisons, [("address",), ("phone",), ("name",)], [("address",), ("name",)], [("name", "phone"), ("name", "address")]
    )


def _products_setup() -> peer.Setup:
    comparisons = [
        cl.JaroWinklerAtThresholds("title", [0.95, 0.88, 0.8]),
        cl.JaroWinklerAtThresholds("brand", [0.95, 0.88]),
        cl.LevenshteinAtThresholds("model_number", [1, 2]),
        cl.ExactMatch("category"),
    ]
    rules = [("model_number",), ("title",), ("brand", "category")]
    return peer.Setup(comparisons, rules, [("model_number",), ("brand", "category")], [("brand", "model_number"), ("title",)])
