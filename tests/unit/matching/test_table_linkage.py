"""Any table through a model file: forms, blocking with its limit, training, clusters; and what each measure says."""

from __future__ import annotations

import datetime
import itertools
import random
import resource
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from hub.errors import ContractError
from matching import string_comparison
from matching.comparison import compare
from matching.evaluation import evaluate
from matching.table_forms import form_of, table_forms
from matching.table_linkage import candidates, link_table
from matching.table_model import Field
from matching.table_pairs import Meeting, meeting
from matching.training import random_pairs
from tests.unit.matching.builders import make_pairs
from tests.unit.matching.table_builders import make_rows, make_table

_GIVEN = [
    "ada",
    "ben",
    "cleo",
    "dan",
    "eva",
    "finn",
    "gwen",
    "hugo",
    "ivy",
    "jack",
    "kate",
    "liam",
    "maya",
    "noah",
    "olga",
    "paul",
    "rosa",
    "sam",
    "tess",
    "uma",
]
_SURNAME = [
    "abbot",
    "baker",
    "clark",
    "dixon",
    "evans",
    "fisher",
    "graham",
    "harris",
    "irwin",
    "jones",
    "keller",
    "lewis",
    "miller",
    "norton",
    "owens",
    "parker",
]


def _people(count: int, seed: int) -> tuple[pl.DataFrame, pl.Series]:
    """Each person twice, a third of the second rows with a slip in one field; and who each row is."""
    drawn = random.Random(seed)
    rows, who = [], []
    for person in range(count):
        born = f"19{drawn.randrange(40, 99)}{drawn.randrange(1, 13):02}{drawn.randrange(1, 29):02}"
        row = [drawn.choice(_GIVEN), drawn.choice(_SURNAME) + drawn.choice(["", "son", "man", "ley"]), born]
        other = list(row)
        if drawn.random() < 0.33:
            place = drawn.randrange(3)
            at = drawn.randrange(1, len(other[place]))
            other[place] = other[place][:at] + drawn.choice("135acen") + other[place][at + 1 :]
        rows += [tuple(row), tuple(other)]
        who += [person, person]
    order = list(range(len(rows)))
    drawn.shuffle(order)
    return make_rows(*(rows[place] for place in order)), pl.Series([who[place] for place in order])


def test_rows_of_one_person_are_found_without_a_truth(tmp_path: Path) -> None:
    rows, who = _people(600, seed=5)
    found = link_table(rows, make_table(tmp_path))
    quality = evaluate(found.clusters.column("cluster"), who).pairwise
    assert found.training is not None
    assert found.training.settled
    assert found.training.matches == pytest.approx(600, rel=0.1)
    assert quality.precision > 0.95
    assert quality.recall > 0.85


def test_what_a_rule_asks_for_says_nothing_of_how_often_it_agrees(tmp_path: Path) -> None:
    """Four rows in ten have another given name; nearly all pairs that the names find agree on it, of course."""
    drawn, rows = random.Random(8), []
    for number in range(1500):
        row = [drawn.choice(_GIVEN), drawn.choice(_SURNAME) + str(number), f"{drawn.randrange(10**8):08}"]
        other = [
            drawn.choice(_GIVEN) if drawn.random() < 0.4 else row[0],
            row[1],
            f"{drawn.randrange(10**8):08}" if drawn.random() < 0.4 else row[2],
        ]
        rows += [tuple(row), tuple(other)]
    trained = link_table(make_rows(*rows), make_table(tmp_path)).model
    given = next(comparison for comparison in trained.comparisons if comparison.name == "given")
    assert given.levels[0].m == pytest.approx(0.6 + 0.4 / len(_GIVEN), abs=0.03)


def test_the_order_of_rows_changes_no_cluster(tmp_path: Path) -> None:
    rows, _ = _people(150, seed=6)
    numbered = rows.with_row_index("row")
    table = make_table(tmp_path)

    def groups(frame: pl.DataFrame) -> set[frozenset[int]]:
        clusters = pl.DataFrame(link_table(frame.drop("row"), table).clusters)["cluster"]
        return {frozenset(part["row"]) for part in frame.with_columns(cluster=clusters).partition_by("cluster")}

    assert groups(numbered) == groups(numbered.sample(fraction=1.0, shuffle=True, seed=3))


