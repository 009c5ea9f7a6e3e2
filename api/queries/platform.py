"""Statements about the platform itself: feeds, quarantine, what waits; counts and names of rules, never a value."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from api.queries.rows import Row, fetch

# The index (department, batch_id) gives each department's last batches at once.
_FEEDS = """
SELECT d.department, s.watermark, success.finished_at AS last_success_at, reconciled.finished_at AS last_reconcile_at,
       extract(epoch FROM now() - success.finished_at) AS age_s, last.*
FROM (SELECT department FROM ops.source UNION SELECT unnest(CAST(:departments AS text[]))) d
LEFT JOIN ops.source s ON s.department = d.department
LEFT JOIN LATERAL (
    SELECT b.batch_id, b.kind, b.state, b.contract_version, b.started_at, b.finished_at, b.error, b.pulled, b.landed, b.already_known,
           b.accepted, b.quarantined, b.held, b.superseded, b.deleted
    FROM ops.batch b WHERE b.department = d.department ORDER BY b.batch_id DESC LIMIT 1
) last ON true
LEFT JOIN LATERAL (
    SELECT b.finished_at FROM ops.batch b WHERE b.department = d.department AND b.state = 'done' AND b.kind <> 'remap'
    ORDER BY b.batch_id DESC LIMIT 1
) success ON true
LEFT JOIN LATERAL (
    SELECT b.finished_at FROM ops.batch b WHERE b.department = d.department AND b.state = 'done' AND b.kind = 'reconcile'
    ORDER BY b.batch_id DESC LIMIT 1
) reconciled ON true
ORDER BY d.department
"""


def feeds(connection: Connection, departments: Sequence[str]) -> list[Row]:
    """Where each department's feed stands: its watermark, its last batch, its last success and how long ago that was."""
    return fetch(connection, _FEEDS, {"departments": list(departments)})


def open_quarantine(connection: Connection) -> dict[str, int]:
    """Open quarantine items by department."""
    statement = "SELECT department, count(*) AS items FROM quarantine.item WHERE state = 'open' GROUP BY department"
    return {row.department: row.items for row in connection.execute(text(statement))}


# Of every batch: one that breaks the law stays behind the ones that come after it.
_BROKEN = """
SELECT department, sum(abs(pulled - landed - already_known)) AS rows FROM ops.batch
WHERE pulled <> landed + already_known GROUP BY department
"""


def unaccounted(connection: Connection) -> dict[str, int]:
    """Rows by which pulled differs from landed and already known, by department; none where the law holds of all its batches."""
    return {row.department: int(row.rows) for row in connection.execute(text(_BROKEN))}


# The index of rows in no final state gives those of each such batch; a failed one of which the next run took the rows has none.
_HELD = """
SELECT b.department, count(*) AS batches, sum(r.rows) AS rows FROM ops.batch b CROSS JOIN LATERAL (
    SELECT count(*) AS rows FROM landing.record r
    WHERE r.department = b.department AND r.batch_id = b.batch_id AND r.state IN ('landed', 'held')
) r WHERE b.state = 'held' OR b.state = 'failed' AND r.rows > 0 GROUP BY b.department ORDER BY b.department
"""


def held(connection: Connection) -> list[Row]:
    """How many batches of each department are held, or failed with rows that wait still, and how many rows wait in them."""
    return fetch(connection, _HELD)


@dataclass(frozen=True)
class QuarantineFilter:
    """Which quarantine items are asked for."""

    limit: int
    department: str | None = None
    own: str | None = None  # the one department that the caller may see
    rule: str | None = None
    state: str = "open"
    before: int | None = None  # item ids below this one


def quarantine(connection: Connection, wanted: QuarantineFilter) -> list[Row]:
    """Quarantine items, newest first, one more than the limit if there is another page."""
    conditions = ["state = :state"]
    conditions += ["department = :department"] if wanted.department is not None else []
    conditions += ["department = :own"] if wanted.own is not None else []
    conditions += ["rule = :rule"] if wanted.rule is not None else []
    conditions += ["item_id < :before"] if wanted.before is not None else []
    statement = f"""
    SELECT item_id, department, source_record_id, version, batch_id, rule, column_name, reason, state, created_at, resolved_at, resolved_by
    FROM quarantine.item WHERE {" AND ".join(conditions)} ORDER BY item_id DESC LIMIT :limit
    """
    return fetch(connection, statement, {**dataclasses.asdict(wanted), "limit": wanted.limit + 1})


def waiting(connection: Connection) -> Row:
    """What waits for somebody: records for resolve, pushed events for landing, pairs for review."""
    statement = """
    SELECT (SELECT count(*) FROM ops.pending) AS records,
           (SELECT extract(epoch FROM now() - min(queued_at)) FROM ops.pending) AS oldest_record_s,
           (SELECT count(*) FROM ops.inbox WHERE batch_id IS NULL) AS events,
           (SELECT count(*) FROM store.review_task WHERE state = 'open') AS reviews
    """
    return fetch(connection, statement)[0]
