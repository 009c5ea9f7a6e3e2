"""Statements that a connection plans once: for questions asked again and again, planning is most of what they cost.

A statement is prepared on each of the pool's connections when that one first runs it. Row security holds as ever: a connection is one
login's, and PostgreSQL plans anew when the role is another.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import psycopg2
import xxhash
from psycopg2.extensions import connection as PsycopgConnection
from sqlalchemy import Connection

KEPT = 200  # statements that a connection keeps: each shape of a question is one

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)\b")


@dataclass(frozen=True)
class Prepared:
    """A statement with named parameters.

    Args:
        sql: one statement that gives rows, `:name` for each parameter; it holds no values of its own.
        types: parameter → its PostgreSQL type.
    """

    sql: str
    types: Mapping[str, str] = field(hash=False, default_factory=dict)

    def rows(self, connection: Connection, **values: Any) -> list[dict[str, Any]]:
        """All rows, for these values."""
        return run(connection, self.sql, values, self.types)


def run(connection: Connection, sql: str, values: Mapping[str, Any], types: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """All rows of a statement.

    Args:
        connection: of a login; the statement is prepared on it.
        sql: one statement that gives rows, with `:name` for each value, of one type wherever it stands.
        values: by name; others than the statement's are left aside.
        types: parameter → its PostgreSQL type; None leaves them to be read from where they stand.
    """
    columns, rows = run_tuples(connection, sql, values, types)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def run_tuples(
    connection: Connection, sql: str, values: Mapping[str, Any], types: Mapping[str, str] | None = None
) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """The same: the names of the columns, and the rows as they come."""
    names, marks = _shape(sql, None if types is None else tuple(types.items()))
    call = f"EXECUTE {_ready(connection, sql, names, types)}{f' ({marks})' if marks else ''}"
    return send(connection, call, {name: values[name] for name in names})


def send(connection: Connection, call: str, values: Mapping[str, Any]) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Columns and rows of a call, past SQLAlchemy, which takes 0.1 ms a statement: as long as most of them take."""
    if not connection.in_transaction():
        connection.begin()  # as any statement of SQLAlchemy's does, so that its rollback is one
    driver: PsycopgConnection = connection.connection.dbapi_connection  # type: ignore[assignment] # it says no more than what every driver has
    try:
        with driver.cursor() as cursor:
            cursor.execute(call, values)
            return tuple(column.name for column in cursor.description or ()), cursor.fetchall()
    except psycopg2.Error:
        if driver.closed:  # the pool is to forget it
            connection.invalidate()
        raise


@lru_cache(2 * KEPT)
def _shape(sql: str, types: tuple[tuple[str, str], ...] | None) -> tuple[list[str], str]:
    """A statement's parameters, and the marks that stand for them in a call."""
    kinds = dict(types or ())
    names = list(kinds) if types is not None else list(dict.fromkeys(_PARAMETER.findall(sql)))
    return names, ", ".join(f"%({name})s{f'::{kinds[name]}' if kinds else ''}" for name in names)


def _ready(connection: Connection, sql: str, names: list[str], types: Mapping[str, str] | None) -> str:
    """The name under which the connection knows the statement; the one that it did not run for longest makes room."""
    known: OrderedDict[str, str] = connection.info.setdefault("prepared", OrderedDict())
    if sql in known:
        known.move_to_end(sql)
        return known[sql]
    places = {name: f"${place}" for place, name in enumerate(names, 1)}
    body = _PARAMETER.sub(lambda found: places[found[1]], sql).replace("%", "%%")
    name = f"hub_{xxhash.xxh3_64_hexdigest(sql.encode())}"
    kinds = f" ({', '.join(types.values())})" if types else ""
    connection.exec_driver_sql(f"PREPARE {name}{kinds} AS {body}")
    known[sql] = name
    while len(known) > KEPT:
        connection.exec_driver_sql(f"DEALLOCATE {known.popitem(last=False)[1]}")
    return name
