"""SQL: a relation or a query of any database that SQLAlchemy reaches, in keyset pages.

A page begins where the last one ended, by cursor and key (by key alone in a snapshot or a sweep), with a LIMIT at the server and
never an OFFSET. The boundary row is read again and told apart by content, so that rows which share cursor and key are not lost
between two pages. Rows without a key come before the others, which move the watermark: then nobody would ask for them again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import quoted_name
from sqlalchemy.sql.selectable import FromClause

from connectors.connector import SqlConnector
from connectors.contract import Contract
from connectors.document import did_you_mean
from connectors.feed import CursorFeed
from connectors.pages import Page, Paginator
from connectors.paths import nested_columns, open_nested
from connectors.transports.sqlcursor import bound_since
from connectors.transports.sqlserver import SqlServer
from hub.errors import ContractError, SourceFormatError
from hub.wording import Words

_SAMPLE = 20


@dataclass(frozen=True)
class _Source:
    """The relation with the columns that matter."""

    contract: Contract
    server: SqlServer
    relation: FromClause
    columns: tuple[str, ...]
    nested: frozenset[str]

    @property
    def connector(self) -> SqlConnector:
        connector = self.contract.connector
        assert isinstance(connector, SqlConnector)  # noqa: S101 - extract() chose this transport by the kind
        return connector

    def column(self, name: str) -> sa.ColumnElement[Any]:
        return self.relation.c[name]

    def key_columns(self) -> list[sa.ColumnElement[Any]]:
        return [self.column(name) for name in self.contract.key]

    def has_key(self) -> sa.ColumnElement[bool]:
        return sa.and_(*(key.is_not(None) for key in self.key_columns()))

    def select(self, *where: sa.ColumnElement[bool]) -> sa.Select[Any]:
        return sa.select(*(self.column(name) for name in self.columns)).where(*where)


def pages(contract: Contract, since: str | None, paginator: Paginator, *, sweep: bool = False) -> Iterator[Page]:
    """Every page of the source.

    Args:
        contract: with an SqlConnector.
        since: a time, integer or text as Pull renders it; rows below are not asked for.
        paginator: makes the pages.
        sweep: everything again, by key.

    Raises:
        ContractError: relation, key or cursor is not there; says what is.
        SourceUnavailable: the database is down, or a statement took too long.
        SourceRefused: it does not let these credentials in.
        SourceFormatError: the cursor's values cannot be compared.
        SourceLimitError: a page is larger than max_response_bytes.
    """
    with SqlServer(contract) as server:
        source = _open(contract, server)
        keyed = _keyed(source, since, sweep)
        first = next(keyed, None)
        for rows in _stream(source, _keyless(source, since, sweep)):
            yield paginator.page(rows, columns=source.columns, is_aside=first is not None)
        for rows in keyed if first is None else chain([first], keyed):
            yield paginator.page(rows, columns=source.columns)
        yield paginator.page([], complete=True, columns=source.columns)


def _keyed(source: _Source, since: str | None, sweep: bool) -> Iterator[list[dict[str, Any]]]:
    feed, has_key = source.contract.feed, source.has_key()
    if not isinstance(feed, CursorFeed) or sweep:
        yield from _keyset(source, source.key_columns(), [has_key])
        return
    cursor = source.column(feed.field)
    if since is None:  # rows without a cursor are found from the beginning and by sweeps alone: they would come with every pull
        yield from _keyset(source, source.key_columns(), [has_key, cursor.is_(None)])
    yield from _keyset(source, [cursor, *source.key_columns()], [has_key, cursor.is_not(None), *_not_older(source, cursor, since)])


def _keyless(source: _Source, since: str | None, sweep: bool) -> sa.Select[Any]:
    feed, newer = source.contract.feed, []
    if isinstance(feed, CursorFeed) and not sweep:
        newer = _not_older(source, source.column(feed.field), since)
    return source.select(sa.not_(source.has_key()), *newer)


def _not_older(source: _Source, cursor: sa.ColumnElement[Any], since: str | None) -> list[sa.ColumnElement[bool]]:
    return [] if since is None else [cursor >= bound_since(_sample(source, cursor), since, source.contract)]


def _keyset(source: _Source, order: Sequence[sa.ColumnElement[Any]], where: list[sa.ColumnElement[bool]]) -> Iterator[list[dict[str, Any]]]:
    """Pages in the order of some columns, none of them null."""
    size, names = source.connector.page_size, [str(column.key) for column in order]
    last: tuple[Any, ...] | None = None
    ties: list[bytes] = []
    while True:
        after = [_not_before(order, last)] if last is not None else []
        statement = source.select(*where, *after).order_by(*order).limit(size + len(ties))
        rows = source.server.rows(statement)
        fresh = _without(rows, ties)
        if fresh:
            yield [_row(source, row) for row in fresh]
        if len(rows) < size + len(ties):
            return
        positions = [source.columns.index(name) for name in names]
        boundary = tuple(rows[-1][position] for position in positions)
        ties = [_content(row) for row in rows if tuple(row[position] for position in positions) == boundary]
        if len(ties) >= 2 * size:
            raise SourceFormatError(
                f"{source.contract.department}: 超过 {size} 行的 {'、'.join(names)} 取同一个值 · "
                f"more than {size} rows share one value of {', '.join(names)}",
                remedy="在契约的 key: 中写能区分各行的列，或增大 page_size · "
                "name a key: in the contract that tells rows apart, or raise page_size",
                department=source.contract.department,
            )
        last = boundary


def _not_before(order: Sequence[sa.ColumnElement[Any]], last: tuple[Any, ...]) -> sa.ColumnElement[bool]:
    """(a, b, …) >= last, written out: row values are slow on MariaDB and unknown to some others."""
    column, value = order[0], last[0]
    from_here: sa.ColumnElement[bool] = column >= value
    if len(order) == 1:
        return from_here
    return sa.and_(from_here, sa.or_(column > value, sa.and_(column == value, _not_before(order[1:], last[1:]))))


def _without(rows: list[tuple[Any, ...]], ties: list[bytes]) -> list[tuple[Any, ...]]:
    """Rows that were not handed on already, each as often as it comes."""
    if not ties:
        return rows
    waiting = list(ties)
    fresh = []
    for row in rows:
        content = _content(row) if waiting else b""
        if content in waiting:
            waiting.remove(content)
        else:
            fresh.append(row)
    return fresh


def _content(row: tuple[Any, ...]) -> bytes:
    return repr(row).encode("utf-8", "surrogatepass")


def _stream(source: _Source, statement: sa.Select[Any]) -> Iterator[list[dict[str, Any]]]:
    """Rows that no keyset reaches, in one statement."""
    for rows in source.server.chunks(statement, source.connector.page_size):
        yield [_row(source, row) for row in rows]


def _row(source: _Source, values: Sequence[Any]) -> dict[str, Any]:
    row = dict(zip(source.columns, values, strict=True))
    return open_nested(row, source.nested) if source.nested else row


def _sample(source: _Source, cursor: sa.ColumnElement[Any]) -> list[Any]:
    """A few values of the cursor, to see of what type it is and how it is written."""
    return [row[0] for row in source.server.rows(sa.select(cursor).where(cursor.is_not(None)).limit(_SAMPLE))]


def _open(contract: Contract, server: SqlServer) -> _Source:
    connector = contract.connector
    assert isinstance(connector, SqlConnector)  # noqa: S101 - extract() chose this transport by the kind
    relation = _relation(connector, server, ())
    nothing = sa.literal_column("0") == sa.literal_column("1")
    columns = server.columns(sa.select(sa.text("*")).select_from(relation).where(nothing), connector)
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise ContractError(
            f"{contract.department}: query 中 {'、'.join(twice)} 重名 · the query names {', '.join(twice)} twice",
            remedy="用 AS 给每列单独命名 · give each column a name of its own with AS",
        )
    needed = [*contract.key, *([contract.feed.field] if isinstance(contract.feed, CursorFeed) else [])]
    for name in needed:
        if name not in columns:
            what = Words("主键列", "key") if name in contract.key else Words("游标列", "cursor")
            raise ContractError(
                f"{contract.department}: 没有{what.zh} {name!r}；现有列 {', '.join(columns)} · "
                f"the {what.en} column {name!r} does not exist; columns are {', '.join(columns)}",
                remedy=did_you_mean(name, columns) or "更正契约 · correct the contract",
                department=contract.department,
                field=name,
                allowed=list(columns),
            )
    return _Source(contract, server, _relation(connector, server, columns), tuple(columns), nested_columns(contract))


def _relation(connector: SqlConnector, server: SqlServer, columns: Sequence[str]) -> FromClause:
    """The relation under its exact name: Oracle-style upper case, Chinese, anything."""
    named: list[sa.ColumnClause[Any]] = [sa.column(quoted_name(name, quote=True)) for name in columns]
    if connector.query is not None:
        query = connector.query.replace(":", "\\:")  # nothing in a contract's query is a parameter
        if not columns:
            return sa.text(query).columns().subquery("q")
        return sa.text(query).columns(*named).subquery("q")
    schema, _, name = (connector.relation or "").rpartition(".")
    return sa.table(quoted_name(name, quote=True), *named, schema=quoted_name(schema, quote=True) if schema else None)
