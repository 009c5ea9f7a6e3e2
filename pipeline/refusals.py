"""Rows refused on the way: gathered in a temporary table, then put into quarantine with rule and reason, never with the value."""

from __future__ import annotations

import polars as pl
import pyarrow as pa
from sqlalchemy import Connection, text

from pipeline.copying import copy_in, cursor_of

COLUMNS = ("source_record_id", "version", "rule", "column_name", "reason")

_TABLE = """
CREATE TEMP TABLE IF NOT EXISTS refused (source_record_id text, version integer, rule text, column_name text, reason text)
"""
_QUARANTINE = """
WITH items AS (
    INSERT INTO quarantine.item (department, source_record_id, version, batch_id, rule, column_name, reason)
    SELECT :department, f.source_record_id, f.version, r.batch_id, f.rule, f.column_name, f.reason
    FROM refused f JOIN landing.record r
    ON r.department = :department AND r.source_record_id = f.source_record_id AND r.version = f.version
    RETURNING source_record_id, version
)
UPDATE landing.record r SET state = 'quarantined' FROM (SELECT DISTINCT source_record_id, version FROM items) i
WHERE r.department = :department AND r.source_record_id = i.source_record_id AND r.version = i.version
"""


def prepare(connection: Connection) -> None:
    """Begin with none refused."""
    connection.execute(text(_TABLE))
    connection.execute(text("TRUNCATE refused"))


def add(connection: Connection, refused: pl.DataFrame | pa.Table) -> int:
    """Gather refused rows: columns as in COLUMNS.

    Returns:
        How many were added.
    """
    return copy_in(cursor_of(connection), "refused", refused, COLUMNS)


def quarantine(connection: Connection, department: str) -> None:
    """Put what was gathered into quarantine, one item a row and rule, and begin anew."""
    connection.execute(text(_QUARANTINE), {"department": department})
    connection.execute(text("TRUNCATE refused"))
