"""Everything linked anew, on one machine and on Spark, beside what a store came to chunk by chunk: `python -m benchmarks relink`.

The store is that of `benchmarks.incremental`: filled in chunks, then a few batches more. Each engine is a process of its own.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import polars as pl

from benchmarks.harness import Row, Usage, run, show
from benchmarks.incremental import filled, put
from hub.settings import Settings
from matching.engines import ENGINES
from matching.model import RELATIONS
from pipeline.relinking.difference import Difference
from pipeline.resolving.resolve import resolve

RECORDS = 100_000


def measure_relink() -> None:
    """Time and memory of each engine, the nodes that they place differently, and those that live elsewhere."""
    records = int(os.environ.get("RECORDS", RECORDS))
    with filled(records) as (engine, batches), tempfile.TemporaryDirectory(prefix="casehub-bench-") as folder:
        for batch in batches:
            put(engine, batch, Path(batch["home"][0]))
            resolve(engine, Settings())
        environment = {"CASEHUB_DATABASE_URL": engine.url.render_as_string(hide_password=False), "CASEHUB_HOME": folder}
        usages, found = {}, {}
        for name in ENGINES:
            to = Path(folder) / f"{name}.parquet"
            usages[name] = run([sys.executable, "-m", "cli.main", "relink", "--engine", name, "--to", str(to)], environment)
            found[name] = pl.read_parquet(to)
    show(f"relink, {records:,} records", [*_costs(usages), *_differences(found)])


def _costs(usages: dict[str, Usage]) -> list[Row]:
    rows = []
    for name, usage in usages.items():
        note = "of the command; Java and its workers are processes of their own" if name == "spark" else ""
        rows.append(Row(f"{name}: read, linked, compared", [usage.seconds], "s"))
        rows.append(Row("  peak memory", [usage.peak_mb], "MB", note=note))
    return rows


def _differences(found: dict[str, pl.DataFrame]) -> list[Row]:
    rows = []
    for relation in RELATIONS:
        here, there = (found[name].filter(pl.col("relation") == relation) for name in ENGINES)
        other = here.join(there, on=["id", "cluster"], how="anti").height + there.join(here, on=["id", "cluster"], how="anti").height
        live = Difference(here)
        told = {name: live.change(name) for name in ("joined", "split", "moved")}
        note = ", ".join(f"{name} {change.entities:,} → {change.clusters:,}" for name, change in told.items())
        rows.append(Row(f"{relation}: nodes in other clusters on Spark", [other], "", at_most=0, note=f"of {here.height:,}"))
        rows.append(Row("  nodes in other clusters than they live in", [live.moves], "", note=f"{live.entities:,} entities; {note}"))
    return rows
