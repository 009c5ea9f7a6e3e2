"""Whether the demo's pass came out right, and what did not: sound contracts before it, failed runs and wrongly refused rows after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from rich.markup import escape
from sqlalchemy import Engine, text

from cli.console import Console
from cli.demo_airflow import Run
from connectors.contract_files import contract_folders
from hub.errors import ContractError
from hub.settings import Settings

_REFUSED = "SELECT department, count(*) FROM landing.record WHERE state = 'quarantined' GROUP BY department"
_HAS_RECORDS = "SELECT EXISTS (SELECT FROM store.source_record WHERE known_from IS NOT NULL)"


def require_sound_contracts(settings: Settings) -> None:
    """Look at every contract and code list before anything is started.

    Raises:
        ContractError: there is a mistake; a code list that is missing would otherwise come out in the middle of a run.
    """
    from connectors.check import check

    problems = check(contract_folders(settings.contract_folders)).problems
    if problems:
        first = problems[0]
        more = f" (and {len(problems) - 1} more: `casehub sources check`)" if len(problems) > 1 else ""
        raise ContractError(f"{first.file}:{first.line}: {first.where} {first.message}{more}", remedy=first.remedy)


def good_rows_refused(engine: Engine, truth: Mapping[str, Path]) -> dict[str, int]:
    """Rows in quarantine beyond those that the simulation spoilt on purpose, by department."""
    spoilt = pl.read_parquet(truth["garbage"]).group_by("department").len().rows()
    simulated = dict.fromkeys(pl.read_parquet(truth["records"])["department"].unique(), 0) | dict(spoilt)
    with engine.connect() as connection:
        refused = {department: count for department, count in connection.execute(text(_REFUSED))}
    return {name: refused[name] - spoilt for name, spoilt in sorted(simulated.items()) if refused.get(name, 0) > spoilt}


def has_records(engine: Engine) -> bool:
    """Whether anything was published that could be asked for."""
    with engine.connect() as connection:
        return bool(connection.execute(text(_HAS_RECORDS)).scalar_one())


@dataclass(frozen=True)
class Verdict:
    """How the pass came out.

    Args:
        failed: runs that failed.
        reasons: by department, what the batches of the failed say.
        logs: folder of Airflow's logs.
        refused: good rows in quarantine, by department.
    """

    failed: Sequence[Run]
    reasons: Mapping[str, str]
    logs: Path
    refused: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Whether all of it is as it should be."""
        return not self.failed and not self.refused

    def show(self, console: Console) -> None:
        """Say what is not, last of all, so that it is not lost above the totals."""
        for run in self.failed:
            department = run.dag_id.removeprefix("ingest_")
            console.print(f"\n[red]DAG 运行失败 · a DAG run failed[/red] {escape(run.dag_id)}", highlight=False)
            reason = self.reasons.get(department) or f"日志 its log: {self.logs}/dag_id={run.dag_id}/run_id={run.run_id}"
            console.print(f"  {reason}", markup=False, highlight=False, soft_wrap=True)
        for department, rows in self.refused.items():
            console.print(f"\n[red]合格的行被拒 · good rows were refused[/red] {escape(department)}: {rows:,}", highlight=False)
            console.print(f"  casehub quarantine list --department {department}", markup=False, highlight=False)
        if not self.is_good:
            console.print("\n[red]演示没有全部成功 · the demo did not come out right[/red]")
