"""XLSX → rows: header lines joined, merged cells filled, numbers that are whole without their point."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from connectors.connector import XlsxOptions
from connectors.rows import Row, Unreadable, as_bytes
from connectors.transports.cellfaults import TOO_LONG, CellFault, faulty_cells
from connectors.transports.csvrows import header_names
from connectors.transports.extent import Extent
from connectors.transports.lines import Found
from connectors.transports.streams import BLOCK, damaged
from hub.errors import SourceFormatError, SourceLimitError
from hub.wording import Words

#: Cells above which a sheet is refused: the reader holds the whole rectangle, and two far corners would fill the memory.
MOST_CELLS = 50_000_000
Merge = tuple[tuple[int, int], tuple[int, int]]  # line and column of the first corner and of the last, from 0
_MORE_DIGITS = 1e15  # the least number of 16 digits


def rows(
    content: bytes, options: XlsxOptions, limit: int, what: str, found: Found, *, most_cells: int = MOST_CELLS, is_lenient: bool = False
) -> Iterator[Row]:
    """Rows of one sheet; blank cells are null, lines of blanks are left out.

    A line is kept as one that cannot be read where a cell has no value to read (see CellFault), or is filled and has no name above it.
    A lenient reader takes the first for blank or for the rounded number, and passes over the second.

    Raises:
        SourceFormatError: no workbook, no such sheet, merged cells that overlap, or not the header that the contract expects.
        SourceLimitError: larger than the limit once unpacked, or a rectangle of too many cells.
    """
    cells, merges = _cells(content, options, limit, what, most_cells=most_cells, is_lenient=is_lenient)
    first = options.skip_rows + options.header_rows
    if len(cells) < first:
        raise SourceFormatError(
            f"{what} 只有 {len(cells)} 行，没有表头 · {what} has {len(cells)} lines and no header",
            remedy="更正 xlsx: skip_rows 和 header_rows · correct xlsx: skip_rows and header_rows",
        )
    read = _plain if is_lenient else _judged
    names = _names(cells[options.skip_rows : first], read, what)
    _check_header(names, options.expect_header, what)
    found.columns = tuple(names)
    _clear_beyond(cells, merges, len(names), first)
    for number, line in enumerate(cells[first:], start=first + 1):
        values = [read(value) for value in (line[: len(names)] if is_lenient else line)]
        if any(value is not None for value in values[: len(names)]) or any(map(_says_something, values[len(names) :])):
            yield _row(names, line, values, number)


def _cells(
    content: bytes, options: XlsxOptions, limit: int, what: str, *, most_cells: int, is_lenient: bool
) -> tuple[list[list[Any]], Sequence[Merge]]:
    """The cells of the sheet that is meant, faults where they stand and merged ones filled, with the corners of those."""
    doubtful = _refuse_bombs(content, limit, most_cells, what)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        name = options.sheet if isinstance(options.sheet, str) else _sheet_name(workbook.sheet_names, options.sheet, what)
        if name not in workbook.sheet_names:
            raise SourceFormatError(
                f"{what} 的 {len(workbook.sheet_names)} 个工作表中没有 {name!r} · "
                f"{what} has no sheet {name!r} among its {len(workbook.sheet_names)}",
                remedy="更正 xlsx: sheet · correct xlsx: sheet",
            )
        sheet = workbook.get_sheet_by_name(name)
        cells, merges = sheet.to_python(skip_empty_area=False), sheet.merged_cell_ranges or []
    except CalamineError:
        raise damaged(what) from None
    _put(cells, {} if is_lenient else faulty_cells(content, name, doubtful, what))
    _fill_merged(cells, merges, f"{what}, sheet {options.sheet!r}")  # as the contract names it: a sheet may bear a person's name
    return cells, merges


def _put(cells: list[list[Any]], faults: Mapping[tuple[int, int], CellFault]) -> None:
    """Each fault where it stands, also beyond what the reader found: it leaves out blank cells at the ends."""
    for (row, column), fault in faults.items():
        cells.extend([] for _ in range(row + 1 - len(cells)))
        line = cells[row]
        line.extend([""] * (column + 1 - len(line)))
        line[column] = fault


def _row(names: Sequence[str], line: Sequence[Any], values: Sequence[Any], number: int) -> Row:
    row = dict(zip(names, values, strict=False))
    beyond = next((place for place, value in enumerate(values[len(names) :], start=len(names)) if _says_something(value)), None)
    fault = next((place for place, value in enumerate(values) if isinstance(value, CellFault)), None)
    if beyond is None and fault is None:
        return row
    readable = {name: None if isinstance(value, CellFault) else value for name, value in row.items()}
    raw = as_bytes([None if isinstance(value, CellFault) else value for value in line])
    if fault is not None:
        return Unreadable(raw, f"{_place(fault, number)}: {values[fault].fault}", readable)
    where = _place(beyond or 0, number)
    return Unreadable(raw, f"{where}: 有内容而表头无此列 · filled, and the header has no name for its column", readable)


def _says_something(value: Any) -> bool:
    return value is not None and not (isinstance(value, str) and not value.strip())


def _place(column: int, number: int) -> str:
    """A cell as a spreadsheet calls it: B12."""
    letters, column = "", column + 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{number}"


def _sheet_name(names: Sequence[str], index: int, what: str) -> str:
    if index >= len(names):
        raise SourceFormatError(
            f"{what} 有 {len(names)} 个工作表，没有序号 {index} · {what} has {len(names)} sheets, none at index {index}",
            remedy="更正 xlsx: sheet · correct xlsx: sheet",
        )
    return names[index]


def _refuse_bombs(content: bytes, limit: int, most_cells: int, what: str) -> set[str]:
    """Unpack every part once, counting, before the reader does so without counting.

    Returns:
        Names of the parts that may hold cells without a value.
    """
    total, doubtful = 0, set()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for info in archive.infolist():
                extent, block = Extent(what, most_cells), b" "
                with archive.open(info) as part:
                    while block:
                        block = part.read(BLOCK)
                        total += len(block)
                        if total > limit:
                            raise SourceLimitError(
                                f"{what} 解压后超过 {limit} 字节 · {what} is longer than {limit} bytes once unpacked",
                                remedy="提高 max_response_bytes · raise max_response_bytes",
                            )
                        extent.take(block)
                extent.count_implied(archive, info)
                if extent.is_doubtful:
                    doubtful.add(info.filename)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError):
        raise damaged(what) from None
    return doubtful


def _fill_merged(cells: list[list[Any]], merges: Sequence[Merge], what: str) -> None:
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
                    f"{what} 第 {number + 1} 行有重叠的合并单元格 · {what} has merged cells that overlap, at line {number + 1}",
                    remedy="请部门取消合并，重新保存工作簿 · ask the department to undo the merges and save the workbook anew",
                )
            marks[left:end] = b"\1" * (end - left)
            line[left:end] = [value] * (end - left)


def _clear_beyond(cells: list[list[Any]], merges: Sequence[Merge], width: int, first: int) -> None:
    """Blank again what a cell below the header's names was merged into beyond them: nothing is lost with it."""
    for (top, left), (bottom, right) in merges:
        if left < width <= right:
            for line in cells[max(top, first) : bottom + 1]:
                line[width : right + 1] = [""] * len(line[width : right + 1])


