"""HOLDING: a batch of which too much fails, or that a rule halts, is held whole until a person releases or discards it.

Used by VALIDATE and NORMALISE, each inside its own transaction, before anything of the batch is accepted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NoReturn

import pyarrow as pa
from sqlalchemy import Connection, text

from hub.errors import BatchHeld
from hub.settings import Settings
from hub.wording import Words
from pipeline.batch.conservation import recount

ROWS_TO_HOLD = 20  # in a smaller batch a few bad rows are just that

# Batches in hand that were finished before, of which a replay was cut off. One whose pull broke off stands at `failed` for good: that its
# rows were taken in tells, whatever came after them.
_FINISHED = """
SELECT f.batch_id FROM ops.batch f WHERE f.batch_id = ANY(:batches) AND (f.state = 'done' OR f.state = 'failed' AND EXISTS (
    SELECT FROM landing.record t WHERE t.batch_id = f.batch_id AND (t.state = 'accepted' OR t.state = 'superseded' AND EXISTS (
        SELECT FROM store.source_record s
        WHERE s.department = t.department AND s.source_record_id = t.source_record_id AND s.version = t.version))))
"""
# What the replay put back of them is refused as it was: they are none to release or discard, for their other rows are accepted.
_GIVE_BACK = f"""
WITH items AS (
    UPDATE quarantine.item i SET state = 'open', resolved_at = NULL, resolved_by = NULL FROM landing.record r
    WHERE r.department = :department AND r.batch_id IN ({_FINISHED}) AND r.state = 'landed'
      AND i.department = :department AND i.source_record_id = r.source_record_id AND i.version = r.version AND i.state = 'replayed'
      AND i.resolved_at = (
          SELECT max(o.resolved_at) FROM quarantine.item o
          WHERE o.department = :department AND o.source_record_id = r.source_record_id AND o.version = r.version AND o.state = 'replayed')
    RETURNING r.source_record_id, r.version, r.batch_id
), judged AS (
    UPDATE ops.batch SET validated_at = now() WHERE batch_id IN (SELECT batch_id FROM items)
)
UPDATE landing.record r SET state = 'quarantined' FROM (SELECT DISTINCT source_record_id, version FROM items) i
WHERE r.department = :department AND r.source_record_id = i.source_record_id AND r.version = i.version
"""
_HOLD = """
UPDATE landing.record SET state = 'held' WHERE department = :department AND batch_id = ANY(:batches) AND state = 'landed'
"""
# What VALIDATE refused of a batch that NORMALISE holds is judged again with the rest of it. Of a batch that was finished
# before the other refused rows stay where they are.
_HOLD_QUARANTINED = f"""
WITH items AS (
    UPDATE quarantine.item i SET state = 'superseded', resolved_at = now(), resolved_by = 'held with its batch'
    WHERE i.department = :department AND i.batch_id = ANY(:batches) AND i.state = 'open' AND i.batch_id NOT IN ({_FINISHED})
    RETURNING i.source_record_id, i.version
)
UPDATE landing.record r SET state = 'held' FROM (SELECT DISTINCT source_record_id, version FROM items) i
WHERE r.department = :department AND r.source_record_id = i.source_record_id AND r.version = i.version AND r.state = 'quarantined'
"""
# Rows of earlier, broken-off runs are held too, and can be released by their own batches alone. `landed_at` says from here
# on that it is not LAND that holds them (pipeline/landing/absent.py).
_HOLD_BATCHES = f"""
UPDATE ops.batch SET state = 'held', finished_at = now(), landed_at = coalesce(landed_at, now()),
       error = CASE WHEN batch_id = :batch_id THEN :error ELSE :along END
