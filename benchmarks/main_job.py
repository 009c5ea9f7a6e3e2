"""The main job: 100,000 records from sixteen systems into the case store, in one process on this machine.

Each figure is the median of three runs, each from an empty store; the systems and the database are processes of their own.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile

from benchmarks.ground import Ground, ground
from benchmarks.harness import Row, Usage, repeat, run, show

CASEHUB = [sys.executable, "-m", "cli.main"]
# Rows that a pass without news may write are those of its batches, and of the audit log that the command was called; this counts all
# others, whatever table they are in.
_WRITTEN = """
SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_user_tables
WHERE schemaname IN ('landing', 'quarantine', 'store', 'ops') AND relname <> 'batch'
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
    """Print the table of the way in, at three sizes; RECORDS names others, with commas between."""
    sizes = os.environ.get("RECORDS", "10000,100000,1000000")
    show("land, validate, normalise", [row for size in sizes.split(",") for row in _ingest(int(size))])


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
        Row("  rows it wrote beside its batches' and the audit log's", [written], "rows", at_most=0),
    ]


def _written(place: Ground) -> int:
    place.engine.dispose()
    with place.engine.connect() as connection:
        connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")
        connection.exec_driver_sql("SELECT pg_sleep(1)")
        connection.rollback()
        return int(connection.exec_driver_sql(_WRITTEN).scalar_one())


def _ingest(records: int) -> list[Row]:
    """One size: extracted once, then landed, validated and normalised three times, each into an empty store."""
    spool = [sys.executable, "-m", "benchmarks.spool"]
    with ground(records) as place, tempfile.TemporaryDirectory(prefix="casehub-spool-") as folder:
        run([*spool, "extract", folder], place.environment)

        def once() -> Usage:
            place.empty()
            return run([*spool, "take", folder], place.environment)

        usages = repeat(once)
    told = [json.loads(usage.output.splitlines()[-1]) for usage in usages]
    rates = [each["rows"] / each["seconds"] for each in told]
    note = f"{told[0]['rows']:,} rows; importing takes {told[0]['import_seconds']:.1f} s more"
    return [
        Row(f"{records:,} records", rates, "records/s", at_least=5000, note=note),
        Row("  peak memory", [usage.peak_mb for usage in usages], "MB"),
    ]
