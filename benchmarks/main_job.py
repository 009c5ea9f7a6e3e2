"""The main job: 100,000 records from sixteen systems into the case store, in one process on this machine.

Each figure is the median of three runs, each from an empty store; the systems and the database are processes of their own.
"""

from __future__ import annotations

import os
import sys

from benchmarks.ground import Ground, ground
from benchmarks.harness import Row, Usage, repeat, run, show

CASEHUB = [sys.executable, "-m", "cli.main"]
# Rows that a pass without news may write are those of its batches; this counts all others, whatever table they are in.
_WRITTEN = """
SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_user_tables
WHERE schemaname IN ('landing', 'quarantine', 'store', 'ops', 'audit') AND relname <> 'batch'
"""


def measure_pass() -> None:
    """Print the table of whole passes."""
    records = int(os.environ.get("RECORDS", "100000"))
    rows: list[Row] = []
    with ground(records) as place:
        rows += _whole_pass(place, records)
        rows += _without_news(place)
    show(f"main job, {records:,} records", rows)


def measure_ingest() -> None:
    """Print the table of the way in, at three sizes."""
    show("land, validate, normalise", [_ingest(size) for size in (10_000, 100_000, 1_000_000)])


def _whole_pass(place: Ground, records: int) -> list[Row]:
    def once() -> Usage:
        place.empty()
        return run([*CASEHUB, "run"], place.environment)

    usages = repeat(once)
    return [
        Row(f"a pass over {records:,} records, extract to publish", [usage.seconds for usage in usages], "s", at_most=60),
        Row("  its peak memory", [usage.peak_mb for usage in usages], "MB", at_most=1000),
    ]


def _without_news(place: Ground) -> list[Row]:
    before = _written(place)
    usages = repeat(lambda: run([*CASEHUB, "run"], place.environment))
    written = _written(place) - before
    return [
        Row("a pass in which nothing changed", [usage.seconds for usage in usages], "s", at_most=5),
        Row("  rows it wrote beside its batches'", [written], "rows", at_most=0),
    ]


def _written(place: Ground) -> int:
    place.engine.dispose()
    with place.engine.connect() as connection:
        connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")
        connection.exec_driver_sql("SELECT pg_sleep(1)")
        connection.rollback()
        return int(connection.exec_driver_sql(_WRITTEN).scalar_one())


def _ingest(records: int) -> Row:
    with ground(records) as place:
        place.empty()
        seconds = run([*CASEHUB, "run", "--no-resolve"], place.environment).seconds
    return Row(
        f"{records:,} records", [records / seconds], "records/s", at_least=5000, note=f"{seconds:.1f} s, extraction and start-up included"
    )
