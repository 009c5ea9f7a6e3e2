"""Two empty stores of one server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from sqlalchemy import Engine

from hub import postgres
from hub.database import make_engine
from hub.postgres import Server


@pytest.fixture
def two_stores(postgres_server: Server) -> Iterator[tuple[Engine, Engine]]:
    """One to be left in the clear, one to be encrypted."""
    with ExitStack() as stack:
        yield stack.enter_context(_store(postgres_server)), stack.enter_context(_store(postgres_server))


@contextmanager
def _store(server: Server) -> Iterator[Engine]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    _run(server, f'CREATE DATABASE "{name}" TEMPLATE template_casehub STRATEGY FILE_COPY')
    engine = make_engine(server.url(name))
    yield engine
    engine.dispose()
    _run(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _run(server: Server, statement: str) -> None:
    connection = postgres.connect(server, "postgres")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()
