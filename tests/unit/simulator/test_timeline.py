"""Late commits lie behind the watermark that a department's rows have really left, by as much as the world says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl
import pytest

from simulator.rates import load_rates
from simulator.serve import DEPARTMENTS, KEEPS_DELETED
from simulator.timeline import Timeline
from simulator.world import World, build_world

LAG = timedelta(minutes=10)
KEY = ["department", "source_record_id"]


@pytest.fixture(scope="module")
def busy() -> World:
    return build_world(12_000, seed=11)


@pytest.fixture(scope="module")
def quiet(busy: World) -> World:
    """The same without what is new or changed later, and with nothing changed in the week before the first pull."""
    records = busy.records.filter((pl.col("tick") == 0) | pl.col("is_late")).with_columns(pl.col("updated_at") - timedelta(days=7))
    mark = pl.col("updated_at").filter(~pl.col("is_late")).max().over("department")
    behind = pl.duration(minutes=pl.when(pl.col("row") % 2 == 0).then(5).otherwise(90))
    records = records.with_columns(updated_at=pl.when("is_late").then(mark - behind).otherwise("updated_at"))
    return replace(busy, records=records, changes=busy.changes.filter(pl.col("kind").is_in(["late", "delete"])))


def gaps(world: World) -> Iterator[tuple[timedelta, timedelta]]:
    """Of every late commit: how far it lies behind what its department has shown before, and how far the world says."""
    timeline, records = Timeline(world, KEEPS_DELETED), world.records
    marks: dict[str, datetime] = {}
    for tick in range(4):
        for department in DEPARTMENTS:
            step = timeline.first(department) if tick == 0 else timeline.touched(timeline.step(department, tick), tick)
            late = step.records.join(records.filter("is_late"), on=KEY, how="semi")
            mine = records.filter((pl.col("department") == department) & (pl.col("tick") < tick) & ~pl.col("is_late"))["updated_at"].max()
            for key, updated in late.select("source_record_id", "updated_at").iter_rows():
                said = records.filter((pl.col("department") == department) & (pl.col("source_record_id") == key))["updated_at"].item()
                yield marks[department] - updated, mine - said
            shown = step.records if department in KEEPS_DELETED else step.records.filter(~pl.col("is_deleted"))
            marks[department] = max(filter(None, (marks.get(department), shown["updated_at"].max())))


@pytest.mark.parametrize("name", ["busy", "quiet"])
def test_late_commits_lie_as_far_behind_the_watermark_as_the_world_says(name: str, request: pytest.FixtureRequest) -> None:
    found = list(gaps(request.getfixturevalue(name)))
    assert len(found) > 50
    assert all(real == said for real, said in found)


def test_the_stated_share_of_them_is_caught_by_the_lag(busy: World) -> None:
    real = [gap for gap, _ in gaps(busy)]
    assert all(gap > timedelta(0) for gap in real)
    share = sum(gap < LAG for gap in real) / len(real)
    assert share == pytest.approx(load_rates().changes.late_within_lag, abs=0.15)
