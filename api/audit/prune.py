"""PRUNE: whole seals older than a date and their rows leave; a chained tombstone stays in their place, so that the rest verifies.

Removed are seals from the first up to the last that was made before the date: every row of them is at least as old. A newer row that
was sealed among them cannot be, for a seal is made after its rows.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from api.audit.canonical import Tombstone
from api.audit.heads import publish
from api.audit.sealing import append, chain_end, seal_all, sealing
from api.audit.verify import KEPT
from hub.errors import BusyError, RequestError

_OLD = """
SELECT number, hash, last_place FROM audit.seal
WHERE sealed_at < :before AND number < (SELECT max(number) FROM audit.seal) ORDER BY number DESC LIMIT 1
"""
_COUNTED = "SELECT coalesce(sum(cardinality(access_ids)), 0) FROM audit.seal WHERE number <= :number"
_ROWS = """
DELETE FROM audit.access a USING (SELECT unnest(access_ids) AS access_id FROM audit.seal WHERE number <= :number) old
WHERE a.access_id = old.access_id
"""
_SEALS = "DELETE FROM audit.seal WHERE number <= :number"


@dataclass(frozen=True)
class Pruned:
    """What left: rows and seals, and the number of the tombstone (0: nothing was old enough)."""

    rows: int
    seals: int
    tombstone: int


def prune(engine: Engine, head_file: Path, before: dt.datetime) -> Pruned:
    """Remove what was sealed before a moment, in one transaction.

    Args:
        engine: the store's.
        head_file: where the head is published afterwards.
        before: at least 180 days ago.

    Raises:
        RequestError: it is younger than that.
        BusyError: a sealer is at work.
        StoreError: the database refused: some row of these seals is younger than its seal says.
    """
    if before > dt.datetime.now(dt.UTC) - KEPT:
        raise RequestError(
            f"访问记录至少保存 {KEPT.days} 天 · audit rows are kept for {KEPT.days} days at least",
            remedy=f"日期须早于 {KEPT.days} 天前 · name a date more than {KEPT.days} days ago",
            days=KEPT.days,
        )
    seal_all(engine, head_file)  # a tombstone after rows that wait would be older than they are
    with sealing(engine) as connection:
        if connection is None:
            raise BusyError("另一进程正在签封 · a sealer is at work", remedy="请重新运行 · run it again")
        done = _prune(connection, before)
        end = chain_end(connection)
    if end is not None:
        publish(head_file, end.head)
    return done


def _prune(connection: Connection, before: dt.datetime) -> Pruned:
    old, end = connection.execute(text(_OLD), {"before": before}).one_or_none(), chain_end(connection)
    if old is None:
        return Pruned(0, 0, 0)
    told = Tombstone(old.number, old.last_place, bytes(old.hash), before)
    tombstone = append(connection, end, told=told)
    chained = int(connection.execute(text(_COUNTED), {"number": old.number}).scalar_one())
    connection.execute(text(_ROWS), {"number": old.number})
    seals = connection.execute(text(_SEALS), {"number": old.number}).rowcount
    return Pruned(chained, seals, tombstone.number)
