"""Sources that hold nothing twice: found in training where the model does not say, stated by a draft, kept by a trained model."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import yaml

from matching.evaluation import evaluate
from matching.model_draft import draft
from matching.model_file import document_of
from matching.repeats import SourceSeen, sources_seen, without_repeats
from matching.table_linkage import TableLinkage, link_table
from matching.table_model import read_table_model, table_model_from
from matching.trained_file import trained_document
from matching.weights import weigh
from tests.unit.matching.table_builders import firms, homes

ONCE = {"guide", "register", "tax"}
DOCUMENT: dict[str, Any] = {
    "version": 1,
    "source": "source",
    "fields": {
        **{name: name for name in ("name", "street", "town")},
        "zip": {"from": "zip", "as": "code"},
        "phone": {"from": "phone", "as": "code"},
        "start": {"from": "name", "as": "start", "length": 4},
    },
    "blocking": [{"name": name, "fields": [name]} for name in ("start", "zip", "phone")],
    "comparisons": [
        {"name": "name", "kind": "phrase"},
        {"name": "street", "kind": "name", "term_frequency": True},
        {"name": "town", "kind": "name", "term_frequency": True},
        {"name": "zip", "kind": "code"},
        {"name": "phone", "kind": "code"},
    ],
}


def linked(rows: pl.DataFrame, **change: Any) -> TableLinkage:
    return link_table(rows, table_model_from({**DOCUMENT, **change}, "the model"))


def f1(rows: pl.DataFrame, linkage: TableLinkage) -> float:
    return evaluate(pl.DataFrame(linkage.clusters).sort("id")["cluster"], rows["firm"]).pairwise.f1


def test_sources_that_hold_nothing_twice_are_found_where_the_model_does_not_say() -> None:
    rows = firms()
    found = linked(rows)
    assert without_repeats(found.sources) == ONCE
    assert found.clusters == linked(rows, unique_within=sorted(ONCE)).clusters
    plain, without = linked(rows, told_apart_by=[]), linked(rows, told_apart_by=[], unique_within=[])
    assert f1(rows, plain) > f1(rows, without) + 0.05


@pytest.mark.parametrize("stated", [[], False, ["register"], True])
def test_what_the_model_says_is_not_looked_for(stated: object) -> None:
    assert linked(firms(), unique_within=stated).sources == ()


def test_a_draft_states_them() -> None:
    made = draft(firms(), "firm")
    assert set(made.document["unique_within"]) == ONCE
    assert {each.source for each in made.sources} == {*ONCE, "calls"}


def test_a_source_with_few_repeats_is_not_among_them() -> None:
    rows = firms(repeated=0.08, count=1_500)
    assert without_repeats(linked(rows).sources) == ONCE


def test_thousands_of_sources_are_looked_at_in_one_go() -> None:
    """Each of 20,000 holds ten rows, one of them twice, and each row stands in the next source, too."""
    of = pl.Series([f"s{row // 10:05}" for row in range(200_000)])
    row = np.arange(0, 199_990)
    left, right = np.concatenate((row, row[::10])), np.concatenate((row + 10, row[::10] + 1))
    levels = [{"name": "same", "exact": True, "bits": 20}, {"name": "differ", "bits": -5}]
    zips = {"name": "zip", "kind": "string", "levels": levels}
    model = table_model_from({**DOCUMENT, "prior": 0, "comparisons": [zips]}, "the model").model
    reached = pa.table({"left": left, "right": right, "zip": np.ones(len(left), dtype=np.int8)})
    start = time.process_time()
    seen = sources_seen(reached, weigh(reached, model), model, of)
    assert time.process_time() - start < 8  # one after the other they took four times as long, and of more pairs minutes
    assert seen[0] == SourceSeen("s00000", 10, 10, 1)
    assert {(each.across, each.within) for each in seen[1:-1]} == {(20, 1)}


def test_rows_without_a_source_are_of_none() -> None:
    rows = firms().with_columns(pl.when(pl.col("source") != "calls").then("source").alias("source"))
    found = linked(rows)
    assert without_repeats(found.sources) == ONCE
    assert {each.source for each in found.sources} == ONCE


def test_who_registers_anew_after_moving_is_there_twice() -> None:
    """No two rows of one source are as alike as those of two sources, for the street and the phone are others."""
    rows = homes(900, 1, addresses=2, mentions=(4, 6)).with_columns(number=pl.int_range(pl.len()).over("person", "street") % 2)
    rows = rows.with_columns(source=pl.when(pl.col("number") == 0).then(pl.lit("crm")).otherwise(pl.lit("shop")))
    once_an_address = rows.unique(["person", "street", "source"], keep="first", maintain_order=True)
    assert "unique_within" not in draft(once_an_address.drop("number"), "person").document


def test_a_trained_model_keeps_them_and_decides_the_same_alone(tmp_path: Path) -> None:
    rows, path, again = firms(), tmp_path / "model.yml", tmp_path / "again.yml"
    path.write_text(yaml.safe_dump(DOCUMENT), encoding="utf-8")
    found = link_table(rows, read_table_model(path))
    again.write_text(trained_document(document_of(path), found.model, without_repeats(found.sources)), encoding="utf-8")
    kept = link_table(rows, read_table_model(again))
    assert kept.training is None
    assert kept.clusters == found.clusters


@pytest.mark.parametrize(
    ("across", "within", "rows", "share", "holds_nothing_twice"),
    [
        pytest.param(500, 0, 1_000, 1.0, True, id="none seen"),
        pytest.param(500, 4, 1_000, 1.0, True, id="a few, as chance has them"),
        pytest.param(500, 20, 1_000, 1.0, False, id="repeats"),
        pytest.param(60, 0, 100, 1.0, False, id="too few rows to tell"),
        pytest.param(500, 0, 1_000, 0.1, False, id="too few of its pairs to tell"),
        pytest.param(20, 0, 1_000, 1.0, False, id="too few that stand elsewhere"),
    ],
)
def test_what_must_be_seen_of_a_source(across: int, within: int, rows: int, share: float, holds_nothing_twice: bool) -> None:
    assert SourceSeen("register", rows, across, within, share).holds_nothing_twice is holds_nothing_twice
