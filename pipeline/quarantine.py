"""QUARANTINE: list what was refused, run it again after a fix, or put it aside for good. Held batches: release or discard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from connectors.contract import Contract
from connectors.document import did_you_mean
from hub.database import store_errors
from hub.errors import NotFound
from hub.settings import Settings
from pipeline.batch import work
from pipeline.batch.conservation import recount, require_law
from pipeline.ingest import BatchReport, batch_report, finish
from pipeline.store.locks import department_lock

_LIST = """
SELECT item_id, department, source_record_id, version, batch_id, rule, column_name, reason, created_at FROM quarantine.item
WHERE state = 'open' AND item_id > :after AND (:department = '' OR department = :department) AND (:rule = '' OR rule = :rule)
ORDER BY item_id LIMIT 1000
"""
_BY_RULE = """
SELECT rule, count(*) AS items FROM quarantine.item
WHERE state = 'open' AND (:department = '' OR department = :department) AND (:rule = '' OR rule = :rule)
GROUP BY rule ORDER BY items DESC, rule
"""
# The items of one row stand and fall together: replaying one of them replays the row.
_RESOLVE = """
WITH chosen AS (
    SELECT DISTINCT source_record_id, version FROM quarantine.item
    WHERE department = :department AND state = 'open' AND (:rule = '' OR rule = :rule) AND (:item_id = 0 OR item_id = :item_id)
), items AS (
    UPDATE quarantine.item i SET state = :item_state, resolved_at = now(), resolved_by = :by FROM chosen c
    WHERE i.department = :department AND i.source_record_id = c.source_record_id AND i.version = c.version AND i.state = 'open'
)
UPDATE landing.record r SET state = :record_state FROM chosen c
WHERE r.department = :department AND r.source_record_id = c.source_record_id AND r.version = c.version AND r.state = 'quarantined'
RETURNING r.batch_id
"""
_UNFINISHED = """
SELECT max(i.batch_id) FROM quarantine.item i JOIN ops.batch b ON b.batch_id = i.batch_id AND b.state <> 'done'
WHERE i.department = :department AND i.state = 'open' AND (:rule = '' OR i.rule = :rule) AND (:item_id = 0 OR i.item_id = :item_id)
  AND EXISTS (SELECT FROM landing.record r WHERE r.department = :department AND r.batch_id = i.batch_id AND r.state = 'landed')
