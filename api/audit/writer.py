"""Rows are committed in groups: what arrives while a commit waits for the disk goes into the next one, together.

One thread, one connection in autocommit: a group is one INSERT, so one round trip and one flush for many calls. A caller goes on
when its row is committed. A row that the store refuses takes no other of its group with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future

import orjson
import psycopg2
from sqlalchemy import Connection, Engine, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from api.audit.row import Row, row_of
from api.trace import Trace
from hub.database import store_errors
from hub.errors import StoreError, StoreUnavailable
from pipeline.store.prepared import run
from schema.tables import access

MAX_GROUP = 256
STATEMENT_TIMEOUT_S = 5
CLOSE_TIMEOUT_S = 10.0

# Rows go as one value, so that the statement is planned once, however many they are.
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_TYPES = {column.name: column.type.compile(dialect=_DIALECT) for column in access.c if column.name not in {"access_id", "at"}}
_NAMED = ", ".join(_TYPES)
_INSERT = (
    f"INSERT INTO audit.access ({_NAMED}) SELECT {_NAMED} FROM jsonb_to_recordset(CAST(:rows AS jsonb)) "
    f"AS r ({', '.join(f'{name} {kind}' for name, kind in _TYPES.items())}) RETURNING access_id"
)

_Entry = tuple[Row, "Future[None]"]


class AuditWriter:
    """Commits rows of one process; its thread starts with the first row."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    async def write(self, trace: Trace, action: str, outcome: int) -> None:
        """Write a call down; when this returns, its row is committed.

        Raises:
            StoreUnavailable: it could not be written, and so must not be answered.
        """
        await asyncio.wrap_future(self.submit(row_of(trace, action, outcome)))

    def submit(self, row: Row) -> Future[None]:
        """Hand a row over; the future is done when it is committed, or says why it is not."""
        future: Future[None] = Future()
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="casehub-audit-writer", daemon=True)
                self._thread.start()
            self._waiting.put((row, future))
        return future

    def close(self) -> None:
        """Write what waits, then end the thread; a later row starts another."""
        with self._lock:
            thread, self._thread = self._thread, None
            if thread is not None:
                self._waiting.put(None)
        if thread is not None:
            thread.join(CLOSE_TIMEOUT_S)

    def _run(self) -> None:
        is_open = True
        with contextlib.closing(_Table(self._engine)) as table:
            while is_open:
                group = [self._waiting.get()]
                with contextlib.suppress(queue.Empty):
                    while group[-1] is not None and len(group) < MAX_GROUP:
                        group.append(self._waiting.get_nowait())
                is_open = group[-1] is not None
                entries = [entry for entry in group if entry is not None]
                for _, future in entries:
                    future.set_running_or_notify_cancel()  # a caller that went away is written down all the same
                if entries:
                    _commit(table, entries)


def _commit(table: _Table, entries: Sequence[_Entry]) -> None:
    error: Exception | None = None
    try:
        table.insert([row for row, _ in entries])
    except Exception as found:  # whatever it is, it belongs to those who wait
        error = found
    if error is not None and len(entries) > 1 and _is_of_a_row(error):
        for entry in entries:
            _commit(table, [entry])
        return
    for _, future in entries:
        if future.cancelled():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)


def _is_of_a_row(error: Exception) -> bool:
    """Whether what one row holds is at fault, rather than the store."""
    return not isinstance(error, StoreError) or str(error.detail.get("sqlstate")).startswith(("22", "23"))


class _Table:
    """The table of calls, on a connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def insert(self, rows: list[Row]) -> None:
        """Commit rows; once more on a new connection where the old one went away: written twice is better than not at all."""
        is_fresh = self._connection is None
        try:
            self._insert(rows)
        except StoreUnavailable:
            if is_fresh:
                raise
            self._insert(rows)

    def close(self) -> None:
        """Let the connection go."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):  # it may be broken, which is why it goes
                connection.close()

    def _insert(self, rows: list[Row]) -> None:
        with store_errors():
            try:
                run(self._connected(), _INSERT, {"rows": orjson.dumps(rows).decode()})
            except (DBAPIError, psycopg2.Error):
                self.close()
                raise

    def _connected(self) -> Connection:
        if self._connection is None:
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            connection.detach()  # it is this thread's for good, and the pool keeps its places
            connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT_S}s'"))
            connection.execute(text("SET synchronous_commit = on"))
            self._connection = connection
        return self._connection
