"""Pairs of one group that are two: found in training, told apart by what the model states, and weighed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from hub.errors import ContractError
from matching.evaluation import evaluate
from matching.model_draft import draft
from matching.model_file import document_of
from matching.related import says_where
from matching.table_linkage import TableLinkage, link_table, told_apart_by
from matching.table_model import read_table_model, table_model_from
from matching.trained_file import trained_document
from matching.weights import explain, waterfall
from tests.unit.matching.table_builders import write_model

LETTERS = "abcdefghijklmnopqrstuvwxyz"
#: Comparisons of the homes below; `apart` is how the persons of a home are told apart.
DOCUMENT: dict[str, Any] = {
    "version": 1,
    "truth": "person",
    "fields": {
        **{name: name for name in ("given", "family", "born", "street", "town")},
        "phone": {"from": "phone", "as": "code"},
        "start": {"from": "street", "as": "start", "length": 3},
    },
    "blocking": [{"name": name, "fields": [name]} for name in ("born", "phone", "start")],
    "comparisons": [
        {"name": "given", "kind": "name", "term_frequency": True},
        {"name": "family", "kind": "name", "term_frequency": True},
        {"name": "born", "kind": "code"},
        {"name": "town", "kind": "name", "term_frequency": True},
        {"name": "street", "kind": "name", "term_frequency": True},
        {"name": "phone", "kind": "code"},
    ],
}
APART: dict[str, Any] = {**DOCUMENT, "told_apart_by": ["given", "born"]}


def word(dice: random.Random, letters: int) -> str:
    return "".join(dice.choice(LETTERS) for _ in range(letters))


def slip(dice: random.Random, text: str, chance: float) -> str:
    place = dice.randrange(len(text))
    return text[:place] + dice.choice(LETTERS) + text[place + 1 :] if dice.random() < chance else text


def homes(count: int = 250, persons: int = 4, addresses: int = 1, seed: int = 5) -> pl.DataFrame:
    """Persons who live together, each named two to four times, at one of so many addresses, now and then with a slip."""
    dice = random.Random(seed)
    given, families, towns = ([word(dice, 6) for _ in range(many)] for many in (80, 150, 8))
    rows = []
    for home in range(count):
        family = dice.choice(families)
        places = [
            (f"{dice.randint(1, 400)} {word(dice, 7)} street", dice.choice(towns), f"9{dice.randint(10_000_000, 99_999_999)}")
            for _ in range(addresses)
        ]
        for person in range(persons):
            name, born = dice.choice(given), f"{dice.randint(1930, 2010)}-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}"
            for _ in range(dice.randint(2, 4)):
                street, town, phone = dice.choice(places)
                own = slip(dice, name, 0.15), slip(dice, family, 0.1), slip(dice, born, 0.08)
                rows.append((*own, slip(dice, street, 0.1), town, phone if dice.random() < 0.7 else None, f"{home}/{person}"))
    dice.shuffle(rows)
    return pl.DataFrame(rows, schema=["given", "family", "born", "street", "town", "phone", "person"], orient="row")


def linked(rows: pl.DataFrame, document: dict[str, Any]) -> TableLinkage:
    return link_table(rows, table_model_from(document, "the model"))


def f1(rows: pl.DataFrame, linkage: TableLinkage) -> float:
    return evaluate(pl.Series(linkage.clusters.column("cluster")), rows["person"]).pairwise.f1


def test_persons_of_a_home_are_told_apart_by_what_the_model_states() -> None:
    rows = homes()
    without, stated = linked(rows, {**DOCUMENT, "told_apart_by": []}), linked(rows, APART)
    assert f1(rows, without) < 0.6
    assert f1(rows, stated) > 0.97
    assert stated.training is not None
    assert stated.training.related > stated.training.matches
    assert without.model.related is None


def test_what_tells_them_apart_is_found_where_the_model_does_not_say() -> None:
    rows = homes()
    found = linked(rows, DOCUMENT)
    assert found.training is not None
    assert found.training.told_apart_by == ("given", "born")
    assert found.clusters == linked(rows, APART).clusters


def test_it_is_found_in_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matching.table_linkage._TRIED", 1_500)
    assert told_apart_by(homes(), table_model_from(DOCUMENT, "the model")) == ("given", "born")


def test_nothing_is_found_where_each_lives_alone() -> None:
    rows = homes(1_000, 1)
    found = linked(rows, DOCUMENT)
    assert found.training is not None
    assert found.training.told_apart_by == ()
    assert f1(rows, found) > 0.97


def test_a_draft_states_it() -> None:
    assert set(draft(homes(), "person").document["told_apart_by"]) == {"given", "born"}
    assert "told_apart_by" not in draft(homes(1_000, 1), "person").document


def test_persons_of_two_addresses_are_no_groups() -> None:
    rows = homes(900, 1, addresses=2)
    assert "told_apart_by" not in draft(rows, "person").document
    assert f1(rows, linked(rows, DOCUMENT)) > 0.95


def test_the_steps_of_a_pair_come_to_its_weight_and_name_the_group() -> None:
    stated = linked(homes(), APART)
    edges = pl.DataFrame(stated.edges)
    assert edges["levels"].str.contains('"related":"-').any()
    for edge in edges.sample(40, seed=2).iter_rows(named=True):
        levels = json.loads(edge["levels"])
        steps = explain(levels, stated.model)
        assert sum(steps.values()) == pytest.approx(edge["match_weight"], abs=1e-6)
        assert waterfall(levels, steps)[-1].so_far == pytest.approx(edge["match_weight"], abs=1e-6)


def test_a_trained_model_decides_the_same_alone(tmp_path: Path) -> None:
    rows = homes()
    path, again = tmp_path / "model.yml", tmp_path / "again.yml"
    path.write_text(yaml.safe_dump(APART), encoding="utf-8")
    stated = link_table(rows, read_table_model(path))
    again.write_text(trained_document(document_of(path), stated.model), encoding="utf-8")
    trained = read_table_model(again)
    assert trained.model.related == stated.model.related
    kept = link_table(rows, trained)
    assert kept.training is None
    assert kept.clusters == stated.clusters


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda d: d.update(told_apart_by=["sirname"]), "sirname", id="no such comparison"),
        pytest.param(lambda d: d.update(told_apart_by=["given", "given"]), "twice", id="one twice"),
        pytest.param(lambda d: d.update(told_apart_by=["given", "surname", "born"]), "every", id="all of them"),
        pytest.param(lambda d: d.update(told_apart_by="given"), "list", id="a word"),
        pytest.param(lambda d: d.update(related={"prior": -9}), "bits", id="no bits"),
        pytest.param(lambda d: d.update(related={"prior": -9, "bits": {"born": [1]}}), "1 levels", id="of other levels"),
        pytest.param(
            lambda d: d.update(
                comparisons=[{**d["comparisons"][0], "name": "related", "column": "given"}, *d["comparisons"]], told_apart_by=["born"]
            ),
            "called related",
            id="a comparison of that name",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path: Path, change: Callable[[dict[str, Any]], object], words: str) -> None:
    with pytest.raises(ContractError) as refused:
        read_table_model(write_model(tmp_path, change))
    assert words in str(refused.value)
    assert refused.value.remedy


@pytest.mark.parametrize("column", ["street", "Zip_Code", "homeAddress", "PHONE_2", "联系电话", "住址", "lat", "county", "e-mail"])
def test_columns_that_say_where(column: str) -> None:
    assert says_where([column])


@pytest.mark.parametrize("column", ["title", "latest", "given_name", "statement", "born", "姓名", "capacity", "number", "telling"])
def test_columns_that_say_who(column: str) -> None:
    assert not says_where([column])
