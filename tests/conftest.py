"""Shared fixtures: one embedded PostgreSQL a test process, one fresh migrated database a test."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import Engine

from hub import postgres
from hub.database import make_engine
from hub.encryption import using
from hub.migrations import migrate
from hub.postgres import Server
from hub.settings import Settings
from hub.threads import hand_over_quickly
from tests.copies import Copies, copies
from tests.in_memory import memory
from tests.integration.encryption.builders import ring

# A property holds or does not; how long one example takes says how busy the machine is.
hypothesis.settings.register_profile("hub", deadline=None)
hypothesis.settings.load_profile("hub")
# Files that take longest, the longest first: begun last, one would hold its worker while the others have nothing left to do.
_LONGEST = (
    "test_demo_killed.py",
    "test_same_answers.py",
    "test_specification.py",
    "test_resolve_order.py",
    "test_related.py",
    "test_repeats.py",
    "test_changes_in_order.py",
    "test_resolve_numbers.py",
    "test_resolve.py",
    "test_as_of.py",
    "test_systems_ticks.py",
    "test_webhooks.py",
    "test_export.py",
    "test_lookups.py",
    "test_postgres.py",
    "test_decisions_carried_over.py",
    "test_bulk_store.py",
    "test_linkage.py",
    "test_model_draft.py",
)
# Of a server that holds nothing for long. A password is hashed once instead of 4,096 times, by the client at each of thousands of log-ins.
_QUICK = {"fsync": "off", "full_page_writes": "off", "shared_buffers": "256MB", "scram_iterations": "1"}


def pytest_collectstart() -> None:
    """Let no round of the garbage collector go over modules and tests while they come: all of them stay."""
    gc.disable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest; within a file, and of all others, the order stays."""
    place = {name: number for number, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))


def pytest_collection_finish() -> None:
    """Let no round of the garbage collector go over modules and thousands of tests, and threads take turns, as in the hub's processes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)
    gc.enable()
    hand_over_quickly()


@pytest.fixture(scope="session", autouse=True)
def published_heads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Where commands and servers that a test starts publish the audit chain's heads: not in the working folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CASEHUB_AUDIT_HEAD", str(tmp_path_factory.mktemp("heads") / "audit-head.jsonl"))
        yield


@pytest.fixture(scope="session", autouse=True)
def keys() -> Iterator[None]:
    """`CASEHUB_TEST_ENCRYPTED=1`: tests run on encrypted stores."""
    with using(ring() if os.environ.get("CASEHUB_TEST_ENCRYPTED") else None):
        yield


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An embedded server of this test process's own, with a migrated template database.

    It does not wait for the disk, which each test's own database would make it do: no test ends the machine. Each such database is
    copied, and all buffers are looked through when it comes and when it goes: they are few, and it lies in memory where there is room.
    """
    home = _in_memory() or tmp_path_factory.mktemp("home")
    with contextlib.ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in _QUICK.items():
                patch.setitem(postgres.SERVER_OPTIONS, name, value)
            server = stack.enter_context(postgres.running(Settings(home=home, postgres_port=0)))
        _run(server, f"ALTER ROLE casehub PASSWORD '{server.password}'")  # hashed anew, in as many rounds as it now says
        _run(server, "CREATE DATABASE template_casehub")
        engine = make_engine(server.url("template_casehub"))
        migrate(engine)
        engine.dispose()
        yield server
    shutil.rmtree(postgres.folder_of(home))  # for root it may be outside of pytest's own folder
    shutil.rmtree(home, ignore_errors=True)


def _in_memory() -> Path | None:
    """A new folder in shared memory, or None where there is no room."""
    if (room := memory()) is None:
        return None
    home = Path(tempfile.mkdtemp(prefix="casehub-test-", dir=room))
    home.chmod(0o755)  # the server's unprivileged user must be able to enter
    return home


@pytest.fixture(scope="session")
def fresh(postgres_server: Server) -> Iterator[Copies]:
    """Copies of the migrated template."""
    with copies(postgres_server, "template_casehub") as found:
        yield found


@pytest.fixture
def database_url(postgres_server: Server, fresh: Copies) -> Iterator[str]:
    """URL of a fresh database with the schema in it, dropped afterwards."""
    name = fresh.take()
    yield postgres_server.url(name).render_as_string(hide_password=False)
    fresh.drop(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Engine]:
    """An engine on a fresh migrated store."""
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def common_database(postgres_server: Server, fresh: Copies) -> Iterator[Engine]:
    """An engine on a fresh migrated store for all tests of a file that only read what was written once."""
    name = fresh.take()
    engine = make_engine(postgres_server.url(name))
    yield engine
    engine.dispose()
    fresh.drop(name)


def _run(server: Server, statement: str) -> None:
    connection = postgres.connect(server, "postgres")
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()
