"""Statements that are planned once a connection."""

from __future__ import annotations

import uuid

import psycopg2.errors
import pytest
from sqlalchemy import Engine, text

from pipeline.store import prepared
from pipeline.store.prepared import Prepared, run

_KNOWN = text("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'hub_%'")


def test_a_statement_is_prepared_once_and_takes_any_values(database: Engine) -> None:
    statement = "SELECT :a || '%' AS said, '12:30'::time::text AS at, :a AS again, :n::int + 1 AS next"
    with database.connect() as connection:
        for a, n in (("x", 1), ("it's %s; DROP TABLE x", 2)):
            assert run(connection, statement, {"a": a, "n": n, "other": 0}) == [
                {"said": f"{a}%", "at": "12:30:00", "again": a, "next": n + 1}
            ]
        assert connection.execute(_KNOWN).scalar_one() == 1


def test_types_may_be_told(database: Engine) -> None:
    ids = [uuid.uuid4(), uuid.uuid4()]
    with database.connect() as connection:
        asked = Prepared("SELECT count(*) AS n FROM unnest(:ids) AS t (id) WHERE :none IS NULL", {"ids": "uuid[]", "none": "text"})
        assert asked.rows(connection, ids=ids, none=None) == [{"n": 2}]
        assert asked.rows(connection, ids=[], none=None) == [{"n": 0}]


def test_it_outlives_a_transaction_that_failed(database: Engine) -> None:
    with database.connect() as connection:
        with pytest.raises(psycopg2.errors.DivisionByZero):
            run(connection, "SELECT 1 / :n::int AS one", {"n": 0})
        connection.rollback()
        assert run(connection, "SELECT 1 / :n::int AS one", {"n": 1}) == [{"one": 1}]


def test_a_connection_keeps_no_more_than_it_may(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "KEPT", 3)
    with database.connect() as connection:
        for n in (0, 1, 2, 0, 3):  # 0 is run again, and so 1 makes room
            assert run(connection, f"SELECT {n} AS n", {}) == [{"n": n}]
        kept = connection.execute(text("SELECT statement FROM pg_prepared_statements WHERE name LIKE 'hub_%'")).scalars()
        assert sorted(statement[-6:] for statement in kept) == ["0 AS n", "2 AS n", "3 AS n"]
        assert run(connection, "SELECT 1 AS n", {}) == [{"n": 1}]
