"""Statements about what is watched: whether the caller can read anything of it, and which of some cases a question finds."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, text

from api.queries.search import FILTERS
from api.queries.visible import CURRENT, MEMBERS, READABLE, follow
from api.questions.watches import WatchQuestion
from api.recognise import Kind, Reading
from hub.encryption import number_forms
from schema.search import tsquery

_PARTIES = (
    "store.{relation}_member m JOIN store.party p ON p.party_id = m.party_id AND m.known_to IS NULL "
    f"JOIN store.source_record r ON r.record_id = p.record_id AND r.version = p.version AND {CURRENT}"
)
_MEMBERS = {"case": MEMBERS, **{relation: _PARTIES.format(relation=relation) for relation in ("person", "organisation")}}
_COLUMNS = {Kind.ID_NUMBER: "id_no", Kind.PHONE: "phone", Kind.CREDIT_CODE: "uscc"}
_WORDS = "r.tokens @@ CAST(:tokens AS tsquery)"
_HOLDS_NUMBER = "EXISTS (SELECT FROM store.party p WHERE p.record_id = r.record_id AND p.version = r.version AND p.{column} = ANY(:values))"
_BEST = """
(SELECT g.value FROM store.readable_values(ARRAY[c.case_id]) g WHERE g.known_to IS NULL AND g.field = '{field}' ORDER BY g.rank LIMIT 1)
"""


def readable(connection: Connection, relation: str, ids: Iterable[uuid.UUID], own: str | None) -> set[uuid.UUID]:
    """Of these entities those of which the caller can read something now."""
    statement = f"""
    SELECT e.id FROM unnest(CAST(:ids AS uuid[])) AS e (id)
    WHERE EXISTS (SELECT FROM {_MEMBERS[relation]} WHERE m.{relation}_id = e.id AND {READABLE} OFFSET 0)
    """
    return set(connection.execute(text(statement), {"ids": list(ids), "own": own}).scalars())


def current(connection: Connection, relation: str, entity_id: uuid.UUID, own: str | None) -> uuid.UUID | None:
    """What an entity is now, if the caller can read something of it: itself, or what it was merged into."""
    statement = f"SELECT id FROM {follow(relation, 'entity_id')} AS chain"
    ids = connection.execute(text(statement), {"entity_id": entity_id}).scalars().all()
    found = readable(connection, relation, ids, own)
    return entity_id if entity_id in found else min(found, default=None)


def found_by(
    connection: Connection, question: WatchQuestion, reading: Reading | None, case_ids: Sequence[uuid.UUID], own: str | None
) -> set[uuid.UUID]:
    """Of these cases those that a question finds, by what the caller can read of them."""
    conditions = [f"EXISTS (SELECT FROM {MEMBERS} WHERE m.case_id = c.case_id AND {READABLE} AND {_entry(reading)} OFFSET 0)"]
    values: dict[str, Any] = {"ids": list(case_ids), "own": own, **_entry_values(reading)}
    if question.department is not None:
        conditions.append(
            f"EXISTS (SELECT FROM {MEMBERS} WHERE m.case_id = c.case_id AND {READABLE} AND r.department = :department OFFSET 0)"
        )
        values["department"] = question.department
    for field in FILTERS:
        if (wanted := getattr(question, field)) is not None:
            conditions.append(f"{_BEST.format(field=field)} = :{field}")
            values[field] = wanted
    statement = f"SELECT c.case_id FROM unnest(CAST(:ids AS uuid[])) AS c (case_id) WHERE {' AND '.join(conditions)}"
    return set(connection.execute(text(statement), values).scalars())


def _entry(reading: Reading | None) -> str:
    """Condition on a readable record `r` of case `m`: whether it holds what was written."""
    if reading is None:
        return "true"
    if reading.kind is Kind.CASE_ID:
        return "m.case_id = CAST(:case_id AS uuid)"
    if reading.kind in _COLUMNS:
        return f"({_HOLDS_NUMBER.format(column=_COLUMNS[reading.kind])} OR {_WORDS})"
    return f"(r.case_number = ANY(:numbers) OR r.source_record_id = ANY(:numbers) OR {_WORDS})"


def _entry_values(reading: Reading | None) -> dict[str, Any]:
    if reading is None:
        return {}
    texts = reading.values if reading.kind in _COLUMNS else (reading.text,)
    return {
        "values": number_forms(_COLUMNS.get(reading.kind, ""), reading.values),
        "numbers": list(reading.numbers),
        "case_id": reading.values[0] if reading.kind is Kind.CASE_ID else None,
        "tokens": " | ".join(query for query in map(tsquery, texts) if query),  # empty, it finds nothing
    }
