"""Statements about changes themselves, and about models: when which was made, and with which weights. Nothing of a record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, text

from api.queries.rows import fetch

#: Halves what is left until one number is: a look at the primary key each time, however long the list of changes is. All
#: changes of one chunk have its time, and chunks follow one another, so that times never go back within an epoch.
_NUMBER_AT = """
WITH RECURSIVE era AS (
    SELECT c.epoch FROM ops.change_counter c
    WHERE (SELECT h.at FROM store.change h WHERE h.epoch = c.epoch ORDER BY h.change_number LIMIT 1) <= :at
    ORDER BY c.epoch DESC LIMIT 1
), probe (low, high) AS (
    SELECT min(b.change_number), max(b.change_number) FROM era CROSS JOIN LATERAL (
        (SELECT change_number FROM store.change WHERE epoch = era.epoch ORDER BY change_number LIMIT 1)
        UNION ALL (SELECT change_number FROM store.change WHERE epoch = era.epoch ORDER BY change_number DESC LIMIT 1)
    ) b HAVING count(*) > 0
    UNION ALL
    SELECT CASE WHEN found.at <= :at THEN found.change_number ELSE p.low END, CASE WHEN found.at <= :at THEN p.high ELSE half.number - 1 END
    FROM probe p CROSS JOIN era CROSS JOIN LATERAL (SELECT (p.low + p.high + 1) / 2 AS number) half
    LEFT JOIN LATERAL (
        SELECT h.change_number, h.at FROM store.change h WHERE h.epoch = era.epoch AND h.change_number >= half.number
        ORDER BY h.change_number LIMIT 1
    ) found ON true
    WHERE p.low < p.high
)
SELECT low FROM probe WHERE low = high LIMIT 1
"""


def number_at(connection: Connection, at: dt.datetime) -> int:
    """The last change that was made at this time or before; 0 where there was none."""
    return int(connection.execute(text(_NUMBER_AT), {"at": at}).scalar() or 0)


def times_of(connection: Connection, numbers: Iterable[int]) -> dict[int, dt.datetime]:
    """When these changes were made; any caller's connection will do."""
    wanted = sorted(set(numbers))
    if not wanted:
        return {}
    rows = fetch(connection, "SELECT change_number, at FROM store.times_of(CAST(:numbers AS bigint[]))", {"numbers": wanted})
    return {row["change_number"]: row["at"] for row in rows}


def model_documents(connection: Connection, relation: str, names: Sequence[str]) -> dict[str, object]:
    """The documents of model versions that were kept, by version."""
    statement = "SELECT version, document FROM ops.model WHERE relation = :relation AND version = ANY(:versions)"
    rows = connection.execute(text(statement), {"relation": relation, "versions": list(names)})
    return {row.version: row.document for row in rows}
