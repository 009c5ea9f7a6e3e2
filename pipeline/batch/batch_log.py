"""The batches of ops.batch as they are told: the latest, whose one is, and whether the conservation law holds of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, text

from hub.errors import NotFound
from pipeline.batch.conservation import recount, require_law

_UNDER_WAY = frozenset({"landed", "validated", "failed"})  # rows of such a batch may be in no state yet
_CLOSED = "SELECT batch_id, state, validated_at FROM ops.batch WHERE state <> 'open' ORDER BY batch_id"
_LATEST = """
SELECT batch_id, department, kind, state, pulled, landed, already_known, accepted, quarantined, held, deleted, alerts, error FROM ops.batch
WHERE (:department = '' OR department = :department) AND (:state = '' OR state = :state) ORDER BY batch_id DESC LIMIT :most
"""
#: Rows of a department may outlive its contract.
_DEPARTMENTS = "SELECT department FROM ops.batch UNION SELECT department FROM quarantine.item"
_FEED_MODE = "SELECT document -> 'feed' ->> 'mode' FROM ops.contract WHERE department = :department ORDER BY last_used_at DESC LIMIT 1"


@dataclass(frozen=True)
class LawHolds:
    """What the law was recounted of: batches, and rows of them.

    Args:
        batches: that are closed.
        pulled: by them.
        landed: of those.
        already_known: of those.
        waiting: rows of batches under way that are in no state yet.
    """

    batches: int
    pulled: int
    landed: int
    already_known: int
    waiting: int


def latest(connection: Connection, department: str = "", state: str = "", *, most: int) -> Sequence[Row[Any]]:
    """The latest batches, newest first.

    Args:
        connection: of the store.
        department: whose alone; empty for all.
        state: in which alone; empty for all.
        most: how many.
    """
    return connection.execute(text(_LATEST), {"department": department, "state": state, "most": most}).all()


def require_law_of_all(connection: Connection) -> LawHolds:
    """Recount every batch that is closed from the rows in the database.

    Raises:
        ConservationError: the law is broken; rows of a batch under way may wait.
    """
    rows = connection.execute(text(_CLOSED)).all()
    counts = recount(connection, [row.batch_id for row in rows])
    under_way = {row.batch_id for row in rows if row.state in _UNDER_WAY or row.validated_at is None}  # a replay puts rows back
    waiting = sum(count.unfinished for count in counts if count.batch_id in under_way)
    require_law([replace(count, unfinished=0) if count.batch_id in under_way else count for count in counts])
    pulled, landed, known = (sum(getattr(count, name) for count in counts) for name in ("pulled", "landed", "already_known"))
    return LawHolds(len(counts), pulled, landed, known, waiting)


def department_of(connection: Connection, batch_id: int) -> str:
    """Whose a batch is.

    Raises:
        NotFound: there is no such batch.
    """
    found = connection.execute(text("SELECT department FROM ops.batch WHERE batch_id = :id"), {"id": batch_id}).scalar()
    if found is None:
        raise NotFound(
            f"没有批次 {batch_id} · no batch {batch_id}", remedy="用 `casehub batches list` 查看 · list them with `casehub batches list`"
        )
    return str(found)


def feed_mode(connection: Connection, department: str) -> str:
    """How a department feeds the hub, by the contract that was used last."""
    return str(connection.execute(text(_FEED_MODE), {"department": department}).scalar())


def departments_with_rows(connection: Connection) -> frozenset[str]:
    """Departments that the store holds anything of, whether or not they still have a contract."""
    return frozenset(connection.execute(text(_DEPARTMENTS)).scalars())