def test_a_trained_model_is_not_trained_again(tmp_path: Path) -> None:
    rows, _ = _people(100, seed=7)
    table = make_table(tmp_path)
    trained = link_table(rows, table).model
    import dataclasses

    again = link_table(rows, dataclasses.replace(table, model=trained))
    assert again.training is None
    assert again.model is trained


def test_a_common_value_adds_less_than_a_rare_one(tmp_path: Path) -> None:
    rows = make_rows(
        *[("ann", "smith", f"{number:08}") for number in range(60)], ("bo", "rarely", "70000001"), ("bo", "rarely", "70000002")
    )
    table = make_table(tmp_path)
    trained = link_table(rows, table).model
    rarity = trained.rarity["surname"]
    common, rare = rarity.bits(["SMITH", "RARELY"])
    assert common <= 0 < rare


def test_a_block_over_the_limit_forms_no_pairs_and_is_told(tmp_path: Path) -> None:
    rows = make_rows(*[("ann", "smith", "19700101")] * 12, ("bo", "hill", "19800202"), ("bo", "hull", "19800202"))
    table = make_table(tmp_path, lambda d: d.update(block_limit=10))
    pairs, _, (born, names) = candidates(table_forms(rows, table), table.model)
    assert pairs.to_pylist() == [{"left": 12, "right": 13}]
    assert (born.pairs, born.new, born.passed_over, born.rows_passed_over) == (1, 1, 1, 12)
    assert (names.pairs, names.passed_over) == (0, 1)


def test_a_rule_may_have_a_limit_of_its_own(tmp_path: Path) -> None:
    rows = make_rows(*[("ann", "smith", "19700101")] * 5, ("bo", "hill", "19800202"), ("bo", "hill", "19800303"))
    table = make_table(tmp_path, lambda d: d["blocking"][1].update(block_limit=4))
    pairs, _, (born, names) = candidates(table_forms(rows, table), table.model)
    assert (born.pairs, born.passed_over) == (10, 0)
    assert (names.pairs, names.passed_over, names.rows_passed_over) == (1, 1, 5)
    assert pairs.num_rows == 11


def test_letters_with_marks_are_as_those_without() -> None:
    made = form_of(pl.DataFrame({"x": ["Łódź-Müller", "LODZ MULLER", "ガス"]}), Field("x", ("x",), "text"))["x"].to_list()
    assert made[0] == made[1] == "LODZ MULLER"
    assert made[2] == "ガス"  # another sound than カス


def test_a_value_listed_as_over_common_needs_the_further_field(tmp_path: Path) -> None:
    rows = make_rows(("ann", "smith", "19700101"), ("ann", "hill", "19700101"), ("bo", "hill", "19700101"))

    def listed(document: dict[str, Any]) -> None:
        document["blocking"] = [{"name": "born", "fields": ["born"], "refine": ["given"]}]
        document["over_common"] = {"born": ["19700101"]}

    table = make_table(tmp_path, listed)
    pairs, _, _ = candidates(table_forms(rows, table), table.model)
    assert pairs.to_pylist() == [{"left": 0, "right": 1}]


def test_a_source_without_duplicates_has_none(tmp_path: Path) -> None:
    rows = make_rows(*[("ann", "smith", "19700101")] * 3).with_columns(source=pl.Series(["a", "a", "b"]))
    weighed = {"prior": -10.0, "comparisons": [{"name": "born", "kind": "equal", "levels": [{"name": "same", "bits": 20}]}]}
    free = link_table(rows, make_table(tmp_path, lambda d: d.update(weighed)))
    held = link_table(rows, make_table(tmp_path, lambda d: d.update(weighed, source="source", unique_within=True)))
    some = link_table(rows, make_table(tmp_path, lambda d: d.update(weighed, source="source", unique_within=["b"])))
    assert free.clusters.column("cluster").to_pylist() == [0, 0, 0]
    assert held.clusters.column("cluster").to_pylist() == [0, 1, 0]
    assert some.clusters.column("cluster").to_pylist() == [0, 0, 0]


