"""The demo's side of Airflow's public REST API: are the DAGs there, set each going once, what has become of the runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from hub.airflow import USER, Airflow
from hub.errors import HubError

_PAGE = 100
PARSE_TIMEOUT_S = 90.0


@dataclass(frozen=True)
class Run:
    """One DAG run."""

    dag_id: str
    run_id: str
    state: str
    begun_at: datetime
    last_seen: datetime  # when it ended, or now


class AirflowApi:
    """A logged-in client; a context manager."""

    def __init__(self, airflow: Airflow) -> None:
        """Log in.

        Args:
            airflow: a healthy one.
        """
        self.since = airflow.since
        self._client = httpx.Client(base_url=airflow.url, trust_env=False, timeout=30)
        token = self._call("POST", "/auth/token", json={"username": USER, "password": airflow.password})["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> AirflowApi:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    def wait_for_dags(self, wanted: Iterable[str], on_wait: Callable[[], None]) -> None:
        """Wait until every DAG has been parsed by this Airflow: what a former one left in the database may still be scheduled.

        Raises:
            HubError: a DAG file cannot be imported, or DAGs are missing for too long.
        """
        missing, deadline = set(wanted), time.monotonic() + PARSE_TIMEOUT_S
        while missing := missing - {dag["dag_id"] for dag in self.dags() if self._is_parsed(dag)}:
            errors = self._call("GET", "/api/v2/importErrors")["import_errors"]
            if errors:
                last = errors[0]["stack_trace"].strip().splitlines()[-1]
                raise HubError(
                    f"DAG 文件无法载入 · a DAG file cannot be imported: {errors[0]['filename']}: {last}",
                    remedy="更正该 DAG 文件 · mend the DAG file",
                )
            if time.monotonic() > deadline:
                raise HubError(
                    f"Airflow 尚未载入以下 DAG · Airflow has not read these DAGs: {', '.join(sorted(missing))}",
                    remedy="查看其 dag-processor.log · read its dag-processor.log",
                )
            on_wait()
            time.sleep(0.5)

    def dags(self) -> list[dict[str, Any]]:
        """Every DAG that stands in a file."""
        found: list[dict[str, Any]] = []
        while True:
            page = self._call("GET", "/api/v2/dags", params={"limit": _PAGE, "offset": len(found), "exclude_stale": True})
            found += page["dags"]
            if len(found) >= page["total_entries"] or not page["dags"]:
                return found

    def set_going(self, dag_ids: Iterable[str]) -> bool:
        """See to it that each DAG runs once from now on; one whose schedule had a run begun before it was held is left to that.

        Returns:
            Whether each has begun a run.
        """
        wanted, dags = set(dag_ids), self.dags()
        wanted -= {
            run.dag_id for run in self.runs() if run.begun_at >= self.since
        }  # asked after `dags`, so that no run falls between the two
        for dag in dags:
            dag_id = dag["dag_id"]
            if dag_id not in wanted:
                continue
            if dag["is_paused"]:
                self.resume(dag_id)
            else:
                self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None})
        return not wanted

    def paused(self, dag_ids: Iterable[str]) -> list[str]:
        """Those of the DAGs that somebody has paused."""
        wanted = set(dag_ids)
        return sorted(dag["dag_id"] for dag in self.dags() if dag["is_paused"] and dag["dag_id"] in wanted)

    def resume(self, dag_id: str) -> None:
        """Take a DAG out of its pause."""
        self._call("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False})

    def active(self) -> int:
        """How many runs are going on, whoever began them."""
        params = {"state": ["queued", "running"], "limit": 1}
        return int(self._call("GET", "/api/v2/dags/~/dagRuns", params=params)["total_entries"])

    def runs(self) -> list[Run]:
        """Runs that were going on at any time since this Airflow was started, what a killed one left included."""
        found: list[Run] = []
        while True:
            params = {"order_by": "-id", "limit": _PAGE, "offset": len(found)}
            page = [_run(run) for run in self._call("GET", "/api/v2/dags/~/dagRuns", params=params)["dag_runs"]]
            fresh = [run for run in page if run.last_seen >= self.since]
            found += fresh
            if len(fresh) < _PAGE:
                return found

    def _is_parsed(self, dag: dict[str, Any]) -> bool:
        parsed = dag["last_parsed_time"]
        return parsed is not None and datetime.fromisoformat(parsed) >= self.since

    def _call(self, method: str, path: str, **words: Any) -> Any:
        try:
            return self._client.request(method, path, **words).raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise HubError(
                f"Airflow 接口未接受请求 · Airflow's API did not take {method} {path}: {type(error).__name__}",
                remedy="查看 CASEHUB_HOME（默认 var）中的 airflow/logs/api-server.log · "
                "read airflow/logs/api-server.log in CASEHUB_HOME, by default var",
            ) from None


def _run(run: dict[str, Any]) -> Run:
    begun, ended = (datetime.fromisoformat(run[name]) if run[name] else datetime.now(UTC) for name in ("queued_at", "end_date"))
    return Run(run["dag_id"], run["dag_run_id"], run["state"], begun, ended)