WHERE batch_id = ANY(:batches) AND batch_id NOT IN ({_FINISHED})
"""

# Of a batch that was finished before the rows refused then are not counted.
_REFUSED_BEFORE = f"""
SELECT i.rule || coalesce(' on ' || i.column_name, '') AS rule, count(DISTINCT (i.source_record_id, i.version)) AS rows
FROM quarantine.item i
WHERE i.department = :department AND i.state = 'open' AND i.batch_id = ANY(:batches) AND i.batch_id NOT IN ({_FINISHED})
GROUP BY GROUPING SETS ((1), ())
"""


def too_many(failing: int, rows: int, settings: Settings) -> bool:
    """Whether more of a batch fails than is let through row by row."""
    return rows >= ROWS_TO_HOLD and failing > settings.hold_above_failing * rows


def why_too_many(failing: int, rows: int, settings: Settings, rules: Sequence[str]) -> Words:
    """The reason in words: counts and the worst rules."""
    most, listed = f"{settings.hold_above_failing:.0%}", "; ".join(rules)
    return Words(f"{rows} 行中有 {failing} 行不合格，超过 {most}：{listed}", f"{failing} of {rows} rows fail, above {most}: {listed}")


def hold(connection: Connection, department: str, batch_id: int, why: Words, along: Sequence[int]) -> NoReturn:
    """Hold a batch and those that are in hand with it, every row of theirs that is unfinished, and commit.

    A batch that was finished before stays so: what a replay that was cut off had put back of it goes to quarantine again.

    Args:
        connection: whose transaction holds nothing but what is to stay.
        department: of the batch.
        batch_id: the newest batch.
        why: in words free of values.
        along: the batches in hand.

    Raises:
        BatchHeld: always.
    """
    error = BatchHeld(
        f"{department}: 批次 {batch_id} 已挂起：{why.zh} · batch {batch_id} is held: {why.en}",
        remedy=f"更正来源、契约或代码表后用 `casehub batches release {batch_id}` 放行，或用 `casehub batches discard {batch_id}` 作废 · "
        "mend the source, the contract or its code list, then "
        f"`casehub batches release {batch_id}`; or `casehub batches discard {batch_id}`",
        department=department,
        batch_id=batch_id,
    )
    keys: dict[str, object] = {"department": department, "batch_id": batch_id, "error": str(error)}
    batches = sorted({batch_id, *along})
    error_along = (
        f"{department}: 随批次 {batch_id} 一并挂起 · held with batch {batch_id}, whose run took its rows along → "
        "处理方法与该批次相同，命令中写本批次的编号 · as there, by this batch's own number"
    )
    keys |= {"batches": batches, "along": error_along}
    for statement in (_GIVE_BACK, _HOLD, _HOLD_QUARANTINED, _HOLD_BATCHES):
        connection.execute(text(statement), keys)
    recount(connection, batches)
    connection.commit()
    raise error


class Refused:
    """What VALIDATE and NORMALISE together refuse of the batches in hand.

    Args:
        connection: of NORMALISE's transaction.
        department: of the batches.
        batches: in hand.
        let_through: rows that VALIDATE let through.
    """

    def __init__(self, connection: Connection, department: str, batches: Sequence[int], let_through: int) -> None:
        self._connection, self._keys = connection, {"department": department, "batches": list(batches)}
        self._let_through = let_through
        self._before: int | None = None  # refused by VALIDATE; a batch of which NORMALISE refuses nothing need not know
        self._here = 0
        self._rules: Counter[str] = Counter()

    def count(self, refused: pa.Table) -> None:
        """Take in what NORMALISE refuses of a chunk, before it is put into quarantine."""
        if not len(refused):
            return
        if self._before is None:
            for rule, count in self._connection.execute(text(_REFUSED_BEFORE), self._keys):
                if rule is None:  # all rules together
                    self._before = count
                else:
                    self._rules[rule] += count
        rows = refused.to_pylist()
        self._here += len({(row["source_record_id"], row["version"]) for row in rows})
        self._rules.update(f"{row['rule']} on {row['column']}" for row in rows)

    def is_too_much(self, settings: Settings) -> bool:
        """Whether the batches are to be held; once it is so, no further chunk makes them good."""
        return too_many(*self._share(), settings)

    def why(self, settings: Settings) -> Words:
        """The reason, with the rules that refuse most."""
        return why_too_many(*self._share(), settings, [f"{rule} × {rows}" for rule, rows in self._rules.most_common(3)])

    def _share(self) -> tuple[int, int]:
        before = self._before or 0
        return self._here + before, self._let_through + before
