"""One transaction's way to the database, in a thread of its own: writing goes on while the next thing is worked out.

What is asked for runs in the order of asking; a read waits for its answer, a write does not. What is put off, because
nothing in the transaction reads it again, runs in its own order whenever there is nothing else to do. Several threads may
ask; after a failure whoever waits is told of that one, and nothing more is done.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Any, TypeAlias, TypeVar

import polars as pl
from sqlalchemy import Connection

from pipeline.store.copying import Text, copy_text, cursor_of, in_array, numbers_of, read_text, texts_of

_T = TypeVar("_T")
#: Rows of what is put off that are copied at once.
PART = 2000
_Work: TypeAlias = tuple["Future[Any]", Callable[[], Any]]


class Channel:
    """Statements of one connection, one after another. Series are bound as PostgreSQL arrays, which are soon read.

    Args:
        connection: whose transaction all of it is part of; nobody else may use it meanwhile.
    """

    def __init__(self, connection: Connection) -> None:
        self._cursor = cursor_of(connection)
        self._there_is_work = threading.Condition()
        self._next: deque[_Work] = deque()
        self._put_off: deque[_Work] = deque()
        self._failure: BaseException | None = None
        self._is_open = True
        self._thread = threading.Thread(target=self._serve, name="store", daemon=True)
        self._thread.start()

    def __enter__(self) -> Channel:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._there_is_work:
            self._is_open = False
            if error is not None:
                self._failure = self._failure or error
            self._there_is_work.notify()
        self._thread.join()
        if error is None and self._failure is not None:
            raise self._failure

    def read(self, sql: str, **params: object) -> pl.DataFrame:
        """What a query gives, once everything asked for before it is done."""
        return self.ask(sql, **params)()

    def ask(self, sql: str, **params: object) -> Callable[[], pl.DataFrame]:
        """Start a query; calling what is returned waits for its answer."""
        bound = {name: _param(value) for name, value in params.items()}
        answer = self._submit(lambda: read_text(self._cursor, sql, bound, is_fixed=True))
        return lambda: answer.result().frame()

    def run(self, sql: str, *, puts_off: bool = False, **params: object) -> None:
        """Start a statement, or put it off."""
        bound = {name: _param(value) for name, value in params.items()}
        self._submit(lambda: self._cursor.execute(sql, bound or None), puts_off=puts_off)

    def copy(self, table: str, frame: pl.DataFrame, *, puts_off: bool = False) -> None:
        """Start to append a frame to a table, or put it off; the frame's columns have the table's names."""
        # In parts, so that what cannot wait does not wait for long; as text, so that this thread writes it and not the store's.
        self._copy(texts_of(table, frame, PART if puts_off else max(1, frame.height)), puts_off=puts_off)

    def copy_numbers(self, table: str, frame: pl.DataFrame) -> None:
        """Put off to append a frame whose columns are bigint in the table, none null."""
        self._copy(numbers_of(table, frame, PART), puts_off=True)

    def _copy(self, texts: Iterator[Text], *, puts_off: bool) -> None:
        for text in texts:
            self._submit(lambda text=text: copy_text(self._cursor, text), puts_off=puts_off)  # type: ignore[misc]

    def _submit(self, work: Callable[[], _T], *, puts_off: bool = False) -> Future[_T]:
        future: Future[_T] = Future()
        with self._there_is_work:
            (self._put_off if puts_off else self._next).append((future, work))
            self._there_is_work.notify()
        return future

    def _serve(self) -> None:
        while True:
            with self._there_is_work:
                while self._is_open and not self._next and not self._put_off:
                    self._there_is_work.wait()
                if not self._next and not self._put_off:
                    return
                future, work = (self._next or self._put_off).popleft()
            self._do(future, work)

    def _do(self, future: Future[Any], work: Callable[[], Any]) -> None:
        """Do it, or, once something has failed, pass that failure on: the transaction is over."""
        try:
            if self._failure is not None:
                raise self._failure
            future.set_result(work())
        except BaseException as error:  # it is raised where somebody waits
            self._failure = error
            future.set_exception(error)


def _param(value: object) -> object:
    if not isinstance(value, pl.Series):
        return value
    if value.dtype == pl.String:
        value = pl.select(in_array(pl.lit(value))).to_series()
    return "{" + (value.cast(pl.String).str.join(",").item() or "") + "}"


def series(values: Iterable[int]) -> pl.Series:
    """Node ids as a column."""
    return pl.Series(list(values), dtype=pl.Int64)
