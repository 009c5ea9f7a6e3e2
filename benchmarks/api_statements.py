"""What SQL a request sends: taken down while the API answers it in this process, then run straight through psycopg2.

Of a request those statements count that its answer is made of; who asks and the audit row are what the API adds, as are making
the answer, HTTP and the way to another process.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg2
from psycopg2.extensions import connection as PsycopgConnection
from sqlalchemy import Engine, event
from sqlalchemy.engine import URL

from api.serve import serving
from benchmarks.api_client import Measured
from hub.settings import Settings

_OF_THE_ANSWER = re.compile(r"\bstore\.", re.IGNORECASE)
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

    def __call__(self, connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
        if _OF_THE_ANSWER.search(statement) or not _NOT_OF_IT.search(statement):
            self.statements.append(Statement(connection.engine.url, statement, parameters))


@contextlib.contextmanager
def recording(settings: Settings, engine: Engine, token: str) -> Iterator[httpx.Client]:
    """The API in this process, to be asked by the client for what `statements_of` then tells."""
    headers = {"Authorization": f"Bearer {token}"}
    with (
        serving(settings.model_copy(update={"api_port": 0}), engine) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=60, headers=headers) as client,
    ):
        yield client


def statements_of(client: httpx.Client, method: str, path: str, body: object = None) -> list[Statement]:
    """The statements of the answer to one request.

    Raises:
        SystemExit: it was not answered.
    """
    taken = _Taken()
    event.listen(Engine, "before_cursor_execute", taken)
    try:
        answer = client.request(method, path, json=body) if body is not None else client.request(method, path)
    finally:
        event.remove(Engine, "before_cursor_execute", taken)
    if not answer.is_success:
        raise SystemExit(f"{method} was answered {answer.status_code} while its statements were taken down")
    return taken.statements


class Straight:
    """psycopg2 connections, one a login, over which statements are run again."""

    def __init__(self) -> None:
        self._connections: dict[URL, PsycopgConnection] = {}

    def close(self) -> None:
        """Close them."""
        for connection in self._connections.values():
            connection.close()

    def run(self, requests: Sequence[Sequence[Statement]]) -> Measured:
        """Run each request's statements in one transaction, every row fetched."""
        found, began = Measured(), time.perf_counter()
        for statements in requests:
            start = time.perf_counter()
            for each in statements:
                with self._connection(each.url).cursor() as cursor:
                    cursor.execute(each.sql, each.parameters or None)
                    if cursor.description:
                        cursor.fetchall()
            for connection in self._connections.values():
                connection.rollback()
            found.add(time.perf_counter() - start, 200)
        found.wall_s = time.perf_counter() - began
        return found

    def buffers(self, statements: Sequence[Statement]) -> int:
        """Pages that the statements of a request look at, whether they are in memory or not."""
        pages = 0
        for each in statements:
            if not re.match(r"\s*(SELECT|WITH)\b", each.sql, re.IGNORECASE):
                continue
            with self._connection(each.url).cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {each.sql}", each.parameters or None)
                plan = (cursor.fetchone() or ([{}],))[0][0]["Plan"]
                pages += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
            self._connection(each.url).rollback()
        return pages

    def _connection(self, url: URL) -> PsycopgConnection:
        if url not in self._connections:
            self._connections[url] = psycopg2.connect(
                host=url.host, port=url.port, user=url.username, password=url.password, dbname=url.database, options="-c timezone=UTC"
            )
        return self._connections[url]
