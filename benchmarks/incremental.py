"""What a thousand new records cost against stores of growing size: `python -m benchmarks incremental`.

Each store is filled by RESOLVE itself with the records of a simulated world, all but some that are held back; these then
come in batches of a thousand. Only resolve is timed: records are left as normalise leaves them.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
from sqlalchemy import Engine, text

from benchmarks.harness import RUNS, Row, run, show
from benchmarks.lookup import look_up_rows
from hub import postgres
from hub.database import make_engine
from hub.migrations import migrate
from hub.settings import Settings
from pipeline.resolving.resolve import resolve
from pipeline.store.copying import copy_in, cursor_of
from schema.tables import party, source_record
from simulator.world import build_world

SEED = 90210
BATCH = 1000
SIZES = (10_000, 100_000, 1_000_000)
_KEPT_BACK = RUNS + 2  # batches; the first warms up what a running service has warm, the last is looked up and not taken in
_UNPUBLISHED = ("known_from", "known_to", "tokens", "is_deleted")


def measure_incremental() -> None:
    """Resolve a thousand new records against each store: records a second, and the slowest beside the fastest."""
    sizes = [int(size) for size in os.environ["RECORDS"].split(",")] if "RECORDS" in os.environ else list(SIZES)
    rows, medians, look_ups = [], [], []
    for size in sizes:
        with filled(size) as (engine, batches):
            seconds = [_resolved(engine, batch) for batch in batches[:-1]][1:]
            look_ups += _look_ups(engine, batches[-1], size) if size == max(sizes) else []
        rows.append(Row(f"1,000 new records, store of {size:,}", [BATCH / one for one in seconds], "records/s", at_least=1000))
        medians.append(rows[-1].median)
    rows.append(Row("slowest beside fastest", [max(medians) / min(medians)], "×", at_most=1.5))
    show("new records against stores of growing size", [*rows, *look_ups])


@contextlib.contextmanager
def filled(size: int) -> Iterator[tuple[Engine, list[pl.DataFrame]]]:
    """A store that has resolved so many records, and batches of others of the same world that it has not met.

    Yields:
        The store's engine; batches of records, each row with its `parties`' keys in `row`.
    """
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="casehub-bench-", ignore_cleanup_errors=True)))
        home.chmod(0o755)  # the server's unprivileged user must be able to enter
        run([sys.executable, "-m", "benchmarks.incremental", str(size), str(home)], {})  # a process that ends, and its memory with it
        server = stack.enter_context(postgres.running(Settings(home=home, postgres_port=0)))
        engine = make_engine(server.url())
        stack.callback(engine.dispose)
        migrate(engine)
        records = pl.read_parquet(home / "records.parquet")
        put(engine, records.slice(_KEPT_BACK * BATCH), home)
        resolve(engine, Settings(), progress=_tell)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
            connection.execute(text("CHECKPOINT"))
        yield engine, [_with_home(records.slice(place * BATCH, BATCH), home) for place in range(_KEPT_BACK)]


def _with_home(records: pl.DataFrame, home: Path) -> pl.DataFrame:
    return records.with_columns(home=pl.lit(str(home)))


def put(engine: Engine, records: pl.DataFrame, home: Path) -> None:
    """Leave records and their parties as normalise does."""
    parties = pl.scan_parquet(home / "parties.parquet").filter(pl.col("row").is_in(records["row"].implode())).collect()
    with engine.begin() as connection:
        cursor = cursor_of(connection)
        firsts = []
        for table, column in (("source_record", "record_id"), ("party", "party_id")):
            cursor.execute(f"SELECT coalesce(max({column}), 0) + 1 FROM store.{table}")
            firsts.append((cursor.fetchone() or (1,))[0])
        numbered = records.with_columns(record_id=pl.int_range(pl.len(), dtype=pl.Int64) + firsts[0], version=pl.lit(1, pl.Int32))
        mentioned = parties.join(numbered.select("row", "record_id", "version"), on="row").sort("record_id", "ordinal")
        mentioned = mentioned.with_columns(party_id=pl.int_range(pl.len(), dtype=pl.Int64) + firsts[1])
        for stored, frame in ((source_record, numbered), (party, mentioned)):
            columns = [column.name for column in stored.columns if column.name in frame.columns and column.name not in _UNPUBLISHED]
            copy_in(cursor, f"store.{stored.name}", frame.select(columns))
        reported = pl.col("reported_at").dt.epoch("s").fill_null(0)
        copy_in(cursor, "ops.pending", numbered.select("record_id", reason=pl.lit("new"), reported_epoch_s=reported))


def _resolved(engine: Engine, batch: pl.DataFrame) -> float:
    put(engine, batch, Path(batch["home"][0]))
    start = time.perf_counter()
    resolve(engine, Settings())
    return time.perf_counter() - start


def _look_ups(engine: Engine, batch: pl.DataFrame, size: int) -> list[Row]:
    parties = pl.scan_parquet(Path(batch["home"][0]) / "parties.parquet").filter(pl.col("row").is_in(batch["row"].implode())).collect()
    return look_up_rows(engine, batch, parties, size)


def _tell(done: int, waiting: int) -> None:
    if sys.stderr.isatty():
        print(f"\r{done:,} / {waiting:,}", end="", file=sys.stderr)


def _save_world(size: int, home: Path) -> None:
    """The world's records of the first pull in random order, and the parties that they name."""
    made = build_world(size + size // 10 + _KEPT_BACK * BATCH, seed=SEED)
    visibility = pl.when("is_juvenile").then(pl.lit("sealed")).otherwise(pl.lit("shared"))
    records = made.records.filter(pl.col("tick") == 0).with_columns(case_number="source_record_id", visibility=visibility)
    records = records.sample(min(size + _KEPT_BACK * BATCH, records.height), shuffle=True, seed=SEED)
    records.write_parquet(home / "records.parquet")
    made.parties.join(records.select("row"), on="row", how="semi").write_parquet(home / "parties.parquet")


if __name__ == "__main__":
    _save_world(int(sys.argv[1]), Path(sys.argv[2]))
