"""Fixed-width text → rows: columns are cut by bytes, then decoded."""

from __future__ import annotations

import re
from collections.abc import Iterator

from connectors.connector import FileConnector, FixedWidthOptions
from connectors.rows import CUT_FAULT, Row, Unreadable
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
            yield Unreadable(
                line,
                f"共 {len(line)} 字节，各列占 {width} 字节 · {len(line)} bytes where the columns take {width}",
                _readable(line, cuts, encoding),
            )
            continue
        try:
            yield {name: line[start:end].decode(encoding).strip() or None for name, start, end in cuts}
        except UnicodeDecodeError:
            found.undecodable += 1
            _refuse_wrong_encoding(found, encoding, stream.what)
            yield Unreadable(line, CUT_FAULT, _readable(line, cuts, encoding))


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
            f"{what} 不是 {encoding} 编码：前 {found.lines} 行中有 {found.undecodable} 行无法解码 · "
            f"is not {encoding}: {found.undecodable} of the first {found.lines} lines cannot be decoded",
            remedy="更正契约中的 encoding:，或各列宽度（按字节计） · correct encoding: in the contract, or the widths (they count bytes)",
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