def _names(lines: Sequence[Sequence[Any]], read: Callable[[Any], Any], what: str) -> list[str]:
    """Labels from top to bottom, each once, joined by `_`: a cell merged over several lines is one label."""
    width = max(len(line) for line in lines)
    joined = []
    for column in range(width):
        cells = [read(line[column]) for line in lines if column < len(line)]
        fault = next((cell.fault for cell in cells if isinstance(cell, CellFault)), None)
        if fault is not None:
            raise SourceFormatError(
                f"{what}: 第 {column + 1} 列的表头无法读取 · the header of column {column + 1} cannot be read", remedy=fault
            )
        labels = [str(cell or "").strip() for cell in cells]
        joined.append("_".join(dict.fromkeys(label for label in labels if label)))
    return header_names(joined, what)


def _check_header(names: list[str], expected: Sequence[str], what: str) -> None:
    for position, name in enumerate(expected):
        if position >= len(names) or names[position] != name:
            is_another = position < len(names)  # which may be a person's
            there = Words("为其他名称", "has another name") if is_another else Words("没有", "is not there")
            raise SourceFormatError(
                f"{what}: 第 {position + 1} 列应为 {name!r}，实际{there.zh}：表头已移位或更改 · "
                f"column {position + 1} should be {name!r} and {there.en}: the header has moved or changed",
                remedy="打开工作簿查看，再更正 xlsx: skip_rows、header_rows 或 expect_header · "
                "look at the workbook; then correct xlsx: skip_rows, header_rows or expect_header",
                columns=len(names),
            )


def _judged(value: Any) -> Any:
    """`_plain`; of a number above 15 digits a spreadsheet has lost some, whatever it shows."""
    return CellFault(TOO_LONG) if isinstance(value, (int, float)) and abs(value) >= _MORE_DIGITS else _plain(value)


def _plain(value: Any) -> Any:
    """A cell as JSON: times as ISO text, whole numbers as integers, blanks as null."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    return str(value) if isinstance(value, timedelta) else value
