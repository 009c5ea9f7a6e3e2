"""ABSENT: what a complete snapshot or sweep no longer holds was deleted at the source: a tombstone lands for it.

Enter the keys that were seen, in the temporary table `seen`; leave tombstones in landing.record, or a batch that is to be held.
A sweep that is let through also settles those before it that were held while they landed.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from connectors.contract import Contract
from hub.errors import SnapshotError, SourceError, SourceUnavailable
from hub.wording import Words
from pipeline.batch.alerts import alert
from pipeline.landing.discarded import is_discarded

DEFAULT_MAX_VANISHED = 0.2  # of a cursor source's sweep; a snapshot's contract states its own

# Known is what was before this sweep: its own new keys would make any loss look small. A key that only a held or discarded
# batch ever named is no loss: a wrong file would otherwise make the right one look short. What was discarded, a tombstone above
# all, says nothing of what the source holds.
_LATEST = f"""
SELECT DISTINCT ON (source_record_id) source_record_id, version, operation,
       bool_or(operation = 'upsert' AND state NOT IN ('held', 'superseded') AND batch_id <> :batch_id)
           OVER (PARTITION BY source_record_id) AS is_known
FROM landing.record r WHERE department = :department AND has_key AND NOT {is_discarded("r")} ORDER BY source_record_id, version DESC
"""
_ABSENT = f"""
SELECT count(*) FILTER (WHERE is_known) AS known, count(*) FILTER (WHERE is_known AND is_absent) AS vanished,
       count(*) FILTER (WHERE is_absent) AS absent
FROM (SELECT is_known, source_record_id NOT IN (SELECT source_record_id FROM seen) AS is_absent
      FROM ({_LATEST}) latest WHERE operation = 'upsert') k
"""
_NEWEST = """
SELECT max(version) FROM landing.record n WHERE n.department = :department AND n.source_record_id = latest.source_record_id
"""
_ENTOMB = f"""
INSERT INTO landing.record (department, source_record_id, version, batch_id, ordinal, operation, content_hash, has_key, state)
SELECT :department, source_record_id, ({_NEWEST}) + 1, :batch_id, :pulled + row_number() OVER (ORDER BY source_record_id), 'delete',
       sha256('deleted'), true, 'landed'
