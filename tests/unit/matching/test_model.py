"""Model files: what the loader takes and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub.errors import ContractError
from matching.comparison import KINDS
from matching.model import GRADED, OUTCOMES, RELATIONS
from matching.model_file import MODELS, model_of, packaged_model, read_model
from matching.survivorship import read_rules, survivorship_rules
from tests.unit.matching.builders import make_forms


def _document() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((MODELS / "case.yml").read_text(encoding="utf-8"))
    return document


def _changed(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    document = _document()
    change(document)
    path = tmp_path / "case.yml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return path


@pytest.mark.parametrize("relation", RELATIONS)
def test_own_models_load_and_name_columns_that_forms_have(relation: str) -> None:
    model, columns = packaged_model(relation), set(make_forms(relation, {}).column_names)
    assert model.relation == relation
    assert {name for rule in model.blocking for name in (*rule.fields, *rule.refine)} <= columns
    assert set(model.placeholders) <= {"name", "id_no", "uscc", "phone", "address"}
    assert survivorship_rules(relation)


def test_every_kind_has_its_function() -> None:
    assert set(KINDS) == {*OUTCOMES, *GRADED, "string"}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        pytest.param(lambda d: d.update(threshold=1), "threshold", id="unknown key"),
        pytest.param(lambda d: d.pop("prior"), "prior", id="missing key"),
        pytest.param(lambda d: d.update(prior="-16"), "number", id="text for number"),
        pytest.param(lambda d: d.update(comparisons={}), "list", id="mapping for list"),
        pytest.param(lambda d: d["thresholds"].update(review=9), "review", id="review above link"),
        pytest.param(lambda d: d["blocking"][0].update(block_limit=9), "block_limit", id="limit of a rule, which tables alone have"),
        pytest.param(lambda d: d["comparisons"][1].update(kind="magic"), "magic", id="unknown kind"),
        pytest.param(lambda d: d["comparisons"][1]["levels"][0].update(name="cited"), "cited", id="unknown level"),
        pytest.param(lambda d: d["comparisons"].append(d["comparisons"][1]), "citation", id="comparison twice"),
        pytest.param(lambda d: d["comparisons"][5]["levels"].reverse(), "at_most", id="limits out of order"),
        pytest.param(lambda d: d["comparisons"][5]["levels"][0].pop("at_most"), "at_most", id="limit missing"),
        pytest.param(lambda d: d["comparisons"][5]["levels"][0].update(at_least=1), "at_least", id="wrong limit"),
        pytest.param(lambda d: d["blocking"][0].update(fields=[]), "fields", id="rule without fields"),
        pytest.param(lambda d: d["blocking"].append(d["blocking"][0]), "cn", id="rule twice"),
        pytest.param(lambda d: d["adjustments"][0]["when"].update(weather=["rain"]), "weather", id="unknown comparison"),
        pytest.param(lambda d: d["adjustments"][0]["when"].update(address=["rain"]), "rain", id="unknown level in adjustment"),
    ],
)
def test_nonsense_is_refused_with_the_file_and_the_word(tmp_path: Path, change: Callable[[dict[str, Any]], object], word: str) -> None:
    with pytest.raises(ContractError) as caught:
        read_model(_changed(tmp_path, change))
    assert "case.yml" in str(caught.value)
    assert word in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("text", [pytest.param("{", id="no YAML"), pytest.param("- 1", id="no mapping")])
def test_unreadable_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "model.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ContractError):
        read_model(path)
    with pytest.raises(ContractError):
        read_model(tmp_path / "none.yml")


def test_relation_and_model_must_agree() -> None:
    with pytest.raises(ContractError):
        model_of("person", packaged_model("case"))
    with pytest.raises(ContractError):
        packaged_model("animal")


def test_survivorship_rules_refuse_unknown_words() -> None:
    with pytest.raises(ContractError):
        read_rules({"name": {"issuer": ["police"]}})
    with pytest.raises(ContractError):
        read_rules({"name": {"completeness": "loudest"}})
    with pytest.raises(ContractError):
        survivorship_rules("animal")
