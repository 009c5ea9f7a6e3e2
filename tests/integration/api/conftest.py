"""Fixtures of the API's tests: one standing server whose store is emptied before each test, or a fresh one that may be broken."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete

from api.access import Rights
from api.change_waiting import ChangeWaiting
from api.export import running as exporting
from api.opaque import Position
from api.policy.logins import Logins
from api.policy.store import Policies
from api.state import reading_engine
from hub import postgres
from hub.database import make_engine
from hub.postgres import Server
from hub.settings import Settings
from schema.tables import change_counter, lookup, metadata, row_scope
from tests.integration.api.builders import Api, Store, running_api
from tests.integration.api.waiting import wait_for


@pytest.fixture(scope="session")
def standing(postgres_server: Server) -> Iterator[Api]:
    """An API that stands for the whole session, on a database of its own."""
    connection = postgres.connect(postgres_server, "postgres")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE standing TEMPLATE template_casehub STRATEGY FILE_COPY")
    connection.close()
    engine = make_engine(postgres_server.url("standing"))
    with running_api(engine) as running:
        yield running
    engine.dispose()


@pytest.fixture
def api(standing: Api) -> Iterator[Api]:
    """A running API on an empty store, asked without a key; `api.as_(role, department)` has one."""
    assert wait_for(exporting._running.total, 0)  # an export that nobody reads any more writes its end down
    with standing.store.engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")  # triggers keep the audit log from being emptied
        connection.execute(delete(lookup))  # before the log: whoever works at a look-up holds it until what he writes there is committed
        emptied = [table for table in metadata.sorted_tables if table not in (change_counter, row_scope)]  # logins stand as the server does
        connection.exec_driver_sql("; ".join(f"DELETE FROM {table.fullname}" for table in emptied))
    yield standing
    standing.close_others()


@pytest.fixture
def store(api: Api) -> Store:
    """What is under it."""
    return api.store


@pytest.fixture
def fragile_api(database: Engine) -> Iterator[Api]:
    """A running API on a store of this test's own, to be broken."""
    with running_api(database) as running:
        yield running


@pytest.fixture
def logins(database: Engine, tmp_path: Path) -> Iterator[Logins]:
    """Logins of departments on a store of this test's own."""
    made = Logins(database, Settings(home=tmp_path), lambda url: reading_engine(url, 1))
    yield made
    made.dispose()


@pytest.fixture
def treat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give every caller other rights than the policy does."""

    def give(**rights: Any) -> None:
        real = Policies.current

        class Changed:
            def __init__(self, policy: Any) -> None:
                self._policy = policy

            def __getattr__(self, name: str) -> Any:
                return getattr(self._policy, name)

            def rights(self, department: str | None, role: str) -> Rights:
                return dataclasses.replace(self._policy.rights(department, role), **rights)

        monkeypatch.setattr(Policies, "known", lambda _: None)
        monkeypatch.setattr(Policies, "current", lambda policies: Changed(real(policies)))

    yield give


@pytest.fixture
def endless(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports that never come to their end by themselves."""
    store.case(store.record("petition", "XF-1", title="噪音" * 500))
    honest = exporting.rows

    def repeated(*arguments: Any) -> Iterator[Any]:
        (part,) = honest(*arguments)
        while True:
            yield part * 200

    monkeypatch.setattr(exporting, "rows", repeated)


@pytest.fixture
def waiters(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many wait for a change at this moment."""
    inside: set[object] = set()
    real = ChangeWaiting.beyond

    async def counted(places: ChangeWaiting, seen: Position, timeout_s: float) -> bool:
        one = object()
        inside.add(one)
        try:
            return await real(places, seen, timeout_s)
        finally:
            inside.discard(one)

    monkeypatch.setattr(ChangeWaiting, "beyond", counted)
    return lambda: len(inside)
