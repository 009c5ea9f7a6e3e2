"""The demo's benchmark: a fresh clone in a path with a blank, twice the same command, nothing of this copy's environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from benchmarks import demo
from benchmarks.harness import Row, Usage


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], Path | None]]:
    """The commands and the folder each is run in."""
    commands: list[tuple[list[str], Path | None]] = []
    seconds = iter([1.0, 200.0, 40.0])

    def run(command: Sequence[str], _: Mapping[str, str], folder: Path | None = None) -> Usage:
        commands.append((list(command), folder))
        return Usage(next(seconds), 1.0, "✓ 查询接口 · query API 9.0 s\n✓ Airflow 17.5 s\n")

    monkeypatch.setattr(demo, "run", run)
    return commands


def test_a_fresh_clone_runs_the_demo_twice(ran: list[tuple[list[str], Path | None]], monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Row] = []
    monkeypatch.setattr(demo, "show", lambda _, rows: shown.extend(rows))
    monkeypatch.setenv("CASEHUB_DATABASE_URL", "postgresql://elsewhere")
    monkeypatch.setenv("MAKEFLAGS", "-- ARGS=demo")
    demo.measure_demo()
    (clone, _), first, second = ran
    place = Path(clone[-1])
    assert clone[:2] == ["git", "clone"]
    assert " " in str(place)
    assert first == second
    assert (first[0][-3:], first[1]) == (["make", "demo", "ONCE=1"], place)
    assert {"--unset=CASEHUB_DATABASE_URL", "--unset=MAKEFLAGS"} <= set(first[0])
    told = [(row.median, row.at_most, row.verdict) for row in shown]
    assert told == [(200.0, 180, "[red]not met[/red]"), (17.5, 27, "[green]met[/green]"), (40.0, 90, "[green]met[/green]")]


def test_nothing_but_what_is_meant_for_here_is_taken_away() -> None:
    assert demo._meant_for_here(["PATH", "HOME", "RECORDS", "CASEHUB_HOME", "MAKELEVEL"]) == ["CASEHUB_HOME", "MAKELEVEL", "RECORDS"]


def test_make_bench_leaves_it_out_unless_it_is_named() -> None:
    told = (demo.ROOT / "benchmarks" / "__main__.py").read_text()
    assert '"demo": demo.measure_demo' in told
    assert 'APART = {"api", "demo", "lookup"}' in told
