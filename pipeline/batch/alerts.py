"""What a person should know of a batch that goes on all the same: kept with it, and logged."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import orjson
from sqlalchemy import Connection, text

# A step that is tried again tells the same again.
_ALERT = """
UPDATE ops.batch b SET alerts = coalesce(b.alerts, '[]') || told.alerts FROM (
    SELECT jsonb_agg(a.alert ORDER BY a.place) AS alerts
    FROM ops.batch o, jsonb_array_elements(cast(:alerts AS jsonb)) WITH ORDINALITY a (alert, place)
    WHERE o.batch_id = :batch_id AND NOT coalesce(o.alerts, '[]') @> jsonb_build_array(a.alert)
) told WHERE b.batch_id = :batch_id AND told.alerts IS NOT NULL
"""
logger = logging.getLogger(__name__)


def alert(connection: Connection, department: str, batch_id: int, told: Sequence[str]) -> None:
    """Add to what a batch alerts of.

    Args:
        connection: of the step's transaction.
        department: of the batch.
        batch_id: the batch.
        told: one text each, free of values; nothing is done where there is none, or the batch alerts of it already.
    """
    if told:
        connection.execute(text(_ALERT), {"batch_id": batch_id, "alerts": orjson.dumps(list(told)).decode()})
        logger.warning("%s: batch %s: %s", department, batch_id, "; ".join(told))
