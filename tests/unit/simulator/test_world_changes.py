"""What happens in the simulated world after the first pull."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from schema import codes
from simulator.filings import NOW
from simulator.rates import load_rates
from simulator.world import World, build_world

FIRST_PULL = datetime.fromtimestamp(NOW, UTC)
SIZE = 20_000
KEY = ["department", "source_record_id"]


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(SIZE, seed=11)


def of_kind(world: World, kind: str) -> pl.DataFrame:
    return world.changes.filter(pl.col("kind") == kind)


def test_every_kind_of_change_happens_at_ticks_one_to_three(world: World) -> None:
    assert set(world.changes["kind"]) == {"update", "delete", "late", "revert", "resend"}
    assert set(world.changes["tick"]) == {1, 2, 3}
    assert world.changes["tick"].is_sorted()


def test_changes_are_of_records_that_exist(world: World) -> None:
    assert world.changes.join(world.records, on=KEY, how="anti").is_empty()
    there = world.changes.join(world.records.select(*KEY, begins="tick"), on=KEY)
    assert (there.filter(pl.col("kind") != "late")["begins"] == 0).all()


@pytest.mark.parametrize("kind", ["delete", "late", "revert"])
def test_changes_come_at_their_rates(world: World, kind: str) -> None:
    assert of_kind(world, kind).height == pytest.approx(getattr(load_rates().changes, kind) * SIZE, rel=0.05)


def test_new_records_come_at_their_rate(world: World) -> None:
    new = world.records.filter((pl.col("tick") > 0) & ~pl.col("is_late"))
    assert new.height == round(load_rates().changes.new * SIZE)
    for tick in (1, 2, 3):
        reported = new.filter(pl.col("tick") == tick)["reported_at"]
        assert reported.is_between(FIRST_PULL + timedelta(days=tick - 1), FIRST_PULL + timedelta(days=tick)).all()


def test_new_records_join_cases_known_before(world: World) -> None:
    known = set(world.records.filter(pl.col("tick") == 0)["case_truth_id"])
    new = world.records.filter(pl.col("tick") > 0)
    joined = new.filter(pl.col("case_truth_id").is_in(known)).height
    assert 0.1 * new.height < joined < new.height


def test_first_pull_holds_nothing_from_after_it(world: World) -> None:
    assert (world.records.filter(pl.col("tick") == 0)["reported_at"] <= FIRST_PULL).all()


def test_late_records_lie_behind_the_watermark(world: World) -> None:
    late = world.records.filter("is_late")
    assert late.height == of_kind(world, "late").height
    marks = world.records.filter(~pl.col("is_late")).select("department", "tick", mark="updated_at")
    for tick in (1, 2, 3):
        before = marks.filter(pl.col("tick") < tick).group_by("department").agg(pl.col("mark").max())
        tardy = late.filter(pl.col("tick") == tick).join(before, on="department")
        assert tardy.height > 10
        assert (tardy["updated_at"] < tardy["mark"]).all()
    behind = late.join(marks.filter(pl.col("tick") == 0).group_by("department").agg(pl.col("mark").max()), on="department")
    gap = (behind.filter(pl.col("tick") == 1)["mark"] - behind.filter(pl.col("tick") == 1)["updated_at"]).dt.total_minutes()
    assert (gap < 10).any()
    assert (gap > 10).any()


def test_a_value_goes_to_another_and_returns(world: World) -> None:
    back = of_kind(world, "revert")
    there = world.changes.filter(pl.col("kind") == "update").join(back, on=[*KEY, "field"], suffix="_back")
    assert there.height == back.height
    assert (there["tick"] + 1 == there["tick_back"]).all()
    first = there.join(world.records.select(*KEY, "grade"), on=KEY)
    assert (first["value_back"] == first["grade"]).all()
    assert (first["value"] != first["grade"]).all()


def test_a_record_has_one_kind_of_change(world: World) -> None:
    kinds = world.changes.filter(pl.col("kind").is_in(["delete", "resend", "late"])).group_by(KEY).len()
    assert (kinds["len"] == 1).all()
    gone = of_kind(world, "delete").select(KEY)
    assert world.changes.filter(pl.col("kind") != "delete").join(gone, on=KEY, how="semi").is_empty()


def test_updates_move_values(world: World) -> None:
    updates = of_kind(world, "update").join(world.records, on=KEY, suffix="_record")
    assert set(updates["field"]) >= {"status", "grade", "text", "amount"}
    for field, listed in (("status", codes.load("status")), ("grade", codes.load("grade"))):
        moved = updates.filter(pl.col("field") == field)
        assert set(moved["value"]) <= set(listed)
        assert (moved["value"] != moved[field]).all()
    told = updates.filter(pl.col("field") == "text")
    assert told.select(pl.col("value").str.starts_with(pl.col("text")).all()).item()


def test_a_status_that_moves_brings_its_time(world: World) -> None:
    settled = of_kind(world, "update").filter((pl.col("field") == "status") & (pl.col("value") == "resolved"))
    times = of_kind(world, "update").filter(pl.col("field") == "resolved_at")
    assert settled.height > 0
    assert settled.join(times, on=KEY, how="anti").is_empty()


def test_events_are_sent_again(world: World) -> None:
    again = of_kind(world, "resend")
    events = again.filter(pl.col("department") == "emergency_management").height
    all_events = world.records.filter((pl.col("department") == "emergency_management") & (pl.col("tick") == 0)).height
    assert again.height > events > 0.04 * all_events
