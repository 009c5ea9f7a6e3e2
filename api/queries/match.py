"""Statements of the match: desks of closed records that bear a number which was given, and what the caller reads of cases."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import Connection

from api.queries.rows import Row, fetch
from api.queries.visible import ACKNOWLEDGED, MEMBERS, READABLE

_ACKNOWLEDGED = """
SELECT DISTINCT t.place, r.department
FROM unnest(CAST(:places AS integer[]), CAST(:fields AS text[]), CAST(:values AS text[])) AS t (place, field, value)
CROSS JOIN LATERAL store.acknowledged_by(t.field, ARRAY[t.value]) f
CROSS JOIN LATERAL (
    SELECT department FROM store.acknowledged_record a WHERE a.record_id = f.record_id AND a.version = f.version OFFSET 0
) r
"""
_SUMMARIES = f"""
SELECT m.case_id, count(DISTINCT r.record_id) FILTER (WHERE {READABLE}) AS records,
       min(r.reported_at) FILTER (WHERE {READABLE}) AS reported_at,
       array_agg(DISTINCT r.department) FILTER (WHERE {READABLE}) AS departments,
       array_agg(DISTINCT r.department) FILTER (WHERE {ACKNOWLEDGED}) AS acknowledged,
       array_agg(DISTINCT p.name) FILTER (WHERE {READABLE} AND p.kind = 'person' AND p.name IS NOT NULL) AS names
FROM {MEMBERS} LEFT JOIN store.party p ON p.record_id = r.record_id AND p.version = r.version
WHERE m.case_id = ANY(:case_ids) GROUP BY m.case_id
"""


def acknowledged(connection: Connection, numbers: Sequence[tuple[int, str, str]]) -> dict[int, set[str]]:
    """By place the departments whose restricted records bear one of the numbers given for it.

    Args:
        connection: the caller's.
        numbers: (place, field, value), the field one of id_no, phone, uscc and number.
    """
    if not numbers:
        return {}
    places, fields, values = (list(column) for column in zip(*numbers, strict=True))
    found: dict[int, set[str]] = {}
    for row in fetch(connection, _ACKNOWLEDGED, {"places": places, "fields": fields, "values": values}):
        found.setdefault(row["place"], set()).add(row["department"])
    return found


def summaries(connection: Connection, case_ids: Sequence[uuid.UUID], own: str | None) -> dict[uuid.UUID, Row]:
    """Per case what its readable records come to, who else is to be asked, and the persons that a title may name."""
    if not case_ids:
        return {}
    return {row["case_id"]: row for row in fetch(connection, _SUMMARIES, {"case_ids": list(case_ids), "own": own})}
