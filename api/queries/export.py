"""Statements of an export: the readable records, and their parties, of a page of cases; read a few hundred at a time."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, text

from api.queries.case import POLICY
from api.queries.rows import Row, fetch
from api.queries.visible import MEMBERS, READABLE
from hub.encryption import clear_rows
from schema.records import RECORD

ROWS_AT_ONCE = 500

_RECORD = [name for name in RECORD.names if name not in POLICY and name != "references"]
_PARTY = ("ordinal", "role", "kind", "name", "id_type", "id_no", "uscc", "phone", "address", "gender", "birth_date")
_OF_CASES = (
    f"FROM {MEMBERS} {{more}} WHERE m.case_id = ANY(:case_ids) AND {READABLE} ORDER BY array_position(:case_ids, m.case_id), r.record_id"
)


def records(connection: Connection, case_ids: Sequence[uuid.UUID], own: str | None) -> Iterator[list[Row]]:
    """Readable records of cases, whole, in the order of the cases."""
    columns = ", ".join(f"r.{name}" for name in (*POLICY, *_RECORD))
    return _in_parts(connection, f"SELECT m.case_id, r.record_id, {columns} {_OF_CASES.format(more='')}", case_ids, own)


def parties(connection: Connection, case_ids: Sequence[uuid.UUID], own: str | None) -> Iterator[list[Row]]:
    """Parties of readable records of cases, with what decides about their records, and whom they resolve to."""
    of_record = ", ".join(f"r.{name} AS record_{name}" for name in POLICY)
    joins = """
    JOIN store.party p ON p.record_id = r.record_id AND p.version = r.version
    LEFT JOIN store.person_member e ON e.party_id = p.party_id AND e.known_to IS NULL
    LEFT JOIN store.organisation_member o ON o.party_id = p.party_id AND o.known_to IS NULL
    """
    statement = f"""
    SELECT m.case_id, r.record_id, {of_record}, {", ".join(f"p.{name}" for name in _PARTY)}, e.person_id, o.organisation_id
    {_OF_CASES.format(more=joins)}, p.ordinal
    """
    return _in_parts(connection, statement, case_ids, own)


def names(connection: Connection, case_ids: Sequence[uuid.UUID], own: str | None) -> dict[uuid.UUID, list[str]]:
    """Per case the names of persons that free text of its records may hold."""
    statement = f"""
    SELECT m.case_id, array_agg(DISTINCT p.name) AS names FROM {MEMBERS}
    JOIN store.party p ON p.record_id = r.record_id AND p.version = r.version
    WHERE m.case_id = ANY(:case_ids) AND {READABLE} AND p.kind = 'person' AND p.name IS NOT NULL GROUP BY m.case_id
    """
    return {row["case_id"]: row["names"] for row in fetch(connection, statement, {"case_ids": list(case_ids), "own": own})}


def _in_parts(connection: Connection, statement: str, case_ids: Sequence[uuid.UUID], own: str | None) -> Iterator[list[Row]]:
    """Rows of a statement by a cursor of the server's: one case may have more records than fit into memory."""
    parameters: dict[str, Any] = {"case_ids": list(case_ids), "own": own}
    with connection.execute(text(statement).execution_options(stream_results=True), parameters) as result:
        for part in result.mappings().partitions(ROWS_AT_ONCE):
            yield clear_rows([dict(row) for row in part])


def bound_idleness(connection: Connection, seconds: int) -> None:
    """Have the server end this transaction where nobody fetches its rows for so long: its snapshot holds back the store's cleaning."""
    connection.execute(text("SELECT set_config('idle_in_transaction_session_timeout', :limit, true)"), {"limit": f"{seconds}s"})
