"""The closed lists agree with what defines them, and the published schema with the models."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

import connectors
from connectors.contract_files import DEPARTMENTS
from connectors.jsonschema import contract_schema
from connectors.words import (
    CODED_FIELDS,
    PARTY_FIELDS,
    PERSONAL_FIELDS,
    RECORD_FIELDS,
    SHIFTED_COORDINATES,
    TIME_TRANSFORMS,
    TRANSFORMS,
    Role,
)
from schema import codes
from schema.records import PARTY, RECORD
from tests.unit.connectors.builders import contract_dict

FILLED_BY_THE_HUB = {"department", "source_record_id", "version", "visibility", "references", "ordinal", "role", "kind"}
PUBLISHED = Path(connectors.__file__).parent / "schema.json"


def test_fields_are_those_of_the_records() -> None:
    assert set(RECORD_FIELDS) == set(RECORD.names) - FILLED_BY_THE_HUB
    assert set(PARTY_FIELDS) == set(PARTY.names) - FILLED_BY_THE_HUB
    assert set(RECORD_FIELDS) | set(PARTY_FIELDS) >= PERSONAL_FIELDS
    assert set(CODED_FIELDS) < set(RECORD_FIELDS)


def test_roles_are_those_of_the_code_list() -> None:
    assert set(Role.__args__) == set(codes.load("role"))


def test_every_transform_has_its_function() -> None:
    from pipeline.columns.transforms import TRANSFORMS as functions

    assert set(TRANSFORMS) == set(functions)
    assert set(TRANSFORMS) > TIME_TRANSFORMS | SHIFTED_COORDINATES


def test_the_published_schema_is_the_models() -> None:
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == contract_schema(), (
        "write it anew: casehub sources schema > connectors/schema.json"
    )


def test_the_schema_takes_what_the_models_take_and_refuses_what_they_refuse() -> None:
    validator = jsonschema.Draft202012Validator(contract_schema())
    validator.check_schema(validator.schema)
    assert list(validator.iter_errors(contract_dict())) == []
    assert list(validator.iter_errors(contract_dict(keys=["a"])))
    assert list(validator.iter_errors(contract_dict(record={"titel": {"from": "a"}})))
    assert list(validator.iter_errors(contract_dict(expectations=[{"type": "expect_x", "on_failure": "warn"}])))


@pytest.mark.parametrize("path", sorted(DEPARTMENTS.glob("*.yml")), ids=lambda path: path.stem)
def test_the_hubs_own_contracts_fit_the_published_schema(path: Path) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(PUBLISHED.read_text(encoding="utf-8")))
    assert [error.message for error in validator.iter_errors(yaml.safe_load(path.read_text(encoding="utf-8")))] == []
