"""What the matching benchmarks link: the parties of a simulated world, with who each of them is."""

from __future__ import annotations

import polars as pl

from schema.records import PERSON_INPUT
from simulator.world import build_world


def persons(records: int, seed: int) -> pl.DataFrame:
    """PERSON_INPUT of a world, with `truth` (who it is; null where the record says nothing that could tell), `noise`, and the key's parts.

    Args:
        records: of the world; there is about one person a record.
        seed: of the world.
    """
    world = build_world(records, seed=seed)
    keys = world.records.select("department", "source_record_id")[world.parties["row"]]
    parties = pl.concat([keys, world.parties], how="horizontal").filter(pl.col("kind") == "person")
    return parties.with_row_index("id").select(
        pl.col("id").cast(pl.Int64),
        pl.col("row").alias("record_id"),
        "department",
        *(name for name in PERSON_INPUT.names if name not in ("id", "record_id", "department")),
        "source_record_id",
        "ordinal",
        "noise",
        truth="person_truth_id",
    )
