"""A department's own codes and the hub's lists of them say the same; contracts know every raw column."""

from __future__ import annotations

from types import ModuleType

import orjson
import polars as pl
import pytest
from lxml import etree

from connectors.codes import load_code_list
from connectors.contract import Contract
from connectors.contract_files import load_contracts
from schema import codes
from simulator import serve
from simulator.rendering import SHORT_NAMES
from simulator.timeline import Timeline
from simulator.world import World, build_world

#: The hub's list that each table of a module is about.
LISTS = {"CATEGORY": "category", "STATUS": "status", "NOTES": "status", "GRADE": "grade", "CHANNEL": "channel"}
DEPARTMENTS = sorted(serve.DEPARTMENTS)


@pytest.fixture(scope="module")
def world() -> World:
    """A small world."""
    return build_world(400, seed=5)


@pytest.fixture(scope="module")
def contracts() -> dict[str, Contract]:
    """The hub's own contracts."""
    return load_contracts([])


def module_of(department: str) -> ModuleType:
    module = serve.DEPARTMENTS[department][0]
    assert isinstance(module, ModuleType)
    return module


def test_sixteen_departments_have_a_contract_each(contracts: dict[str, Contract]) -> None:
    from connectors.contract_files import DEPARTMENTS as FOLDER

    assert sorted(path.stem for path in FOLDER.glob("*.yml")) == DEPARTMENTS == sorted(SHORT_NAMES)
    assert len(DEPARTMENTS) == 16
    assert contracts.keys() <= set(DEPARTMENTS)


@pytest.mark.parametrize("department", DEPARTMENTS)
def test_code_lists_are_the_departments_tables_turned_round(department: str) -> None:
    module, contract = module_of(department), load_contracts()[department]
    for table, field in LISTS.items():
        own = getattr(module, table, None)
        if own is None:
            continue
        mapping = contract.record[field]
        assert mapping.codes == f"{department}_{field}"
        assert load_code_list(mapping.codes).codes == {word: code for code, word in own.items()}


@pytest.mark.parametrize("department", DEPARTMENTS)
def test_every_hub_category_and_status_can_be_said(department: str) -> None:
    module = module_of(department)
    assert set(module.CATEGORY) == set(codes.load("category"))
    statuses = getattr(module, "NOTES", None) or module.STATUS
    assert set(statuses) == set(codes.load("status"))
    assert len(set(module.CATEGORY.values())) == len(module.CATEGORY)


def test_no_two_departments_share_their_category_codes() -> None:
    lists = [frozenset(module_of(department).CATEGORY.values()) for department in DEPARTMENTS]
    assert len(set(lists)) == len(lists)


@pytest.mark.parametrize("department", DEPARTMENTS)
def test_contract_knows_every_raw_column_and_no_other(department: str, world: World) -> None:
    module, contract = module_of(department), load_contracts()[department]
    step = Timeline(world).first(department)
    rows = module.render(step.records, step.parties).rows
    shown = columns_of(rows) | ({"序号"} if department == "political_legal" else set()) | ({"dqsj"} if department == "labour" else set())
    assert shown == contract.source_columns()


def columns_of(rows: pl.DataFrame) -> set[str]:
    """Top-level names of the raw rows, whatever they are written in."""
    if "body" not in rows.columns:
        return set(rows.columns) - {"key", "cursor"}
    if rows["body"][0].startswith("<"):
        return {child.tag for body in rows["body"] for child in etree.fromstring(body)}
    return {name for body in rows["body"] for name in orjson.loads(body)}


@pytest.mark.parametrize("department", DEPARTMENTS)
def test_rendering_is_the_same_each_time(department: str, world: World) -> None:
    module = module_of(department)
    first, second = (module.render(step.records, step.parties).rows for step in (Timeline(world).first(department) for _ in range(2)))
    assert first.equals(second)


def test_contracts_name_each_other_only() -> None:
    for contract in load_contracts().values():
        assert {reference.to for reference in contract.references} == set(DEPARTMENTS) - {contract.department}
