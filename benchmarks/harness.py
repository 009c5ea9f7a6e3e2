"""What every benchmark stands on: a command timed as a whole process, medians of three, one table with targets."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

RUNS = 3


@dataclass(frozen=True)
class Usage:
    """What one run of a command cost: wall seconds, the most memory of its process in MB, and its processor seconds."""

    seconds: float
    peak_mb: float
    output: str
    cpu_seconds: float = 0.0


@dataclass(frozen=True)
class Row:
    """One measured figure beside its target.

    Attributes:
        what: the thing measured.
        values: one per run.
        unit: of the values.
        at_most: target, if smaller is better.
        at_least: target, if larger is better.
        note: what a reader should know.
    """

    what: str
    values: Sequence[float]
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    note: str = ""

    @property
    def median(self) -> float:
        """The figure to quote."""
        return statistics.median(self.values)

    @property
    def verdict(self) -> str:
        """Whether the median meets the target."""
        if self.at_most is None and self.at_least is None:
            return ""
        is_met = self.median <= self.at_most if self.at_most is not None else self.median >= (self.at_least or 0.0)
        return "[green]met[/green]" if is_met else "[red]not met[/red]"

    @property
    def target(self) -> str:
        """The target as text."""
        if self.at_most is not None:
            return f"≤ {self.at_most:,g} {self.unit}"
        return f"≥ {self.at_least:,g} {self.unit}" if self.at_least is not None else ""


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path | None = None) -> Usage:
    """Run a command to its end and account for its own process.

    Raises:
        SystemExit: the command failed; its output is shown.
    """
    start = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603 - a benchmark's own command
        command, env={**os.environ, **environment}, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None  # noqa: S101 - asked for above
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} failed with {process.returncode}:\n{output[-4000:]}")
    return Usage(time.perf_counter() - start, usage.ru_maxrss / 1000, output, usage.ru_utime + usage.ru_stime)


def repeat(measure: Callable[[], Usage], runs: int = RUNS) -> list[Usage]:
    """Measure several times, one after another."""
    return [measure() for _ in range(runs)]


def pace_ms() -> float:
    """What a fixed loop takes on this machine just now, in ms, the quickest of five: readings of two hours compare by it."""

    def once() -> float:
        start = time.perf_counter()
        sum(number * number for number in range(1_000_000))
        return 1000 * (time.perf_counter() - start)

    return min(once() for _ in range(5))


def show(title: str, rows: Sequence[Row]) -> None:
    """Print the table, and how quick the machine is just now."""
    table = Table("what", "runs", "median", "target", "", "note", title=title)
    for row in rows:
        runs = " ".join(f"{value:,.4g}" for value in row.values)
        table.add_row(row.what, runs, f"{row.median:,.4g} {row.unit}", row.target, row.verdict, row.note)
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, pace {pace_ms():.0f} ms (a fixed loop; less is quicker)")
    console.print(table)
