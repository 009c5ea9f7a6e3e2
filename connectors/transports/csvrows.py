"""CSV → rows: strict about quotes and the number of fields; a line that breaks the rules is kept as it came."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import islice

from connectors.connector import FileConnector
from connectors.rows import ENCODING_FAULT, NUL_FAULT, Row, Unreadable
from connectors.transports.lines import Found, TextLines
from connectors.transports.streams import Bounded
from hub.errors import SourceFormatError

_LONGEST_FIELD = 1 << 20
_ESCAPED = re.compile("[\udc80-\udcff]")


def rows(stream: Bounded, connector: FileConnector, trailer: re.Pattern[str] | None, found: Found) -> Iterator[Row]:
    """Rows of one CSV file; empty fields are null.

    Raises:
        SourceFormatError: no header, a column named twice, not the encoding that the contract says.
    """
    options = connector.csv
    csv.field_size_limit(_LONGEST_FIELD)
    lines = TextLines(stream, connector.encoding, found, trailer)
    for _ in islice(lines, options.skip_rows):
        lines.take()
    if options.quote:
        reader = csv.reader(lines, delimiter=options.delimiter, quotechar=options.quote, strict=True)
    else:
        reader = csv.reader(lines, delimiter=options.delimiter, quoting=csv.QUOTE_NONE, strict=True)
    header = _header(reader, lines, stream.what, connector)
    if header is None:
        return
    found.columns = tuple(header)
    yield from _records(reader, lines, header)


def _header(reader: Iterator[list[str]], lines: TextLines, what: str, connector: FileConnector) -> list[str] | None:
    if not connector.csv.header:
        return list(connector.csv.columns)
    try:
        fields = next((fields for fields in reader if any(field.strip() for field in fields)), None)
    except csv.Error:
        raise SourceFormatError(
            f"{what} 的表头不是 CSV · {what} has a header that is not CSV",
            remedy="更正契约中的 csv:（delimiter、quote） · correct csv: in the contract (delimiter, quote)",
        ) from None
    is_dirty = lines.is_dirty
    lines.take()
    if fields is None:
        return None
    if is_dirty:
        raise SourceFormatError(
            f"{what} 的表头不是 {connector.encoding} 编码 · {what} has a header that is not {connector.encoding}",
            remedy="更正契约中的 encoding: · correct encoding: in the contract",
        )
    return header_names(fields, what)


def header_names(fields: list[str], what: str) -> list[str]:
    """Column names of a header line; unnamed ones at its end are no columns, those within it are numbered.

    Raises:
        SourceFormatError: a name stands twice.
    """
    names = [field.strip().lstrip("\ufeff") for field in fields]
    while names and not names[-1]:
        names.pop()
    names = [name or f"column_{position}" for position, name in enumerate(names, start=1)]
    twice = next((place for place, name in enumerate(names) if name in names[:place]), None)
    if twice is not None:  # told by place: where a header is missing, its names are a person's values
        first = names.index(names[twice])
        raise SourceFormatError(
            f"{what} 的表头有重名，在第 {first + 1} 列和第 {twice + 1} 列 · "
            f"has one name twice in its header, for columns {first + 1} and {twice + 1}",
            remedy="表头是否移位或缺失？如果没有，请部门改用不重复的列名 · "
            "has the header moved or gone? otherwise ask the department for distinct names",
        )
    return names


def _records(reader: Iterator[list[str]], lines: TextLines, header: list[str]) -> Iterator[Row]:
    width = len(header)
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield _broken(lines)
            continue
        if lines.is_dirty:
            yield _dirty(lines, header, fields)
            continue
        taken = lines.take()
        if not any(field.strip() for field in fields[width:]):  # delimiters at the line's end, as a sheet with empty columns has them
            del fields[width:]
        if len(fields) == width:
            yield {name: field or None for name, field in zip(header, fields, strict=True)}
        elif any(field.strip() for field in fields):
            yield Unreadable(
                lines.raw(taken),
                f"共 {len(fields)} 个字段，表头为 {width} 个 · {len(fields)} fields where the header has {width}",
                _partial(header, fields),
            )


def _broken(lines: TextLines) -> Unreadable:
    """A line whose quotes do not fit; what its open quote swallowed is read again, as long as that is not too much (see TextLines)."""
    taken = lines.take()
    lines.give_back(taken[1:])
    return Unreadable(lines.raw(taken[:1]), "引号不配对 · quotes that do not fit")


def _dirty(lines: TextLines, header: list[str], fields: list[str]) -> Row:
    raw = lines.raw(lines.take())
    is_undecodable = any(_ESCAPED.search(field) for field in fields)
    return Unreadable(raw, ENCODING_FAULT if is_undecodable else NUL_FAULT, _partial(header, fields))


def _partial(header: list[str], fields: list[str]) -> dict[str, object]:
    """What can be told of a broken row, for its key."""
    return dict(zip(header, fields, strict=False))
