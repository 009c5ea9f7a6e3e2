"""Statements about what a watch found and what of it was delivered."""

from __future__ import annotations

import uuid

from sqlalchemy import Connection, text

from api.opaque import Position
from api.queries.rows import Row, fetch

_EVENTS = """
SELECT epoch, change_number, relation, entity_id, kind, into_id, at FROM ops.watch_event
WHERE watch_id = :watch_id AND (epoch, change_number) > (:epoch, :number) ORDER BY epoch, change_number LIMIT :limit
"""
_DELIVERIES = """
SELECT d.delivery_id, d.state, d.attempts, d.outcome, d.status, d.last_attempt_at,
       CASE WHEN d.state = 'waiting' THEN d.next_attempt_at END AS next_attempt_at, e.relation, e.entity_id, e.kind
FROM ops.watch_delivery d JOIN ops.watch_event e USING (watch_id, epoch, change_number)
WHERE d.watch_id = :watch_id AND (CAST(:state AS text) IS NULL OR d.state = :state)
ORDER BY d.epoch DESC, d.change_number DESC LIMIT :limit
"""
_REDELIVER = """
UPDATE ops.watch_delivery SET state = 'waiting', attempts = 0, next_attempt_at = now() WHERE watch_id = :watch_id AND state = 'dead'
"""


def events(connection: Connection, watch_id: uuid.UUID, after: Position, limit: int) -> list[Row]:
    """Events of a watch after a position, in order."""
    return fetch(connection, _EVENTS, {"watch_id": watch_id, "limit": limit, **after._asdict()})


def deliveries(connection: Connection, watch_id: uuid.UUID, state: str | None, limit: int) -> list[Row]:
    """Deliveries of a watch, newest first."""
    return fetch(connection, _DELIVERIES, {"watch_id": watch_id, "state": state, "limit": limit})


def redeliver(connection: Connection, watch_id: uuid.UUID) -> int:
    """Let deliveries that were given up wait anew; how many."""
    return connection.execute(text(_REDELIVER), {"watch_id": watch_id}).rowcount


def open_deliveries(connection: Connection) -> dict[str, int]:
    """How many deliveries wait, and how many were given up."""
    statement = "SELECT state, count(*) AS n FROM ops.watch_delivery WHERE state <> 'delivered' GROUP BY state"
    return {"waiting": 0, "dead": 0} | {row["state"]: row["n"] for row in fetch(connection, statement)}
