"""A store of many records as resolve would leave it, made in minutes: `python -m benchmarks.bulk_store RECORDS FOLDER`.

Enters a simulated world, leaves an embedded store in FOLDER/postgres. Records and parties go in as normalise leaves them, are
linked as `casehub relink` links a whole store, and are published by the functions that resolve publishes a chunk with, so that
nothing of what they write is written down here again. What is left out is what makes resolve take hours: looking up, chunk by
chunk, whom each record may be. No batch, landed row or contract is made: nothing came in from anywhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
import polars as pl
import psutil
from sqlalchemy import Connection, Engine, text

import schema
from benchmarks.bulk_link import Linked, link_whole
from benchmarks.harness import run
from hub import postgres
from hub.database import make_engine
from hub.migrations import migrate
from hub.settings import Settings
from pipeline.normalising.normalise import _events, _with_tokens
from pipeline.resolving.chunk import record_models
from pipeline.resolving.names import catch_up
from pipeline.store.copying import copy_in, cursor_of
from schema.tables import party, source_record
from simulator.world import build_world

SEED = 90210
CHANGE = 1  # all of it is known from the same change
_PART = 100_000  # records written at once
_MADE = "made.json"  # there once a store is whole
# Of these two the keys stay: linking reads both by ranges of them, and their rows come in order.
_CONSTRAINTS = """
SELECT c.conrelid::regclass::text, quote_ident(c.conname), pg_get_constraintdef(c.oid) FROM pg_constraint c
JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = 'store' AND c.contype IN ('p', 'u') AND NOT (c.contype = 'p' AND t.relname IN ('source_record', 'party'))
"""
# By this one linking asks for the entities of nodes that show a crowded key: without it each would be a reading of the whole table.
_INDEXES = r"""
SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = 'store' AND x.relname NOT LIKE '%\_member\_current'
  AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
"""
# What PUBLISH asks of closed records looks cases up one by one: it is asked once, of all, when there are indexes again.
_OWN_CASES = "store.publish_own_cases(uuid[])"
_PUBLISHES_NONE = "CREATE OR REPLACE FUNCTION store.publish_own_cases(cases uuid[]) RETURNS void LANGUAGE sql AS 'SELECT'"
_PUBLISH_OWN = """
SELECT store.publish_own_cases(ARRAY(SELECT DISTINCT m.case_id FROM store.source_record r JOIN store.case_member m USING (record_id)
                                     WHERE r.visibility <> 'shared'))
"""
_ROOM = "SET maintenance_work_mem = '1GB'; SET max_parallel_maintenance_workers = 2; SET synchronous_commit = off"
_SEQUENCE = "SELECT setval('store.{name}_id_seq', (SELECT coalesce(max({name}_id), 1) FROM store.{table}))"
_COUNTER = """
UPDATE ops.change_counter SET last_change = :last WHERE epoch = (SELECT max(epoch) FROM ops.change_counter) RETURNING epoch
"""


@dataclass(frozen=True)
class Made:
    """What a store on disk was made of: the same of all gives the same store."""

    records: int
    seed: int
    schema: list[str]  # the digest of each of its migrations


@contextlib.contextmanager
def bulk_store(records: int, seed: int = SEED) -> Iterator[tuple[postgres.Server, Engine]]:
    """A server with a store of so many records, for as long as this lasts.

    It lies in the folder that CASEHUB_BENCH_HOME names, and is used again where it was made of the same, migrated if there are
    new migrations; without one, in a folder that is thrown away.
    """
    with contextlib.ExitStack() as stack:
        named = os.environ.get("CASEHUB_BENCH_HOME")
        if named:
            home = Path(named).resolve()
            home.mkdir(parents=True, exist_ok=True)
        else:
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="casehub-bench-", ignore_cleanup_errors=True)))
        home.chmod(0o755)  # the server's unprivileged user must be able to enter
        make(home, records, seed)
        server = stack.enter_context(postgres.running(Settings(home=home, postgres_port=0)))
        engine = make_engine(server.url())
        stack.callback(engine.dispose)
        yield server, engine


def read_whole(server: postgres.Server) -> None:
    """Read the store's files once, as far as memory holds them: a server that was just started finds what one that runs all day does."""
    files = [path for path in (server.folder / "data" / "base").rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    if size > 0.8 * psutil.virtual_memory().available:
        told(f"the store's {size / 2**30:.1f} GiB do not fit into memory: they are read from disk")
        return
    buffer = bytearray(2**22)
    for path in files:
        with contextlib.suppress(FileNotFoundError), path.open("rb", buffering=0) as file:  # the server may put another in its place
            while file.readinto(buffer):
                pass
    told(f"read the store's {size / 2**30:.1f} GiB into memory")


def make(home: Path, records: int, seed: int = SEED) -> None:
    """Make a folder's store, unless it is there already."""
    wanted, path = Made(records, seed, _schema()), home / _MADE
    made = Made(**orjson.loads(path.read_bytes())) if path.exists() else None
    if made == wanted:
        return
    if made is not None and (made.records, made.seed) == (records, seed) and wanted.schema[: len(made.schema)] == made.schema:
        _migrate_home(home)
        path.write_bytes(orjson.dumps(asdict(wanted)))
        return
    path.unlink(missing_ok=True)  # not before: a store that could not be migrated is whole
    shutil.rmtree(postgres.folder_of(home), ignore_errors=True)
    world = home / f"world-{records}-{seed}"
    if not (world / "parties.parquet").exists():  # in a process that ends, and its memory with it
        run([sys.executable, "-m", "benchmarks.bulk_store", "world", str(records), str(seed), str(world)], {})
    run([sys.executable, "-m", "benchmarks.bulk_store", "fill", str(world), str(home)], {})
    path.write_bytes(orjson.dumps(asdict(wanted)))


def _schema() -> list[str]:
    versions = sorted((Path(schema.__path__[0]) / "migrations" / "versions").glob("*.py"))
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in versions]


