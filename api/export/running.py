"""A running export: a question enters, the bytes of a file leave while they are read; each part is written down before it leaves.

One connection reads from beginning to end, at REPEATABLE READ: the file is of one moment of the store, however long it takes. That is
bounded, and so is the number that run at once: a snapshot that is held keeps the store from being cleaned, and a connection from
others.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
import time
import uuid
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence

import anyio
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from api.access import Caller
from api.audit import write_audit
from api.audit.notes import persons_by_identifier
from api.authentication.standing import has_good_key, keeps_rights
from api.entity_tag import VARY
from api.export.formats import MEDIA_TYPES, End, writer_of
from api.export.rows import COLUMNS, Row, rows
from api.presenter import Presenter
from api.queries.export import bound_idleness
from api.questions.export import ExportQuery
from api.state import Hub, Trace
from hub.errors import AccessDenied, BusyError, HubError, StoreError

#: Audit actions: each part before it leaves, and how it ended.
PART, ENDED = "cases.export.part", "cases.export.end"
DONE, GONE, BROKEN = 200, 499, 500  # outcomes: whole; whoever asked went away; broken off
ANYBODY = "*"
ASKED_EVERY_S = 1.0  # whether the key is still good

_now = time.monotonic
_log = logging.getLogger("api")
_running: Counter[tuple[str | None, str]] = Counter()
_lock = threading.Lock()


class Export:
    """One export; an iterator of bytes that must be closed."""

    def __init__(self, hub: Hub, caller: Caller, question: ExportQuery, trace: Trace) -> None:
        """Begin: whatever is wrong with the question is said here.

        Raises:
            AccessDenied: the role may export nothing.
            BusyError: others of this department and role export already.
            RequestError: the question cannot be read.
        """
        self._hub, self._caller, self._question, self._trace = hub, caller, question, trace
        self._most = most_rows(hub.settings.export_rows, caller.role, question.limit)
        self._count = 0
        self._outcome = BROKEN
        self._asked_at = _now()
        self._opened = hub.grants.records(caller)  # before the moment that is read: what is opened later is not in it
        self._connection: Connection | None = None  # that is read from
        self._parts = self._running()
        next(self._parts)

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    def close(self) -> None:
        """Give back the connection, and write down that it broke off if it did."""
        try:
            self._parts.close()
        except HubError as error:  # nobody is left to be told
            _log.error("the end of an export was not written down, request %s: %s", self._trace.request_id, error)

    def _running(self) -> Generator[bytes, None, None]:
        settings = self._hub.settings
        with (
            _slot(self._caller, settings.exports_at_once),
            self._hub.read(self._caller) as connection,
            contextlib.ExitStack() as reading,  # its server's cursor ends before the connection does
        ):
            self._connection = connection
            bound_idleness(connection, settings.export_idle_seconds)
            read = reading.enter_context(contextlib.closing(rows(connection, Presenter(self._caller, self._hub.directory), self._question)))
            first = next(read, [])
            try:
                yield b""  # up to here a mistake is answered; from here on the file has begun
                yield from self._written(first, read)
            except GeneratorExit:
                self._outcome = GONE
                raise
            finally:
                if self._outcome != DONE:
                    self._note(ENDED, self._outcome)

    def _written(self, first: list[Row], read: Iterator[list[Row]]) -> Iterator[bytes]:
        writer = writer_of(self._question.format, COLUMNS[self._question.level])
        deadline = _now() + self._hub.settings.export_seconds
        yield writer.begin()
        part: list[Row] | None = first
        is_complete = True
        while part is not None:
            if _now() > deadline:
                raise StoreError(
                    "导出超过规定时限 · an export took longer than it may",
                    remedy="缩小查询范围，或调大 CASEHUB_EXPORT_SECONDS · narrow the question, or raise CASEHUB_EXPORT_SECONDS",
                )
            is_complete = self._count + len(part) <= self._most
            kept = part[: self._most - self._count]
            self._require_good()
            if kept:
                self._note(PART, DONE, kept)
                self._count += len(kept)
                yield writer.rows(kept)
            part = next(read, None) if is_complete else None
        self._note(ENDED, DONE)  # before the end itself: a file is only whole if that is written down
        self._outcome = DONE
        yield writer.end(End(self._count, is_complete))

    def _require_good(self) -> None:
        """Go on only while nothing of it was taken back: rights and what was opened to the caller, his token, his key, asked once a second.

        Policies and grants are looked at for all callers together, and no more than once a second.
        """
        is_good = keeps_rights(self._hub, self._caller) and self._opened <= self._hub.grants.records(self._caller)
        if is_good and _now() - self._asked_at >= ASKED_EVERY_S:
            self._asked_at = _now()
            is_good = has_good_key(self._hub, self._caller)
        if not is_good:
            raise AccessDenied(
                "导出期间权限有变，或密钥、令牌已失效 · the rights changed while it was exported, or the key or token ended",
                remedy="重新导出 · begin anew",
            )

    def _note(self, action: str, outcome: int, part: list[Row] | None = None) -> None:
        """Write down what leaves, or how many rows have left in all; and whom it was asked of."""
        rows_ = part or []
        case_ids = _ids(row["case_id"] for row in rows_)
        told = dataclasses.replace(
            self._trace,
            entity_ids=case_ids,
            person_ids=[*self._trace.person_ids, *self._asked_for(case_ids), *_ids(row.get("person_id") for row in rows_)],
            results=self._count if part is None else len(part),
        )
        write_audit(self._hub.engine, told, action, outcome)

    def _asked_for(self, case_ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
        """Persons whom an ID number or phone found in these cases."""
        if not case_ids or self._question.q is None or self._connection is None:
            return []
        return persons_by_identifier(self._connection, self._question.q, case_ids, self._caller.department)


def _ids(found: Iterable[str | None]) -> list[uuid.UUID]:
    """Each id once, in order."""
    return [uuid.UUID(one) for one in dict.fromkeys(found) if one is not None]


def most_rows(limits: dict[str, int], role: str, asked: int | None) -> int:
    """How many rows a role may export, or as many as were asked for if that is less.

    Raises:
        AccessDenied: none.
    """
    most = limits.get(role, limits.get(ANYBODY, 0))
    if most < 1:
        raise AccessDenied(
            "此角色不得导出 · this role may not export",
            remedy="向平台管理员申请 · ask the platform's administrator; CASEHUB_EXPORT_ROWS says who may",
        )
    return most if asked is None else min(most, asked)


@contextlib.contextmanager
def _slot(caller: Caller, most: int) -> Iterator[None]:
    key = (caller.department, caller.role)
    with _lock:
        if _running[key] >= most:
            raise BusyError(
                "本部门已有导出正在进行 · others of your department export already",
                remedy="待其结束后再试 · try again when they are done",
            )
        _running[key] += 1
    try:
        yield
    finally:
        with _lock:
            _running[key] -= 1


class ExportResponse(StreamingResponse):
    """Sends an export, and closes it whatever becomes of the caller."""

    def __init__(self, export: Export, question: ExportQuery) -> None:
        headers = {"Content-Disposition": f'attachment; filename="casehub-{question.level}.{question.format}"', "Vary": VARY}
        super().__init__(iter(export), media_type=MEDIA_TYPES[question.format], headers=headers)
        self._export = export

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(self._export.close)
