"""Comparisons that say the same: found among pairs drawn at random, counted once, kept in the trained model."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from hub.errors import ContractError
from matching.evaluation import evaluate
from matching.expectation import tied, together
from matching.model import Tie
from matching.model_file import document_of
from matching.table_linkage import TableLinkage, link_table
from matching.table_model import read_table_model, table_model_from
from matching.trained_file import trained_document
from matching.weights import explain
from tests.unit.matching.table_builders import homes, slip, word, write_model

#: Voters of towns, whose postcodes tell the town.
DOCUMENT: dict[str, Any] = {
    "version": 1,
    "fields": {**{name: name for name in ("given", "family", "town")}, "zip": {"from": "zip", "as": "code"}},
    "blocking": [{"name": "_".join(fields), "fields": fields} for fields in (["family", "town"], ["given", "zip"], ["given", "family"])],
    "comparisons": [
        {"name": "given", "kind": "name", "term_frequency": True},
        {"name": "family", "kind": "name", "term_frequency": True},
        {"name": "town", "kind": "name"},
        {"name": "zip", "kind": "code"},
    ],
}


@cache
def voters() -> pl.DataFrame:
    """Of few names and towns, a third of them named twice."""
    dice = random.Random(4)
    given, families = ([word(dice, 6) for _ in range(many)] for many in (60, 90))
    towns = [(word(dice, 8), str(dice.randint(10_000, 99_999))) for _ in range(60)]
    rows = []
    for voter in range(2_500):
        own = dice.choice(given), dice.choice(families), *dice.choice(towns)
        rows += [(*(slip(dice, text, 0.1) for text in own), voter) for _ in range(1 + (dice.random() < 0.3))]
    dice.shuffle(rows)
    return pl.DataFrame(rows, schema=["given", "family", "town", "zip", "voter"], orient="row")


@cache
def linked() -> TableLinkage:
    return link_table(voters(), table_model_from(DOCUMENT, "the model"))


def test_neighbours_do_not_pass_for_one_because_their_postcode_repeats_their_town() -> None:
    found = evaluate(pl.Series(linked().clusters.column("cluster")), voters()["voter"]).pairwise
    assert found.precision > 0.9
    assert found.recall > 0.8


def test_town_and_postcode_are_tied_and_nothing_else() -> None:
    assert [(tie.one, tie.other) for tie in linked().model.ties] == [("town", "zip")]
    assert linked().model.ties[0].bits[0][0] > 4  # one in sixty towns: both agree sixty times as often as chance would have it


def test_pairs_that_are_one_tie_nothing() -> None:
    """They agree in all that is compared, and are many beside the pairs of a small table."""
    rows = homes(60, 1, mentions=(4, 4))
    fields = ["given", "family", "born", "street"]
    document = {
        "version": 1,
        "fields": {name: name for name in fields},
        "blocking": [{"name": name, "fields": [name]} for name in ("born", "street")],
        "comparisons": [{"name": name, "kind": "name"} for name in fields],
    }
    assert link_table(rows, table_model_from(document, "the model")).model.ties == ()


def test_what_ties_take_away_is_a_step_of_the_weight() -> None:
    edges = pl.DataFrame(linked().edges).filter(pl.col("levels").str.contains('"town":"exact","zip":"exact"'))
    one = edges.row(0, named=True)
    steps = explain(json.loads(one["levels"]), linked().model)
    assert steps["ties"] < -4
    assert sum(steps.values()) == pytest.approx(one["match_weight"], abs=0.01)


def test_a_trained_model_decides_the_same_alone(tmp_path: Path) -> None:
    path, again = tmp_path / "model.yml", tmp_path / "again.yml"
    path.write_text(yaml.safe_dump(DOCUMENT), encoding="utf-8")
    again.write_text(trained_document(document_of(path), linked().model), encoding="utf-8")
    trained = read_table_model(again)
    assert trained.model.ties == linked().model.ties
    kept = link_table(voters(), trained)
    assert kept.training is None
    assert kept.clusters == linked().clusters


def test_ties_count_where_both_have_a_level_and_are_not_left_out() -> None:
    ties = tied((Tie("a", "c", ((2.0, 0.0), (0.0, -1.0))),), ["a", "b", "c"])
    levels = pl.DataFrame([[1, 2, 1], [2, 1, 2], [0, 1, 1]], orient="row").to_numpy()
    assert together(levels, ties).tolist() == [2, -1, 0]
    assert together(levels, ties, without=[0, 2]).tolist() == [0, 0, 0]
    assert together(levels, ties, without=[0, 1]).tolist() == [2, -1, 0]


@pytest.mark.parametrize(
    ("ties", "words"),
    [
        pytest.param([{"of": ["given", "born"]}], "bits", id="no bits"),
        pytest.param([{"of": ["given", "given"], "bits": [[0.0] * 5] * 5}], "not of these", id="with itself"),
        pytest.param([{"of": ["given", "sirname"], "bits": [[0.0] * 5] * 5}], "not of these", id="no such comparison"),
        pytest.param([{"of": ["given", "born"], "bits": [[0.0] * 5] * 5}], "not of these", id="of other levels"),
        pytest.param([{"of": ["given", "born"], "bits": [["much"] * 4] * 5}], "number", id="no numbers"),
        pytest.param("given", "list", id="a word"),
    ],
)
def test_ties_that_are_not_the_models_are_refused(tmp_path: Path, ties: object, words: str) -> None:
    with pytest.raises(ContractError, match=words):
        read_table_model(write_model(tmp_path, lambda d: d.update(ties=ties)))


def test_no_comparison_is_called_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="called ties"):
        read_table_model(write_model(tmp_path, lambda d: d["comparisons"][0].update(name="ties", column="given")))
