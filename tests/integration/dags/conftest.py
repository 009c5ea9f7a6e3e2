"""Airflow is asked in a process of its own: importing it would change logging and warnings for every other test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
Inspect = Callable[..., dict[str, Any]]


def airflow_environment(home: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "CASEHUB"))}
    own = {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", "PYTHONPATH": str(ROOT)}
    return {**kept, **own, **more}


@pytest.fixture(scope="session")
def inspect(tmp_path_factory: pytest.TempPathFactory) -> Inspect:
    """Parse the DAG folder under given settings."""

    def ask(**environment: str) -> dict[str, Any]:
        home = tmp_path_factory.mktemp("airflow")
        done = subprocess.run(
            [sys.executable, str(Path(__file__).parent / "inspect_dags.py"), str(ROOT / "dags")],
            env=airflow_environment(home, **environment),
            capture_output=True,
            text=True,
            check=True,
            timeout=100,
        )
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    return ask


@pytest.fixture(scope="session")
def parsed(inspect: Inspect) -> dict[str, Any]:
    """The hub's own DAG folder as it stands."""
    return inspect()
