"""One pass over departments in one process: ingest each, then resolve; what `casehub run` does and Airflow does as DAGs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from threading import Event, Lock
from time import perf_counter

from sqlalchemy import Engine

from connectors.contract import Contract
from connectors.extract import Page, Pull
from hub.errors import BatchHeld, BusyError, SnapshotError, SourceUnavailable
from hub.memory import give_back, share_arenas
from hub.settings import Settings
from hub.threads import hand_over_quickly
from pipeline.batch.batch_errors import words
from pipeline.ingest import BatchReport, ingest
from pipeline.landing.land import Source, source_of
from pipeline.landing.order import Order
from pipeline.resolving.resolve import ResolveReport, resolve

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
    order: Order = Order(),
    *,
    source: Source | None = None,
    resolves: bool = True,
) -> PassReport:
    """Pull departments, a few at a time, then resolve what all of them brought.

    One department's failure is reported and does not stop the others. Resolving comes last: records of one case come from
    several departments, and cost least when they are taken together.

    Args:
        engine: the store, migrated.
        contracts: departments to pull, in order.
        settings: chunk sizes, limits, and how many departments at a time.
        on_progress: told at every step, by one thread at a time.
        order: what is asked of each pull.
        source: where pages come from; each department's own system where None.
        resolves: whether to resolve as well.
    """
    share_arenas()
    hand_over_quickly()
    report, start, ending, tell = PassReport(), perf_counter(), Event(), _one_at_a_time(on_progress)
    pages = _until(ending, source or source_of(order))

    def ingest_one(contract: Contract) -> BatchReport | Failure:
        return _ingest(engine, contract, settings, order, pages, tell)

    _ingest_all(contracts, settings.run_departments, ingest_one, report, ending)
    if resolves:
        give_back()
        tell("resolve", "running", None)
        report.resolved = resolve(engine, settings)
        tell("resolve", "done", None)
    report.seconds = perf_counter() - start
    return report


def _one_at_a_time(on_progress: Progress) -> Progress:
    telling = Lock()

    def tell(department: str, state: str, batch: BatchReport | None) -> None:
        with telling:
            on_progress(department, state, batch)

    return tell


def _ingest_all(
    contracts: Iterable[Contract],
    at_once: int,
    ingest_one: Callable[[Contract], BatchReport | Failure],
    report: PassReport,
    ending: Event,
) -> None:
    """Ingest departments beside each other, and put down how each came through.

    What ends the pass (Ctrl-C) takes none up any more, and has those at work end: their threads would be waited for, for hours perhaps.
    """
    with ThreadPoolExecutor(at_once, thread_name_prefix="ingest") as pool:
        futures = [pool.submit(ingest_one, contract) for contract in contracts]
        try:
            for future in as_completed(futures):
                outcome = future.result()
                if isinstance(outcome, Failure):
                    report.failures.append(outcome)
                else:
                    report.batches.append(outcome)
        except BaseException:
            ending.set()
            pool.shutdown(cancel_futures=True)
            raise


def _until(ending: Event, source: Source) -> Source:
    """The same source, whose pull breaks off at its next page once the pass is to end."""

    def pages(contract: Contract, pull: Pull, engine: Engine) -> Iterator[Page]:
        for page in source(contract, pull, engine):
            if ending.is_set():
                raise SourceUnavailable(
                    f"{contract.department}: 已按要求中断拉取 · the pull was broken off, as the command was told to end",
                    remedy="再运行一次，从已落地处继续 · run it again: it goes on from what has landed",
                    department=contract.department,
                )
            yield page

    return pages


def _ingest(
    engine: Engine, contract: Contract, settings: Settings, order: Order, source: Source | None, tell: Progress
) -> BatchReport | Failure:
    tell(contract.department, "running", None)
    try:
        batch = ingest(engine, contract, settings, order, source)
    except Exception as error:  # a mistake of the hub in one department must not take the others down
        state, message = _state_of(error), words(contract.department, error)
        logger.warning("%s is %s: %s", contract.department, state, message)
        tell(contract.department, state, None)
        return Failure(contract.department, type(error).__name__, message)
    tell(contract.department, batch.state, batch)
    return batch


def _state_of(error: Exception) -> str:
    if isinstance(error, BatchHeld | SnapshotError):
        return "held"
    return "busy" if isinstance(error, BusyError) else "failed"
