"""Rows as a transport reads them → pages as LAND takes them: key, cursor, payload, faults, in columns.

Enters: dictionaries under the source's own names, or bytes that could not be read. Leaves: `Page`s of schema.records.RAW_PAGE.
Nothing is dropped but rows older than what was asked for.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pyarrow as pa

from connectors.contract import Contract, CursorFeed
from connectors.paths import compile_path, lookup
from connectors.values import cursor_text, flag_text, key_text, plain
from hub.errors import SourceFormatError, SourceLimitError
from schema.records import RAW_PAGE

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
NUL_FAULT = "text with U+0000"
SURROGATE_FAULT = "text with half a character (a lone surrogate)"


@dataclass(frozen=True)
class Page:
    """Rows that were received together.

    Attributes:
        rows: of schema.records.RAW_PAGE.
        cursor: the highest cursor so far in this pull, as text that sorts; None in snapshots and events.
        complete: this is the last page, and everything up to it was read (a snapshot's trailer, if any, agreed).
        columns: top-level source columns seen in the page, for drift.
    """

    rows: pa.Table
    cursor: str | None
    complete: bool
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Unreadable:
    """A row that cannot be read, or that JSON cannot hold: its bytes, and why, and what of it could be read (for its key)."""

    raw: bytes
    fault: str
    row: dict[str, Any] | None = None


Row = dict[str, Any] | Unreadable


@dataclass(frozen=True)
class Stamp:
    """What the inbox knows of a row: the inbox row's id, and the event's."""

    inbox_id: int
    event_id: str | None


@dataclass
class _Columns:
    """The page being built, column by column."""

    ids: list[str | None] = field(default_factory=list)
    payloads: list[bytes | None] = field(default_factory=list)
    raws: list[bytes | None] = field(default_factory=list)
    faults: list[str | None] = field(default_factory=list)
    cursors: list[str | None] = field(default_factory=list)
    operations: list[str] = field(default_factory=list)
    events: list[str | None] = field(default_factory=list)


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
        self._key = _key_reader(contract.key)
        self._is_deleted = _deletion_test(contract)
        self._ordinal = 0
        self._seen: set[bytes] = set()
        self._highest: str | None = None
        self._keyless = 0
        self._keyed = 0
        self._lost_keys = 0  # unreadable rows that hide which record they are: absence of a key then proves nothing
        self.rows = 0  # rows handed in, those left out for their age included

    def page(self, rows: Sequence[Row], *, complete: bool = False, columns: Iterable[str] = (), stamps: Sequence[Stamp] = ()) -> Page:
        """One page.

        Args:
            rows: as read.
            complete: nothing comes after it.
            columns: what the source says its columns are, where it says so (a header); those seen in rows are added.
            stamps: one a row, from the inbox.

        Raises:
            SourceLimitError: the same page came before.
            SourceFormatError: not one row of the first page has the key, or rows do not come in the order the contract promises.
        """
        built, names = _Columns(), dict.fromkeys(columns)
        self.rows += len(rows)
        for index, row in enumerate(rows):
            self._add(built, names, row, stamps[index] if stamps else None)
        self._check_keys(rows)
        self._check_repeats(rows)
        self._check_order(built)
        self._highest = max(filter(None, (self._highest, *built.cursors)), default=None) if not stamps else None
        is_blind = complete and self._contract.feed.mode != "events" and self._lost_keys > 0
        table = self._table(built)
        return Page(table, self._highest, complete and not is_blind, tuple(name for name in names if "\x00" not in name))

    def _add(self, built: _Columns, names: dict[str, None], row: Row, stamp: Stamp | None) -> None:
        if isinstance(row, Unreadable):
            self._add_unreadable(built, row, stamp)
            return
        payload, fault = _encode(row)
        if fault is not None:
            self._add_unreadable(built, Unreadable(payload, fault, row), stamp)
            return
        cursor = self._cursor(row)
        if cursor is not None and self._since is not None and cursor < self._since:
            return
        names.update(dict.fromkeys(row))
        built.ids.append(self._key(row))
        built.payloads.append(payload)
        built.raws.append(None)
        built.faults.append(None)
        built.operations.append("delete" if self._is_deleted(row) else "upsert")
        built.cursors.append(str(stamp.inbox_id) if stamp else cursor)
        built.events.append(stamp.event_id if stamp else None)

    def _add_unreadable(self, built: _Columns, row: Unreadable, stamp: Stamp | None) -> None:
        identifier = _whole_text(self._key(row.row)) if row.row is not None else None
        self._lost_keys += identifier is None
        built.ids.append(identifier)
        built.payloads.append(None)
        built.raws.append(row.raw)
        built.faults.append(row.fault)
        built.operations.append("upsert")
        built.cursors.append(str(stamp.inbox_id) if stamp else None)
        built.events.append(stamp.event_id if stamp else None)

    def _cursor(self, row: dict[str, Any]) -> str | None:
        feed = self._contract.feed
        if not isinstance(feed, CursorFeed):
            return None
        return cursor_text(lookup(row, feed.field), feed.cursor_type, self._zone)

    def _check_keys(self, rows: Sequence[Row]) -> None:
        """A source that drops its key column would land everything anew at each pull: it is told, and nothing lands."""
        if self._contract.feed.mode == "events" or self._keyed:
            return
        readable = [row for row in rows if not isinstance(row, Unreadable)]
        self._keyed = sum(self._key(row) is not None for row in readable)
        if len(readable) > 1 and not self._keyed and self._keyless == 0:
            head = self._contract.key[0]
            raise SourceFormatError(
                f"{self._contract.department}: none of the first {len(readable)} rows has the key {head!r}",
                remedy=f"correct key: in the contract; columns are {_some(sorted({name for row in readable for name in row}))}",
                department=self._contract.department,
                field=head,
            )
        self._keyless += len(readable)

    def _check_repeats(self, rows: Sequence[Row]) -> None:
        if not self._watch_repeats or not rows:
            return
        digest = hashlib.blake2b(b"\n".join(self._mark(row) for row in rows), digest_size=16).digest()
        if digest in self._seen:
            raise SourceLimitError(
                f"{self._contract.department}: the source gives the same page for ever",
                remedy="check pages: in the contract (style, parameter names, total) against what the source does",
                department=self._contract.department,
                rows=self.rows,
            )
        self._seen.add(digest)

    def _mark(self, row: Row) -> bytes:
        """What tells a row from others: its key and cursor, and where it has no key its content. The rest may hold the time of reading."""
        if isinstance(row, Unreadable):
            return row.raw
        identifier = self._key(row)
        return f"{identifier}|{self._cursor(row)}".encode("utf-8", "replace") if identifier is not None else _encode(row)[0]

    def _check_order(self, built: _Columns) -> None:
        """A watermark that moves with each page is only right if pages come in order: otherwise a crash would lose rows."""
        feed = self._contract.feed
        if not isinstance(feed, CursorFeed) or not feed.ordered or self._contract.connector.kind == "sql":
            return
        cursors = [cursor for cursor in (self._highest, *built.cursors) if cursor is not None]
        if cursors != sorted(cursors):
            raise SourceFormatError(
                f"{self._contract.department}: rows do not come in the order of {feed.field}",
                remedy="say ordered: false in feed:, so that the watermark moves at the end; then run a reconcile",
                department=self._contract.department,
                field=feed.field,
            )

    def _table(self, built: _Columns) -> pa.Table:
        count = len(built.ids)
        ordinals = pa.array(range(self._ordinal, self._ordinal + count), pa.int64())
        self._ordinal += count
        columns = [
            ordinals,
            pa.array(built.ids, pa.string()),
            pa.array(built.payloads, pa.binary()).cast(pa.string()),
            pa.array(built.raws, pa.binary()),
            pa.array(built.faults, pa.string()),
            pa.array(built.cursors, pa.string()),
            pa.array(built.operations, pa.string()),
            pa.array(built.events, pa.string()),
        ]
        return pa.Table.from_arrays(columns, schema=RAW_PAGE)


def in_pages(rows: Iterable[Row], size: int) -> Iterator[tuple[list[Row], bool]]:
    """Rows in lists of at most `size`, each with whether it is the last; one empty list where there are none."""
    held: list[Row] = []
    for row in rows:
        if len(held) == size:
            yield held, False
            held = []
        held.append(row)
    yield held, True


def _encode(row: dict[str, Any]) -> tuple[bytes, str | None]:
    """A row as JSON, and why it cannot be a payload: PostgreSQL's jsonb holds neither U+0000 nor half a character."""
    try:
        text = orjson.dumps(row, default=plain, option=_OPTIONS)
    except TypeError:  # an integer beyond 64 bits, or a lone surrogate
        text = json.dumps(row, default=plain, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8", "surrogatepass")
        try:
            text.decode("utf-8")
        except UnicodeDecodeError:
            return json.dumps(row, default=plain, sort_keys=True, separators=(",", ":")).encode("ascii"), SURROGATE_FAULT
    if b"\\u0000" in text and _NUL.search(text):
        return text, NUL_FAULT
    return text, None


def _whole_text(text: str | None) -> str | None:
    """A key, if it can be stored: of a row that could not be decoded, some of it may be bytes in disguise."""
    try:
        return text if text is None or text.encode() else None
    except UnicodeEncodeError:
        return None


def _key_reader(key: tuple[str, ...]) -> Callable[[dict[str, Any]], str | None]:
    if len(key) == 1 and "." not in key[0]:
        name = key[0]
        return lambda row: key_text(row.get(name))

    def joined(row: dict[str, Any]) -> str | None:
        parts = [key_text(lookup(row, name)) for name in key]
        return None if None in parts else "|".join(part for part in parts if part is not None)

    return joined


def _deletion_test(contract: Contract) -> Callable[[dict[str, Any]], bool]:
    deleted = contract.feed.deleted
    if deleted is None:
        return lambda row: False
    words = frozenset(flag_text(value) for value in deleted.in_)
    if deleted.field is not None:
        name = deleted.field
        return lambda row: flag_text(lookup(row, name)) in words
    path = compile_path(deleted.path or "")
    return lambda row: flag_text(path.search(row)) in words


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:30]) + (" …" if len(names) > 30 else "")