def save_world(records: int, seed: int, folder: Path) -> None:
    """The world's records of the first pull in random order, numbered, and the parties that they name."""
    folder.mkdir(parents=True, exist_ok=True)
    made = build_world(records, seed=seed)
    visibility = pl.when("is_juvenile").then(pl.lit("sealed")).otherwise(pl.lit("shared"))
    first = made.records.filter(pl.col("tick") == 0).sample(fraction=1.0, shuffle=True, seed=seed)
    numbered = first.with_columns(
        record_id=pl.int_range(1, pl.len() + 1, dtype=pl.Int64),
        version=pl.lit(1, pl.Int32),
        case_number="source_record_id",
        visibility=visibility,
    )
    numbered.write_parquet(folder / "records.parquet")
    named = made.parties.join(numbered.select("row", "record_id", "version", "source_record_id"), on="row").sort("record_id", "ordinal")
    named.with_columns(
        party_id=pl.int_range(1, pl.len() + 1, dtype=pl.Int64),
        id_type=pl.when(pl.col("id_no").is_not_null()).then(pl.lit("resident_id")),
    ).write_parquet(folder / "parties.parquet")


def fill(engine: Engine, world: Path, folder: Path) -> Linked:
    """Fill a migrated, empty store.

    Args:
        engine: the store.
        world: as `save_world` left it.
        folder: where files may be put meanwhile; some 5 GB for a million records.
    """
    with engine.connect() as connection:
        record_models(connection)
        connection.execute(text(_ROOM))
        restore = _without_indexes(connection)
        put(connection, world, CHANGE)
        told("records")
        linked = link_whole(connection, folder, CHANGE, told)
        catch_up(connection)
        told("names")
        for statement in restore:
            connection.execute(text(statement))
        connection.commit()
        told("indexes")
        linked.open_reviews(connection)
        connection.execute(text(_COUNTER), {"last": linked.last_change})
        for name, table in (("record", "source_record"), ("party", "party")):
            connection.execute(text(_SEQUENCE.format(name=name, table=table)))
        connection.commit()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (FREEZE, ANALYZE)"))
        connection.execute(text("CHECKPOINT"))
    told("vacuum")
    return linked


def told(step: str) -> None:
    """Say what is done, and when."""
    print(f"{time.strftime('%H:%M:%S')} {step}", file=sys.stderr, flush=True)


def _without_indexes(connection: Connection) -> list[str]:
    """Drop the store's indexes and commit; what is to be run to have them again, and what wants them."""
    constraints, indexes = (connection.execute(text(sql)).all() for sql in (_CONSTRAINTS, _INDEXES))
    own_cases = connection.execute(text("SELECT pg_get_functiondef(CAST(:name AS regprocedure))"), {"name": _OWN_CASES}).scalar_one()
    connection.execute(text(_PUBLISHES_NONE))
    for table, name, _ in constraints:
        connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {name}"))
    for name, _ in indexes:
        connection.execute(text(f"DROP INDEX {name}"))
    connection.commit()
    again = [f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}" for table, name, definition in constraints]
    return again + [definition for _, definition in indexes] + [own_cases, _PUBLISH_OWN]


def put(connection: Connection, world: Path, known_from: int | None) -> None:
    """Records, their events and their parties, published from a change on; without one as normalise leaves them."""
    records, parties = (pl.scan_parquet(world / f"{name}.parquet") for name in ("records", "parties"))
    count = records.select(pl.len()).collect().item()
    cursor = cursor_of(connection)
    for start in range(0, count, _PART):
        rows = records.slice(start, _PART).collect()
        named = parties.filter(pl.col("record_id").is_between(start + 1, start + _PART)).collect()
        rows = _with_tokens(rows, named)
        for stored, frame in ((source_record, rows), (party, named)):
            known = frame.with_columns(known_from=pl.lit(known_from, pl.Int64))
            copy_in(cursor, f"store.{stored.name}", known.select([one.name for one in stored.columns if one.name in known.columns]))
        times = [pl.lit(None, rows.schema["reported_at"]).alias(one.name) for one in source_record.columns if one.name not in rows.columns]
        copy_in(cursor, "store.case_event", _events(rows.with_columns(times)))
    connection.commit()
    connection.execute(text("ANALYZE store.source_record, store.party"))
    connection.commit()


def _migrate_home(home: Path) -> None:
    with postgres.running(Settings(home=home, postgres_port=0)) as server:
        engine = make_engine(server.url())
        migrate(engine)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM (ANALYZE) store.source_record"))
        engine.dispose()
    told("migrated")


def _fill_home(world: Path, home: Path) -> None:
    with postgres.running(Settings(home=home, postgres_port=0)) as server:
        engine = make_engine(server.url())
        try:
            migrate(engine)
            with tempfile.TemporaryDirectory(prefix="linking-", dir=home, ignore_cleanup_errors=True) as folder:
                fill(engine, world, Path(folder))
        finally:
            engine.dispose()


if __name__ == "__main__":
    task, *given = sys.argv[1:]
    if task == "world":
        save_world(int(given[0]), int(given[1]), Path(given[2]))
    elif task == "fill":
        _fill_home(Path(given[0]), Path(given[1]))
    else:
        make(Path(given[0]).resolve(), int(task))
