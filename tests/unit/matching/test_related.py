"""Pairs of one group that are two: found in training, told apart by what the model states, and weighed."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import math
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from hub.errors import ContractError
from matching.evaluation import evaluate
from matching.expectation import Evidence, Guess, Patterns, maximise
from matching.model import Related
from matching.model_draft import draft
from matching.model_file import document_of
from matching.related import Chance, grouped, suggested
from matching.table_linkage import TableLinkage, first_look, link_table
from matching.table_model import read_table_model, table_model_from
from matching.trained_file import trained_document
from matching.weights import explain, waterfall
from matching.whereabouts import says_where
from tests.unit.matching.table_builders import homes, models_of_families, shops, slip, word, write_model

#: Of the homes below.
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


def linked(rows: pl.DataFrame, document: dict[str, Any]) -> TableLinkage:
    return link_table(rows, table_model_from(document, "the model"))


@cache
def unstated() -> TableLinkage:
    """The homes under a model that does not state it: training finds it, once as well."""
    return linked(homes(), DOCUMENT)


@cache
def told_apart() -> TableLinkage:
    """The homes under a model that states what tells their persons apart: trained once for all that only look at it."""
    return linked(homes(), APART)


def f1(rows: pl.DataFrame, linkage: TableLinkage) -> float:
    return evaluate(pl.Series(linkage.clusters.column("cluster")), rows["person"]).pairwise.f1


def test_persons_of_a_home_are_told_apart_by_what_the_model_states() -> None:
    rows = homes()
    without, stated = linked(rows, {**DOCUMENT, "told_apart_by": []}), told_apart()
    assert f1(rows, without) < 0.6
    assert f1(rows, stated) > 0.97
    assert stated.training is not None
    assert stated.training.related > stated.training.matches
    assert without.model.related is None


def test_what_tells_them_apart_is_found_where_the_model_does_not_say() -> None:
    training = unstated().training
    assert training is not None
    assert training.told_apart_by == ("given", "born")
    assert unstated().clusters == told_apart().clusters


def test_it_is_found_in_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matching.table_linkage._TRIED", 1_500)
    assert first_look(homes(), table_model_from(DOCUMENT, "the model")).told_apart_by == ("given", "born")


def test_nothing_is_found_where_each_lives_alone() -> None:
    rows = homes(1_000, 1)
    found = linked(rows, DOCUMENT)
    assert found.training is not None
    assert found.training.told_apart_by == ()
    assert f1(rows, found) > 0.97


def test_a_draft_states_it() -> None:
    assert draft(homes(), "person").document["told_apart_by"] == ["given", "born"]
    assert "told_apart_by" not in draft(homes(1_000, 1), "person").document


def moved() -> pl.DataFrame:
    """Persons who live alone, each named at two addresses: more pairs of them are one than there are rows."""
    return homes(500, 1, addresses=2, mentions=(3, 6))


def test_persons_of_two_addresses_are_no_groups() -> None:
    rows = moved()
    found = linked(rows, DOCUMENT)
    assert found.training is not None
    assert found.training.matches > 1.5 * len(rows)
    assert found.training.told_apart_by == ()
    assert f1(rows, found) > 0.97
    assert "told_apart_by" not in draft(rows, "person").document


def test_what_the_values_say_is_an_address_or_a_phone_tells_nothing_apart() -> None:
    rows = moved().rename({"phone": "a4"})
    document = {**DOCUMENT, "fields": {**DOCUMENT["fields"], "phone": {"from": "a4", "as": "code"}}}
    assert first_look(rows, table_model_from(document, "the model"), frozenset({"phone"})).told_apart_by == ()


def test_a_group_has_something_in_common() -> None:
    fewer = {**DOCUMENT, "comparisons": [each for each in DOCUMENT["comparisons"] if each["name"] in ("given", "born")]}
    found = linked(homes(500, 1, mentions=(3, 6)), fewer)
    assert found.training is not None
    assert found.training.told_apart_by == ()


def test_slips_in_two_names_are_no_groups() -> None:
    dice = random.Random(1)
    rows = homes(500, 1, mentions=(3, 6))
    swapped = pl.Series([dice.random() < 0.1 for _ in range(len(rows))])
    names = [pl.when(swapped).then(one).otherwise(other).alias(other) for one, other in (("given", "family"), ("family", "given"))]
    found = linked(rows.with_columns(names), DOCUMENT)
    assert found.training is not None
    assert found.training.matches > 1.5 * len(rows)
    assert found.training.told_apart_by == ()


def requests(incidents: int = 900, seed: int = 4) -> pl.DataFrame:
    """Requests about incidents, of which several happen at one spot; what a request says goes with its category."""
    dice = random.Random(seed)
    says = {kind: [" ".join(word(dice, 6) for _ in range(3)) for _ in range(3)] for kind in ("light", "noise", "road", "trash", "water")}
    spots = [(f"{dice.randint(1, 400)} {word(dice, 7)} street", word(dice, 8), word(dice, 5)) for _ in range(incidents // 6)]
    rows = []
    for incident in range(incidents):
        spot, kind, begun = dice.choice(spots), dice.choice(list(says)), dt.date(2025, 1, 1) + dt.timedelta(days=dice.randrange(365))
        for _ in range(dice.choice((1, 1, 2, 3, 4))):
            told = kind if dice.random() < 0.9 else dice.choice(list(says))
            when = begun + dt.timedelta(days=dice.choice((0, 0, 0, 1, 2)))
            rows.append((told, dice.choice(says[kind]), *spot, when.isoformat(), str(incident)))
    dice.shuffle(rows)
    return pl.DataFrame(rows, schema=["kind", "says", "spot", "owner", "ward", "day", "person"], orient="row")


def test_what_goes_together_by_chance_tells_once() -> None:
    document: dict[str, Any] = {
        "version": 1,
        "fields": {**{name: name for name in ("kind", "says", "spot", "owner", "ward")}, "day": {"from": "day", "as": "date"}},
        "blocking": [
            {"name": "spot", "fields": ["spot"]},
            {"name": "ward", "fields": ["ward"]},
            {"name": "day", "fields": ["day", "kind"]},
        ],
        "comparisons": [
            {"name": "kind", "kind": "code"},
            {"name": "says", "kind": "phrase"},
            *({"name": name, "kind": "name", "term_frequency": True} for name in ("spot", "owner", "ward")),
            {"name": "day", "kind": "days", "levels": [{"name": "same", "at_most": 0}, {"name": "near", "at_most": 3}, {"name": "far"}]},
        ],
    }
    rows = requests()
    found = linked(rows, document)
    assert found.training is not None
    assert set(found.training.told_apart_by) >= {"kind", "day"}
    assert f1(rows, found) > 0.9
    assert f1(rows, linked(rows, {**document, "told_apart_by": []})) < 0.6
    assert found.model.related is not None
    assert max(found.model.related.together.values()) > 1


def test_the_steps_of_a_pair_come_to_its_weight_and_name_the_group() -> None:
    stated = told_apart()
    edges = pl.DataFrame(stated.edges)
    assert edges["levels"].str.contains('"related":"-').any()
    for edge in edges.sample(40, seed=2).iter_rows(named=True):
        levels = json.loads(edge["levels"])
        steps = explain(levels, stated.model)
        assert sum(steps.values()) == pytest.approx(edge["match_weight"], abs=1e-6)
        assert waterfall(levels, steps)[-1].so_far == pytest.approx(edge["match_weight"], abs=1e-6)


def test_no_level_of_what_is_shared_says_less_than_a_worse_one() -> None:
    model = told_apart().model
    assert model.related is not None
    for comparison in model.comparisons:
        if comparison.name in model.related.bits:
            against = [level.bits - kin for level, kin in zip(comparison.levels, model.related.bits[comparison.name], strict=True)]
            assert against == sorted(against, reverse=True) or max(b - a for a, b in itertools.pairwise(against)) < 0.01


def test_chance_is_what_random_pairs_show_that_are_not_one() -> None:
    """Of 1,000 random pairs 40 agree in both comparisons, where 10 would, and 20 that are one do, too."""
    shown = [((1, 1), 40, 1.0), ((1, 2), 60, 1.0), ((2, 1), 60, 1.0), ((2, 2), 840, 1.0), ((1, 1), 20, 0.0), ((1, 0), 50, 1.0)]
    random_levels = np.repeat([levels for levels, _, _ in shown], [count for _, count, _ in shown], axis=0).astype(np.int8)
    two = np.repeat([weight for _, _, weight in shown], [count for _, count, _ in shown])
    shares = [np.array([0.1, 0.9])] * 2
    met = Patterns(np.array([[1, 1], [1, 2], [1, 0], [0, 0]]), np.zeros(4, np.int64), np.ones(4))
    evidence = Evidence(met, [np.ones(4, np.bool_)] * 2, random_levels, two, shares, 1e6, 1e-3)
    chance = Chance.of_places(evidence, (0, 1))
    found = dict(zip(map(tuple, chance.level.tolist()), chance.together(Guess(1e-3, shares, shares)).tolist(), strict=True))
    assert found[1, 1] == pytest.approx(math.log2(45 / 15))
    assert found[1, 2] == pytest.approx(math.log2(65 / 95))
    assert found[1, 0] == pytest.approx(math.log2(55 / 10))  # all pairs without the second have the first at its best
    assert found[0, 0] == 0


@pytest.mark.parametrize(("held", "found"), [pytest.param(0, [], id="by neither"), pytest.param(1, [4, 5], id="by all pairs")])
def test_what_few_pairs_hold_on_both_sides_tells_nothing_apart(held: int, found: list[int]) -> None:
    """A group agrees in four comparisons; two more differ in it, or are never held on both sides, as where one source alone has them."""
    agrees = ((1_000, [0.9] * 6), (2_000, [0.9] * 4 + [0.01] * 2), (20_000, [0.01] * 6))  # that are one, of one group, and two
    levels = np.array(list(itertools.product((1, 2), repeat=6)))
    pairs = sum(many * np.where(levels == 1, shares, 1 - np.array(shares)).prod(axis=1) for many, shares in agrees)
    levels[:, 4:] *= held
    met = Patterns(levels, np.zeros(len(levels), np.int64), np.asarray(pairs))
    random_levels = np.full((10_000, 6), 2, dtype=np.int8)
    evidence = Evidence(met, [np.ones(64, np.bool_)] * 6, random_levels, np.ones(10_000), [np.array([0.01, 0.99])] * 6, 1e6, 1e-3)
    assert suggested(evidence, maximise(evidence), [4, 5]) == found


def offices(buildings: int = 60, elsewhere: int = 500, seed: int = 7) -> pl.DataFrame:
    """Firms as three registers hold them; some stand in one building with another, at one address."""
    dice = random.Random(seed)
    kinds, rows = [word(dice, 6) for _ in range(15)], []
    for number in range(2 * buildings + elsewhere):
        at = random.Random(number // 2 if number < 2 * buildings else number + 1_000_000)
        street, town, code = f"{at.randint(1, 300)} {word(at, 7)} street", f"town {at.randint(1, 9)}", str(at.randint(10_000, 99_999))
        name = f"{word(dice, 7)} {word(dice, 6)} and {word(dice, 5)} {dice.choice(kinds)}"
        for form in ("ltd", "limited", ""):
            rows.append((f"{slip(dice, name, 0.15)} {form}", slip(dice, street, 0.1), town, code, str(number)))
    dice.shuffle(rows)
    return pl.DataFrame(rows, schema=["name", "street", "town", "zip", "person"], orient="row")


def test_firms_of_one_building_are_told_apart_by_names_though_they_are_few() -> None:
    rows = offices()
    document, found = drafted(rows, "person")
    assert document["told_apart_by"] == ["name"]
    assert found > 0.95
    assert f1(rows, linked(rows, {**document, "told_apart_by": []})) < 0.9


def test_the_likeliest_round_is_kept_where_later_ones_are_much_less_likely() -> None:
    """Names learn from pairs of one address, where many are neighbours: round by round more of these would be taken for one."""
    levels = [(1, 1), (2, 1), (1, 0), (2, 0), (1, 2), (2, 2)]
    met = Patterns(np.array(levels), np.zeros(6, np.int64), np.array([900.0, 600, 9_000, 20_000, 300, 3_000]))
    learns = [np.array([True, True, False, False, False, False]), np.ones(6, np.bool_)]
    random_levels = np.repeat([(2, 2), (1, 2), (2, 1)], [9_900, 60, 40], axis=0).astype(np.int8)
    agreed = [np.array([0.006, 0.994]), np.array([0.004, 0.996])]
    evidence = Evidence(met, learns, random_levels, np.ones(10_000), agreed, 1e6, 1e-3)
    by_round = [grouped(evidence, [0], most=most) for most in range(1, 60)]
    assert by_round[-1].expected.settled
    likelihoods = [each.likelihood for each in by_round]
    assert likelihoods == sorted(likelihoods)


def test_training_settles() -> None:
    stated = told_apart()
    assert stated.training is not None
    assert stated.training.settled


def test_what_was_found_before_is_forgotten_when_a_model_is_trained_anew(tmp_path: Path) -> None:
    path = tmp_path / "model.yml"
    path.write_text(yaml.safe_dump(DOCUMENT), encoding="utf-8")
    document = yaml.safe_load(trained_document(document_of(path), unstated().model))
    assert "related" in document
    for level in document["comparisons"][0]["levels"]:
        del level["m"], level["u"]
    again = linked(homes(1_000, 1), document)
    assert again.training is not None
    assert again.model.related is None
    assert "related" not in yaml.safe_load(trained_document(document, again.model))


def test_a_trained_model_decides_the_same_alone(tmp_path: Path) -> None:
    rows, stated = homes(), told_apart()
    path, again = tmp_path / "model.yml", tmp_path / "again.yml"
    path.write_text(yaml.safe_dump(APART), encoding="utf-8")
    again.write_text(trained_document(document_of(path), stated.model), encoding="utf-8")
    trained = read_table_model(again)
    assert trained.model.related == stated.model.related
    kept = link_table(rows, trained)
    assert kept.training is None
    assert kept.clusters == stated.clusters


def related(**change: Any) -> dict[str, Any]:
    """What training might have found for the model that `write_model` writes."""
    found = {
        "prior": -9,
        "apart_by": ["given", "born"],
        "bits": {"surname": [3, 2, 1, 0, -4]},
        "together": [{"levels": [1, 1], "bits": 0.5}],
    }
    return {**found, **change}


def weighed(document: dict[str, Any], **change: Any) -> None:
    """The document with one comparison more than is told apart by, every level with its bits."""
    levels = [{"name": "exact", "exact": True, "bits": 5}, {"name": "differ", "bits": -5}]
    comparisons = [{"name": name, "kind": "string", "levels": levels} for name in ("surname", "born")]
    document.update(comparisons=comparisons, prior=-9, **change)


def six(document: dict[str, Any], **change: Any) -> None:
    comparisons = [{"name": name, "kind": "code", "column": "born"} for name in "abcdef"]
    document.update(comparisons=comparisons, **change)


def test_what_training_found_is_read(tmp_path: Path) -> None:
    model = read_table_model(write_model(tmp_path, lambda d: d.update(related=related()))).model
    assert model.related == Related(-9, {"surname": (3, 2, 1, 0, -4)}, ("given", "born"), {(1, 1): 0.5})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda d: d.update(told_apart_by=["sirname"]), "sirname", id="no such comparison"),
        pytest.param(lambda d: d.update(told_apart_by=["given", "given"]), "twice", id="one twice"),
        pytest.param(lambda d: d.update(told_apart_by=["given", "surname", "born"]), "every", id="all of them"),
        pytest.param(lambda d: d.update(told_apart_by="given"), "list", id="a word"),
        pytest.param(lambda d: d.update(related={"prior": -9}), "bits", id="no bits"),
        pytest.param(lambda d: d.update(related=related(bits={"surname": [1]})), "not of these", id="of other levels"),
        pytest.param(lambda d: d.update(related=related(apart_by=["born"])), "not of these", id="of fewer comparisons"),
        pytest.param(lambda d: d.update(related=related(together=[{"levels": [1], "bits": 2}])), "not of these", id="of fewer levels"),
        pytest.param(
            lambda d: d.update(related=related(apart_by=["given", "born", "born"])), "not of these", id="one twice in what was found"
        ),
        pytest.param(lambda d: d.update(related=related(together=[{"levels": [9, 1], "bits": 2}])), "not of these", id="of no such level"),
        pytest.param(lambda d: d.update(related=related(), told_apart_by=[]), "not what related", id="groups where there are none"),
        pytest.param(lambda d: d.update(related=related(), told_apart_by=["born"]), "not what related", id="trained with others"),
        pytest.param(lambda d: six(d, told_apart_by=list("abcde")), "more than 4", id="too many"),
        pytest.param(lambda d: (weighed(d), d.pop("prior")), "no prior", id="no prior"),
        pytest.param(
            lambda d: d["comparisons"][0].update(name="related", column="given"), "called related", id="a comparison of that name"
        ),
        pytest.param(lambda d: d["comparisons"][0].update(name="left", column="given"), "called left", id="as one of the pair"),
        pytest.param(
            lambda d: d.update(adjustments=[{"name": "related", "when": {"born": ["exact"]}, "bits": 1}]),
            "called related",
            id="an adjustment of that name",
        ),
        pytest.param(lambda d: weighed(d, told_apart_by=["born"]), "for training", id="nothing to train"),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path: Path, change: Callable[[dict[str, Any]], object], words: str) -> None:
    with pytest.raises(ContractError) as refused:
        read_table_model(write_model(tmp_path, change))
    assert words in str(refused.value)
    assert refused.value.remedy


@pytest.mark.parametrize(
    "column",
    [
        "street",
        "Zip_Code",
        "zipcode",
        "homeAddress",
        "PHONE_2",
        "telephone",
        "联系方式",
        "住址",
        "lat",
        "county",
        "e-mail",
        "residence",
        "HOMEADDRESS",
        "addr1",
    ],
)
def test_columns_that_say_where(column: str) -> None:
    assert says_where([column])


@pytest.mark.parametrize(
    "column",
    [
        "title",
        "latest",
        "count",
        "track_count",
        "strategy",
        "unit_price",
        "born",
        "姓名",
        "市场价",
        "思路",
        "capacity",
        "telling",
        "president",
        "allocation",
    ],
)
def test_columns_that_say_who(column: str) -> None:
    assert not says_where([column])


def drafted(rows: pl.DataFrame, truth: str) -> tuple[dict[str, Any], float]:
    """A model that is drafted of a table, and how well it links it."""
    document = dict(draft(rows, truth).document)
    clusters = pl.DataFrame(linked(rows, document).clusters).sort("id")["cluster"]
    return document, evaluate(clusters, rows[truth]).pairwise.f1


def test_shops_of_one_mall_are_told_apart_by_their_names_alone() -> None:
    """What else such a table has says where they are."""
    rows = shops()
    document, found = drafted(rows, "shop")
    assert document["told_apart_by"] == ["name"]
    assert found > 0.8
    without = {**document, "unique_within": [], "told_apart_by": []}
    assert f1(rows.rename({"shop": "person"}), linked(rows, without)) < 0.6


def test_models_of_one_family_have_numbers_that_are_near_each_other() -> None:
    rows = models_of_families()
    document, found = drafted(rows, "product")
    assert document["told_apart_by"][0] == "model_no"
    assert found > 0.95
    trained = linked(rows, document).model.related
    assert trained is not None
    assert trained.bits["model_no"][0] == 0  # equal by chance alone …
    assert trained.bits["model_no"][1] > 3  # … and one character off oftener than that