def test_two_identifiers_are_never_one(tmp_path: Path) -> None:
    rows = make_rows(("ann", "smith", "19700101"), ("ann", "smith", "19700102"))
    weighed = {"prior": -10.0, "comparisons": [{"name": "surname", "kind": "equal", "levels": [{"name": "same", "bits": 30}]}]}
    assert link_table(rows, make_table(tmp_path, lambda d: d.update(weighed))).clusters.column("cluster").to_pylist() == [0, 0]
    held = link_table(rows, make_table(tmp_path, lambda d: d.update(weighed, identifier="born")))
    assert held.clusters.column("cluster").to_pylist() == [0, 1]


def test_a_column_that_the_table_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="born"):
        link_table(make_rows(("a", "b", "c")).drop("born"), make_table(tmp_path))


@pytest.mark.parametrize("rows", [make_rows(), make_rows(("ann", "smith", "19700101")), make_rows((None, None, None), (None, None, None))])
def test_a_table_with_nothing_to_link_stays_as_it_is(tmp_path: Path, rows: pl.DataFrame) -> None:
    assert link_table(rows, make_table(tmp_path)).clusters.column("cluster").to_pylist() == list(range(len(rows)))


@pytest.mark.parametrize(
    ("form", "given", "made"),
    [
        ("text", ["  Jean-Luc  PICARD ", "國光　１２", "n/a", None], ["JEAN LUC PICARD", "国光 12", None, None]),
        ("number", [" 1e3 ", "-.5", "1,234.5", "nan", "NaN", "inf", "-", "1e999"], [1000.0, -0.5, 1234.5, *[None] * 5]),
        ("exact", [" a-1 ", "A-1"], ["a-1", "A-1"]),
        ("code", ["(02) 55-a", "--"], ["0255A", None]),
        ("words", ["the old the new"], [["NEW", "OLD", "THE"]]),
        ("number", ["1,200.5", "x"], [1200.5, None]),
        ("number", ["１２．５", "1", "5²"], [12.5, 1.0, None]),
        ("year", ["© 1987 Sony", "87", "20２６年", "٢٠٢٦"], [1987.0, None, 2026.0, None]),
        ("date", ["２０２６－０３－０４", "2026年3月4日"], [datetime.date(2026, 3, 4)] * 2),
        ("sound", ["Meyer", "Maier", "张三", "章三"], ["MR", "MR", "ZMCM", "ZMCM"]),
    ],
)
def test_forms(form: str, given: list[str | None], made: list[Any]) -> None:
    column = form_of(pl.DataFrame({"c": pl.Series(given, dtype=pl.String)}), Field("c", ("c",), form))["c"]
    assert column.to_list() == made


def test_forms_with_options() -> None:
    rows = pl.DataFrame({"id": ["rec-12-dup-0"], "name": ["smith"], "born": ["31.12.1999"], "lon": ["113.9"], "lat": ["22.7"]})
    assert form_of(rows, Field("c", ("id",), "exact", pattern=r"rec-(\d+)"))["c"].to_list() == ["12"]
    assert form_of(rows, Field("c", ("name",), "start", length=3))["c"].to_list() == ["SMI"]
    assert form_of(rows, Field("c", ("name",), "end", length=2))["c"].to_list() == ["TH"]
    assert str(form_of(rows, Field("c", ("born",), "date"))["c"][0]) == "1999-12-31"
    assert form_of(rows, Field("c", ("name",), "text", placeholders=frozenset({"SMITH"})))["c"].to_list() == [None]
    assert len(form_of(rows, Field("c", ("lon", "lat"), "place"))["cells"][0]) == 2


