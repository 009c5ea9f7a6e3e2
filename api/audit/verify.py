"""VERIFY: the log, the chain and the published heads enter; what was edited, removed, added, reordered or cut off leaves, row by row.

Pure but for `verify`, which reads the store: an exported file is verified by the same `Checker`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text

from api.audit.canonical import COLUMNS, GENESIS, GONE, Seal, canonical_row, row_hash, seal_of, utc_text
from api.audit.findings import Finding, Report
from api.audit.heads import Head, read_heads
from api.audit.sealing import MAX_ROWS
from hub.database import store_errors

LATE = dt.timedelta(seconds=60)  # a row is chained within this time, if a sealer is at work
KEPT = dt.timedelta(days=180)
ASKEW = dt.timedelta(minutes=5)  # by so much a clock may be set back
_PAGE = 20  # seals read at once

_SEALS = "SELECT * FROM audit.seal WHERE number > :after AND {range} ORDER BY number LIMIT :most"
_ROWS = f"SELECT {COLUMNS} FROM audit.access WHERE access_id = ANY(:ids)"
_CHAINED = "(SELECT unnest(s.access_ids) AS access_id FROM audit.seal s)"
_OUTSIDE = f"""
SELECT a.access_id, q.access_id IS NOT NULL AS is_queued, a.at < now() - CAST(:late AS interval) AS is_late
FROM audit.access a LEFT JOIN audit.unsealed q ON q.access_id = a.access_id
WHERE NOT EXISTS (SELECT FROM {_CHAINED} c WHERE c.access_id = a.access_id) ORDER BY a.access_id
"""
_TWICE = f"SELECT access_id FROM {_CHAINED} c GROUP BY access_id HAVING count(*) > 1 ORDER BY access_id"

#: access_id → the row's canonical text and its time in it.
Rows = Mapping[int, tuple[str, str]]


def verify(engine: Engine, head_file: Path) -> Report:
    """Verify the whole log of one moment.

    Raises:
        StoreUnavailable: the database went away.
    """
    heads = _heads(head_file)  # as they stand before the moment that is looked at: a sealer may be at work
    with store_errors(), engine.connect() as connection:
        connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        checker = Checker(heads)
        for seal in read_seals(connection):
            checker.take(seal, read_rows(connection, seal))
        report = checker.finish(connection.execute(text("SELECT now()")).scalar_one())
        for row in connection.execute(text(_OUTSIDE), {"late": LATE}):
            if not row.is_queued:
                report.add(Finding("added", row.access_id))
            elif row.is_late:
                report.add(Finding("unsealed", row.access_id))
            else:
                report.waiting += 1
        for access_id in connection.execute(text(_TWICE)).scalars():
            report.add(Finding("sealed_twice", access_id))
    return report


def _heads(path: Path) -> Iterator[tuple[int, Head | None]] | None:
    return read_heads(path, path.stat().st_size) if path.is_file() else None


def read_seals(connection: Connection, within: str = "true", values: Mapping[str, Any] | None = None) -> Iterator[Seal]:
    """Seals in order, a few at a time.

    Args:
        connection: that sees one moment of the store.
        within: a condition on them.
        values: that it wants bound.
    """
    after, statement = -(2**62), text(_SEALS.format(range=within))
    while True:
        page = [seal_of(row) for row in connection.execute(statement, {**(values or {}), "after": after, "most": _PAGE})]
        yield from page
        if not page:
            return
        after = page[-1].number


def read_rows(connection: Connection, seal: Seal) -> Rows:
    """The rows of a seal that are there."""
    found: dict[int, tuple[str, str]] = {}
    for start in range(0, len(seal.access_ids), MAX_ROWS):
        ids = list(seal.access_ids[start : start + MAX_ROWS])
        for row in connection.execute(text(_ROWS), {"ids": ids}).mappings():
            found[row["access_id"]] = (canonical_row(row), row["at"])
    return found


class Checker:
    """Takes seals with their rows, in order, and checks each against the one before and against the heads."""

    def __init__(self, heads: Iterable[tuple[int, Head | None]] | None, *, is_whole: bool = True) -> None:
        """Begin.

        Args:
            heads: published ones, oldest first, with their lines' numbers; None where there is no file of them.
            is_whole: the chain is taken to its end, so that heads beyond it tell of a tail cut off.
        """
        self.report = Report()
        self._has_heads = heads is not None
        self._heads = iter(heads or ())
        self._published = 0  # the highest number of a head
        self._head = self._next_head()
        self._is_whole = is_whole
        self._previous: Seal | None = None
        self._first: Seal | None = None
        self._caught_up: dt.datetime | None = None  # when a sealer last found nothing more to seal
        self._wrong: dict[bytes, tuple[int, Seal, int]] = {}  # hash as sealed → row that is another now
        self._found: dict[int, bytes] = {}  # what such a row is now
        self._before_first: Head | None = None  # the last head of a seal that is not there any more
        self._tombstone: Seal | None = None
        self._latest: Seal | None = None  # of all seals the one with the latest time
        self._matched = 0  # the last seal that is the one that was published

    def take(self, seal: Seal, rows: Rows) -> None:
        """Check one seal and its rows."""
        report = self.report
        report.seals, report.rows = report.seals + 1, report.rows + len(seal.access_ids)
        report.last_seal, report.hash = seal.number, seal.hash.hex()
        if seal.hashed().hash != seal.hash:
            report.add(Finding("seal_edited", seal=seal.number))
        if self._first is None:
            self._first = seal
        else:
            self._check_order(seal)
        self._check_heads(seal)
        self._check_time(seal)
        self._check_rows(seal, rows)
        if seal.tombstone is not None:
            self._check_tombstone(seal)
        self._previous = seal
        if 0 < len(seal.access_ids) < MAX_ROWS:
            self._caught_up = seal.sealed_at

    def finish(self, now: dt.datetime | None = None) -> Report:
        """Say what the end tells.

        Args:
            now: the moment of the verified log; None where it is a file.
        """
        self._check_beginning()
        self._tell_wrong_rows()
        if now is not None and self._latest is not None and self._latest.sealed_at > now + ASKEW:
            self.report.add(Finding("misdated", seal=self._latest.number, note="it is later than now"))
        if self._is_whole:
            self._check_tail(now)
        elif self._has_heads:
            self._require_published()
        return self.report

    def _require_published(self) -> None:
        """Of a file, the heads say that it is what was sealed: up to its last seal, for all that is hashed hangs together."""
        last = self._previous
        if last is not None and self._matched < last.number:
            note = "none of its seals was" if not self._matched else f"none after {self._matched} was"
            self.report.add(Finding("not_published", seal=last.number, note=f"{note} among the heads"))

    def _check_time(self, seal: Seal) -> None:
        """A time that is ahead would make what was pruned under it look old."""
        if self._latest is not None and seal.sealed_at < self._latest.sealed_at - ASKEW:
            self.report.add(Finding("misdated", seal=self._latest.number, note=f"it is later than seal {seal.number}, which follows it"))
            self._latest = seal
        if self._latest is None or seal.sealed_at >= self._latest.sealed_at:
            self._latest = seal

    def _check_tail(self, now: dt.datetime | None) -> None:
        last, cut_off = self._previous, 0
        while self._head is not None:
            cut_off, self._head = self._head.number, self._next_head()
        if cut_off:
            self.report.add(Finding("truncated", seal=cut_off, note=f"the chain ends at {self.report.last_seal}"))
        elif last is not None and not self._has_heads:
            self.report.add(Finding("not_published", seal=last.number, note="no file of heads"))
        elif last is not None and now is not None and self._published < last.number and last.sealed_at < now - LATE:
            self.report.add(Finding("not_published", seal=last.number, note=f"the last head is of {self._published}"))

    def _check_order(self, seal: Seal) -> None:
        before = self._previous
        if before is None:
            return
        if seal.number != before.number + 1:
            self.report.add(Finding("seal_removed", seal=before.number + 1, note=f"up to {seal.number - 1}"))
        elif seal.previous_hash != before.hash or seal.first_place != before.last_place + 1:
            self.report.add(Finding("seal_edited", seal=seal.number, note="it does not follow the one before"))

    def _check_heads(self, seal: Seal) -> None:
        while self._head is not None and self._head.number <= seal.number:
            head = self._head
            if head.number == seal.number:
                if (head.hash, head.rows, head.sealed_at) != (seal.hash.hex(), seal.last_place, utc_text(seal.sealed_at)):
                    self.report.add(Finding("rewritten", seal=seal.number))
                else:
                    self._matched = seal.number
            elif self._previous is None:
                self._before_first = head
            self._head = self._next_head()

    def _next_head(self) -> Head | None:
        for line, head in self._heads:
            if head is not None:
                self._published = max(self._published, head.number)
                return head
            self.report.add(Finding("unreadable_head", note=f"line {line}"))
        return None

    def _check_rows(self, seal: Seal, rows: Rows) -> None:
        for index, (access_id, sealed) in enumerate(zip(seal.access_ids, seal.row_hashes, strict=True)):
            place = seal.first_place + index
            if access_id not in rows:
                note = "before it was sealed" if sealed == GONE else ""
                self.report.add(Finding("removed", access_id, seal.number, place, note))
                continue
            content, at = rows[access_id]
            found = row_hash(content)
            if found != sealed:
                self._wrong[sealed] = (access_id, seal, place)
                self._found[access_id] = found
            elif self._caught_up is not None and at < utc_text(self._caught_up - LATE):
                self.report.add(Finding("backdated", access_id, seal.number, place))

    def _tell_wrong_rows(self) -> None:
        """A row whose content was sealed at another place was exchanged; any other was edited."""
        for access_id, seal, place in self._wrong.values():
            other = self._wrong.get(self._found[access_id])
            if other is None:
                self.report.add(Finding("edited", access_id, seal.number, place))
            else:
                self.report.add(Finding("reordered", access_id, seal.number, place, f"it has the content of {other[0]}"))

    def _check_tombstone(self, seal: Seal) -> None:
        self._tombstone, told = seal, seal.tombstone
        if told is not None and (told.before > seal.sealed_at - KEPT or told.number >= seal.number):
            self.report.add(Finding("pruned_early", seal=seal.number))

    def _check_beginning(self) -> None:
        """The chain begins with its first seal, or right after what the last tombstone tells of."""
        first, tombstone = self._first, self._tombstone
        if first is None or not self._is_whole:
            return
        told = None if tombstone is None else tombstone.tombstone
        if tombstone is None or told is None:
            self._require_first(first, (1, GENESIS, 1))
            return
        self.report.pruned_rows = told.place
        self._require_first(first, (told.number + 1, told.hash, told.place + 1))
        head = self._before_first
        if head is None:
            return
        if head.number == told.number and head.hash != told.hash.hex():
            self.report.add(Finding("rewritten", seal=head.number))
        if head.sealed_at > utc_text(tombstone.sealed_at - KEPT):  # whatever the tombstone says of their age
            self.report.add(Finding("pruned_early", seal=tombstone.number, note=f"seal {head.number} was published later"))

    def _require_first(self, first: Seal, expected: tuple[int, bytes, int]) -> None:
        if first.number != expected[0]:
            self.report.add(Finding("seal_removed", seal=expected[0], note=f"up to {first.number - 1}"))
        elif (first.number, first.previous_hash, first.first_place) != expected:
            self.report.add(Finding("seal_edited", seal=first.number, note="the chain does not begin with it"))
