"""The landed rows that a step has before it, in numbered chunks: enters a department and a batch, leave frames of payloads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl
from sqlalchemy import Connection, text

from pipeline.store.copying import read_frame
from pipeline.store.protected import clear_payloads

# Rows that an earlier, killed run left behind are taken along: a step works on all that is unfinished up to its batch. Not by what a
# person releases or replays: that is not held again, and the others are yet to be judged.
_UNFINISHED = """
SELECT b.batch_id, b.validated_at IS NOT NULL AS is_validated FROM ops.batch b JOIN (
    SELECT DISTINCT batch_id FROM landing.record
    WHERE department = :department AND batch_id <= :batch_id AND state = 'landed' AND (:takes_all OR batch_id = ANY(:released))
) r USING (batch_id) ORDER BY b.batch_id
"""
TABLE = """
CREATE TEMP TABLE IF NOT EXISTS work (
    n bigint PRIMARY KEY, source_record_id text NOT NULL, version integer NOT NULL
) ON COMMIT DELETE ROWS
"""
_UNVALIDATED = "UPDATE ops.batch SET validated_at = NULL WHERE batch_id = ANY(:batches)"
_FILL = """
INSERT INTO work SELECT row_number() OVER (ORDER BY batch_id, ordinal), source_record_id, version
FROM landing.record
WHERE department = :department AND batch_id = ANY(:batches) AND state = 'landed'
  AND operation = 'upsert' AND payload IS NOT NULL AND has_key
"""


def unfinished(connection: Connection, department: str, batch_id: int, released: Sequence[int]) -> tuple[list[int], list[int]]:
    """Batches of a department up to one that have landed rows; of those that are released, where some are.

    Returns:
        Those of which VALIDATE has judged every landed row, which NORMALISE takes; and the others.
    """
    keys = {"department": department, "batch_id": batch_id, "released": list(released), "takes_all": not released}
    found = connection.execute(text(_UNFINISHED), keys).all()
    return [b for b, is_validated in found if is_validated], [b for b, is_validated in found if not is_validated]


def to_be_validated(connection: Connection, batches: Sequence[int]) -> None:
    """Say that rows of these batches became `landed` again: VALIDATE is to judge them before NORMALISE takes them."""
    connection.execute(text(_UNVALIDATED), {"batches": list(batches)})


def prepare(connection: Connection, department: str, batches: Sequence[int]) -> int:
    """Number the landed rows of batches of a department, in a table that has none yet.

    Returns:
        How many there are.
    """
    count = connection.execute(text(_FILL), {"department": department, "batches": list(batches)}).rowcount
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
            is_fixed=True,
        )
        yield chunk.with_columns(clear_payloads(chunk["payload"]))
