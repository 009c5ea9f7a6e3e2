"""Rows refused on the way: gathered in a temporary table that is empty when a transaction begins, then put into quarantine with rule
and reason, never with the value.
"""

from __future__ import annotations

import polars as pl
import pyarrow as pa
from sqlalchemy import Connection, text

from pipeline.batch.event_order import overtakes
from pipeline.store.copying import copy_in, cursor_of

COLUMNS = ("source_record_id", "version", "rule", "column_name", "reason")

TABLE = """
CREATE TEMP TABLE IF NOT EXISTS refused (
    source_record_id text, version integer, rule text, column_name text, reason text
) ON COMMIT DELETE ROWS
"""
# What a record said before the version that is accepted needs nobody's attention any more: it is superseded, whatever it says.
_QUARANTINE = """
WITH judged AS MATERIALIZED (
    SELECT f.*, EXISTS (
        SELECT FROM landing.record a {where_own}
        WHERE a.department = :department AND a.source_record_id = f.source_record_id AND a.state = 'accepted' AND {overtaken}
    ) AS is_stale FROM refused f
), stale AS (
    UPDATE landing.record r SET state = 'superseded'
    FROM (SELECT DISTINCT source_record_id, version FROM judged WHERE is_stale) s
    WHERE r.department = :department AND r.source_record_id = s.source_record_id AND r.version = s.version
), items AS (
    INSERT INTO quarantine.item (department, source_record_id, version, batch_id, rule, column_name, reason)
    SELECT :department, f.source_record_id, f.version, r.batch_id, f.rule, f.column_name, f.reason
    FROM judged f JOIN landing.record r
    ON r.department = :department AND r.source_record_id = f.source_record_id AND r.version = f.version
    WHERE NOT f.is_stale
    RETURNING source_record_id, version
)
UPDATE landing.record r SET state = 'quarantined' FROM (SELECT DISTINCT source_record_id, version FROM items) i
WHERE r.department = :department AND r.source_record_id = i.source_record_id AND r.version = i.version
"""
_OF_OWN = """JOIN landing.record o
          ON o.department = :department AND o.source_record_id = f.source_record_id AND o.version = f.version"""
_BY_ARRIVAL = _QUARANTINE.format(where_own="", overtaken=overtakes("a", "f", ordered=False))
_BY_PLACE = _QUARANTINE.format(where_own=_OF_OWN, overtaken=overtakes("a", "o", ordered=True))


def add(connection: Connection, refused: pl.DataFrame | pa.Table) -> int:
    """Gather refused rows: columns as in COLUMNS.

    Returns:
        How many were added.
    """
    return copy_in(cursor_of(connection), "refused", refused, COLUMNS)


def quarantine(connection: Connection, department: str, *, ordered: bool) -> None:
    """Put what was gathered into quarantine, one item a row and rule; `ordered`: its events tell their place."""
    connection.execute(text(_BY_PLACE if ordered else _BY_ARRIVAL), {"department": department})
