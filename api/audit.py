"""AUDIT: one row a call, committed before the answer: who, what kind of call, which cases, how it ended. Never what was asked."""

from __future__ import annotations

from sqlalchemy import Engine, insert

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
