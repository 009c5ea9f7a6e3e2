"""The demo's pass: every ingest DAG once, then resolve until nothing waits, drawn while it goes on."""

from __future__ import annotations

import time
from collections.abc import Mapping

from cli.demo_airflow import AirflowApi, Run
from cli.demo_table import Batches, DemoTable
from hub.errors import HubError
from hub.processes import Processes, raise_ended

POLL_S = 0.7
STALL_S = 180.0
RESOLVE = "resolve_cases"


class Pass:
    """One pass over departments under Airflow."""

    def __init__(self, api: AirflowApi, batches: Batches, table: DemoTable, processes: Processes) -> None:
        """Take what is worked with.

        Args:
            api: Airflow's.
            batches: of the store.
            table: to draw on.
            processes: that have to stay alive meanwhile.
        """
        self._api, self._batches, self._table, self._processes = api, batches, table, processes
        self._dags = {f"ingest_{department}": department for department in table.titles}
        self._moved, self._last = time.monotonic(), object()

    def run(self) -> list[Run]:
        """See it through.

        Returns:
            The runs that failed.

        Raises:
            HubError: a process ended, or nothing moves any more.
        """
        self._api.wait_for_dags({*self._dags, RESOLVE}, lambda: self._table.say("Airflow 正在读取 DAG · reading the DAGs"))
        while True:
            if self._processes.ended:
                raise_ended(self._processes.ended[0])
            runs = {(run.dag_id, run.run_id): run for run in self._api.runs()}
            mine = [run for run in runs.values() if run.is_active or run.queued_at >= self._api.since]
            begun = {run.dag_id for run in mine if run.queued_at >= self._api.since}
            if not begun.issuperset(self._dags):
                self._api.set_going(self._dags.keys() - begun)
            pending = self._batches.pending()
            self._draw(mine, pending)
            if begun.issuperset(self._dags) and self._is_over(mine, pending):
                return [run for run in mine if run.state == "failed"]
            time.sleep(POLL_S)

    def _is_over(self, runs: list[Run], pending: int) -> bool:
        if any(run.is_active for run in runs):
            return False
        return pending == 0 or any(run.dag_id == RESOLVE and run.state == "failed" for run in runs)

    def _draw(self, runs: list[Run], pending: int) -> None:
        newest = self._batches.by_department()
        states = self._run_states(runs)
        for department in self._table.titles:
            batch = newest.get(department)
            state = "failed" if states.get(department) == "failed" else batch.state if batch else "waiting"
            self._table.update(department, state, batch)
        active = sum(run.is_active for run in runs)
        self._table.say(f"DAG 运行 runs {active} · 待识别 waiting to be resolved {pending:,}")
        self._watch((active, pending, newest))

    def _run_states(self, runs: list[Run]) -> Mapping[str, str]:
        newest_last = sorted(runs, key=lambda run: run.queued_at)
        return {self._dags[run.dag_id]: run.state for run in newest_last if run.dag_id in self._dags}

    def _watch(self, now: object) -> None:
        if now != self._last:
            self._moved, self._last = time.monotonic(), now
        elif time.monotonic() - self._moved > STALL_S:
            raise HubError(f"nothing has moved for {STALL_S:.0f} s", remedy="look at the runs in Airflow, or read var/airflow/logs")
