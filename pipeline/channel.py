"""One transaction's way to the database, in a thread of its own: writing goes on while the next thing is worked out.

Everything runs in the order in which it was asked for. A read waits for its answer; a write does not, and what went
wrong with it is raised by the next call that waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar

import polars as pl
from sqlalchemy import Connection

from pipeline.copying import copy_in, cursor_of, read_frame

_T = TypeVar("_T")


class Channel:
    """Statements of one connection, one after another. Series of numbers or uuids are bound as PostgreSQL arrays."""

    def __init__(self, connection: Connection) -> None:
        self._cursor = cursor_of(connection)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._waiting: list[Future[Any]] = []

    def __enter__(self) -> Channel:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._thread.shutdown(wait=True, cancel_futures=error is not None)
        if error is None:
            self._raise_first()

    def read(self, sql: str, **params: object) -> pl.DataFrame:
        """What a query gives, once everything before it is done."""
        return self.ask(sql, **params)()

    def ask(self, sql: str, **params: object) -> Callable[[], pl.DataFrame]:
        """Start a query; calling what is returned waits for its answer."""
        bound = {name: _param(value) for name, value in params.items()}
        future = self._submit(lambda: read_frame(self._cursor, sql, bound, is_fixed=True))

        def answer() -> pl.DataFrame:
            self._raise_first(future)
            return future.result()

        return answer

    def run(self, sql: str, **params: object) -> None:
        """Start a statement."""
        bound = {name: _param(value) for name, value in params.items()}
        self._submit(lambda: self._cursor.execute(sql, bound or None))

    def copy(self, table: str, frame: pl.DataFrame) -> None:
        """Start to append a frame to a table; its columns have the table's names."""
        if frame.height:
            self._submit(lambda: copy_in(self._cursor, table, frame))

    def flush(self) -> None:
        """Wait until everything is done."""
        self._submit(lambda: None)
        self._raise_first()

    def _submit(self, work: Callable[[], _T]) -> Future[_T]:
        future = self._thread.submit(work)
        self._waiting.append(future)
        return future

    def _raise_first(self, last: Future[Any] | None = None) -> None:
        """Raise what went wrong first: a statement after a failed one only says that the transaction is over."""
        while self._waiting and (last is None or last in self._waiting):
            self._waiting.pop(0).result()


def _param(value: object) -> object:
    if not isinstance(value, pl.Series):
        return value
    return "{" + (value.cast(pl.String).str.join(",").item() or "") + "}"


def series(values: Iterable[int]) -> pl.Series:
    """Node ids as a column."""
    return pl.Series(list(values), dtype=pl.Int64)
