"""The landed rows that a step has before it, in numbered chunks: enters a department and a batch, leave frames of payloads."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
from sqlalchemy import Connection, text

from pipeline.copying import read_frame
from pipeline.protected import clear_payloads

# Rows that an earlier, killed run left behind are taken along: a step works on all that is unfinished up to its batch.
_FILL = """
INSERT INTO work SELECT row_number() OVER (ORDER BY batch_id, ordinal), source_record_id, version
FROM landing.record
WHERE department = :department AND batch_id <= :batch_id AND state = :state AND operation = 'upsert' AND payload IS NOT NULL AND has_key
"""


def prepare(connection: Connection, department: str, batch_id: int, state: str = "landed") -> int:
    """Number the unfinished rows of a department up to a batch.

    Returns:
        How many there are.
    """
    connection.execute(
        text("CREATE TEMP TABLE IF NOT EXISTS work (n bigint PRIMARY KEY, source_record_id text NOT NULL, version integer NOT NULL)")
    )
    connection.execute(text("TRUNCATE work"))
    count = connection.execute(text(_FILL), {"department": department, "batch_id": batch_id, "state": state}).rowcount
    if count:
        connection.execute(text("ANALYZE work"))
    return count


def chunks(connection: Connection, department: str, size: int, total: int) -> Iterator[pl.DataFrame]:
    """Frames of (n, source_record_id, version, payload), each of at most `size` rows, in landing order."""
    for start in range(0, total, size):
        chunk = read_frame(
            connection,
            # Looked up row by row: landing, growing as it is read, has no statistics to make a good plan of a join with.
            "SELECT w.n, w.source_record_id, w.version, r.payload FROM work w CROSS JOIN LATERAL ("
            "SELECT payload::text AS payload FROM landing.record WHERE department = %(department)s "
            "AND source_record_id = w.source_record_id AND version = w.version OFFSET 0"
            ") r WHERE w.n > %(start)s AND w.n <= %(end)s ORDER BY w.n",
            {"department": department, "start": start, "end": start + size},
        )
        yield chunk.with_columns(clear_payloads(chunk["payload"]))