@pytest.mark.parametrize(
    ("test", "one", "other", "holds"),
    [
        ({"exact": True}, "abc", "abc", True),
        ({"exact": True}, "abc", "abd", False),
        ({"edits": 1}, "smith", "smiht", True),
        ({"edits": 1}, "smith", "smithes", False),
        ({"jaro_winkler": 0.92}, "johnathan", "johnathon", True),
        ({"jaro_winkler": 0.92}, "johnathan", "mary", False),
        ({"jaro_winkler": 0.96}, "abbb", "abbbb", True),  # 0.96, that no number of seven figures is
        ({"similarity": 0.8}, "golden gate park", "golden gate parc", True),
        ({"words": 0.8}, "golden gate park", "park golden gate", True),
        ({"words": 0.8}, "golden gate park", "golden arches", False),
        ({"ngrams": 0.5}, "watermelon", "watermellon", True),
        ({"ngrams": 0.5}, "watermelon", "firetruck", False),
        ({"contains": True}, "bank of china shenzhen", "bank of china", True),
        ({"contains": True}, "bank of chinatown", "bank of china", False),
        ({"edits": 9, "exact": True}, "abc", "xyz", True),
    ],
)
def test_each_measure_of_two_texts(tmp_path: Path, test: dict[str, Any], one: str, other: str, holds: bool) -> None:
    levels = [{"name": "alike", "bits": 1, **test}, {"name": "differ", "bits": -1}]
    table = make_table(tmp_path, lambda d: d.update(prior=-5, comparisons=[{"name": "surname", "kind": "string", "levels": levels}]))
    filling = [("x", text, None) for text in ("hill", "golden", "water", "bank", "old town hall", "park lane")]
    forms = table_forms(make_rows(("x", one, None), ("x", other, None), *filling), table)
    for pair in ((0, 1), (1, 0)):
        level = compare("table", forms, make_pairs(pair), table.model).column("surname").to_pylist()
        assert level == [1 if holds else 2]


def test_names_that_changed_places_are_seen(tmp_path: Path) -> None:
    levels = [{"name": "swapped", "bits": 1, "swapped_with": "given"}, {"name": "differ", "bits": -1}]
    table = make_table(tmp_path, lambda d: d.update(prior=-5, comparisons=[{"name": "surname", "kind": "string", "levels": levels}]))
    forms = table_forms(make_rows(("li", "wei", None), ("wei", "li", None), ("li", "na", None), (None, "wei", None)), table)
    pairs = make_pairs((0, 1), (1, 0), (0, 2), (1, 2), (0, 3))
    assert compare("table", forms, pairs, table.model).column("surname").to_pylist() == [1, 1, 2, 2, 2]


def test_random_pairs_are_all_there_are_where_there_are_few() -> None:
    assert random_pairs(4).num_rows == 6
    drawn = pl.DataFrame(random_pairs(10_000, most=1_000))
    assert len(drawn) <= 1_000
    assert (drawn["left"] < drawn["right"]).all()
    assert drawn.equals(pl.DataFrame(random_pairs(10_000, most=1_000)))


def test_days_between_dates_of_a_table(tmp_path: Path) -> None:
    def dated(document: dict[str, Any]) -> None:
        document["fields"]["born"] = {"from": "born", "as": "date"}
        levels = [{"name": "near", "bits": 1, "at_most": 2}, {"name": "far", "bits": -1}]
        document["prior"], document["comparisons"] = -5, [{"name": "born", "kind": "days", "levels": levels}]

    table = make_table(tmp_path, dated)
    forms = table_forms(make_rows(("a", "b", "2026-01-01"), ("a", "b", "2026-01-03"), ("a", "b", "2026-01-04"), ("a", "b", None)), table)
    levels = compare("table", forms, make_pairs((0, 1), (0, 2), (0, 3)), table.model).column("born").to_pylist()
    assert levels == [1, 2, 0]


def test_what_training_finds_are_probabilities(tmp_path: Path) -> None:
    rows, _ = _people(300, seed=9)
    for comparison in link_table(rows, make_table(tmp_path)).model.comparisons:
        for chances in ([level.m or 0.0 for level in comparison.levels], [level.u or 0.0 for level in comparison.levels]):
            assert all(0 < chance <= 1 for chance in chances)
            assert sum(chances) == pytest.approx(1)


@pytest.mark.parametrize(
    ("written", "formats", "day"),
    [
        ("2026-03-04T05:06:07.000", (), "2026-03-04"),
        ("2026-03-04 05:06", (), "2026-03-04"),
        ("20260304", (), "2026-03-04"),
        ("04/03/2026", (), "2026-03-04"),
        ("03/04/2026 05:06:07 AM", ("%m/%d/%Y",), "2026-03-04"),
    ],
)
def test_a_time_of_day_after_a_date_is_passed_over(written: str, formats: tuple[str, ...], day: str) -> None:
    made = form_of(pl.DataFrame({"c": [written]}), Field("c", ("c",), "date", formats=formats))["c"]
    assert str(made[0]) == day


