"""PLACES: connections of the database that the departments' logins have together, and which is given up when another is needed.

A login keeps its connections, for a new one plans every statement anew. Those of all of them would be more than the database lets in,
and leave none to its owner: there are so many places, and where none is left an idle connection makes way, of the login that was not
asked for longest first.
"""

from __future__ import annotations

import contextlib
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any

import psycopg2
from psycopg2.extensions import connection as PsycopgConnection
from sqlalchemy import Connection, Engine, QueuePool, text
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import queue

from hub.database import store_errors

SHARE = 0.5  # of what the database lets in; the rest is its owner's, Airflow's and other servers'
_LET_IN = """
SELECT current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
       - coalesce(current_setting('reserved_connections', true), '0')::integer
"""
_LOOK_S = 0.02


class KeptPool(QueuePool):
    """A pool that can close one idle connection, or be given up while some of its connections are out."""

    _is_retired = False
    _sqla_logger_namespace = "sqlalchemy.pool.KeptPool"  # it says what SQLAlchemy's own pools do, and as loud

    def close_idle(self) -> bool:
        """Close a connection that nobody uses; whether there was one."""
        try:
            record = self._pool.get(False)
        except queue.Empty:
            return False
        self._close(record)
        return True

    def retire(self) -> None:
        """Close every connection, those that are out when they come back."""
        self._is_retired = True
        while self.close_idle():
            pass

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        if self._is_retired:
            self._close(record)
        else:
            super()._do_return_conn(record)

    def _close(self, record: ConnectionPoolEntry) -> None:
        try:
            record.close()
        finally:
            self._dec_overflow()


class _Counted(PsycopgConnection):
    """A connection that gives its place back when it is closed, or forgotten."""

    give_back: Callable[[], object] = staticmethod(lambda: None)

    def close(self) -> None:
        super().close()
        self.give_back()


class Places:
    """So many connections, together.

    Args:
        most: how many; asked once, when the first is wanted.
        pools: of every login, the one that was not asked for longest first.
        timeout_s: for which somebody waits for a place.
    """

    def __init__(self, most: Callable[[], int], pools: Callable[[], Sequence[KeptPool]], timeout_s: float) -> None:
        self._read_most, self._pools, self._timeout_s = most, pools, timeout_s
        self._lock = threading.Lock()
        self._free: SimpleQueue[bool] | None = None  # places; of all queues this one may be filled by a finaliser, too

    def connect(self, _dialect: Any, _record: Any, cargs: Sequence[Any], cparams: dict[str, Any]) -> PsycopgConnection:
        """Connect, as an engine's `do_connect`, once there is a place.

        Raises:
            TimeoutError: SQLAlchemy's; all of them stayed in use.
        """
        free = self._places()
        self._take(free)
        try:
            made: _Counted = psycopg2.connect(*cargs, **cparams, connection_factory=_Counted)
        except BaseException:
            free.put(True)
            raise
        made.give_back = weakref.finalize(made, free.put, True)
        return made

    def _take(self, free: SimpleQueue[bool]) -> None:
        deadline = time.monotonic() + self._timeout_s
        wait_s: float | None = None
        while True:
            with contextlib.suppress(Empty):
                free.get(wait_s is not None, wait_s)
                return
            if any(pool.close_idle() for pool in self._pools()):
                continue
            if time.monotonic() > deadline:
                raise PoolTimeout("every connection of the departments' logins is in use")
            wait_s = _LOOK_S  # then there may be an idle one

    def _places(self) -> SimpleQueue[bool]:
        with self._lock:
            if self._free is None:
                most, free = self._read_most(), SimpleQueue[bool]()
                for _ in range(most):
                    free.put(True)
                self._free = free
            return self._free


def let_in(engine: Engine) -> int:
    """A server process's share of the connections that the database lets in.

    Raises:
        StoreUnavailable: it cannot be asked.
    """
    with store_errors(), engine.connect() as connection:
        return share_of(connection)


def share_of(connection: Connection) -> int:
    """The same of the database that a connection leads to."""
    return max(1, int(connection.execute(text(_LET_IN)).scalar_one() * SHARE))
