"""Statements of the match: desks of closed records that bear a number which was given, and what the caller reads of cases."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import Connection

from api.queries.rows import Row
from api.queries.search import FIELDS
from api.queries.visible import ACKNOWLEDGED, CURRENT, MEMBERS, READABLE
from hub.encryption import number_forms
from pipeline.prepared import Prepared

#: Of store.source_record itself: what `visible.READABLE` says, and what was opened to the caller for a time.
COMPARED = f"""({READABLE} OR (r.visibility = 'restricted'
    AND EXISTS (SELECT FROM ops.granted_record g WHERE g.record_id = r.record_id OFFSET 0)))"""

# Asked for all numbers of a field at once first: nearly always there is none, and then each by itself need not be asked for.
_ACKNOWLEDGED = Prepared(
    """
    WITH given AS MATERIALIZED (
        SELECT t.* FROM unnest(:places, :fields, :values) AS t (place, field, value)
    ), held AS MATERIALIZED (
        SELECT g.field FROM (SELECT field, array_agg(value) AS wanted FROM given GROUP BY field) g
        CROSS JOIN LATERAL (SELECT FROM store.acknowledged_by(g.field, g.wanted) LIMIT 1) f
    )
    SELECT DISTINCT t.place, r.department FROM given t JOIN held USING (field)
    CROSS JOIN LATERAL store.acknowledged_by(t.field, ARRAY[t.value]) f
    CROSS JOIN LATERAL (
        SELECT department FROM store.acknowledged_record a WHERE a.record_id = f.record_id AND a.version = f.version OFFSET 0
    ) r
    """,
    {"places": "integer[]", "fields": "text[]", "values": "text[]"},
)
_SUMMARIES = Prepared(
    f"""
    SELECT m.case_id, count(DISTINCT r.record_id) FILTER (WHERE {READABLE}) AS records,
           min(r.reported_at) FILTER (WHERE {READABLE}) AS reported_at,
           array_agg(DISTINCT r.department) FILTER (WHERE {READABLE}) AS departments,
           array_agg(DISTINCT r.department) FILTER (WHERE {ACKNOWLEDGED}) AS acknowledged,
           array_agg(DISTINCT p.name) FILTER (WHERE {READABLE} AND p.kind = 'person' AND p.name IS NOT NULL) AS names
    FROM {MEMBERS} LEFT JOIN store.party p ON p.record_id = r.record_id AND p.version = r.version
    WHERE m.case_id = ANY (:case_ids) GROUP BY m.case_id
    """,
    {"case_ids": "uuid[]", "own": "text"},
)
_BEST = Prepared(
    f"""
    SELECT DISTINCT ON (g.entity_id, g.field) g.entity_id, g.field, g.value, s.is_own FROM store.readable_values(:case_ids) g
    CROSS JOIN LATERAL (
        SELECT coalesce(bool_or(r.department = :own), false) AS is_own FROM store.source_record r
        WHERE r.record_id = ANY (g.stated_by) AND {CURRENT} AND {READABLE} HAVING count(*) > 0
    ) s
    WHERE g.field = ANY (:fields) AND g.known_to IS NULL ORDER BY g.entity_id, g.field, g.rank
    """,
    {"case_ids": "uuid[]", "own": "text", "fields": "text[]"},
)


def acknowledged(connection: Connection, numbers: Sequence[tuple[int, str, str]]) -> dict[int, set[str]]:
    """By place the departments whose restricted records bear one of the numbers given for it.

    Args:
        connection: the caller's.
        numbers: (place, field, value), the field one of id_no, phone, uscc and number.
    """
    if not numbers:
        return {}
    forms = [(place, field, form) for place, field, number in numbers for form in number_forms(field, [number])]
    places, fields, values = (list(column) for column in zip(*forms, strict=True))
    found: dict[int, set[str]] = {}
    for row in _ACKNOWLEDGED.rows(connection, places=places, fields=fields, values=values):
        found.setdefault(row["place"], set()).add(row["department"])
    return found


def summaries(connection: Connection, case_ids: Sequence[uuid.UUID], own: str | None) -> dict[uuid.UUID, Row]:
    """Per case what its readable records come to, who else is to be asked, and the persons that a title may name."""
    if not case_ids:
        return {}
    return {row["case_id"]: row for row in _SUMMARIES.rows(connection, case_ids=_texts(case_ids), own=own)}


def best_values(connection: Connection, case_ids: Sequence[uuid.UUID], own: str | None) -> dict[tuple[uuid.UUID, str], Row]:
    """Per case and field of `FIELDS` the best value that a readable record states, and whether one of the caller's own states it."""
    if not case_ids:
        return {}
    rows = _BEST.rows(connection, case_ids=_texts(case_ids), own=own, fields=list(FIELDS))
    return {(row["entity_id"], row["field"]): row for row in rows}


def _texts(ids: Sequence[uuid.UUID]) -> list[str]:
    """Ids as the driver binds them."""
    return [str(one) for one in ids]
