"""What SQL a request sends: taken down while the API answers it in this process, then run straight through psycopg2.

Of a request those statements count that its answer is made of; who asks and the audit row are what the API adds, as are making
the answer, HTTP and the way to another process.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg2
from psycopg2.extensions import connection as PsycopgConnection
from psycopg2.extensions import cursor as PsycopgCursor
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL

from api.serve import serving
from api.state import PLAN
from api.tidying import THREAD
from benchmarks.api_client import OK, Measured
from hub.database import STATEMENT_TIMEOUT_S
from hub.settings import Settings
from pipeline.store import prepared

_OPTIONS = f"-c timezone=UTC -c statement_timeout={STATEMENT_TIMEOUT_S}s {PLAN}"
_OF_THE_ANSWER = re.compile(r"\bstore\.", re.IGNORECASE)
_PREPARE = re.compile(r"PREPARE (\w+)")
_EXECUTE = re.compile(r"EXECUTE (\w+)")
_NOT_OF_IT = re.compile(r"\b(audit|ops|alembic_version)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Statement:
    """One statement as psycopg2 was given it."""

    url: URL
    sql: str
    parameters: Any


@dataclass
class _Taken:
    statements: list[Statement] = field(default_factory=list)

    def sent(self, connection: Connection, call: str, values: Mapping[str, Any]) -> Any:
        """In place of `prepared.send`, by which what is planned once goes; the audit's rows go so too, by its own thread."""
        found = _EXECUTE.match(call)
        if _is_of_the_answer(_prepared[found[1]] if found else call):
            self.statements.append(Statement(connection.engine.url, call, values))
        return _send(connection, call, values)

    def __call__(self, connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
        if _PREPARE.match(statement) or threading.current_thread().name == THREAD:
            return
        if _is_of_the_answer(statement):
            self.statements.append(Statement(connection.engine.url, statement, parameters))


def _is_of_the_answer(statement: str) -> bool:
    return bool(_OF_THE_ANSWER.search(statement)) or not _NOT_OF_IT.search(statement)


_send = prepared.send
_prepared: dict[str, str] = {}  # name → statement, of every connection of this process


def _note_prepared(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
    found = _PREPARE.match(statement)
    if found:
        _prepared[found[1]] = statement.replace("%%", "%")


@contextlib.contextmanager
def recording(settings: Settings, engine: Engine, token: str) -> Iterator[httpx.Client]:
    """The API in this process, to be asked by the client for what `statements_of` then tells."""
    headers = {"Authorization": f"Bearer {token}"}
    with (
        serving(settings.model_copy(update={"api_port": 0, "audit_seal_seconds": 0.0}), engine) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=60, headers=headers) as client,
    ):
        event.listen(Engine, "before_cursor_execute", _note_prepared)
        try:
            yield client
        finally:
            event.remove(Engine, "before_cursor_execute", _note_prepared)


def statements_of(client: httpx.Client, method: str, path: str, body: object = None) -> list[Statement]:
    """The statements of the answer to one request; where the database gave one up, those until then."""
    taken = _Taken()
    event.listen(Engine, "before_cursor_execute", taken)
    prepared.send = taken.sent
    try:
        client.request(method, path, json=body)
    finally:
        prepared.send = _send
        event.remove(Engine, "before_cursor_execute", taken)
    return taken.statements


def parted(statements: Sequence[Statement], name: str) -> tuple[list[Statement], list[Statement]]:
    """Those that do not name a function of the store's, and those that do, in what was prepared where that is what they call."""
    found: tuple[list[Statement], list[Statement]] = ([], [])
    for each in statements:
        called = _EXECUTE.match(each.sql)
        found[name in (_prepared[called[1]] if called else each.sql)].append(each)
    return found


class Straight:
    """psycopg2 connections, one a login, over which statements are run again."""

    def __init__(self) -> None:
        self._connections: dict[URL, PsycopgConnection] = {}
        self._ready: set[tuple[URL, str]] = set()  # statements that a connection has planned

    def close(self) -> None:
        """Close them."""
        for connection in self._connections.values():
            connection.close()

    def run(self, requests: Sequence[Sequence[Statement]]) -> Measured:
        """Run each request's statements in one transaction, every row fetched."""
        found, began = Measured(), time.perf_counter()
        for statements in requests:
            start, status = time.perf_counter(), OK
            try:
                for each in statements:
                    self._fetch(each)
            except psycopg2.extensions.QueryCanceledError:
                status = 504
            for connection in self._connections.values():
                connection.rollback()
            found.add(time.perf_counter() - start, status)
        found.wall_s = time.perf_counter() - began
        return found

    def _fetch(self, statement: Statement) -> None:
        with self._connection(statement.url).cursor() as cursor:
            self._prepare(cursor, statement)
            cursor.execute(statement.sql, statement.parameters or None)
            if cursor.description:
                cursor.fetchall()

    def _prepare(self, cursor: PsycopgCursor, statement: Statement) -> None:
        found = _EXECUTE.match(statement.sql)
        if found and (statement.url, found[1]) not in self._ready:
            cursor.execute(_prepared[found[1]])
            self._ready.add((statement.url, found[1]))

    def buffers(self, statements: Sequence[Statement]) -> int:
        """Pages that the statements of a request look at, whether they are in memory or not."""
        pages = 0
        for each in statements:
            if not re.match(r"\s*(SELECT|WITH|EXECUTE)\b", each.sql, re.IGNORECASE):
                continue
            with self._connection(each.url).cursor() as cursor:
                self._prepare(cursor, each)
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {each.sql}", each.parameters or None)
                plan = (cursor.fetchone() or ([{}],))[0][0]["Plan"]
                pages += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
            self._connection(each.url).rollback()
        return pages

    def _connection(self, url: URL) -> PsycopgConnection:
        if url not in self._connections:
            self._connections[url] = psycopg2.connect(
                host=url.host, port=url.port, user=url.username, password=url.password, dbname=url.database, options=_OPTIONS
            )
        return self._connections[url]