"""
_RULES = "SELECT DISTINCT rule FROM quarantine.item WHERE :department = '' OR department = :department ORDER BY rule"
_HAS_ITEM = "SELECT EXISTS (SELECT FROM quarantine.item WHERE department = :department AND item_id = :item_id)"
_RELEASE = """
UPDATE landing.record SET state = :state WHERE department = :department AND batch_id = :batch_id AND state = 'held'
"""
_TAKE = "UPDATE ops.batch SET state = :batch_state WHERE batch_id = :batch_id RETURNING kind"
# What pulls after the batch found already known may be known by it alone: it is asked for again, too. From the beginning, where the batch
# began at a watermark that was read in another time zone. What was mapped anew was asked of nobody.
_TURN_BACK = """
WITH began AS (
    SELECT b.department, CASE WHEN coalesce(b.watermark_timezone = s.watermark_timezone, true) THEN b.watermark_from END AS watermark
    FROM ops.batch b JOIN ops.source s USING (department)
    WHERE s.department = :department AND b.batch_id = :batch_id AND b.kind <> 'remap'
)
UPDATE ops.source s SET watermark = b.watermark FROM began b
WHERE s.department = b.department AND (b.watermark IS NULL OR b.watermark COLLATE "C" < s.watermark)
"""
# What was pushed stands in landing; left here, it would make the event that the department sends again "already known".
_FORGET_PUSHED = "DELETE FROM ops.inbox WHERE department = :department AND batch_id = :batch_id"


@dataclass(frozen=True)
class Item:
    """One reason why one row was refused; never the value."""

    item_id: int
    department: str
    source_record_id: str
    version: int
    batch_id: int
    rule: str
    column_name: str | None
    reason: str
    created_at: datetime


@dataclass(frozen=True)
class Choice:
    """Which open items: of a department, and of these one rule's or one item's, if said."""

    department: str
    rule: str = ""
    item_id: int = 0


def list_items(engine: Engine, department: str = "", rule: str = "") -> Iterator[Item]:
    """Open items, oldest first, read a thousand at a time."""
    after = 0
    with store_errors(), engine.connect() as connection:
        while True:
            rows = connection.execute(text(_LIST), {"after": after, "department": department, "rule": rule}).mappings().all()
            yield from (Item(**row) for row in rows)
            if not rows:
                return
            after = rows[-1]["item_id"]


def count_items(engine: Engine, department: str = "", rule: str = "") -> dict[str, int]:
    """How many open items each rule has, those with most first."""
    with store_errors(), engine.connect() as connection:
        rows = connection.execute(text(_BY_RULE), {"department": department, "rule": rule})
        return {row.rule: row.items for row in rows}


def require_known(engine: Engine, choice: Choice) -> None:
    """Refuse a rule that never refused a row, and an item that is none: a slip of the pen would choose nothing, in silence.

    Raises:
        NotFound: names the nearest rule, and all there are.
    """
    with store_errors(), engine.connect() as connection:
        rules = connection.execute(text(_RULES), vars(choice)).scalars().all() if choice.rule else []
        is_item = not choice.item_id or connection.execute(text(_HAS_ITEM), vars(choice)).scalar_one()
    of = f" of {choice.department}" if choice.department else ""
    if choice.rule and choice.rule not in rules:
        remedy = (
            did_you_mean(choice.rule, rules)
            if rules
            else "用 `casehub quarantine list` 查看 · `casehub quarantine list` shows what there is"
        )
        raise NotFound(f"没有被规则 {choice.rule} 拒绝的行 · no row{of} was refused by the rule {choice.rule}", remedy=remedy)
    if not is_item:
        raise NotFound(
            f"没有条目 {choice.item_id} · no item {choice.item_id}{of}",
            remedy="用 `casehub quarantine list` 查看未处理的条目 · `casehub quarantine list` shows those that are open",
        )


def replay(engine: Engine, contract: Contract, choice: Choice, settings: Settings, *, by: str) -> int:
    """Run refused rows through VALIDATE and NORMALISE again, after the contract, a code list or the hub was mended.

    A row older than the accepted version of its record becomes superseded, whatever it says. What a killed run left of their batches is
    finished before: a batch that is replayed is not held, and nobody has looked at the rest.

    Returns:
        How many rows ran again; those that fail again are back in quarantine under new items.

    Raises:
        BatchHeld: too much of such a rest is refused; nothing was replayed.
    """
    with store_errors(), engine.connect() as connection:
        unfinished = connection.execute(text(_UNFINISHED), vars(choice)).scalar_one()
    if unfinished is not None:
        finish(engine, contract, unfinished, settings)
    batches = _resolve(engine, choice, by=by, item_state="replayed", record_state="landed")
    if batches:
        finish(engine, contract, max(batches), settings, released=sorted(set(batches)))
    return len(batches)


def discard(engine: Engine, choice: Choice, *, by: str) -> int:
    """Put refused rows aside for good; they stay in landing, superseded.

    Returns:
        How many rows.
    """
    return len(_resolve(engine, choice, by=by, item_state="discarded", record_state="superseded"))


def _resolve(engine: Engine, choice: Choice, *, by: str, item_state: str, record_state: str) -> list[int]:
    with store_errors(), department_lock(engine, choice.department) as connection:
        words = {**vars(choice), "by": by, "item_state": item_state, "record_state": record_state}
        batches = list(connection.execute(text(_RESOLVE), words).scalars())
        if record_state == "landed":
            work.to_be_validated(connection, batches)
        recount(connection, sorted(set(batches)))
        connection.commit()
    return batches


def release(engine: Engine, contract: Contract, batch_id: int, settings: Settings) -> BatchReport:
    """Let a held batch through: its bad rows go to quarantine, the others are taken in.

    Returns:
        What became of its rows.

    Raises:
        NotFound: there is no such held batch of the department.
    """
    _take_held(engine, contract.department, batch_id, record_state="landed", batch_state="landed")
    finish(engine, contract, batch_id, settings, released=[batch_id])
    with store_errors(), engine.connect() as connection:
        return batch_report(connection, batch_id)


def discard_batch(engine: Engine, department: str, batch_id: int) -> str:
    """Put a held batch aside: its rows stay in landing, superseded, and the next pull lands what the source then says.

    None of them is known any more (pipeline/landing/discarded.py), and the watermark goes back to where it stood before the batch. Events
    come when their department sends them again.

    Returns:
        The batch's kind: another pull of that kind asks for its rows again.

    Raises:
        NotFound: there is no such held batch of the department.
    """
    return _take_held(engine, department, batch_id, record_state="superseded", batch_state="discarded")


def _take_held(engine: Engine, department: str, batch_id: int, *, record_state: str, batch_state: str) -> str:
    with store_errors(), department_lock(engine, department) as connection:
        words = {"department": department, "batch_id": batch_id, "state": record_state, "batch_state": batch_state}
        _require_held(connection, words)
        connection.execute(text(_RELEASE), words)
        kind = connection.execute(text(_TAKE), words).scalar_one()
        if batch_state == "discarded":
            connection.execute(text(_TURN_BACK), words)
            connection.execute(text(_FORGET_PUSHED), words)
        else:
            work.to_be_validated(connection, [batch_id])
        counts = recount(connection, [batch_id])
        connection.commit()
    if record_state != "landed":
        require_law(counts)
    return str(kind)


def _require_held(connection: Connection, words: dict[str, object]) -> None:
    statement = "SELECT count(*) FROM ops.batch WHERE department = :department AND batch_id = :batch_id AND state = 'held'"
    if not connection.execute(text(statement), words).scalar_one():
        raise NotFound(
            f"{words['department']}: 没有挂起的批次 {words['batch_id']} · there is no held batch {words['batch_id']}",
            remedy="用 `casehub batches list --state held` 查看挂起的批次 · list them with `casehub batches list --state held`",
        )
