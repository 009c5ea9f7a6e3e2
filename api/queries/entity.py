"""Statements about one person or firm: its readable mentions, who else is to be asked, and what a merged one became."""

from __future__ import annotations

import uuid

from sqlalchemy import Connection, text

from api.queries.case import POLICY
from api.queries.rows import Row, fetch
from api.queries.visible import READABLE, follow, records_with_cases

MAX_MENTIONS = 1_000  # of one person or firm in one answer

_PARTY = ("ordinal", "role", "kind", "name", "id_type", "id_no", "uscc", "phone", "address", "gender", "birth_date")


def mentions(connection: Connection, relation: str, entity_id: uuid.UUID, own: str | None) -> list[Row]:
    """Readable mentions with what decides about their records, at most `MAX_MENTIONS` + 1, the latest report first."""
    of_record = ", ".join(f"r.{name} AS record_{name}" for name in POLICY)
    found = f"""
    SELECT e.{relation}_id, p.* FROM store.{relation}_member e
    CROSS JOIN LATERAL (SELECT * FROM store.party p WHERE p.party_id = e.party_id OFFSET 0) p
    WHERE e.known_to IS NULL AND e.{relation}_id = :entity_id
    """
    statement = f"""
    SELECT m.case_id, f.{relation}_id, {of_record}, {", ".join(f"f.{name}" for name in _PARTY)}
    FROM {records_with_cases(found)} WHERE {READABLE}
    ORDER BY r.reported_at DESC NULLS LAST, r.record_id, f.ordinal LIMIT {MAX_MENTIONS + 1}
    """
    return fetch(connection, statement, {"entity_id": entity_id, "own": own})


def acknowledged(connection: Connection, relation: str, entity_id: uuid.UUID) -> list[str]:
    """Departments of records that name it and are only acknowledged."""
    statement = """
    SELECT DISTINCT r.department FROM store.acknowledged_by(:relation, ARRAY[CAST(:entity_id AS text)]) a
    JOIN store.known_record r ON r.record_id = a.record_id AND r.version = a.version ORDER BY 1
    """
    return list(connection.execute(text(statement), {"relation": relation, "entity_id": str(entity_id)}).scalars())


def became(connection: Connection, relation: str, entity_id: uuid.UUID) -> list[uuid.UUID]:
    """The persons or firms that a merged one is now, if any."""
    statement = f"SELECT t.id FROM {follow(relation, 'entity_id')} t WHERE t.id <> :entity_id"
    return list(connection.execute(text(statement), {"entity_id": entity_id}).scalars())
