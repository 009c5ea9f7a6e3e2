"""The demo's questions to Airflow: which DAGs count as read, and which are asked to run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cli import demo_airflow
from cli.demo_airflow import AirflowApi
from hub.errors import HubError

SINCE = datetime(2026, 1, 1, 8, tzinfo=UTC)


def dag(name: str, *, parsed: timedelta | None = timedelta(seconds=5), is_paused: bool = False) -> dict[str, Any]:
    return {"dag_id": name, "is_paused": is_paused, "last_parsed_time": None if parsed is None else (SINCE + parsed).isoformat()}


def run(name: str, begun: timedelta) -> dict[str, Any]:
    at = (SINCE + begun).isoformat()
    return {"dag_id": name, "dag_run_id": "a", "state": "running", "queued_at": at, "end_date": None}


class FakeApi(AirflowApi):
    """Airflow's answers as given; what it is told to do is kept."""

    def __init__(self, dags: list[dict[str, Any]], runs: list[dict[str, Any]]) -> None:
        self.since, self._dags, self._runs = SINCE, dags, runs
        self.told: list[tuple[str, str]] = []

    def _call(self, method: str, path: str, **words: Any) -> Any:
        if method == "GET":
            return {"dags": self._dags, "total_entries": len(self._dags), "dag_runs": self._runs, "import_errors": []}
        self.told.append((method, path.removeprefix("/api/v2/dags/")))
        return {}


def test_each_is_asked_to_run_but_those_that_have_begun_to() -> None:
    killed, begun = run("court", timedelta(minutes=-5)), run("labour", timedelta(seconds=1))
    api = FakeApi([dag("court"), dag("labour"), dag("police"), dag("health", is_paused=True), dag("other")], [killed, begun])
    assert not api.set_going(["court", "labour", "police", "health"])
    assert api.told == [("POST", "court/dagRuns"), ("POST", "police/dagRuns"), ("PATCH", "health")]
    assert FakeApi([dag("labour")], [begun]).set_going(["labour"])


def test_paused_dags_are_named_and_taken_out_of_it() -> None:
    api = FakeApi([dag("court", is_paused=True), dag("labour"), dag("other", is_paused=True)], [])
    assert api.paused(["labour", "court"]) == ["court"]
    api.resume("court")
    assert api.told == [("PATCH", "court")]


@pytest.mark.parametrize("parsed", [None, timedelta(hours=-1)], ids=["never", "by a former Airflow"])
def test_a_dag_is_there_once_this_airflow_has_read_it(monkeypatch: pytest.MonkeyPatch, parsed: timedelta | None) -> None:
    monkeypatch.setattr(demo_airflow, "PARSE_TIMEOUT_S", 0.0)
    FakeApi([dag("court")], []).wait_for_dags(["court"], lambda: None)
    with pytest.raises(HubError, match="has not read these DAGs: court"):
        FakeApi([dag("court", parsed=parsed)], []).wait_for_dags(["court"], lambda: None)
