"""Databases with the schema in them, a fresh one a test: copied while the test before is at work, and dropped while the next one is."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg2

from hub import postgres
from hub.postgres import Server

_TRIES = 12  # the server itself waits five seconds for whoever is connected to the template


class Copies:
    """Copies of one template. Made by `copies`."""

    def __init__(self, server: Server, template: str, pool: ThreadPoolExecutor) -> None:
        self._server, self._template, self._pool = server, template, pool
        self._connection: psycopg2.extensions.connection | None = None  # kept: a log-in hashes thousands of times
        self._dropped: list[Future[None]] = []
        self._next = pool.submit(self._make)

    def take(self) -> str:
        """The name of a database that nobody has had."""
        made, self._next = self._next, self._pool.submit(self._make)
        return made.result()

    def drop(self, name: str) -> None:
        """Have a database dropped, whoever is connected to it still."""
        self._dropped.append(self._pool.submit(self._run, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))

    def close(self) -> None:
        """End the connection. What was dropped is gone by then.

        Raises:
            psycopg2.Error: something could not be dropped.
        """
        self.drop(self._next.result())
        for dropped in self._dropped:
            dropped.result()
        if self._connection is not None:
            self._connection.close()

    def _make(self) -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{self._template}" STRATEGY FILE_COPY')
        return name

    def _run(self, statement: str) -> None:
        """Run it, again where a test ended all connections or has one to the template."""
        for left in reversed(range(_TRIES)):
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = postgres.connect(self._server, "postgres")
                    self._connection.autocommit = True
                with self._connection.cursor() as cursor:
                    cursor.execute(statement)
                return
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                if not left:
                    raise


@contextlib.contextmanager
def copies(server: Server, template: str) -> Iterator[Copies]:
    """Copies of a template database, made one ahead."""
    with ThreadPoolExecutor(1, thread_name_prefix="copies") as pool:
        found = Copies(server, template, pool)
        yield found
        found.close()
