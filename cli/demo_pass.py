"""The demo's pass: every ingest DAG once, then resolve until nothing waits, drawn while it goes on."""

from __future__ import annotations

import time

from cli.demo_airflow import AirflowApi, Run
from cli.demo_table import Batches, DemoTable
from hub.errors import HubError
from hub.processes import Processes, raise_ended

DRAW_S, ASK_S = 0.4, 2.0
STALL_S = 180.0
PAUSED_S = 5.0  # without progress, after which it is asked whether somebody paused a DAG meanwhile
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
        self._dags = [f"ingest_{department}" for department in table.titles]
        self._moved, self._last = time.monotonic(), object()

    def run(self) -> list[Run]:
        """See it through.

        Returns:
            The runs that failed.

        Raises:
            HubError: a process ended, somebody paused a DAG, or nothing moves any more.
        """
        self._api.wait_for_dags({*self._dags, RESOLVE}, lambda: self._table.say("Airflow 正在读取 DAG · reading the DAGs"))
        for dag_id in self._api.paused([RESOLVE]):  # departments' own are seen to by `set_going`
            self._api.resume(dag_id)
            told = f"{dag_id} 此前在 Airflow 中被停用，已恢复 · {dag_id} was paused in Airflow, and is not any more"
            self._table.console.print(told, highlight=False)
        has_begun = False
        while True:
            if self._processes.ended:
                raise_ended(self._processes.ended[0])
            has_begun = has_begun or self._api.set_going(self._dags)
            active = self._api.active()
            pending = self._draw_for_a_while(active)  # after `active`: what is pending then had been before or is new
            if has_begun and active == 0:
                runs = self._api.runs()
                failed = [run for run in runs if run.state == "failed"]
                if pending == 0 or any(run.dag_id == RESOLVE for run in failed):
                    return failed
            if has_begun and time.monotonic() - self._moved > PAUSED_S:
                self._require_unpaused()
            time.sleep(DRAW_S)

    def _require_unpaused(self) -> None:
        paused = self._api.paused([*self._dags, RESOLVE])
        if paused:
            raise HubError(
                f"以下 DAG 在 Airflow 中被停用，不会继续 · paused in Airflow, and so not going on: {', '.join(paused)}",
                remedy="重新运行 `make demo`，它会恢复这些 DAG，并接着处理 · "
                "run `make demo` again: it takes them out of the pause, and goes on where this stopped",
            )

    def _draw_for_a_while(self, active: int) -> int:
        """Draw from the store, which is cheap, several times between two questions to Airflow, which are not."""
        end = time.monotonic() + ASK_S
        while True:
            batches, pending = self._batches.by_department(), self._batches.pending()
            for department, batch in batches.items():
                self._table.update(department, batch.state, batch)
            self._table.say(f"DAG 运行 runs {active} · 待识别 waiting to be resolved {pending:,}")
            self._watch((active, pending, batches))
            if active == 0 or time.monotonic() >= end:
                return pending
            time.sleep(DRAW_S)

    def _watch(self, now: object) -> None:
        if now != self._last:
            self._moved, self._last = time.monotonic(), now
        elif time.monotonic() - self._moved > STALL_S:
            raise HubError(
                f"{STALL_S:.0f} 秒没有进展 · nothing has moved for {STALL_S:.0f} s",
                remedy="在 Airflow 中查看各次运行，或查看 CASEHUB_HOME（默认 var）中的 airflow/logs · "
                "look at the runs in Airflow, or read airflow/logs in CASEHUB_HOME, by default var",
            )
