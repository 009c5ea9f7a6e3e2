"""`make demo ONCE=1` as somebody meets it who has just cloned the project, and once more: `make bench ARGS=demo`.

What is cloned is what is committed here, into a folder with a blank in its path; package caches are as warm as they are. Nothing of
the environment that is meant for this copy reaches it. One reading each.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks.harness import Row, run, show

ROOT = Path(__file__).parents[1]
#: Of the make that called this one: with them it would take its targets' variables for its own.
_OF_MAKE = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "ARGS", "RECORDS", "SEED", "ONCE")
_AIRFLOW_UP = re.compile(r"✓ Airflow +([0-9.]+) s")


def measure_demo() -> None:
    """Print the seconds of the first time and of the second."""
    with tempfile.TemporaryDirectory(prefix="casehub-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # the database's unprivileged user must be able to enter
        clone = Path(folder) / "case hub"
        run(["git", "clone", "--quiet", str(ROOT), str(clone)], {})
        command = ["env", *(f"--unset={name}" for name in _meant_for_here(os.environ)), "make", "demo", "ONCE=1"]
        first, second = (run(command, {}, clone) for _ in range(2))
        airflow = _AIRFLOW_UP.search(first.output)
        if airflow is None:
            sys.exit("the demo does not tell when Airflow was up")
    rows = [
        Row("make demo ONCE=1 from a fresh clone", [first.seconds], "s", at_most=180, note="what is not in a cache is downloaded"),
        Row("  Airflow up, from the demo's start", [float(airflow[1])], "s", at_most=27),
        Row("  the second time", [second.seconds], "s", at_most=90),
    ]
    show("the demo, one reading each", rows)


def _meant_for_here(names: Iterable[str]) -> list[str]:
    """Settings of the hub, and what a calling make hands on."""
    return sorted(name for name in names if name.startswith("CASEHUB_") or name in _OF_MAKE)
