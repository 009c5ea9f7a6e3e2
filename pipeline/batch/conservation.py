"""The conservation law: pulled = landed + already known, and every landed version is in exactly one state.

`pulled` was counted by the transport, `already_known` by the comparison; everything else is recounted here from the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from hub.errors import ConservationError
from hub.wording import Words

_RECOUNT = """
WITH counted AS (
    SELECT batch_id, count(*) AS rows, count(*) FILTER (WHERE state = 'landed') AS unfinished,
           count(*) FILTER (WHERE state = 'accepted') AS accepted, count(*) FILTER (WHERE state = 'quarantined') AS quarantined,
           count(*) FILTER (WHERE state = 'held') AS held, count(*) FILTER (WHERE state = 'superseded') AS superseded,
           count(*) FILTER (WHERE state = 'erased') AS erased
    FROM landing.record WHERE batch_id = ANY(:batch_ids) GROUP BY batch_id
)
SELECT b.batch_id, b.department, b.pulled, b.landed, b.already_known, b.deleted,
       coalesce(c.rows, 0) AS rows, coalesce(c.unfinished, 0) AS unfinished,
       coalesce(c.accepted, 0) AS accepted, coalesce(c.quarantined, 0) AS quarantined, coalesce(c.held, 0) AS held,
       coalesce(c.superseded, 0) AS superseded, coalesce(c.erased, 0) AS erased
FROM ops.batch b LEFT JOIN counted c USING (batch_id) WHERE b.batch_id = ANY(:batch_ids) ORDER BY b.batch_id
"""
_STORE_COUNTS = """
UPDATE ops.batch SET accepted = :accepted, quarantined = :quarantined, held = :held, superseded = :superseded
WHERE batch_id = :batch_id AND (accepted, quarantined, held, superseded) IS DISTINCT FROM (:accepted, :quarantined, :held, :superseded)
"""


@dataclass(frozen=True)
class Count:
    """Both sides of one batch, in rows; `rows` is what landing holds of it."""

    batch_id: int
    department: str
    pulled: int
    landed: int
    already_known: int
    deleted: int
    rows: int
    unfinished: int
    accepted: int
    quarantined: int
    held: int
    superseded: int
    erased: int

    @property
    def faults(self) -> list[Words]:
        """What of the law is broken; empty if it holds."""
        faults = []
        landed = self.landed
        if self.pulled != landed + self.already_known:
            faults.append(
                Words(
                    f"拉取 {self.pulled} ≠ 落地 {landed} + 已知 {self.already_known}",
                    f"pulled {self.pulled} ≠ landed {landed} + already known {self.already_known}",
                )
            )
        if self.rows != landed + self.deleted:
            faults.append(
                Words(
                    f"落地区有 {self.rows} 行，落地 {landed} 行，来源删除 {self.deleted} 行",
                    f"landing holds {self.rows} rows, {landed} landed and {self.deleted} were deleted at the source",
                )
            )
        if self.unfinished:
            faults.append(Words(f"{self.unfinished} 行落地后尚无状态", f"{self.unfinished} landed rows are in no state yet"))
        return faults


def recount(connection: Connection, batch_ids: list[int]) -> list[Count]:
    """Recount batches from the rows in the database, and store the counts by state with them."""
    counts = [Count(**row) for row in connection.execute(text(_RECOUNT), {"batch_ids": batch_ids}).mappings()]
    for count in counts:
        connection.execute(text(_STORE_COUNTS), vars(count))
    return counts


def require_law(counts: list[Count]) -> None:
    """Fail the run where the law is broken.

    Raises:
        ConservationError: names department, batch and which side is off.
    """
    for count in counts:
        if count.faults:
            faults = Words.listed(count.faults)
            raise ConservationError(
                f"{count.department}: 批次 {count.batch_id} 违反守恒律：{faults.zh} · "
                f"batch {count.batch_id} breaks the conservation law: {faults.en}",
                remedy="保持数据库原样，将 landing.record 与来源比对；重新运行无效 · "
                "keep the database as it is and compare landing.record with the source; a re-run does not mend it",
                department=count.department,
                batch_id=count.batch_id,
            )
