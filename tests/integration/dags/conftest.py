"""Airflow is asked in a process of its own: importing it would change logging and warnings for every other test."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.dags.forking import DONE

ROOT = Path(__file__).parents[3]
FOLDER = Path(__file__).parent
Inspect = Callable[..., dict[str, Any]]


def airflow_environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "CASEHUB"))}
    own = {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "PYTHONPATH": str(ROOT)}
    return {**kept, **own, **more}


class Loaded:
    """An interpreter that has imported Airflow, which takes seconds, and runs scripts in forks of itself."""

    def __init__(self, process: subprocess.Popen[str], home: Path) -> None:
        self._process, self._home, self._runs = process, home, 0

    def run(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """What the script comes to under the environment."""
        self._runs += 1
        out, err = (self._home / f"{self._runs}.{name}" for name in ("out", "err"))
        order = {"script": script, "environment": airflow_environment(self._home, **environment), "out": str(out), "err": str(err)}
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        for line in self._process.stdout:  # importing may say something first
            if line.startswith(DONE):
                return subprocess.CompletedProcess([], int(line.removeprefix(DONE)), out.read_text(), err.read_text())
        raise AssertionError((self._home / "err").read_text())


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    """Settings are read by the hub's own modules, which no fork finds loaded."""
    home = tmp_path_factory.mktemp("airflow")
    command = [sys.executable, str(FOLDER / "forking.py"), "airflow.sdk.exceptions", "tests.integration.dags.inspect_dags"]
    with (
        (home / "err").open("w") as err,
        subprocess.Popen(
            command,
            env=airflow_environment(home),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=err,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield Loaded(process, home)
        finally:
            with contextlib.suppress(ProcessLookupError):  # whatever it is at
                os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def inspect(loaded: Loaded) -> Inspect:
    """Parse the DAG folder under given settings."""

    def ask(**environment: str) -> dict[str, Any]:
        script = f"from tests.integration.dags.inspect_dags import main\nmain({str(ROOT / 'dags')!r})"
        done = loaded.run(script, **environment)
        assert done.returncode == 0, done.stderr
        return _told(done)

    return ask


@pytest.fixture(scope="session")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The hub's own DAG folder as it stands, parsed by an interpreter that did nothing before: it is timed."""
    done = subprocess.run(
        [sys.executable, str(FOLDER / "inspect_dags.py"), str(ROOT / "dags")],
        env=airflow_environment(tmp_path_factory.mktemp("airflow")),
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    return _told(done)


def _told(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
