"""AUDIT: one row a call, committed before the answer: who, what kind of call, which cases, how it ended. Never what was asked."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, Engine, insert

from api.access import Caller
from api.state import Trace
from hub.database import store_errors
from schema.tables import access


def write_audit(engine: Engine, trace: Trace, action: str, outcome: int) -> None:
    """Write a call down.

    Raises:
        StoreUnavailable: it could not be written, and so must not be answered.
    """
    row = {
        "caller": trace.caller,
        "department": trace.department,
        "action": action,
        "outcome": outcome,
        "entity_ids": trace.entity_ids or None,
    }
    with store_errors(), engine.begin() as connection:
        connection.execute(insert(access).values(**row))


def write_audits(connection: Connection, caller: Caller, rows: Sequence[tuple[str, int, Sequence[UUID]]]) -> None:
    """Write many looks of one call down, in the transaction that keeps their answers.

    Args:
        connection: of that transaction.
        caller: who looks.
        rows: action, outcome and case ids of each.
    """
    written = [
        {"caller": caller.name, "department": caller.department, "action": action, "outcome": outcome, "entity_ids": list(ids) or None}
        for action, outcome, ids in rows
    ]
    if written:
        connection.execute(insert(access), written)
