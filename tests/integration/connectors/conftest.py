"""One PostgreSQL database that stands for a department's, emptied for each test: making a new one takes longer than the tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from hub import postgres
from hub.postgres import Server


@pytest.fixture(scope="session")
def department_url(postgres_server: Server) -> Iterator[str]:
    """URL of a database that is no hub's."""
    connection = postgres.connect(postgres_server, "postgres")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE department STRATEGY FILE_COPY")
        yield postgres_server.url("department").render_as_string(hide_password=False)
        cursor.execute("DROP DATABASE department WITH (FORCE)")
    connection.close()


@pytest.fixture
def postgres_url(department_url: str) -> str:
    """The same, empty."""
    engine = sa.create_engine(department_url)
    with engine.begin() as connection:
        connection.exec_driver_sql('DROP SCHEMA IF EXISTS "Lab" CASCADE; DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public')
    engine.dispose()
    return department_url
