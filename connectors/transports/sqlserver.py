"""A department's database server: an engine that only reads, gives up in time, tries again, and says in the hub's words what failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import exc
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from connectors.connections import Connection, load_connection, variable
from connectors.connector import SqlConnector
from connectors.contract import Contract
from connectors.document import did_you_mean
from connectors.transports.sqlerrors import not_utf8, translated
from connectors.transports.sqltimes import keep_times_as_written
from hub.errors import ContractError, HubError, SettingsError, SourceFormatError, SourceLimitError, SourceUnavailable

_FETCH = 500
_SIZED = frozenset({str, bytes, memoryview})
_NESTED = frozenset({dict, list, tuple})  # jsonb and arrays
_A_NUMBER = 8  # bytes
_T = TypeVar("_T")


def usable_url(connection: Connection) -> sa.URL:
    """The address of a database whose driver is there; nobody is asked.

    Raises:
        SettingsError: it is none, of a database that no driver is there for, or a password's @ parts it.
    """
    setting = variable(connection.name)
    try:
        url = sa.make_url(connection.url)
        if sa.create_engine(url).dialect.is_async:
            raise exc.ArgumentError("a driver for asyncio")
    except (exc.ArgumentError, exc.NoSuchModuleError, ImportError, TypeError, ValueError):
        raise SettingsError(
            f"{setting} 不是可用的数据库地址 · {setting} is no database URL that can be used",
            remedy="写作 postgresql+psycopg2://user:password@host/database、mysql+pymysql://… 或 sqlite:////path · "
            "write postgresql+psycopg2://user:password@host/database, mysql+pymysql://… or sqlite:////path",
            setting=setting,
        ) from None
    if url.host and "@" in f"{url.host}/{url.database}":
        raise SettingsError(
            f"{setting} 的密码含有 @ · {setting} has an @ in its password",
            remedy="密码中的特殊字符写作 %40（@）、%2F（/）、%23（#） · "
            "write what is special in a password as %40 for @, %2F for /, %23 for #",
            setting=setting,
        )
    return url


class SqlServer:
    """A context manager; one connection at a time.

    Args:
        contract: with an SqlConnector.

    Raises:
        SettingsError: the connection is missing, or no database that SQLAlchemy knows.
        SourceUnavailable: a SQLite file that is not there.
    """

    def __init__(self, contract: Contract) -> None:
        connector = contract.connector
        assert isinstance(connector, SqlConnector)  # noqa: S101 - the sql transport alone makes one
        self._contract, self._connector = contract, connector
        self._deadline = 0.0
        self._keeps_bytes = False  # SQLite holds whatever it was given: decode what is no UTF-8 to lone surrogates, once some is met
        url = usable_url(load_connection(connector.connection, "sql"))
        self._check_file(url)
        self._engine = sa.create_engine(url, connect_args=self._connect_args(url), hide_parameters=True, pool_size=1, max_overflow=0)
        sa.event.listen(self._engine, "connect", self._on_connect)

    def __enter__(self) -> SqlServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._engine.dispose()

    def rows(self, statement: sa.Select[Any]) -> list[tuple[Any, ...]]:
        """All rows of a statement that is limited itself; tried again from the start where that can help."""
        return self._retrying(lambda: [row for chunk in self._run(statement, _FETCH) for row in chunk])

    def chunks(self, statement: sa.Select[Any], size: int) -> Iterator[list[tuple[Any, ...]]]:
        """Rows of a statement without a limit, a chunk at a time, none of them tried again."""
        try:
            yield from self._run(statement, size)
        except exc.DBAPIError as error:
            raise self._translated(error) from None
        except (ValueError, ArithmeticError):
            raise self._no_value() from None

    def columns(self, statement: sa.Select[Any], connector: SqlConnector) -> list[str]:
        """Column names of a statement.

        Raises:
            ContractError: its relation is not there; says which are.
        """

        def names() -> list[str]:
            with self._engine.connect() as connection:
                return list(connection.execute(statement).keys())

        try:
            return self._retrying(names)
        except SourceFormatError as error:
            if error.detail.get("missing") and connector.relation is not None:
                raise self._no_relation(connector.relation) from None
            raise

    def _run(self, statement: sa.Select[Any], size: int) -> Iterator[list[tuple[Any, ...]]]:
        self._deadline = time.monotonic() + self._connector.timeout_s
        limit, read = self._connector.max_response_bytes, 0
        with self._engine.connect() as connection:
            try:
                result = connection.execution_options(stream_results=True, max_row_buffer=_FETCH).execute(statement)
                while chunk := result.fetchmany(size):
                    read += sum([len(value) for row in chunk for value in row if type(value) in _SIZED])
                    read += sum([_size(value) for row in chunk for value in row if type(value) in _NESTED])
                    if read > limit:
                        raise self._too_long(limit)
                    yield [tuple([bytes(value) if type(value) is memoryview else value for value in row]) for row in chunk]
            except HubError:
                connection.invalidate()  # closing it in order would first read the rest
                raise

    def _retrying(self, action: Callable[[], _T]) -> _T:
        attempts = Retrying(
            stop=stop_after_attempt(self._connector.retries + 1),
            wait=wait_exponential_jitter(multiplier=0.2, max=10),
            retry=retry_if_exception_type(SourceUnavailable),
            reraise=True,
        )

        def once() -> _T:
            try:
                return action()
            except exc.DBAPIError as error:
                raise self._translated(error) from None
            except (ValueError, ArithmeticError):
                raise self._no_value() from None

        return attempts(once)

    def _translated(self, error: exc.DBAPIError) -> HubError:
        if not_utf8(error) and not self._keeps_bytes:
            self._keeps_bytes = True
            self._engine.dispose()
            return SourceUnavailable(
                f"{self._contract.department}: {self._engine.dialect.name} 数据库中有不是 UTF-8 的文本 · "
                f"the {self._engine.dialect.name} database holds text that is not UTF-8",
                remedy="请再拉取一次 · pull again",
                department=self._contract.department,
            )
        return translated(error, self._engine.dialect.name, self._contract.department, self._connector.timeout_s)

    def _no_relation(self, relation: str) -> ContractError:
        schema = relation.rpartition(".")[0] or None
        inspector = sa.inspect(self._engine)
        known = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
        names = tuple(f"{schema}.{name}" if schema else name for name in known)
        return ContractError(
            f"{self._contract.department}: 没有表或视图 {relation!r} · there is no relation {relation!r}",
            remedy=did_you_mean(relation, names)
            or "核对契约中的 relation:；名称区分大小写 · check relation: in the contract; names count upper and lower case",
            department=self._contract.department,
            allowed=list(names),
        )

    def _no_value(self) -> SourceFormatError:
        """The driver cannot make anything of a value, and its own words may quote it."""
        return SourceFormatError(
            f"{self._contract.department}: {self._engine.dialect.name} 数据库中有驱动程序无法读取的值 · "
            f"the {self._engine.dialect.name} database holds a value that its driver cannot read",
            remedy="日期超出范围？在 query: 中把该列转换为文本，或去掉该列 · "
            "a date out of range? in query:, cast such a column to text, or leave it out",
            department=self._contract.department,
        )

    def _too_long(self, limit: int) -> SourceLimitError:
        return SourceLimitError(
            f"{self._contract.department}: 一页超过 {limit} 字节 · a page is longer than {limit} bytes",
            remedy="减小 page_size，或提高契约中的 max_response_bytes · lower page_size, or raise max_response_bytes in the contract",
            department=self._contract.department,
            limit=limit,
        )

    def _check_file(self, url: sa.URL) -> None:
        """SQLite would make an empty database where there is none."""
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
            raise SourceUnavailable(
                f"{self._contract.department}: 数据库文件不存在 · the database file is not there",
                remedy="核对连接中的路径；来源是否在运行？ · check the path in the connection; is the source running?",
                department=self._contract.department,
            )

    def _connect_args(self, url: sa.URL) -> dict[str, Any]:
        seconds = self._connector.timeout_s
        if url.get_backend_name() == "postgresql":
            return {"connect_timeout": seconds, "keepalives": 1, "keepalives_idle": seconds, "tcp_user_timeout": 1000 * seconds}
        if url.get_backend_name() in ("mysql", "mariadb"):
            return {"connect_timeout": seconds, "read_timeout": seconds, "write_timeout": seconds}
        return {"timeout": seconds} if url.get_backend_name() == "sqlite" else {}

    def _on_connect(self, connection: Any, record: object) -> None:
        """Read only, times in a known zone, statements that end."""
        dialect, seconds = self._engine.dialect.name, self._connector.timeout_s
        if dialect == "postgresql" and self._engine.dialect.driver == "psycopg2":
            keep_times_as_written(connection)
        if dialect == "sqlite":
            if self._keeps_bytes:
                connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
            connection.set_progress_handler(lambda: int(time.monotonic() > self._deadline > 0), 10_000)
        statements = {
            "sqlite": ["PRAGMA query_only = on"],
            "postgresql": [f"SET statement_timeout = {1000 * seconds}", "SET TIME ZONE 'UTC'", "SET default_transaction_read_only = on"],
            "mysql": ["SET SESSION TRANSACTION READ ONLY", f"SET time_zone = '{_offset(self._contract.timezone)}'"],
        }
        cursor = connection.cursor()
        for statement in statements.get("mysql" if dialect == "mariadb" else dialect, []):
            cursor.execute(statement)
        cursor.close()
        connection.commit()


def _size(value: Any) -> int:
    """Characters and bytes in nested values, however deep."""
    size, waiting = 0, [value]
    while waiting:
        each = waiting.pop()
        kind = type(each)
        if kind is dict:
            waiting += each
            waiting += each.values()
        elif kind in _NESTED:
            waiting += each
        else:
            size += len(each) if kind in _SIZED else _A_NUMBER
    return size


def _offset(zone: str) -> str:
    """A zone's offset now, for MariaDB, which need not know zones by name."""
    text = datetime.now(ZoneInfo(zone)).strftime("%z")
    return f"{text[:3]}:{text[3:]}"
