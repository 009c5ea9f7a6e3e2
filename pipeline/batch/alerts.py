"""What a person should know of a batch that goes on all the same: kept with it, and logged."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import orjson
from sqlalchemy import Connection, text

_ALERT = "UPDATE ops.batch SET alerts = coalesce(alerts, '[]') || cast(:alerts AS jsonb) WHERE batch_id = :batch_id"
logger = logging.getLogger(__name__)


def alert(connection: Connection, department: str, batch_id: int, told: Sequence[str]) -> None:
    """Add to what a batch alerts of.

    Args:
        connection: of the step's transaction.
        department: of the batch.
        batch_id: the batch.
        told: one text each, free of values; nothing is done where there is none.
    """
    if told:
        connection.execute(text(_ALERT), {"batch_id": batch_id, "alerts": orjson.dumps(list(told)).decode()})
        logger.warning("%s: batch %s: %s", department, batch_id, "; ".join(told))
