"""Time moves on: what is new, changed, deleted, late or sent again reaches an ordinary pull, or the sweep where it must."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from connectors.contract import Contract
from connectors.contract_files import DEPARTMENTS as DEPARTMENTS_FOLDER
from connectors.contract_files import load_contract, load_contracts
from simulator.serve import DEPARTMENTS, Servers, Systems
from simulator.world import World, build_world
from tests.integration.simulator.hub_side import Pulled, pull, pushed

PULLED = [department for department in DEPARTMENTS if department != "emergency_management"]


@pytest.fixture(scope="module")
def eventful() -> World:
    """A world in which every kind of change happens in most departments."""
    return build_world(4000, seed=9)


def changes(world: World, department: str, tick: int, *kinds: str) -> set[str]:
    """Which records of a department a tick changes in these ways."""
    mine = (pl.col("department") == department) & (pl.col("tick") == tick) & pl.col("kind").is_in(list(kinds))
    return set(world.changes.filter(mine)["source_record_id"])


def new_on_time(world: World, department: str, tick: int) -> set[str]:
    mine = (pl.col("department") == department) & (pl.col("tick") == tick) & ~pl.col("is_late")
    return set(world.records.filter(mine)["source_record_id"])


def within(world: World, department: str, tick: int, lag: timedelta) -> set[str]:
    """Records committed late, but by less than a contract's lag."""
    mine = world.records.filter(pl.col("department") == department)
    mark = mine.filter((pl.col("tick") < tick) & ~pl.col("is_late"))["updated_at"].max()
    caught = mine.filter((pl.col("tick") == tick) & pl.col("is_late") & (pl.lit(mark) - pl.col("updated_at") < lag))
    return set(caught["source_record_id"])


def test_three_ticks_of_every_department(eventful: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contracts = load_contracts()
    late_by_sweep = late_by_pull = 0
    with Systems(eventful, tmp_path, servers=Servers()) as systems:
        for name, value in systems.environment().items():
            monkeypatch.setenv(name, value)
        first = {department: pull(contracts[department]) for department in PULLED}
        known = {department: pulled.contents(contracts[department]) for department, pulled in first.items()}
        marks = {department: pulled.cursor for department, pulled in first.items()}
        for tick in (1, 2, 3):
            systems.advance(tick)
            for department in PULLED:
                contract, before = contracts[department], known[department]
                pulled = pull(contract, marks[department])
                swept = pull(contract, sweep=True)
                check_tick(eventful, contract, tick, before, pulled)
                late = changes(eventful, department, tick, "late")
                caught = late & pulled.contents(contract).keys()
                if contract.feed.mode == "cursor" and contract.feed.cursor_type == "time":
                    # Later than the lag comes with the sweep alone; in a snapshot nothing is late.
                    assert caught == within(eventful, department, tick, contract.feed.lag)
                late_by_pull += len(caught)
                late_by_sweep += len(late - caught)
                known[department] = swept.contents(contract)
                assert late <= known[department].keys()
                if contract.feed.deleted is None:
                    assert changes(eventful, department, tick, "delete") & known[department].keys() == set()
                assert {**before, **pulled.contents(contract), **known[department]}.keys() >= known[department].keys()
                marks[department] = max(filter(None, (marks[department], pulled.cursor)), default=None)
    assert late_by_pull > 0
    assert late_by_sweep > 0


def check_tick(world: World, contract: Contract, tick: int, before: dict[str, bytes], pulled: Pulled) -> None:
    """An ordinary pull brings all that is new and changed, and deletions that are flagged; what is sent again says nothing new."""
    department, after = contract.department, pulled.contents(contract)
    told = {key for key in after if key in before and after[key] != before[key]}
    updated = changes(world, department, tick, "update", "revert")
    assert new_on_time(world, department, tick) <= after.keys() - before.keys()
    assert told <= updated | changes(world, department, tick, "delete")
    assert updated <= after.keys()
    resent = changes(world, department, tick, "resend")
    assert resent <= after.keys()
    assert not told & resent
    if contract.feed.deleted is not None:
        flagged = set(pulled.rows.filter(pl.col("operation") == "delete")["source_record_id"])
        assert changes(world, department, tick, "delete") <= flagged


def test_a_value_that_returns_is_the_same_content_again(eventful: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contract = load_contracts()["petition"]
    tick = 2
    returned = changes(eventful, "petition", tick, "revert")
    assert returned
    with Systems(eventful, tmp_path, servers=Servers()) as systems:
        for name, value in systems.environment().items():
            monkeypatch.setenv(name, value)
        contents = []
        for moment in (0, 1, 2):
            systems.advance(moment)
            contents.append(pull(contract).contents(contract))
    for key in returned:
        assert contents[0][key] == contents[2][key] != contents[1][key]


def test_events_of_a_tick(eventful: World, tmp_path: Path) -> None:
    contract = load_contracts()["emergency_management"]
    with Systems(eventful, tmp_path, servers=Servers()) as systems:
        ids = set(pushed(contract, systems).rows["event_id"])
        for tick in (1, 2, 3):
            systems.advance(tick)
            rows = pushed(contract, systems).rows
            again = rows.filter(pl.col("event_id").is_in(list(ids)))
            fresh = rows.filter(~pl.col("event_id").is_in(list(ids)))
            assert set(again["source_record_id"]) == changes(eventful, "emergency_management", tick, "resend", "late") - set(
                fresh["source_record_id"]
            )
            gone = changes(eventful, "emergency_management", tick, "delete")
            assert set(rows.filter(pl.col("operation") == "delete")["source_record_id"]) == gone
            ids |= set(rows["event_id"])


@pytest.mark.parametrize("department", ["petition", "police", "procuratorate"])
def test_the_same_world_moves_on_the_same_way(department: str, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contract, seen = load_contract(DEPARTMENTS_FOLDER / f"{department}.yml"), []
    for turn in range(2):
        with Systems(world, tmp_path / str(turn), servers=Servers()) as systems:
            for name, value in systems.environment().items():
                monkeypatch.setenv(name, value)
            systems.advance(3)
            seen.append(pull(contract).rows["payload"].to_list())
    assert seen[0] == seen[1]