@pytest.mark.parametrize("form", ["date", "number", "year"])
def test_a_field_of_which_no_row_can_be_read_is_told(form: str) -> None:
    with pytest.raises(ContractError, match="field c"):
        form_of(pl.DataFrame({"c": ["soon", None]}), Field("c", ("c",), form))
    assert form_of(pl.DataFrame({"c": [None, None]}, schema={"c": pl.String}), Field("c", ("c",), form))["c"].null_count() == 2


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_no_level_is_trained_to_weigh_more_than_a_better_one(tmp_path: Path, seed: int) -> None:
    levels = [{"name": f"{share}", "similarity": share} for share in (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.3)]
    finely = [{"name": name, "kind": "string", "levels": [*levels, {"name": "rest"}]} for name in ("given", "surname", "born")]
    rows, _ = _people(200, seed=seed)
    for comparison in link_table(rows, make_table(tmp_path, lambda d: d.update(comparisons=finely))).model.comparisons:
        bits = [level.bits for level in comparison.levels]
        assert bits == sorted(bits, reverse=True)
        assert sum(level.m or 0.0 for level in comparison.levels) == pytest.approx(1)


def test_a_point_at_nought_is_no_place_and_swapped_axes_are_told() -> None:
    field = Field("spot", ("lon", "lat"), "place")
    made = form_of(pl.DataFrame({"lon": ["0", "113.9"], "lat": ["0.0", "22.7"]}), field)
    assert made["longitude"].to_list() == [None, 113.9]
    assert made["cells"].list.len().to_list() == [0, 2]
    with pytest.raises(ContractError, match="latitudes beyond 90"):
        form_of(pl.DataFrame({"lon": ["22.7"], "lat": ["113.9"]}), field)


@pytest.mark.parametrize("of_a_level", [True, False])
def test_what_forbids_a_link_does_so_whatever_the_weight(tmp_path: Path, of_a_level: bool) -> None:
    def forbidding(document: dict[str, Any]) -> None:
        for comparison in document["comparisons"]:
            comparison.update(kind="string", levels=[{"name": "exact", "exact": True, "bits": 20}, {"name": "differ", "bits": -1}])
        document["prior"] = -5
        if of_a_level:
            document["comparisons"][0]["levels"][1]["cannot_link"] = True
        else:
            document["adjustments"] = [{"name": "others", "when": {"given": ["differ"]}, "bits": -1, "cannot_link": True}]

    # The third row would link the first two, which agree in all but what forbids.
    rows = make_rows(("ada", "stone", "1"), ("ben", "stone", "1"), (None, "stone", "1"))
    linkage = link_table(rows, make_table(tmp_path, forbidding))
    decisions = {(edge["left"], edge["right"]): edge["decision"] for edge in linkage.edges.to_pylist()}
    assert decisions == {(0, 1): "cannot_link", (0, 2): "link", (1, 2): "link"}
    first, second, _ = linkage.clusters["cluster"].to_pylist()
    assert first != second


@pytest.mark.parametrize(
    ("form", "common", "rare"), [("date", "1970-01-01", "1987-02-03"), ("year", "1970", "1987"), ("number", "0", "17.5")]
)
def test_a_common_date_or_number_adds_less_than_a_rare_one(tmp_path: Path, form: str, common: str, rare: str) -> None:
    def dated(document: dict[str, Any]) -> None:
        document["fields"]["born"]["as"] = form
        document["comparisons"] = [{"name": "given", "kind": "name"}, {"name": "born", "kind": "equal", "term_frequency": True}]

    table = make_table(tmp_path, dated)
    rows = make_rows(*[(name, name, common) for name in _GIVEN * 3], *[(name, name, rare) for name in _GIVEN[:2]])
    model = link_table(rows, table).model
    pairs = make_pairs((0, 1), (len(rows) - 2, len(rows) - 1))
    often, seldom = compare("table", table_forms(rows, table), pairs, model)["born.rarity"].to_pylist()
    assert often <= 0
    assert seldom > often + 3


def test_one_long_text_makes_no_more_pieces_of_the_others() -> None:
    texts = pl.Series(["watermelon", "ab", "", "光明 区", "x" * 3_000])
    made = string_comparison._pieces(texts)
    for text, pieces in zip(texts, made, strict=True):
        assert sorted(pieces) == sorted(f" {text} "[place : place + 3] for place in range(len(text)))
    assert made.list.len().sum() == sum(map(len, texts))


