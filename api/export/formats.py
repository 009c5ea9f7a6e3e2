"""FORMATS of an export: rows enter, bytes leave at once, and an end that says that the file is whole.

A file that broke off lacks its end: JSON Lines its last line `{"end": …}`, CSV its last row `#end …`, Parquet its footer, without
which no program opens it.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
import pyarrow as pa
from pyarrow import parquet

from api.export.rows import Row
from api.questions.export import Format
from api.spreadsheets import is_formula

ROW_GROUP = 2_000
BOM = "\ufeff"  # by which Excel knows UTF-8
BETWEEN = "|"  # values of one CSV cell

#: What Excel and its like take for a number, and then lose zeros or digits of; or for a date or a time (3-12, 5/8, 12:30).
_NO_NUMBER = re.compile(
    r"0[0-9]+|[0-9]{12,}|[0-9]+[eE][0-9]+"
    r"|[0-9]{1,4}[-/][0-9]{1,2}|[0-9]{1,2}[-/][0-9]{1,4}(?:[-/][0-9]{1,4})?|[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?"
)


@dataclass(frozen=True)
class End:
    """How an export ended.

    Args:
        rows: how many were written.
        is_complete: False: there were more, and the role's limit or the caller's own kept them back.
    """

    rows: int
    is_complete: bool


class Writer(Protocol):
    """Turns rows into the bytes of a file."""

    def begin(self) -> bytes:
        """What stands before the first row."""

    def rows(self, rows: list[Row]) -> bytes:
        """Some rows; they may be held back until more have come."""

    def end(self, end: End) -> bytes:
        """What is left, and the end."""


class JsonLines:
    """One object a line."""

    def begin(self) -> bytes:
        """Nothing."""
        return b""

    def rows(self, rows: list[Row]) -> bytes:
        """A line each."""
        return b"".join(orjson.dumps(row, default=str, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z) for row in rows)

    def end(self, end: End) -> bytes:
        """The end line."""
        return orjson.dumps({"end": {"rows": end.rows, "complete": end.is_complete}}, option=orjson.OPT_APPEND_NEWLINE)


class Csv:
    """A table that Excel opens right: UTF-8 with its mark, every cell quoted, no cell a formula."""

    def __init__(self, columns: pa.Schema) -> None:
        self._columns = columns.names

    def begin(self) -> bytes:
        """The mark and the header row."""
        return BOM.encode() + self._lines([self._columns])

    def rows(self, rows: list[Row]) -> bytes:
        """A row each."""
        return self._lines([[cell(row[name]) for name in self._columns] for row in rows])

    def end(self, end: End) -> bytes:
        """The end row, as wide as the others."""
        told = f"#end rows={end.rows} complete={str(end.is_complete).lower()}"
        return self._lines([[told, *[""] * (len(self._columns) - 1)]])

    @staticmethod
    def _lines(rows: list[list[str]]) -> bytes:
        lines = io.StringIO()
        csv.writer(lines, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)
        return lines.getvalue().encode()


def cell(value: Any) -> str:
    """A value as the text of one CSV cell; text that a spreadsheet would take for something else has an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, list):
        return cell(BETWEEN.join(map(str, value)))
    if not isinstance(value, str):
        return str(value)  # numbers, whose sign is no formula
    is_taken = is_formula(value) or _NO_NUMBER.fullmatch(value)
    return f"'{value}" if is_taken else value


class Parquet:
    """Row groups of some thousand rows; how it ended stands in the footer."""

    def __init__(self, columns: pa.Schema) -> None:
        self._columns = columns
        self._written = _Written()
        self._writer = parquet.ParquetWriter(pa.PythonFile(self._written, mode="w"), columns, compression="zstd")
        self._waiting: list[Row] = []

    def begin(self) -> bytes:
        """The file's first bytes."""
        return self._written.take()

    def rows(self, rows: list[Row]) -> bytes:
        """A row group, when there are enough for one."""
        self._waiting += rows
        if len(self._waiting) >= ROW_GROUP:
            self._flush()
        return self._written.take()

    def end(self, end: End) -> bytes:
        """The last row group and the footer."""
        if self._waiting:
            self._flush()
        self._writer.add_key_value_metadata({"casehub.rows": str(end.rows), "casehub.complete": str(end.is_complete).lower()})
        self._writer.close()
        return self._written.take()

    def _flush(self) -> None:
        self._writer.write_table(pa.Table.from_pylist(self._waiting, self._columns))
        self._waiting = []


class _Written(io.RawIOBase):
    """What was written since it was last taken; Parquet is written from its beginning to its end, and asks only where it is."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._place = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._place += len(part)
        return len(part)

    def tell(self) -> int:
        return self._place

    def take(self) -> bytes:
        """The bytes, which are then forgotten."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


MEDIA_TYPES: dict[Format, str] = {
    "jsonl": "application/jsonl",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}


def writer_of(format_: Format, columns: pa.Schema) -> Writer:
    """The writer of a format."""
    return JsonLines() if format_ == "jsonl" else (Csv if format_ == "csv" else Parquet)(columns)
