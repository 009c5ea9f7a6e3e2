"""RESOLVE: everything that waits in ops.pending and ops.decision, chunk by chunk, each one transaction under one lock.

Enter records that normalise left (`known_from` null), leave persons, organisations and cases with their links, members,
golden values, review tasks and change numbers. A kill loses the chunk it hits and nothing else; a second resolve steps
back. With nothing waiting no row is written, and nothing heavy is imported.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from sqlalchemy import Connection, Engine, text

from hub.database import retried, store_errors
from hub.settings import Settings
from pipeline.store.locks import resolve_lock

logger = logging.getLogger(__name__)

SMALLEST_CHUNK = 1000  # a smaller one costs nearly as much: most of it is fixed
# While more than so many of the largest chunks wait, one may take so much longer: what it reads of a large store serves all its records,
# and nobody waits for the next. Into a store of 800,000 came 505 records a second, 17,000 at a time; 190 in chunks of 1,500.
BACKLOG, PATIENCE = 5, 4
#: Told after each chunk: records done, and records that waited when resolve began.
Progress = Callable[[int, int], None]

_HAS_WORK = "SELECT EXISTS (SELECT FROM ops.pending) OR EXISTS (SELECT FROM ops.decision WHERE applied_change IS NULL)"


@dataclass
class ResolveReport:
    """What resolve did: chunks and records taken, entities that changed, review tasks opened."""

    chunks: int = 0
    records: int = 0
    cases: int = 0
    persons: int = 0
    organisations: int = 0
    review_tasks: int = 0
    is_busy: bool = False


def resolve(engine: Engine, settings: Settings, *, progress: Progress | None = None) -> ResolveReport:
    """Resolve all that waits.

    Returns:
        What was done; `is_busy` where another resolve is at work, which then does it.

    Raises:
        StoreUnavailable: the database went away; what was committed stays, the rest waits.
    """
    report = ResolveReport()
    with store_errors(), resolve_lock(engine) as connection:
        if connection is None:
            report.is_busy = True
        elif _has_work(connection):
            _resolve_all(connection, settings, report, progress or (lambda done, waiting: None))
    return report


def _has_work(connection: Connection) -> bool:
    found = bool(connection.execute(text(_HAS_WORK)).scalar_one())
    connection.commit()
    return found


def _resolve_all(connection: Connection, settings: Settings, report: ResolveReport, progress: Progress) -> None:
    from pipeline.resolving.chunk import Chunk, record_models, resolve_chunk
    from pipeline.resolving.intake import Place
    from pipeline.resolving.names import catch_up
    from pipeline.resolving.promises import unique_departments
    from pipeline.resolving.statistics import analyse_grown

    waiting = connection.execute(text("SELECT count(*) FROM ops.pending")).scalar_one()
    unique_within = unique_departments(connection)
    record_models(connection)
    catch_up(connection)
    start_over = after = Place()
    most = settings.resolve_chunk_records
    while True:
        start = perf_counter()
        # What waits is also written by NORMALISE and `relink --swap`: a chunk and one of them may come to wait for each other.
        done = retried(resolve_chunk, connection, Chunk(after, most, settings.resolve_chunk_records, unique_within))
        if done is None:
            if after == start_over:
                return
            after = start_over  # what was put back, or came meanwhile, may stand before
            continue
        seconds = perf_counter() - start
        after = done.last
        analyse_grown(connection)
        report.chunks += 1
        report.records += done.records
        for relation, count in done.changes.items():
            name = f"{relation}s"
            setattr(report, name, getattr(report, name) + count)
        report.review_tasks += done.review_tasks
        logger.info("resolve: chunk of %d records in %.2f s", done.records, seconds)
        progress(report.records, waiting)
        most = next_size(most, seconds, waiting - report.records, settings)


def next_size(most: int, seconds: float, waiting: int, settings: Settings) -> int:
    """How many records the next chunk may take.

    Args:
        most: as many the last one might.
        seconds: that it took.
        waiting: records that are left.
        settings: whose limits.
    """
    longest = settings.resolve_chunk_seconds * (PATIENCE if waiting > BACKLOG * settings.resolve_chunk_records else 1)
    if seconds > longest:
        return max(SMALLEST_CHUNK, most // 2)
    if seconds < longest / 2:
        return min(settings.resolve_chunk_records, most + most // 2)
    return most