FROM ({_LATEST}) latest
WHERE operation = 'upsert' AND NOT EXISTS (SELECT FROM seen WHERE seen.source_record_id = latest.source_record_id)
"""
_UNREADABLE = "SELECT EXISTS (SELECT FROM landing.record WHERE batch_id = :batch_id AND NOT has_key AND raw IS NOT NULL)"
_SEEN = "SELECT count(*) FROM seen"
_GONE = "gone from the source"
_WAIT_KEYLESS = """
SELECT EXISTS (SELECT FROM landing.record WHERE department = :department AND NOT has_key AND state = 'quarantined')
"""
# Held without `landed_at`: it is LAND that held them, for what was absent; a rule's holding is a person's to lift. What this
# sweep says again is "already known" and would stay held with them; what it says otherwise, or no longer, is newer than theirs.
_SETTLE = """
WITH settled AS (
    UPDATE ops.batch SET state = 'landed', landed_at = now(), validated_at = NULL, finished_at = NULL,
           alerts = coalesce(alerts, '[]') || to_jsonb(cast(:alert AS text))
    WHERE department = :department AND batch_id < :batch_id AND state = 'held' AND landed_at IS NULL
    RETURNING batch_id
)
UPDATE landing.record r SET state = CASE WHEN EXISTS (
    SELECT FROM landing.record n WHERE n.department = :department AND n.source_record_id = r.source_record_id AND n.version > r.version
      AND n.batch_id = :batch_id AND n.operation = 'delete'
) THEN 'superseded' ELSE 'landed' END
FROM settled s WHERE r.department = :department AND r.batch_id = s.batch_id AND r.state = 'held'
"""
# What has no key is known by its content, which no later version replaces: mended at the source, or gone, it waits for nobody. What comes
# again as it was is "already known", and has its items back.
_CLOSE_KEYLESS = """
WITH gone AS (
    UPDATE landing.record r SET state = 'superseded'
    WHERE r.department = :department AND NOT r.has_key AND r.state = 'quarantined'
      AND NOT EXISTS (SELECT FROM seen_keyless s WHERE s.content_hash = r.content_hash)
    RETURNING r.source_record_id, r.version, r.batch_id
), items AS (
    UPDATE quarantine.item i SET state = 'superseded', resolved_at = now(), resolved_by = :gone FROM gone g
    WHERE i.department = :department AND i.source_record_id = g.source_record_id AND i.version = g.version AND i.state = 'open'
)
UPDATE ops.batch b SET quarantined = b.quarantined - c.rows, superseded = b.superseded + c.rows
FROM (SELECT batch_id, count(*) AS rows FROM gone GROUP BY batch_id) c WHERE b.batch_id = c.batch_id
"""
_REOPEN_KEYLESS = """
WITH items AS (
    UPDATE quarantine.item i SET state = 'open', resolved_at = NULL, resolved_by = NULL
    FROM landing.record r JOIN seen_keyless s USING (content_hash)
    WHERE r.department = :department AND NOT r.has_key AND r.state = 'superseded' AND i.department = :department
      AND i.source_record_id = r.source_record_id AND i.version = r.version AND i.state = 'superseded' AND i.resolved_by = :gone
    RETURNING r.source_record_id, r.version
), back AS (
    UPDATE landing.record r SET state = 'quarantined' FROM (SELECT DISTINCT source_record_id, version FROM items) i
    WHERE r.department = :department AND r.source_record_id = i.source_record_id AND r.version = i.version
    RETURNING r.batch_id
)
UPDATE ops.batch b SET quarantined = b.quarantined + c.rows, superseded = b.superseded - c.rows
FROM (SELECT batch_id, count(*) AS rows FROM back GROUP BY batch_id) c WHERE b.batch_id = c.batch_id
"""


@dataclass
class Swept:
    """What a sweep brought, in rows, and what the source says of it.

    Attributes:
        pulled: all rows.
        keyless: those without a key; which they are is not known, so each counts as one more.
        total: how many the source has, as it said last; None where it does not say.
        highest_total: the same, as it said at most.
    """

    pulled: int = 0
    keyless: int = 0
    total: int | None = None
    highest_total: int | None = None


def bury_absent(connection: Connection, contract: Contract, batch_id: int, swept: Swept, *, accepts_deletions: bool) -> None:
    """Land a tombstone for every key that a complete sweep no longer holds, unless too many are gone.

    Where that is done, rows of earlier sweeps that were held for what was absent then go on with this one's. Refused rows without a key
    that the source no longer holds are superseded, where nothing speaks for their being there still.

    Args:
        connection: of the batch's transaction; the temporary tables `seen` and `seen_keyless` have what the sweep holds.
        contract: of the department.
        batch_id: of the sweep.
        swept: what the batch brought; tombstones are numbered after its rows.
        accepts_deletions: a person says that they are really gone, however many.

    Raises:
        SnapshotError: more are absent than the contract allows, or a snapshot ended before its own total.
        SourceUnavailable: a sweep of another feed did; what came of it stays landed.
    """
    if swept.total is not None and swept.pulled < swept.total:
        raise _ended_early(contract, batch_id, swept)
    keys = {"department": contract.department, "batch_id": batch_id, "pulled": swept.pulled}
    known, vanished, absent = connection.execute(text(_ABSENT), keys).one()
    limit = getattr(contract.feed, "max_vanished", DEFAULT_MAX_VANISHED)
    if vanished > limit * known and not accepts_deletions:
        raise _too_many_vanished(contract, batch_id, known, vanished)
    is_asked = absent or connection.execute(text(_WAIT_KEYLESS), keys).scalar_one()
    doubt = _doubt(connection, keys, swept, accepts_deletions=accepts_deletions) if is_asked else None
    if absent and doubt is not None:
        told = f"缺少 {absent} 条，且{doubt.zh}：本次没有删除 · {absent} rows are absent, and {doubt.en}: nothing was deleted this time"
        alert(connection, contract.department, batch_id, [told])
        return
    if absent:
        deleted = connection.execute(text(_ENTOMB), keys).rowcount
        connection.execute(text("UPDATE ops.batch SET deleted = :deleted WHERE batch_id = :batch_id"), {**keys, "deleted": deleted})
    until = f"一直挂起，直至批次 {batch_id} 取得来源的现有数据 · held until batch {batch_id} brought what the source holds"
    connection.execute(text(_SETTLE), {**keys, "alert": until})
    if doubt is None:
        connection.execute(text(_CLOSE_KEYLESS), {**keys, "gone": _GONE})


def reopen_seen(connection: Connection, department: str) -> None:
    """Give refused rows without a key that were taken for gone, and that a pull of any kind brought again, their items back."""
    connection.execute(text(_REOPEN_KEYLESS), {"department": department, "gone": _GONE})


def _doubt(connection: Connection, keys: dict[str, object], swept: Swept, *, accepts_deletions: bool) -> Words | None:
    """Why what is absent may still be there, if so."""
    if connection.execute(text(_UNREADABLE), keys).scalar_one():
        # A broken line hides which record it is: its record is not gone.
        return Words("部分无法读取", "some could not be read")
    if swept.highest_total is None or accepts_deletions:
        return None
    # Rows move while pages are read: one that is changed goes to the end and comes twice, one that goes lets others move up, and
    # in either case one that is there is on no page. Rows are then as many as the source says, records are not.
    seen = connection.execute(text(_SEEN)).scalar_one() + swept.keyless
    if seen >= swept.highest_total:
        return None
    told = swept.highest_total
    return Words(f"来源称有 {told} 条，实际取得 {seen} 条不重复的记录", f"{seen} different ones came of {told} that the source speaks of")


def _ended_early(contract: Contract, batch_id: int, swept: Swept) -> SourceError:
    """A snapshot is held. Another feed's rows are good without the rest, and holding them would keep them from its next pull."""
    kind = SnapshotError if contract.feed.mode == "snapshot" else SourceUnavailable
    return kind(
        f"{contract.department}: 来源称有 {swept.total} 条，实际给出 {swept.pulled} 条 · "
        f"the source speaks of {swept.total} rows and gave {swept.pulled}",
        remedy="请再拉取一次；未作任何删除；如果该总数不随所请求的范围而变，请从契约的 pages: 中去掉 total · "
        "pull again, nothing was taken for deleted; if the source counts more than it is asked for, remove total of pages: in the contract",
        department=contract.department,
        batch_id=batch_id,
        expected=swept.total,
        pulled=swept.pulled,
    )


def _too_many_vanished(contract: Contract, batch_id: int, known: int, vanished: int) -> SnapshotError:
    department = contract.department
    limit = getattr(contract.feed, "max_vanished", DEFAULT_MAX_VANISHED)
    is_snapshot = contract.feed.mode == "snapshot"
    what = Words("快照", "snapshot") if is_snapshot else Words("对账", "sweep")
    order = f"casehub run {department} {'' if is_snapshot else '--reconcile '}--accept-deletions"
    return SnapshotError(
        f"{department}: {known} 条已知记录中有 {vanished} 条不在{what.zh}中，超过契约允许的 {limit:.0%} · "
        f"{vanished} of {known} known rows are absent from a {what.en}, above the {limit:.0%} that the contract allows",
        remedy=f"核对来源的导出；如果确已删除，运行 `{order}` · check the export at the source; if the rows are really gone, `{order}`",
        department=department,
        batch_id=batch_id,
        known=known,
        vanished=vanished,
    )
