"""One pass over departments in one process: ingest each, then resolve; what `casehub run` does and Airflow does as DAGs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from time import perf_counter

from sqlalchemy import Engine

from connectors.contract import Contract
from hub.errors import HubError
from hub.settings import Settings
from pipeline.ingest import BatchReport, ingest
from pipeline.land import Order
from pipeline.resolve import ResolveReport, resolve

logger = logging.getLogger(__name__)

#: Told at every step: department (or "resolve"), its state (running, done, held, failed, busy), and its report if there is one.
Progress = Callable[[str, str, BatchReport | None], None]


@dataclass(frozen=True)
class Failure:
    """A department that did not come through, and why, in words free of values."""

    department: str
    kind: str
    message: str


@dataclass
class PassReport:
    """What a pass did."""

    batches: list[BatchReport] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    resolved: ResolveReport | None = None
    seconds: float = 0.0

    @property
    def is_clean(self) -> bool:
        """Every department came through."""
        return not self.failures


def run_pass(
    engine: Engine,
    contracts: Iterable[Contract],
    settings: Settings,
    on_progress: Progress = lambda *_: None,
    order: Order = Order(),  # noqa: B008 - frozen
    *,
    resolves: bool = True,
) -> PassReport:
    """Pull every department, one after another, then resolve what is pending.

    One department's failure is reported and does not stop the others.

    Args:
        engine: the store, migrated.
        contracts: departments to pull, in order.
        settings: chunk sizes and limits.
        on_progress: told at every step.
        order: what is asked of each pull.
        resolves: whether to resolve at the end.
    """
    report, start = PassReport(), perf_counter()
    for contract in contracts:
        on_progress(contract.department, "running", None)
        try:
            batch = ingest(engine, contract, settings, order)
        except HubError as error:
            logger.warning("%s: %s", contract.department, error)
            report.failures.append(Failure(contract.department, type(error).__name__, str(error)))
            on_progress(contract.department, _state_of(error), None)
            continue
        report.batches.append(batch)
        on_progress(contract.department, batch.state, batch)
    if resolves:
        on_progress("resolve", "running", None)
        report.resolved = resolve(engine, settings)
        on_progress("resolve", "done", None)
    report.seconds = perf_counter() - start
    return report


def _state_of(error: HubError) -> str:
    return {"BatchHeld": "held", "SnapshotError": "held", "BusyError": "busy"}.get(type(error).__name__, "failed")
