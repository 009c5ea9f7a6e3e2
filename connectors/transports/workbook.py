"""XLSX → rows: header lines joined, merged cells filled, numbers that are whole without their point."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from connectors.connector import XlsxOptions
from connectors.rows import Row
from connectors.transports.csvrows import header_names
from connectors.transports.extent import Extent
from connectors.transports.lines import Found
from connectors.transports.streams import BLOCK, damaged
from hub.errors import SourceFormatError, SourceLimitError

#: Cells above which a sheet is refused: the reader holds the whole rectangle, and two far corners would fill the memory.
MOST_CELLS = 50_000_000


def rows(content: bytes, options: XlsxOptions, limit: int, what: str, found: Found, most_cells: int = MOST_CELLS) -> Iterator[Row]:
    """Rows of one sheet; blank cells are null, lines of blanks are left out.

    Raises:
        SourceFormatError: no workbook, no such sheet, merged cells that overlap, or not the header that the contract expects.
        SourceLimitError: larger than the limit once unpacked, or a rectangle of too many cells.
    """
    _refuse_bombs(content, limit, most_cells, what)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        name = options.sheet if isinstance(options.sheet, str) else _sheet_name(workbook.sheet_names, options.sheet, what)
        if name not in workbook.sheet_names:
            raise SourceFormatError(f"{what} has no sheet {name!r} among its {len(workbook.sheet_names)}", remedy="correct xlsx: sheet")
        sheet = workbook.get_sheet_by_name(name)
        cells, merges = sheet.to_python(skip_empty_area=False), sheet.merged_cell_ranges or []
    except CalamineError:
        raise damaged(what) from None
    _fill_merged(cells, merges, f"{what}, sheet {name!r}")
    first = options.skip_rows + options.header_rows
    if len(cells) < first:
        raise SourceFormatError(f"{what} has {len(cells)} lines and no header", remedy="correct xlsx: skip_rows and header_rows")
    names = _names(cells[options.skip_rows : first], what)
    _check_header(names, options.expect_header, what)
    found.columns = tuple(names)
    for line in cells[first:]:
        row = {name: _plain(value) for name, value in zip(names, line, strict=False)}
        if any(value is not None for value in row.values()):
            yield row


def _sheet_name(names: Sequence[str], index: int, what: str) -> str:
    if index >= len(names):
        raise SourceFormatError(f"{what} has {len(names)} sheets, none at index {index}", remedy="correct xlsx: sheet")
    return names[index]


def _refuse_bombs(content: bytes, limit: int, most_cells: int, what: str) -> None:
    """Unpack every part once, counting, before the reader does so without counting."""
    total = 0
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for info in archive.infolist():
                extent, block = Extent(what, most_cells), b" "
                with archive.open(info) as part:
                    while block:
                        block = part.read(BLOCK)
                        total += len(block)
                        if total > limit:
                            raise SourceLimitError(f"{what} is longer than {limit} bytes once unpacked", remedy="raise max_response_bytes")
                        extent.take(block)
                extent.count_implied(archive, info)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError):
        raise damaged(what) from None


def _fill_merged(cells: list[list[Any]], merges: Sequence[tuple[tuple[int, int], tuple[int, int]]], what: str) -> None:
    """A merged cell's value stands in its first corner alone.

    A cell is filled once: a few kilobytes can name one huge rectangle a million times. No spreadsheet program writes what overlaps.

    Raises:
        SourceFormatError: two of them overlap.
    """
    filled: dict[int, bytearray] = {}
    for (top, left), (bottom, right) in merges:
        if top >= len(cells) or left >= len(cells[top]):
            continue
        value = cells[top][left]
        for number in range(top, min(bottom + 1, len(cells))):
            line = cells[number]
            end = min(right + 1, len(line))
            marks = filled.setdefault(number, bytearray(len(line)))
            if marks.find(1, left, end) >= 0:
                raise SourceFormatError(
                    f"{what} has merged cells that overlap, at line {number + 1}",
                    remedy="ask the department to undo the merges and save the workbook anew",
                )
            marks[left:end] = b"\1" * (end - left)
            line[left:end] = [value] * (end - left)


def _names(lines: Sequence[Sequence[Any]], what: str) -> list[str]:
    """Labels from top to bottom, each once, joined by `_`: a cell merged over several lines is one label."""
    width = max(len(line) for line in lines)
    joined = []
    for column in range(width):
        labels = [str(_plain(line[column]) or "").strip() for line in lines if column < len(line)]
        joined.append("_".join(dict.fromkeys(label for label in labels if label)))
    return header_names(joined, what)


def _check_header(names: list[str], expected: Sequence[str], what: str) -> None:
    for position, name in enumerate(expected):
        if position >= len(names) or names[position] != name:
            there = "has another name" if position < len(names) else "is not there"  # which may be a person's
            raise SourceFormatError(
                f"{what}: column {position + 1} should be {name!r} and {there}: the header has moved or changed",
                remedy="look at the workbook; then correct xlsx: skip_rows, header_rows or expect_header",
                columns=len(names),
            )


def _plain(value: Any) -> Any:
    """A cell as JSON: times as ISO text, whole numbers as integers, blanks as null."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    return str(value) if isinstance(value, timedelta) else value
