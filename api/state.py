"""What one running API holds, and how a request reaches it."""

from __future__ import annotations

import contextlib
import select
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import cast

import psycopg2
from fastapi import Request
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from api.access import Caller
from api.authentication.limits import CallerLimits
from api.departments import Directory
from api.policy.grants import Grants
from api.policy.logins import Logins
from api.policy.places import KeptPool
from api.policy.store import Policies
from api.ring_check import RingCheck
from api.trace import Trace
from hub.database import STATEMENT_TIMEOUT_S, store_errors
from hub.migrations import newest_revision
from hub.settings import Settings

__all__ = ["Hub", "Trace", "hub_of", "reading_engine", "trace_of"]

# Every statement looks a few rows up by index; behind row security the planner takes a handful for thousands, and would read whole tables.
# One plan of a prepared statement serves every value: see pipeline/store/prepared.py.
PLAN = "-c enable_hashjoin=off -c enable_mergejoin=off -c enable_seqscan=off -c plan_cache_mode=force_generic_plan"
# Connections that each department's login may have, of those that all share (api/policy/places.py). All are kept, for a new one plans
# every statement anew: with six kept of ten a mixed load made two a second. The one given back last is taken first, and the database ends
# those that a burst left behind.
POOL_SIZE = 10
IDLE_SESSION = "5min"
IDLE_S = 1.0  # after which a connection is not taken for alive; a database starts no sooner than that
CHECKERS = 4  # connections by which callers and their rights are looked up and readiness is told, which no answer's work takes
POOL_TIMEOUT_S = 3  # a caller who cannot have a connection by then is told to come back


@dataclass(frozen=True)
class Hub:
    """What the routes work with."""

    settings: Settings
    engine: Engine  # writes: the inbox, the audit, and what callers hand in
    reading: Engine
    checking: Engine
    logins: Logins
    policies: Policies
    grants: Grants
    ring: RingCheck
    directory: Directory
    revision: str  # of the schema that this version works on
    limits: CallerLimits = field(default_factory=CallerLimits)

    def close(self) -> None:
        """Close every connection but the engine's, which is the caller's."""
        self.reading.dispose()
        self.checking.dispose()
        self.logins.dispose()

    @contextlib.contextmanager
    def read(self, caller: Caller | None = None, *, is_opened: bool = False) -> Iterator[Connection]:
        """A connection on which one moment of the store is seen and nothing can be written.

        Args:
            caller: whose login reads, so that row security holds; None where nothing of a record is read.
            is_opened: it is known that something was opened to him, be it a moment ago.

        Raises:
            StoreUnavailable: the database cannot be reached.
            StoreError: it refused a statement, or gave it up after `STATEMENT_TIMEOUT_S`.
        """
        engine = self.reading if caller is None else self.logins.engine(caller)
        with store_errors(), engine.connect() as connection:
            if caller is not None and (is_opened or self.grants.holds(caller)):  # row security looks for what was opened to this name
                connection.execute(text("SELECT set_config('casehub.caller', :name, true)"), {"name": caller.name})
            yield connection

    @contextlib.contextmanager
    def check(self) -> Iterator[Connection]:
        """A connection by which to look up who somebody is, or whether the store is there: however busy `read`'s are, it can be had.

        Raises:
            StoreUnavailable: the database cannot be reached.
        """
        with store_errors(), self.checking.connect() as connection:
            yield connection


def hub_of(request: Request) -> Hub:
    """The hub that this application serves."""
    return cast(Hub, request.app.state.hub)


def trace_of(request: Request) -> Trace:
    """This request's trace."""
    return cast(Trace, request.state.trace)


def make_hub(settings: Settings, engine: Engine, directory: Directory) -> Hub:
    """A hub on a store; `close` gives back what it opens."""
    logins = Logins(engine, settings, reading_engine)
    reading, checking = reading_engine(engine.url), reading_engine(engine.url, CHECKERS)
    policies, grants = Policies(checking), Grants(checking)
    return Hub(settings, engine, reading, checking, logins, policies, grants, RingCheck(engine, checking), directory, newest_revision())


def reading_engine(url: URL, pool_size: int = POOL_SIZE) -> Engine:
    """An engine on the store that cannot write, sees one moment a request, and gives a statement up after five seconds."""
    options = (
        f"-c timezone=UTC -c statement_timeout={STATEMENT_TIMEOUT_S}s -c default_transaction_read_only=on -c application_name=casehub-api "
        f"-c idle_session_timeout={IDLE_SESSION} {PLAN}"
    )
    engine = create_engine(
        url,
        hide_parameters=True,
        poolclass=KeptPool,
        pool_size=pool_size,
        max_overflow=0,
        pool_use_lifo=True,
        pool_timeout=POOL_TIMEOUT_S,
        isolation_level="REPEATABLE READ",
        connect_args={"options": options, "connect_timeout": 10},
    )
    event.listen(engine, "checkin", _note_return)
    event.listen(engine, "checkout", partial(_ping_if_idle, engine))
    return engine


def _note_return(_: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
    record.info["returned_at"] = time.monotonic()


def _ping_if_idle(engine: Engine, driver: DBAPIConnection, record: ConnectionPoolEntry, _: PoolProxiedConnection) -> None:
    """Ask a connection for a sign of life that nobody used for a while, or on which something came that nobody asked for: its end, most
    likely. Before each use that would cost 0.4 ms a request.

    Raises:
        DisconnectionError: there is none: the pool takes another.
    """
    is_idle = time.monotonic() - record.info.get("returned_at", time.monotonic()) > IDLE_S
    if not is_idle and not select.select([driver], [], [], 0)[0]:  # type: ignore[type-var] # psycopg2's has a fileno
        return
    try:
        engine.dialect.do_ping(driver)
    except psycopg2.Error as error:
        raise DisconnectionError from error
