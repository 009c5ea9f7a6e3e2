"""Payloads of one chunk as columns of text: what transforms, expectations and drift read.

JSON texts come in; `column` and `path` give one text a row. A number is written as people write it (3, not 3.0), a list
of plain values is joined by 、, an object stays JSON.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
import polars as pl

from connectors.paths import lookup
from pipeline.columns.json_paths import CANNOT, Getter, getter

_EXACT_FLOAT = 2**53
_TEXT_ALONE = frozenset({str, type(None)})


class Payloads:
    """Decoded rows.

    Attributes:
        documents: an object a row; a row that is no object reads as an empty one.
        faults: path → places of the rows that it could not be applied to. They read as null; the caller refuses them.
    """

    def __init__(self, documents: Sequence[Any]) -> None:
        self.documents = documents
        self.faults: dict[str, list[int]] = {}
        self._columns: dict[tuple[str, str], pl.Series] = {}
        self._values: dict[str, list[Any]] = {}
        self._said_in: dict[str, tuple[list[int], list[tuple[int, Any]]]] = {}

    @classmethod
    def decoded(cls, payloads: pl.Series) -> Payloads:
        """From JSON texts; a null reads as an empty object."""
        texts = payloads.fill_null("{}").to_list()
        documents = orjson.loads(f"[{','.join(texts)}]")  # in one call all rows share their keys, which makes each look-up cheaper
        return cls([document if document.__class__ is dict else {} for document in documents])

    def __len__(self) -> int:
        return len(self.documents)

    def column(self, name: str) -> pl.Series:
        """A top-level column, its name as it stands, of any script; a dotted name may lead into nested objects."""
        return self._kept(("column", name), lambda: self._dotted(name) if "." in name else self._plain(name))

    def path(self, expression: str) -> pl.Series:
        """What a JMESPath finds in each row."""
        return self._kept(("path", expression), lambda: self.found(expression))

    def found(self, expression: str) -> list[Any]:
        """What a JMESPath finds in each row, undisturbed."""
        column, get = getter(expression)
        found = list(map(get, self.documents)) if column is None else self._found_within(column, get)
        faults = [place for place, value in enumerate(found) if value is CANNOT]
        for place in faults:
            found[place] = None
        if faults:
            self.faults[expression] = faults
        return found

    def _found_within(self, column: str, get: Getter) -> list[Any]:
        """What a path finds in a column's values. Fifteen may look through the same lists, of which nearly all are empty or not there."""
        empty, said = self._said(column)
        found = [get(None)] * len(self.documents)
        if empty:
            in_empty = get([])
            for row in empty:
                found[row] = in_empty
        for row, value in said:
            found[row] = get(value)
        return found

    def _said(self, name: str) -> tuple[list[int], list[tuple[int, Any]]]:
        """A column's rows whose value is an empty list, and those that have any other value, with it."""
        if name not in self._said_in:
            values = [(row, value) for row, value in enumerate(self._plain(name)) if value is not None]
            self._said_in[name] = ([row for row, value in values if value == []], [(row, value) for row, value in values if value != []])
        return self._said_in[name]

    def _plain(self, name: str) -> list[Any]:
        if name not in self._values:
            self._values[name] = [document.get(name) for document in self.documents]
        return self._values[name]

    def _dotted(self, name: str) -> list[Any]:
        head, _, rest = name.partition(".")
        return [
            document[name] if name in document else lookup(inner, rest) if inner.__class__ is dict else None
            for document, inner in zip(self.documents, self._plain(head), strict=True)
        ]

    def _kept(self, key: tuple[str, str], values: Callable[[], list[Any]]) -> pl.Series:
        if key not in self._columns:
            self._columns[key] = texts(values())
        return self._columns[key]


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """No garbage collection: it would walk millions of decoded values again and again, and finds no cycle among them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def texts(values: Sequence[Any]) -> pl.Series:
    """Values of any JSON type as texts."""
    if not _TEXT_ALONE.issuperset(map(type, values)):  # most columns hold nothing else
        values = [value if value.__class__ is str or value is None else as_text(value) for value in values]
    return pl.Series(values, dtype=pl.String)


def as_text(value: Any) -> str | None:
    """One JSON value as people write it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT_FLOAT else repr(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value):
        return "、".join(filter(None, map(as_text, value)))
    return orjson.dumps(value).decode()
