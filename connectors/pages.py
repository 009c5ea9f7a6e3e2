"""Rows as a transport reads them → pages as LAND takes them: key, cursor, payload, faults, in columns.

Enters: dictionaries under the source's own names, or bytes that could not be read. Leaves: `Page`s of schema.records.RAW_PAGE.
Nothing is dropped but rows older than what was asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa

from connectors.contract import Contract
from connectors.feed import CursorFeed
from connectors.keys import deletion_test, key_reader, order_reader
from connectors.masking import known_among
from connectors.paths import lookup
from connectors.rows import KEY_FAULT, Row, Unreadable, encode
from connectors.values import bounded, cursor_texts
from hub.errors import SourceFormatError, SourceLimitError
from hub.wording import shown_name
from schema.records import INDEXED_LONGEST, RAW_PAGE


@dataclass(frozen=True)
class Page:
    """Rows that were received together.

    Attributes:
        rows: of schema.records.RAW_PAGE.
        cursor: the highest cursor so far in this pull, as text that sorts; None in snapshots and events.
        complete: this is the last page, and everything up to it was read (a snapshot's trailer, if any, agreed). Rows that have
            neither payload nor key may still hide records that are not gone: LAND looks at those before it deletes.
        columns: top-level source columns seen in the page, for drift.
        total: how many rows the source says it has, as it said last; None where it does not say.
        highest_total: the same, as it said at most in this pull: less at the end means that rows went, and others moved up.
        lowest_total: the same, as it said at least, with rows or in the first place: fewer rows than that is not all of them.
        read: rows of the pull so far, those left out for their age included.
        began: when the pull began by the source's own clock, as cursor text; None where it does not tell.
    """

    rows: pa.Table
    cursor: str | None
    complete: bool
    columns: tuple[str, ...]
    total: int | None = None
    highest_total: int | None = None
    lowest_total: int | None = None
    read: int = 0
    began: str | None = None


@dataclass(frozen=True)
class Stamp:
    """What the inbox knows of a row: the inbox row's id, and the event's."""

    inbox_id: int
    event_id: str | None


@dataclass
class _Columns:
    """The page being built, column by column."""

    rows: list[dict[str, Any]]
    payloads: list[bytes | None]
    bad: dict[int, Unreadable]
    ids: list[str | None] = field(default_factory=list)
    cursors: list[str | None] = field(default_factory=list)


class Paginator:
    """Makes the pages of one pull.

    Args:
        contract: of the source.
        since: cursor text below which rows are left out; None keeps all.
        watch_repeats: a page that comes twice is an error (sources that say themselves what comes next).
    """

    def __init__(self, contract: Contract, *, since: str | None = None, watch_repeats: bool = False) -> None:
        self._contract = contract
        self._zone = ZoneInfo(contract.timezone)
        self._since = since
        self._watch_repeats = watch_repeats
        self._key = key_reader(contract.key)
        self._known = contract.source_columns()
        order = getattr(contract.feed, "order", None)
        self._order = None if order is None else order_reader(order, self._zone)
        self._is_deleted = deletion_test(contract)
        self._ordinal = 0
        self._seen: set[bytes] = set()
        self._highest: str | None = None
        self._highest_total: int | None = None
        self._lowest_total: int | None = None
        self._has_keys = False
        self.began: str | None = None  # by the source's clock, where the transport learns of it
        self.rows = 0  # rows handed in, those left out for their age included

    def page(
        self,
        rows: Sequence[Row],
        *,
        complete: bool = False,
        columns: Iterable[str] = (),
        stamps: Sequence[Stamp] = (),
        total: int | None = None,
        is_aside: bool = False,
    ) -> Page:
        """One page.

        Args:
            rows: as read.
            complete: nothing comes after it.
            columns: what the source says its columns are, where it says so (a header); else those seen in rows are.
            stamps: one a row, from the inbox.
            total: how many rows the source says it has, where it says so.
            is_aside: they are those without a key, out of their turn: they say nothing of how far the pull has come.

        Raises:
            SourceLimitError: the same page came before.
            SourceFormatError: not one row of the first page has the key, or rows do not come in the order the contract promises.
        """
        self.rows += len(rows)
        built = self._built(rows)
        if not is_aside:
            self._check_keys(built)
        self._check_repeats(built)
        self._check_order(built)
        if not stamps and not is_aside:
            self._highest = max(filter(None, (self._highest, *built.cursors)), default=None)
        if total is not None:
            self._highest_total = max(total, self._highest_total or 0)
            if rows or self._lowest_total is None:  # an empty page after the last may speak of itself
                self._lowest_total = total if self._lowest_total is None else min(total, self._lowest_total)
        table, names = self._table(built, stamps), self._names(built, columns)
        return Page(table, self._highest, complete, names, total, self._highest_total, self._lowest_total, self.rows, self.began)

    def marks(self, rows: Sequence[Row]) -> list[bytes]:
        """What tells each row from others, within this pull."""
        built = self._built(rows)
        return [self._mark(built, index) for index in range(len(built.rows))]

    def _built(self, rows: Sequence[Row]) -> _Columns:
        encoded = encode(rows)
        built = _Columns(encoded.rows, encoded.payloads, encoded.bad)
        self._identify(built)
        return built

    def _names(self, built: _Columns, columns: Iterable[str]) -> tuple[str, ...]:
        """Columns by the names under which they are told: those that the source says, else those seen in rows."""
        names = dict.fromkeys(columns)
        if not names:
            names = dict.fromkeys(name for index, row in enumerate(built.rows) if index not in built.bad for name in row)
        shown = dict.fromkeys(shown_name(name, self._known) for name in names)  # they are kept in the clear, and told
        return tuple(name for name in shown if "\x00" not in name)

    def _identify(self, built: _Columns) -> None:
        """Key and cursor of each row; of a row that cannot be read the key, if that much can."""
        built.ids = [self._key(row) for row in built.rows]
        for index, identifier in enumerate(built.ids):
            if identifier is not None and len(identifier) > INDEXED_LONGEST:
                _refuse_key(built, index)
        feed = self._contract.feed
        if isinstance(feed, CursorFeed):
            name = feed.field
            built.cursors = cursor_texts([lookup(row, name) for row in built.rows], feed.cursor_type, self._zone)
        elif self._order is not None:
            built.cursors = [self._order(row) for row in built.rows]
        else:
            built.cursors = [None] * len(built.rows)
        for index in built.bad:
            built.ids[index] = _whole_text(built.ids[index])
            built.cursors[index] = None

    def _check_keys(self, built: _Columns) -> None:
        """A source that drops its key column would land everything anew at each pull: it is told, and nothing lands."""
        if self._contract.feed.mode == "events" or self._has_keys or not built.rows:
            return
        readable = [row for index, row in enumerate(built.rows) if index not in built.bad]
        if len(readable) > 1 and not any(built.ids):
            head, seen = self._contract.key[0], known_among(self._contract, sorted({name for row in readable for name in row}))
            raise SourceFormatError(
                f"{self._contract.department}: 前 {len(readable)} 行都没有主键 {head!r} · "
                f"none of the first {len(readable)} rows has the key {head!r}",
                remedy=f"更正契约中的 key:；{seen.zh} · correct key: in the contract; {seen.en}",
                department=self._contract.department,
                field=head,
            )
        self._has_keys = bool(readable)

    def _check_repeats(self, built: _Columns) -> None:
        if not self._watch_repeats or not built.rows:
            return
        marks = [self._mark(built, index) for index in range(len(built.rows))]
        digest = hashlib.blake2b(b"\n".join(marks), digest_size=16).digest()
        if digest in self._seen:
            raise SourceLimitError(
                f"{self._contract.department}: 来源反复给出同一页 · the source gives the same page for ever",
                remedy="对照来源核对契约中的 pages:（style、参数名、total） · "
                "check pages: in the contract (style, parameter names, total) against what the source does",
                department=self._contract.department,
                rows=self.rows,
            )
        self._seen.add(digest)

    def _mark(self, built: _Columns, index: int) -> bytes:
        """What tells a row from others: its key and cursor, and where it has no key its content. The rest may hold the time of reading."""
        if index in built.bad:
            return built.bad[index].raw
        identifier = built.ids[index]
        return f"{identifier}|{built.cursors[index]}".encode() if identifier is not None else built.payloads[index] or b""

    def _check_order(self, built: _Columns) -> None:
        """A watermark that moves with each page is only right if pages come in order: otherwise a crash would lose rows."""
        feed = self._contract.feed
        if not isinstance(feed, CursorFeed) or not feed.ordered or self._contract.connector.kind == "sql":
            return
        cursors = [cursor for cursor in (self._highest, *built.cursors) if cursor is not None]
        if cursors != sorted(cursors):
            raise SourceFormatError(
                f"{self._contract.department}: 各行未按 {feed.field} 排序 · rows do not come in the order of {feed.field}",
                remedy="在 feed: 中写 ordered: false，使水位在最后才前移；然后运行一次对账 · "
                "say ordered: false in feed:, so that the watermark moves at the end; then run a reconcile",
                department=self._contract.department,
                field=feed.field,
            )

    def _table(self, built: _Columns, stamps: Sequence[Stamp]) -> pa.Table:
        count = len(built.rows)
        raws: list[bytes | None] = [None] * count
        faults: list[str | None] = [None] * count
        operations = ["upsert"] * count
        if self._is_deleted is not None:
            operations = ["delete" if self._is_deleted(row) else "upsert" for row in built.rows]
        for index, row in built.bad.items():
            raws[index], faults[index], operations[index] = row.raw, row.fault, "upsert"
        cursors = [str(stamp.inbox_id) for stamp in stamps] if stamps and self._order is None else built.cursors
        event_ids = [bounded(stamp.event_id, INDEXED_LONGEST) for stamp in stamps] if stamps else [None] * count
        # By polars, not pa.array, which loads pandas: half a second that a pull without news has no other use for.
        frame = pl.DataFrame(
            [
                pl.Series("source_record_id", built.ids, pl.String),
                pl.Series("payload", built.payloads, pl.Binary).cast(pl.String),
                pl.Series("raw", raws, pl.Binary),
                pl.Series("fault", faults, pl.String),
                pl.Series("cursor", cursors, pl.String),
                pl.Series("operation", operations, pl.String),
                pl.Series("event_id", event_ids, pl.String),
                pl.Series("inbox_id", [stamp.inbox_id for stamp in stamps] if stamps else [None] * count, pl.Int64),
            ]
        )
        return self._numbered(frame, built)

    def _numbered(self, frame: pl.DataFrame, built: _Columns) -> pa.Table:
        """Without the rows that are older than what was asked for, where the source could not leave them out itself."""
        if self._since is not None:
            frame = frame.filter(pl.Series([cursor is None or cursor >= self._since for cursor in built.cursors], dtype=pl.Boolean))
        numbered = frame.with_columns(pl.int_range(self._ordinal, self._ordinal + len(frame), dtype=pl.Int64).alias("ordinal"))
        self._ordinal += len(frame)
        return numbered.select(RAW_PAGE.names).to_arrow().cast(RAW_PAGE)


def in_pages(rows: Iterable[Row], size: int) -> Iterator[tuple[list[Row], bool]]:
    """Rows in lists of at most `size`, each with whether it is the last; one empty list where there are none."""
    held: list[Row] = []
    for row in rows:
        if len(held) == size:
            yield held, False
            held = []
        held.append(row)
    yield held, True


def _refuse_key(built: _Columns, index: int) -> None:
    """Take a row whose key is too long for one that cannot be read: it may have swallowed others, which then are not gone."""
    built.ids[index], payload = None, built.payloads[index]
    if index not in built.bad and payload is not None:
        built.bad[index], built.payloads[index] = Unreadable(payload, KEY_FAULT, built.rows[index]), None


def _whole_text(text: str | None) -> str | None:
    """A key, if it can be stored: of a row that could not be decoded, some of it may be bytes in disguise."""
    try:
        return text if text is None or text.encode() else None
    except UnicodeEncodeError:
        return None
