"""Fixed-width text → rows: columns are cut by bytes, then decoded."""

from __future__ import annotations

import re
from collections.abc import Iterator

from connectors.connector import FileConnector, FixedWidthOptions
from connectors.rows import Row, Unreadable
from connectors.transports.lines import Found, byte_lines
from connectors.transports.streams import Bounded
from hub.errors import SourceFormatError


def rows(stream: Bounded, connector: FileConnector, trailer: re.Pattern[str] | None, found: Found) -> Iterator[Row]:
    """Rows of one file; blank columns are null. A line may lack the blanks at its end, and nothing else.

    Raises:
        SourceFormatError: more than half of the lines are not in the encoding.
    """
    options = connector.fixed_width
    assert options is not None  # noqa: S101 - the contract's model sees to it
    found.columns = tuple(column.name for column in options.columns)
    cuts, width, shortest = _cuts(options)
    encoding = connector.encoding
    for line in byte_lines(stream, trailer, encoding, found, skip=options.skip_rows):
        found.lines += 1
        if not shortest < len(line) <= width:
            yield Unreadable(line, f"{len(line)} bytes where the columns take {width}", _readable(line, cuts, encoding))
            continue
        try:
            yield {name: line[start:end].decode(encoding).strip() or None for name, start, end in cuts}
        except UnicodeDecodeError:
            found.undecodable += 1
            _refuse_wrong_encoding(found, encoding, stream.what)
            yield Unreadable(
                line, "bytes that are not in the file's encoding, or a column that cuts a character", _readable(line, cuts, encoding)
            )


def _cuts(options: FixedWidthOptions) -> tuple[list[tuple[str, int, int]], int, int]:
    """Name, start and end of each column; the full width; where the last column begins."""
    cuts, start = [], 0
    for column in options.columns:
        cuts.append((column.name, start, start + column.width))
        start += column.width
    return cuts, start, cuts[-1][1] if len(cuts) == 1 else cuts[0][2]


def _refuse_wrong_encoding(found: Found, encoding: str, what: str) -> None:
    if found.undecodable > 10 and 2 * found.undecodable > found.lines:
        raise SourceFormatError(
            f"{what} is not {encoding}: {found.undecodable} of the first {found.lines} lines cannot be decoded",
            remedy="correct encoding: in the contract, or the widths (they count bytes)",
            encoding=encoding,
        )


def _readable(line: bytes, cuts: list[tuple[str, int, int]], encoding: str) -> dict[str, object]:
    """What can be told of a broken line, for its key."""
    row: dict[str, object] = {}
    for name, start, end in cuts:
        try:
            row[name] = line[start:end].decode(encoding).strip()
        except UnicodeDecodeError:
            break
    return row
