"""What a table's model names and there is none of: told with the file, the nearest name and all there are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hub.errors import ContractError
from matching.table_forms import table_forms
from matching.table_linkage import link_table
from tests.unit.matching.table_builders import make_rows, make_table


def test_a_column_that_is_absent_is_told_with_the_file_and_what_names_it(tmp_path: Path) -> None:
    table = make_table(tmp_path, lambda d: d.update(id="no"))
    with pytest.raises(ContractError) as refused:
        link_table(make_rows(("a", "b", "1")).drop("surname"), table)
    assert "model.yml" in str(refused.value)
    assert "surname (field surname)" in str(refused.value)
    assert "no (id)" in str(refused.value)
    assert "its columns are given, born" in refused.value.remedy


def test_a_rule_on_a_column_that_no_form_makes_is_told_the_fields_of_the_model_alone(tmp_path: Path) -> None:
    def with_address(document: dict[str, Any]) -> None:
        document["fields"]["where"] = {"from": "born", "as": "address"}
        document["blocking"] = [{"name": "spot", "fields": ["town"]}]

    with pytest.raises(ContractError) as refused:
        link_table(make_rows(("a", "b", "1")), make_table(tmp_path, with_address))
    assert "blocking rule spot: there is no field town" in str(refused.value)
    named = refused.value.remedy.removeprefix("可用值 · name one of: ").split(", ")
    assert {"surname", "road", "room"} <= set(named)
    assert not {"id", "identifier", "apart"} & set(named)


def _swapped(document: dict[str, Any]) -> None:
    document["comparisons"][0].update(kind="string", levels=[{"name": "swapped", "swapped_with": "familly"}, {"name": "rest"}])


@pytest.mark.parametrize("form", ["person_name", "organisation_name", "id_no", "uscc", "address"])
@pytest.mark.parametrize(
    ("change", "says", "near"),
    [
        pytest.param(
            lambda d: d["comparisons"][0].update(column="givn"), "comparison given: there is no field givn", "given", id="compared"
        ),
        pytest.param(_swapped, "comparison given: swapped_with: there is no field familly", "family", id="swapped with"),
        pytest.param(lambda d: d.update(over_common={"borne": ["1"]}), "over_common: there is no field borne", "born", id="over-common"),
        pytest.param(lambda d: d.update(identifier="borne"), "identifier: there is no field borne", "born", id="identifier"),
        pytest.param(lambda d: d["blocking"][0].update(refine=["borne"]), "blocking rule born: there is no field borne", "born", id="rule"),
    ],
)
def test_a_misspelt_field_is_told_beside_a_form_of_the_hub_too(
    tmp_path: Path, form: str, change: Callable[[dict[str, Any]], object], says: str, near: str
) -> None:
    def misspelt(document: dict[str, Any]) -> None:
        document["fields"]["family"] = document["fields"].pop("surname")  # a person's name makes a column `surname`
        document["comparisons"][1].update(column="family")
        document["blocking"][1]["fields"] = ["given", "family"]
        document["fields"]["own"] = {"from": "born", "as": form}
        change(document)

    with pytest.raises(ContractError) as refused:
        table_forms(make_rows(("a", "b", "1")), make_table(tmp_path, misspelt))
    assert str(refused.value).startswith("model.yml: ") and f" · {says}" in str(refused.value)
    assert refused.value.remedy.startswith(f"是否为 {near}？可用值 · did you mean {near}? name one of: given, born, family, ")


@pytest.mark.parametrize("kind", ["person_name", "organisation_name", "address", "identifier"])
def test_a_comparison_of_a_form_that_no_field_has_is_told(tmp_path: Path, kind: str) -> None:
    table = make_table(tmp_path, lambda d: d["comparisons"][0].update(kind=kind))
    with pytest.raises(ContractError, match=f"model.yml: .* · comparison given: {kind} is of no field made as ") as refused:
        link_table(make_rows(("a", "b", "1"), ("a", "b", "1")), table)
    assert refused.value.remedy


def test_a_comparison_of_an_own_form_needs_no_column_of_its_name(tmp_path: Path) -> None:
    def home(document: dict[str, Any]) -> None:
        document["fields"]["where"] = {"from": "born", "as": "address"}
        document["comparisons"].append({"name": "home", "kind": "address"})

    link_table(make_rows(("a", "b", "1"), ("a", "b", "1")), make_table(tmp_path, home))