def test_the_memory_of_pieces_follows_the_characters_and_not_the_longest_text(tmp_path: Path) -> None:
    levels = [{"name": "alike", "ngrams": 0.5}, {"name": "differ"}]
    table = make_table(tmp_path, lambda d: d.update(comparisons=[{"name": "given", "kind": "string", "levels": levels}]))
    forms = table_forms(
        make_rows(*[(f"{name} {number}", name, "1") for number in range(300) for name in _GIVEN], ("x" * 20_000, "x", "1")), table
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    compare("table", forms, make_pairs((0, 1), (0, forms.num_rows - 1)), table.model)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KiB; 20,000 slices of 3,600 texts take more


def test_long_texts_are_compared_a_few_at_a_time_with_the_same_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(3)
    values = [" ".join(dice.choices(_GIVEN, k=dice.randint(1, 40))) for _ in range(30)]
    left, right = zip(*[(one, other) for one in values for other in values], strict=True)
    whole = string_comparison._ngrams(left, right, values)
    monkeypatch.setattr(string_comparison, "_AT_ONCE", 100)  # fewer pieces than one pair may have
    assert string_comparison._ngrams(left, right, values).tolist() == whole.tolist()
    assert string_comparison._ngrams([], [], values).tolist() == []


@pytest.mark.parametrize("born", ["19700101", None])
def test_rows_that_are_all_the_same_are_one(tmp_path: Path, born: str | None) -> None:
    table = make_table(tmp_path, lambda d: [each.update(term_frequency=True) for each in d["comparisons"]])
    found = link_table(make_rows(*[("ann", "smith", born)] * 50), table)
    assert set(found.clusters.column("cluster").to_pylist()) == {0}
    assert found.training is not None and found.training.settled


def test_training_goes_on_until_the_prior_stands_too(tmp_path: Path) -> None:
    others = [(given, f"{given}son", f"{1960 + place}0203") for place, given in enumerate(_GIVEN[:5])]
    found = link_table(make_rows(*[("ann", "smith", "19700101")] * 45, *others), make_table(tmp_path))
    assert found.training is not None and found.training.settled
    assert found.training.matches == pytest.approx(45 * 44 / 2, rel=0.25)  # after every m stood it was a twentieth of that
    assert found.clusters.column("cluster").to_pylist() == [0] * 45 + list(range(45, 50))


def test_training_with_groups_goes_on_until_the_priors_stand_too(tmp_path: Path) -> None:
    others = [(given, f"{given}son", f"{1960 + place}0203") for place, given in enumerate(_GIVEN[:5])]
    found = link_table(make_rows(*[("ann", "smith", "19700101")] * 45, *others), make_table(tmp_path, _told_apart))
    assert found.training is not None and found.training.settled
    assert found.training.matches == pytest.approx(45 * 44 / 2, rel=0.25)  # after every share stood it was a third of that


def _told_apart(document: dict[str, Any]) -> None:
    document["told_apart_by"] = ["given", "born"]


def test_columns_of_which_no_text_is_made_take_no_part_in_the_order_of_rows(tmp_path: Path) -> None:
    rows = make_rows(*[("ann", "smith", "19700101"), ("bo", "hill", "19800202")] * 2)
    more = rows.with_columns(tags=pl.Series([["a"], ["b"]] * 2), photo=pl.Series([b"\xff", b"\xfe"] * 2), took=pl.duration(days=1))
    assert link_table(more, make_table(tmp_path)).clusters == link_table(rows, make_table(tmp_path)).clusters


@pytest.mark.parametrize("named", [True, False])
def test_between_links_of_one_weight_the_order_of_rows_decides_nothing(tmp_path: Path, named: bool) -> None:
    weighed = {"prior": -10.0, "comparisons": [{"name": "surname", "kind": "equal", "levels": [{"name": "same", "bits": 30}]}]}
    weighed |= {"identifier": "given", "blocking": [{"name": "surname", "fields": ["surname"]}]} | ({"id": "born"} if named else {})
    table = make_table(tmp_path, lambda d: d.update(weighed))
    rows = [("ann", "smith", "1"), (None, "smith", "2"), ("bo", "smith", "3"), (None, "smith", "4")]

    def groups(given: tuple[tuple[str | None, str, str], ...]) -> set[frozenset[str]]:
        clusters = pl.DataFrame(link_table(make_rows(*given), table).clusters)["cluster"].to_list()
        return {frozenset(row[2] for row, of in zip(given, clusters, strict=True) if of == cluster) for cluster in set(clusters)}

    found = {frozenset(groups(given)) for given in itertools.permutations(rows)}
    assert len(found) == 1


def test_what_a_model_lists_at_its_top_as_placeholders_says_nothing(tmp_path: Path) -> None:
    rows = make_rows(("ann", "not known", "19700101"), ("bo", "Not Known", "19800101"))
    listed = make_table(tmp_path, lambda d: d.update(placeholders={"surname": ["not known"]}))
    assert table_forms(rows, make_table(tmp_path)).column("surname").to_pylist() == ["NOT KNOWN", "NOT KNOWN"]
    assert table_forms(rows, listed).column("surname").to_pylist() == [None, None]
    with pytest.raises(ContractError, match="placeholders: there is no field sirname"):
        make_table(tmp_path, lambda d: d.update(placeholders={"sirname": ["not known"]}))


def test_rows_of_one_record_may_have_a_role_without_a_name(tmp_path: Path) -> None:
    def kept_apart(document: dict[str, Any]) -> None:
        document["fields"]["role"] = "surname"
        document["comparisons"].append({"name": "record", "kind": "apart", "column": "role", "levels": [{"name": "together", "bits": -9}]})

    rows = make_rows(("ann", "smith", "19700101"), ("ann", "smith", "19700101"))
    table = make_table(tmp_path, kept_apart)
    levels = compare("table", table_forms(rows, table), make_pairs((0, 1)), table.model)
    assert levels.column("record").to_pylist() == [0]


def test_the_largest_block_that_formed_pairs_is_told_beside_the_one_that_did_not(tmp_path: Path) -> None:
    rows = make_rows(*[("ann", "smith", "19700101")] * 12, ("bo", "hill", "19800202"), ("bo", "hull", "19800202"))
    table = make_table(tmp_path, lambda d: d.update(block_limit=10))
    _, _, (born, names) = candidates(table_forms(rows, table), table.model)
    assert (born.largest, born.rows_passed_over) == (2, 12)
    assert (names.largest, names.rows_passed_over) == (0, 12)


def test_how_two_rows_come_to_meet_and_what_keeps_them_apart_is_told(tmp_path: Path) -> None:
    rows = make_rows(*[("ann", "smith", "19700101")] * 4, ("ann", "smith", "19800202"), ("bo", "hill", "19800202"))
    sourced = rows.with_columns(source=pl.Series(["a", "a", "b", None, None, None]))
    more = {"block_limit": 4, "source": "source", "unique_within": True, "identifier": "given"}
    table = make_table(tmp_path, lambda d: d.update(more))
    forms = table_forms(sourced, table)
    assert meeting(forms, 0, 1, table.model) == Meeting(("born",), (("names", 5, 4),), is_one_source=True, is_two_identifiers=False)
    assert meeting(forms, 5, 4, table.model) == Meeting(("born",), (), is_one_source=False, is_two_identifiers=True)
    assert meeting(forms, 0, 5, table.model) == Meeting((), (), is_one_source=False, is_two_identifiers=True)
    assert meeting(forms, 2, 3, table.model) == Meeting(("born",), (("names", 5, 4),), is_one_source=False, is_two_identifiers=False)


def test_a_coordinate_that_is_no_number_is_no_place() -> None:
    made = form_of(pl.DataFrame({"x": ["113.9", "45", "inf"], "y": ["22.5", "nan", "1e999"]}), Field("place", ("x", "y"), "place"))
    assert made["longitude"].to_list() == [113.9, 45.0, None]
    assert made["latitude"].to_list() == [22.5, None, None]


def test_a_coordinate_that_is_listed_as_a_placeholder_is_no_place() -> None:
    field = Field("place", ("x", "y"), "place", placeholders=frozenset({"-1", "999.0", "none"}))
    rows = pl.DataFrame({"x": ["113.9", "-1", "999", None], "y": ["22.5", "22.5", "999", "22.5"]})
    made = form_of(rows, field)
    assert made["longitude"].to_list() == [113.9, None, None, None]
    assert made["latitude"].to_list() == [22.5, 22.5, None, 22.5]
    assert [len(keys) for keys in made["cells"].to_list()] == [2, 0, 0, 0]
