"""Statements about one case: the case and its records, golden values, parties, events, links, and where a merged case went."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import Connection, text

from api.queries.rows import Row, fetch
from api.queries.visible import MEMBERS, READABLE, follow
from schema.records import RECORD

MAX_RECORDS = 1_000  # of one case in one answer; a case with more says so

_ALWAYS = ("department", "source_record_id", "version", "visibility", "reported_at")
_COLUMNS = [name for name in RECORD.names if name not in _ALWAYS and name != "references"]


def find_case(connection: Connection, case_id: uuid.UUID) -> Row | None:
    """The case as published, if it is current."""
    statement = """
    SELECT case_id, title, category, status, grade, street, community, reported_at, departments, records
    FROM store.unified_case WHERE case_id = :case_id AND known_to IS NULL
    """
    found = fetch(connection, statement, {"case_id": case_id})
    return found[0] if found else None


def find_redirect(connection: Connection, case_id: uuid.UUID) -> uuid.UUID | None:
    """The current case that a merged one became part of."""
    statement = f"""
    SELECT c.case_id FROM store.unified_case c
    WHERE c.case_id IN {follow("case", "case_id")} AND c.case_id <> :case_id AND c.known_to IS NULL
    """
    return connection.execute(text(statement), {"case_id": case_id}).scalars().first()


def records(connection: Connection, case_id: uuid.UUID, own: str | None, *, whole: bool) -> list[Row]:
    """Current records of a case, at most `MAX_RECORDS` + 1, readable ones first: what decides about them, all columns if wanted."""
    columns = "".join(f", r.{name}" for name in _COLUMNS) if whole else ""
    statement = f"""
    SELECT r.record_id, {", ".join(f"r.{name}" for name in _ALWAYS)}{columns}
    FROM {MEMBERS} WHERE m.case_id = :case_id ORDER BY ({READABLE}) IS NOT TRUE, r.record_id LIMIT {MAX_RECORDS + 1}
    """
    return fetch(connection, statement, {"case_id": case_id, "own": own})


def golden_values(connection: Connection, case_id: uuid.UUID) -> list[Row]:
    """Every value that some record of the case states, best first a field."""
    statement = """
    SELECT field, rank, value, stated_by FROM store.readable_values(ARRAY[CAST(:case_id AS uuid)])
    WHERE known_to IS NULL ORDER BY field, rank
    """
    return fetch(connection, statement, {"case_id": case_id})


def parties(connection: Connection, record_ids: Sequence[int]) -> list[Row]:
    """Parties of current records, with the person or organisation that each was resolved to."""
    statement = """
    SELECT p.record_id, p.ordinal, p.role, p.kind, p.name, p.id_type, p.id_no, p.uscc, p.phone, p.address, p.gender, p.birth_date,
           e.person_id, o.organisation_id
    FROM store.source_record r
    JOIN store.party p ON p.record_id = r.record_id AND p.version = r.version
    LEFT JOIN store.person_member e ON e.party_id = p.party_id AND e.known_to IS NULL
    LEFT JOIN store.organisation_member o ON o.party_id = p.party_id AND o.known_to IS NULL
    WHERE r.record_id = ANY(:record_ids) AND r.known_from IS NOT NULL AND r.known_to IS NULL
    ORDER BY p.record_id, p.ordinal
    """
    return fetch(connection, statement, {"record_ids": list(record_ids)})


def events(connection: Connection, record_ids: Sequence[int]) -> list[Row]:
    """What happened when, as current records state it, oldest first."""
    statement = """
    SELECT e.record_id, e.kind, e.at FROM store.source_record r
    JOIN store.case_event e ON e.record_id = r.record_id AND e.version = r.version
    WHERE r.record_id = ANY(:record_ids) AND r.known_from IS NOT NULL AND r.known_to IS NULL
    ORDER BY e.at, e.record_id, e.kind
    """
    return fetch(connection, statement, {"record_ids": list(record_ids)})


def links(connection: Connection, record_ids: Sequence[int]) -> list[Row]:
    """Current links between two of these records, strongest first."""
    statement = """
    SELECT left_id, right_id, decision, match_weight, levels, model_version, decided_by FROM store.link
    WHERE relation = 'case' AND known_to IS NULL AND left_id = ANY(:record_ids) AND right_id = ANY(:record_ids)
    ORDER BY match_weight DESC, left_id, right_id
    """
    return fetch(connection, statement, {"record_ids": list(record_ids)})
