"""Model files of tables: what the loader takes and what it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from hub.errors import ContractError
from matching.model import GRADED, TESTS
from matching.model_file import document_of
from matching.model_reader import USUAL
from matching.table_linkage import link_table
from matching.table_model import FORMS, read_table_model
from matching.trained_file import trained_document
from tests.unit.matching.table_builders import make_rows, write_model


def test_a_file_with_the_least_there_must_be_is_read(tmp_path: Path) -> None:
    table = read_table_model(write_model(tmp_path))
    assert table.model.relation == "table"
    assert not table.model.is_trained
    assert table.columns_of("surname") == {"surname"}
    assert [level.name for level in table.model.comparisons[0].levels] == ["exact", "near", "alike", "faint", "differ"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        pytest.param(lambda d: d.update(relation="person"), "table", id="another relation"),
        pytest.param(lambda d: d.pop("fields"), "fields", id="no fields"),
        pytest.param(lambda d: d.update(cluster="x"), "cluster", id="unknown key"),
        pytest.param(lambda d: d["fields"].update(surname={"from": "s", "as": "magic"}), "magic", id="unknown form"),
        pytest.param(lambda d: d["fields"].update(surname={"from": "s", "as": "start"}), "length", id="start without length"),
        pytest.param(lambda d: d["fields"].update(spot={"from": "lon", "as": "place"}), "longitude", id="place of one column"),
        pytest.param(lambda d: d["fields"].update(surname={"from": "s", "pattern": "("}), "pattern", id="no regular expression"),
        pytest.param(lambda d: d["fields"].update(surname={"from": "s", "pattern": "a"}), "group", id="no group"),
        pytest.param(lambda d: d["fields"].update(id="x"), "called", id="a reserved name"),
        pytest.param(lambda d: d["blocking"][0].update(fields=["sirname"]), "sirname", id="rule on no field"),
        pytest.param(lambda d: d["comparisons"][0].update(column="sirname"), "sirname", id="comparison of no field"),
        pytest.param(lambda d: d.update(identifier="number"), "number", id="identifier is no field"),
        pytest.param(lambda d: d.update(over_common={"number": ["1"]}), "number", id="over-common values of no field"),
        pytest.param(lambda d: d["fields"].update(surname={"from": "s", "without": "mentions"}), "without", id="without is a word"),
        pytest.param(lambda d: d.update(unique_within="all"), "unique_within", id="unique_within is a word"),
        pytest.param(lambda d: d["comparisons"][0].update(kind="string"), "levels", id="string without levels"),
        pytest.param(
            lambda d: d["comparisons"][0].update(kind="string", levels=[{"name": "same"}, {"name": "rest"}]),
            "test",
            id="no test but the last",
        ),
        pytest.param(lambda d: d["comparisons"][0].update(kind="string", levels=[{"name": "a", "words": 2}]), "between", id="above 1"),
        pytest.param(lambda d: d["comparisons"][0].update(kind="string", levels=[{"name": "a", "exact": False}]), "true", id="not exact"),
        pytest.param(lambda d: d["comparisons"][0].update(kind="string", levels=[{"name": "a", "m": 0, "u": 1}]), "probab", id="m is 0"),
        pytest.param(
            lambda d: d["comparisons"][0].update(kind="string", levels=[{"name": "a", "swapped_with": "sirname"}, {"name": "rest"}]),
            "sirname",
            id="swapped with no field",
        ),
        pytest.param(
            lambda d: d["fields"].update(a={"from": "a", "as": "address"}, b={"from": "b", "as": "address"}),
            "two fields",
            id="two addresses",
        ),
        *(
            pytest.param(
                lambda d, form=form: d["fields"]["born"].update({"as": form}), f"string is of no field made as {form}", id=f"code of {form}"
            )
            for form in ("date", "year", "number", "words", "bands", "mentions")
        ),
        *(
            pytest.param(
                lambda d, kind=kind, more=more: (
                    d["comparisons"][2].update(kind=kind, **more),
                    d["fields"]["born"].update({"as": "words"}),
                ),
                f"{kind} is of",
                id=f"{kind} of words",
            )
            for kind, more in (
                ("equal", {}),
                ("phone", {}),
                ("category", {}),
                ("count", {}),
                ("parties", {}),
                ("citation", {}),
                ("text", {"levels": [{"name": "a", "at_least": 0.5}, {"name": "b"}]}),
            )
        ),
        pytest.param(
            lambda d: (
                d["fields"].update(spread={"from": "s", "as": "date"}),
                d["comparisons"][0].update(kind="string", levels=[{"name": "a", "swapped_with": "spread"}, {"name": "rest"}]),
            ),
            "date",
            id="swapped with a date",
        ),
        pytest.param(
            lambda d: (
                d["fields"]["born"].update({"as": "words"}),
                d["comparisons"][2].update(kind="shared", term_frequency=True, levels=[{"name": "a", "at_most": 2}, {"name": "b"}]),
            ),
            "term_frequency",
            id="how rare a list is",
        ),
        pytest.param(
            lambda d: (d["fields"].update(more={"from": "s", "as": "words"}), d.update(identifier="more")),
            "identifier is of one value a row",
            id="identifier of several values",
        ),
        *(
            pytest.param(
                lambda d, form=form, length=length: d["fields"].update(part={"from": "s", "as": form, "length": length}),
                "length is below 1",
                id=f"{form} of {length}",
            )
            for form, length in (("start", 0), ("end", -1), ("pieces", 0))
        ),
        *(
            pytest.param(lambda d, form=form: d.update(truth={"from": "s", "as": form}), "truth cannot be", id=f"truth as {form}")
            for form in ("id_no", "address", "words")
        ),
        pytest.param(
            lambda d: d["fields"].update(number="n", where={"from": "a", "as": "address"}),
            "field number is called as a column that field where makes",
            id="called as a part of an address",
        ),
        pytest.param(
            lambda d: d["fields"].update(city="c", firm={"from": "a", "as": "organisation_name"}),
            "field city is called as a column that field firm makes",
            id="called as a part of a firm's name",
        ),
        pytest.param(
            lambda d: d["fields"].update(who={"from": "a", "as": "person_name"}), "surname", id="called as a part of a person's name"
        ),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_word(tmp_path: Path, change: Callable[[dict[str, Any]], object], word: str) -> None:
    with pytest.raises(ContractError) as refused:
        read_table_model(write_model(tmp_path, change))
    assert word in str(refused.value)
    assert refused.value.remedy


def test_every_form_is_told_where_one_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(ContractError) as refused:
        read_table_model(write_model(tmp_path, lambda d: d["fields"].update(surname={"from": "s", "as": "magic"})))
    assert all(form in refused.value.remedy for form in FORMS)


def test_a_trained_model_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    def weighed(document: dict[str, Any]) -> None:
        levels = [{"name": "same", "exact": True, "m": 0.9, "u": 0.01}, {"name": "near", "edits": 1, "m": 0.05, "u": 0.02}]
        levels.append({"name": "rest", "m": 0.05, "u": 0.97})
        document["comparisons"] = [{"name": "surname", "kind": "string", "term_frequency": True, "levels": levels}]
        document["rarity"] = {"surname": {"agreement": 0.01, "rest": 0.001, "shares": {"SMITH": 0.1}}}
        document["prior"] = -7.5

    path = write_model(tmp_path, weighed)
    model = read_table_model(path).model
    again = tmp_path / "again.yml"
    again.write_text(trained_document(document_of(path), model), encoding="utf-8")
    assert read_table_model(again).model == model
    assert model.is_trained
    assert model.comparisons[0].levels[0].bits == pytest.approx(6.49, abs=0.01)


def test_a_file_that_is_not_there_or_is_no_yaml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError):
        read_table_model(tmp_path / "none.yml")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("version: 1\nid customer\nfields:\n  a: b\n", "line 2,", id="a colon left out"),
        pytest.param("version: 1\nfields: {a: [\nid: no\nsource: x\n", "line 2,", id="a bracket never closed"),
        pytest.param("version: 1\nfields: {a: [\n\n", "line 2 ", id="a bracket never closed at the end"),
        pytest.param("version: 1\nid: 'no\nfields: x\n", "line 2,", id="a quote never closed"),
        pytest.param("fields:\n  a: 1\n b: 2\n", "line 3", id="an indent in a block that begins above"),
        pytest.param("version: 1\n\tid: no\n", "line 2", id="a tab"),
    ],
)
def test_the_line_to_mend_is_told(tmp_path: Path, text: str, place: str) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text(text, encoding="utf-8")
    with pytest.raises(ContractError, match=f"broken.yml cannot be read at {place}"):
        read_table_model(broken)


def test_what_names_a_field_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="model.yml: 分块规则 born 没有字段 sirname · blocking rule born: there is no field sirname"):
        read_table_model(write_model(tmp_path, lambda d: d["blocking"][0].update(fields=["sirname"])))
    with pytest.raises(ContractError, match="model.yml: 比较 given 没有字段 sirname · comparison given: there is no field sirname"):
        read_table_model(write_model(tmp_path, lambda d: d["comparisons"][0].update(column="sirname")))


def test_what_the_page_of_matching_says_can_be_written_is_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "matching.md").read_text(encoding="utf-8")
    whole, more = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL))
    written = tmp_path / "people.yml"
    written.write_text(yaml.safe_dump(whole | more, allow_unicode=True, sort_keys=False), encoding="utf-8")
    table = read_table_model(written)
    assert table.identifier == "postcode"
    assert table.model.blocking[0].refine == ("start",)
    assert table.model.over_common == {"born": {"1970-01-01"}}
    assert [(adjustment.bits, adjustment.cannot_link) for adjustment in table.model.adjustments] == [(-6, False), (-9, True)]


def test_the_page_of_matching_names_every_form_and_every_measure() -> None:
    page = (Path(__file__).parents[3] / "docs" / "matching.md").read_text(encoding="utf-8")
    words = {word for quoted in re.findall(r"`([^`\n]+)`", page) for word in re.findall(r"\w+", quoted)}
    relation_alone = {"text"}  # a graded kind of cases' own; as a form it is named
    assert not {*FORMS, *GRADED, *TESTS, *USUAL} - relation_alone - words


def test_a_pattern_that_only_python_reads_is_refused(tmp_path: Path) -> None:
    path = write_model(tmp_path, lambda d: d["fields"].update(looking={"from": "no", "pattern": "^(?!x)(.*)$"}))
    with pytest.raises(ContractError, match="no regular expression with one group"):
        read_table_model(path)


def test_training_a_model_whose_weights_are_stated_leaves_them_as_they_are(tmp_path: Path) -> None:
    def stated(document: dict[str, Any]) -> None:
        levels = [
            {"name": "same", "exact": True, "bits": 9.5},
            {"name": "near", "edits": 1, "bits": 2, "m": 0.05, "u": 0.02, "stated": 1.5},
        ]
        document["comparisons"] = [{"name": "surname", "kind": "string", "levels": [*levels, {"name": "rest", "bits": -4}]}]
        document["prior"] = -7.5

    path, again = write_model(tmp_path, stated), tmp_path / "again.yml"
    model = read_table_model(path).model
    again.write_text(trained_document(document_of(path), model), encoding="utf-8")
    levels = read_table_model(again).model.comparisons[0].levels
    assert [(level.bits, level.stated) for level in levels] == [(9.5, None), (2, 1.5), (-4, None)]
    assert trained_document(document_of(again), read_table_model(again).model) == again.read_text(encoding="utf-8")


def test_a_trained_file_weighs_to_the_digit_as_training_did(tmp_path: Path) -> None:
    path, again = write_model(tmp_path), tmp_path / "again.yml"
    rows = make_rows(*[(given, f"{given}son", f"19{place:02}0101") for place, given in enumerate(["ada", "ben", "cleo", "dan"] * 2)])
    trained = link_table(rows, read_table_model(path)).model
    again.write_text(trained_document(document_of(path), trained), encoding="utf-8")
    assert read_table_model(again).model.comparisons == trained.comparisons


def test_more_rules_and_levels_than_can_be_told_apart_are_refused(tmp_path: Path) -> None:
    def many(rules: int, levels: int) -> Callable[[dict[str, Any]], None]:
        def change(document: dict[str, Any]) -> None:
            document["fields"]["age"] = {"from": "age", "as": "number"}
            document["blocking"] = [{"name": f"rule{n}", "fields": ["given"]} for n in range(rules)]
            steps = [{"name": f"within{n}", "at_most": n} for n in range(levels - 1)]
            document["comparisons"] = [{"name": "age", "kind": "difference", "levels": [*steps, {"name": "farther"}]}]

        return change

    table = read_table_model(write_model(tmp_path, many(63, 63)))
    ages = ["7", "7", "68", "170", None]
    found = link_table(make_rows(*[("ann", None, None)] * 5).with_columns(age=pl.Series(ages)), table)
    assert found.rules[-1].pairs == 10
    assert found.edges.column("levels").to_pylist()[:4] == ['{"age":"within0"}', '{"age":"within61"}', '{"age":"farther"}', "{}"]
    for rules, levels, told in ((64, 63, "64 blocking rules"), (63, 64, "64 levels of age")):
        with pytest.raises(ContractError, match=f"{told}, at most 63"):
            read_table_model(write_model(tmp_path, many(rules, levels)))
