"""What it takes to look a record up that is not filed, in this process: `python -m benchmarks lookup`.

At most 50 candidates each, as the API's match has them. Half of the records are the store's own, as somebody would file them anew, half
of a world that it has not met.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence

import polars as pl
from sqlalchemy import Engine

from benchmarks.bulk_store import SEED, bulk_store
from benchmarks.harness import RUNS, Row, show
from pipeline.looking_up.lookup import Reach, look_up_all
from pipeline.looking_up.prospect import Prospect
from pipeline.store.copying import read_frame
from simulator.world import build_world

_LOOK_UPS = 200  # of each run
KNOWN = "SELECT * FROM store.source_record WHERE visibility = 'shared' ORDER BY md5(record_id::text || %(seed)s) LIMIT %(most)s"
_PARTIES = "SELECT * FROM store.party WHERE record_id = ANY (%(ids)s)"


def measure_lookup() -> None:
    """Look single persons and whole records up in a store made in bulk; RECORDS says how large."""
    size = int(os.environ.get("RECORDS", "1000000"))
    with bulk_store(size) as (_, engine):
        records, parties = _drawn(engine, _LOOK_UPS * (RUNS + 1))
        show("looked up without being filed", look_up_rows(engine, records, parties, size))


def look_up_rows(engine: Engine, records: pl.DataFrame, parties: pl.DataFrame, size: int) -> list[Row]:
    """Milliseconds of the slowest twentieth, of one person and of a whole record with its parties and its case.

    Args:
        engine: the store.
        records: to look up, each with its `row`.
        parties: of them, by the same.
        size: of the store, in records.
    """
    parties = parties.join(records.select("row", "department"), on="row", maintain_order="left")
    named = parties.partition_by("row", as_dict=True)
    whole = [Prospect(one, named[one["row"],].to_dicts() if (one["row"],) in named else []) for one in records.iter_rows(named=True)]
    persons = [Prospect(one, [one]) for one in parties.filter(pl.col("kind") == "person").to_dicts()]
    runs = [slice(start * _LOOK_UPS, (start + 1) * _LOOK_UPS) for start in range(RUNS + 1)]  # the first warms up
    return [
        Row(f"one person against {size:,} records, p95", [_slowest_ms(engine, persons[run]) for run in runs][1:], "ms", at_most=30),
        Row("one record with its parties and its case, p95", [_slowest_ms(engine, whole[run]) for run in runs][1:], "ms", at_most=30),
    ]


def _slowest_ms(engine: Engine, prospects: Sequence[Prospect]) -> float:
    took = []
    with engine.connect() as connection:  # kept, as a running service keeps its own
        for one in prospects:
            start = time.perf_counter()
            look_up_all(engine.connect, Reach(connection), [one])
            connection.rollback()
            took.append(1000 * (time.perf_counter() - start))
    return statistics.quantiles(took, n=20)[-1]


def _drawn(engine: Engine, count: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Records in random order, and their parties."""
    other = build_world(count, seed=SEED + 1)
    unknown = other.records.filter(pl.col("tick") == 0).head(count // 2).drop("references")
    with engine.connect() as connection:
        known = read_frame(connection, KNOWN, {"seed": str(SEED), "most": count - unknown.height})
        mentioned = read_frame(connection, _PARTIES, {"ids": known["record_id"].to_list()})
    # As a question of the API tells them: without the cases that a record names, whose form is another in the store.
    known, mentioned = (frame.with_columns(row=-pl.col("record_id").cast(pl.Int64)) for frame in (known.drop("references"), mentioned))
    parties = pl.concat([other.parties.join(unknown.select("row"), on="row", how="semi"), mentioned], how="diagonal_relaxed")
    return pl.concat([unknown, known], how="diagonal_relaxed").sample(fraction=1.0, shuffle=True, seed=SEED), parties
