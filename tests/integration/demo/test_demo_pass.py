"""When a pass is over, and what counts as failed."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import Engine, text

from cli import demo_pass
from cli.demo_airflow import AirflowApi, Run
from cli.demo_pass import Pass
from cli.demo_table import Batches, DemoTable
from hub import processes
from hub.errors import HubError

TITLES = {"court": "法院 court", "labour": "人力资源局 labour"}


def run(dag_id: str, state: str) -> Run:
    return Run(dag_id, f"manual__{dag_id}", state, datetime.now(UTC), datetime.now(UTC))


class FakeAirflow(AirflowApi):
    """An Airflow whose runs are as given; `active` is asked in turn."""

    def __init__(self, runs: list[Run], active: list[int]) -> None:
        self._runs, self._active = runs, active
        self.begun: list[str] = []
        self.held: list[str] = []

    def wait_for_dags(self, wanted: Iterable[str], on_wait: Callable[[], None]) -> None:
        self.begun = []

    def set_going(self, dag_ids: Iterable[str]) -> bool:
        self.begun = list(dag_ids)
        return True

    def paused(self, dag_ids: Iterable[str]) -> list[str]:
        return [dag_id for dag_id in dag_ids if dag_id in self.held]

    def resume(self, dag_id: str) -> None:
        self.held.remove(dag_id)

    def active(self) -> int:
        return self._active.pop(0) if len(self._active) > 1 else self._active[0]

    def runs(self) -> list[Run]:
        return self._runs


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_pass, "DRAW_S", 0.01)
    monkeypatch.setattr(demo_pass, "ASK_S", 0.02)
    monkeypatch.setattr(demo_pass, "STALL_S", 0.3)


def see_through(engine: Engine, home: Path, airflow: FakeAirflow) -> tuple[list[Run], str]:
    console = Console(file=io.StringIO(), width=140)
    with processes.running(home) as started:
        failed = Pass(airflow, Batches(engine), DemoTable(TITLES, console), started).run()
    return failed, console.file.getvalue()  # type: ignore[attr-defined]


def write(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))


def test_every_department_is_set_going_and_the_failed_are_told(database: Engine, tmp_path: Path, quick: None) -> None:
    airflow = FakeAirflow([run("ingest_court", "success"), run("ingest_labour", "failed")], [2, 1, 0])
    failed, _ = see_through(database, tmp_path, airflow)
    assert airflow.begun == ["ingest_court", "ingest_labour"]
    assert [one.dag_id for one in failed] == ["ingest_labour"]


def test_a_pass_without_failures(database: Engine, tmp_path: Path, quick: None) -> None:
    failed, _ = see_through(database, tmp_path, FakeAirflow([run("ingest_court", "success")], [0]))
    assert failed == []


def test_it_is_not_over_while_records_wait_for_resolve(database: Engine, tmp_path: Path, quick: None) -> None:
    write(database, "INSERT INTO ops.pending (record_id, reason) VALUES (1, 'new')")
    with pytest.raises(HubError, match="nothing has moved"):
        see_through(database, tmp_path, FakeAirflow([run("ingest_court", "success")], [0]))


def test_a_resolve_that_was_paused_before_is_taken_out_of_it_and_told(database: Engine, tmp_path: Path, quick: None) -> None:
    airflow = FakeAirflow([run("ingest_court", "success")], [0])
    airflow.held = ["resolve_cases", "other"]
    failed, told = see_through(database, tmp_path, airflow)
    assert (failed, airflow.held) == ([], ["other"])
    assert "resolve_cases was paused in Airflow" in told


def test_a_dag_that_somebody_pauses_meanwhile_is_told_at_once(
    database: Engine, tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_pass, "PAUSED_S", 0.05)
    monkeypatch.setattr(demo_pass, "STALL_S", 100.0)
    write(database, "INSERT INTO ops.pending (record_id, reason) VALUES (1, 'new')")
    airflow = FakeAirflow([run("ingest_court", "success")], [0])
    monkeypatch.setattr(airflow, "set_going", lambda _: airflow.held.append("resolve_cases") or True)
    with pytest.raises(HubError, match="paused in Airflow, and so not going on: resolve_cases") as caught:
        see_through(database, tmp_path, airflow)
    assert "make demo" in caught.value.remedy


def test_it_is_over_when_resolve_has_failed_for_good(database: Engine, tmp_path: Path, quick: None) -> None:
    write(database, "INSERT INTO ops.pending (record_id, reason) VALUES (1, 'new')")
    failed, _ = see_through(database, tmp_path, FakeAirflow([run("resolve_cases", "failed")], [0]))
    assert [one.dag_id for one in failed] == ["resolve_cases"]


def test_batches_of_the_pass_are_added_up_and_earlier_ones_are_not(database: Engine) -> None:
    values = "('court', 'ingest', 'done', 1, {n}, {n})"
    insert = "INSERT INTO ops.batch (department, kind, state, contract_version, pulled, landed) VALUES "
    write(database, insert + values.format(n=100))
    batches = Batches(database)
    write(database, insert + values.format(n=7))
    write(database, insert + values.format(n=5))
    found = batches.by_department()
    assert (found["court"].pulled, found["court"].landed) == (12, 12)
    assert set(found) == {"court"}


def test_a_line_per_department_where_no_terminal_is(database: Engine) -> None:
    console = Console(file=io.StringIO(), width=140)
    table, batches = DemoTable(TITLES, console), Batches(database)
    write(
        database,
        "INSERT INTO ops.batch (department, kind, state, contract_version, pulled, quarantined) "
        "VALUES ('court', 'ingest', 'done', 1, 9, 2)",
    )
    for _ in range(3):
        for department, batch in batches.by_department().items():
            table.update(department, batch.state, batch)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines == ["court: done 拉取 pulled 9 · 接受 accepted 0 · 隔离 quarantined 2"]


def test_a_process_that_ended_is_told(database: Engine, tmp_path: Path, quick: None) -> None:
    console = Console(file=io.StringIO())
    with processes.running(tmp_path) as started:
        child = started.start("api", [sys.executable, "-c", "print('out of memory')"], os.environ, tmp_path / "log")
        deadline = time.monotonic() + 20
        while not child.has_ended and time.monotonic() < deadline:
            time.sleep(0.02)
        airflow = FakeAirflow([], [1])
        with pytest.raises(HubError, match="api ended → .* read .*/log"):
            Pass(airflow, Batches(database), DemoTable(TITLES, console), started).run()
