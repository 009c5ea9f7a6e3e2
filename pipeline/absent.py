"""ABSENT: what a complete snapshot or sweep no longer holds was deleted at the source: a tombstone lands for it.

Enter the keys that were seen, in the temporary table `seen`; leave tombstones in landing.record, or a batch that is to be held.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from connectors.contract import Contract
from hub.errors import SnapshotError

DEFAULT_MAX_VANISHED = 0.2  # of a cursor source's sweep; a snapshot's contract states its own

_LATEST = """
SELECT DISTINCT ON (source_record_id) source_record_id, version, operation FROM landing.record
WHERE department = :department AND has_key ORDER BY source_record_id, version DESC
"""
_VANISHED = f"""
SELECT count(*) AS known, count(*) FILTER (WHERE source_record_id NOT IN (SELECT source_record_id FROM seen)) AS vanished
FROM ({_LATEST}) latest WHERE operation = 'upsert'
"""
_ENTOMB = f"""
INSERT INTO landing.record (department, source_record_id, version, batch_id, ordinal, operation, content_hash, has_key, state)
SELECT :department, source_record_id, version + 1, :batch_id, :pulled + row_number() OVER (ORDER BY source_record_id), 'delete',
       sha256('deleted'), true, 'landed'
FROM ({_LATEST}) latest
WHERE operation = 'upsert' AND NOT EXISTS (SELECT FROM seen WHERE seen.source_record_id = latest.source_record_id)
"""
_UNREADABLE = "SELECT EXISTS (SELECT FROM landing.record WHERE batch_id = :batch_id AND NOT has_key AND raw IS NOT NULL)"
_ALERT = "UPDATE ops.batch SET alerts = coalesce(alerts, '[]') || to_jsonb(cast(:alert AS text)) WHERE batch_id = :batch_id"


def bury_absent(connection: Connection, contract: Contract, batch_id: int, pulled: int, *, accepts_deletions: bool) -> None:
    """Land a tombstone for every key that a complete sweep no longer holds, unless too many are gone.

    Args:
        connection: of the batch's transaction; the temporary table `seen` has the keys that the sweep holds.
        contract: of the department.
        batch_id: of the sweep.
        pulled: rows of the batch, after which tombstones are numbered.
        accepts_deletions: a person says that they are really gone, however many.

    Raises:
        SnapshotError: more are absent than the contract allows.
    """
    department = contract.department
    keys = {"department": department, "batch_id": batch_id, "pulled": pulled}
    known, vanished = connection.execute(text(_VANISHED), keys).one()
    limit = getattr(contract.feed, "max_vanished", DEFAULT_MAX_VANISHED)
    if vanished > limit * known and not accepts_deletions:
        raise SnapshotError(
            f"{department}: {vanished} of {known} known rows are absent from a snapshot, above the {limit:.0%} that the contract allows",
            remedy=f"check the export at the source; if the rows are really gone, `casehub run {department} --accept-deletions`",
            department=department,
            batch_id=batch_id,
            known=known,
            vanished=vanished,
        )
    if vanished and connection.execute(text(_UNREADABLE), keys).scalar_one():
        # A broken line hides which record it is: its record is not gone.
        alert = f"{vanished} rows are absent, and some could not be read: nothing was deleted this time"
        connection.execute(text(_ALERT), {**keys, "alert": alert})
    elif vanished:
        deleted = connection.execute(text(_ENTOMB), keys).rowcount
        connection.execute(text("UPDATE ops.batch SET deleted = :deleted WHERE batch_id = :batch_id"), {**keys, "deleted": deleted})
