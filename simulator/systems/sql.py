"""Departments' databases: SQLite files, or MariaDB and PostgreSQL where a URL is given."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import polars as pl

if TYPE_CHECKING:
    from sqlalchemy import Engine

INSERT_ROWS = 5_000


@dataclass(frozen=True)
class Table:
    """One table of a department: columns with their SQL types, and which column names the row."""

    name: str
    columns: dict[str, str]
    key: str
    indexes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """A department's tables and views. Nothing is declared unique: garbage rows have no key."""

    tables: tuple[Table, ...]
    views: tuple[str, ...] = ()  # CREATE VIEW statements
    drop_views: tuple[str, ...] = field(default=())


class Database(Protocol):
    """Where a department's tables live."""

    url: str

    def create(self, layout: Layout) -> None:
        """Make the tables, empty."""

    def put(self, table: Table, rows: pl.DataFrame, gone: Sequence[str]) -> None:
        """Insert rows in place of those with the same key, and delete those that are gone."""

    def stop(self) -> None:
        """Let go of the database."""


class SqliteDatabase:
    """A SQLite file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self._path = path
        self.url = f"sqlite:///{path}"

    def create(self, layout: Layout) -> None:
        """Make the tables, empty."""
        with _open(self._path) as connection:
            connection.execute("pragma journal_mode = wal")
            for statement in _ddl(layout):
                connection.execute(statement)

    def put(self, table: Table, rows: pl.DataFrame, gone: Sequence[str]) -> None:
        """Insert rows in place of those with the same key, and delete those that are gone."""
        names = ", ".join(f'"{name}"' for name in table.columns)
        marks = ", ".join("?" for _ in table.columns)
        former = [*rows[table.key].drop_nulls().to_list(), *gone]
        with _open(self._path) as connection:
            connection.executemany(f'delete from "{table.name}" where "{table.key}" = ?', ((key,) for key in former))  # own names
            connection.executemany(
                f'insert into "{table.name}" ({names}) values ({marks})',  # own names
                rows.select(table.columns.keys()).iter_rows(),
            )

    def stop(self) -> None:
        """Nothing is held open."""


class ServerDatabase:
    """MariaDB or PostgreSQL by its SQLAlchemy URL.

    Args:
        url: the database to write to.
        schema: on PostgreSQL, a schema of this name is made and is the search path of the URL handed to the hub.
    """

    def __init__(self, url: str, schema: str) -> None:
        import sqlalchemy

        self._is_postgres = url.startswith("postgresql")
        self._engine: Engine = sqlalchemy.create_engine(url)
        if self._is_postgres:
            with self._engine.begin() as connection:
                connection.exec_driver_sql(f'drop schema if exists "{schema}" cascade')
                connection.exec_driver_sql(f'create schema "{schema}"')
            self._engine.dispose()
            in_schema = sqlalchemy.make_url(url).update_query_dict({"options": f"-csearch_path={schema}"})
            self._engine = sqlalchemy.create_engine(in_schema)
        self.url = self._engine.url.render_as_string(hide_password=False)

    def create(self, layout: Layout) -> None:
        """Make the tables, empty; former ones go."""
        quote, ending = ('"', "") if self._is_postgres else ("`", " character set utf8mb4")
        with self._engine.begin() as connection:
            for name in layout.drop_views:
                connection.exec_driver_sql(f"drop view if exists {quote}{name}{quote}")
            for table in layout.tables:
                connection.exec_driver_sql(f"drop table if exists {quote}{table.name}{quote}")
            for statement in _ddl(layout, quote, ending):
                connection.exec_driver_sql(statement)

    def put(self, table: Table, rows: pl.DataFrame, gone: Sequence[str]) -> None:
        """Insert rows in place of those with the same key, and delete those that are gone."""
        import sqlalchemy

        target = sqlalchemy.table(table.name, *(sqlalchemy.column(name) for name in table.columns))
        former = [*rows[table.key].drop_nulls().to_list(), *gone]
        with self._engine.begin() as connection:
            for start in range(0, len(former), INSERT_ROWS):
                keys = former[start : start + INSERT_ROWS]
                connection.execute(target.delete().where(target.c[table.key].in_(keys)))
            for chunk in rows.select(table.columns.keys()).iter_slices(INSERT_ROWS):
                if chunk.height:
                    connection.execute(target.insert(), chunk.to_dicts())

    def stop(self) -> None:
        """Close the connections."""
        self._engine.dispose()


class _open:
    """A SQLite connection that commits and closes."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, timeout=30)
        self._connection.execute("pragma synchronous = off")

    def __enter__(self) -> sqlite3.Connection:
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self._connection.commit()
        self._connection.close()


def _ddl(layout: Layout, quote: str = '"', ending: str = "") -> list[str]:
    statements = []
    for table in layout.tables:
        columns = ", ".join(f"{quote}{name}{quote} {kind}" for name, kind in table.columns.items())
        statements.append(f"create table {quote}{table.name}{quote} ({columns}){ending}")
        for number, column in enumerate((table.key, *table.indexes)):
            statements.append(f"create index {quote}{table.name}_i{number}{quote} on {quote}{table.name}{quote} ({quote}{column}{quote})")
    return [*statements, *layout.views]
