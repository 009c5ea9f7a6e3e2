"""A job's rows and answers → the file that the caller takes away; no cell of it is ever a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, TYPE_STRING

from api.departments import Directory
from api.lookups.answering import CASES_PER_ROW, label
from api.lookups.reading import REASONS
from api.lookups.table import Format
from api.queries.lookups import MOST_RECORDS
from api.spreadsheets import is_formula

COLUMNS = (
    "识别为 · read as",
    "案件数 · cases",
    "案件标识 · case ids",
    "案件标题 · titles",
    "部门 · departments",
    "可询问 · whom to ask",
    "说明 · remark",
)
MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_MOST_CHARACTERS = 32_767  # that a cell of a workbook holds
_BETWEEN = "；"
_REMARKS = {
    **REASONS,
    "unreadable": ("此行无法读取", "this line could not be read"),
    "too_broad": ("过于常见，请加上号码", "too common to be counted: add a number"),
}
_BLANK = ("空白，未查询", "blank: not looked up")
_NONE = "无 none"

Cells = Sequence[Any] | None
Line = tuple[Cells, Mapping[str, Any]]


def write_result(format_: Format, columns: Sequence[str], lines: Iterable[Line], directory: Directory) -> bytes:
    """The uploaded rows, in their order, with what was found beside each.

    Args:
        format_: as uploaded; CSV is UTF-8 with a mark, so that Excel takes it for what it is.
        columns: as uploaded.
        lines: cells and answer of each row.
        directory: the departments' names and desks.
    """
    header = [*columns, *_distinct(columns)]
    width = len(columns)
    rows = ([*(cells or [None] * width), *_answer_cells(answer, directory)] for cells, answer in lines)
    return _csv(header, rows) if format_ == "csv" else _xlsx(header, rows)


def _distinct(columns: Sequence[str]) -> Iterator[str]:
    """The result's own columns, numbered where the file has such a one already: a result may be looked up again."""
    taken = set(columns)
    for name in COLUMNS:
        candidates = [name, *(f"{name} ({number})" for number in range(2, len(taken) + 3))]
        yield next(candidate for candidate in candidates if candidate not in taken)


def _answer_cells(answer: Mapping[str, Any], directory: Directory) -> list[Any]:
    items = answer["items"]
    departments = dict.fromkeys(code for item in items for code in item["departments"])
    return [
        _joined(label(kind) for kind in answer["read_as"]),
        None if not answer["read_as"] else answer["cases"] or _NONE,
        _joined(item["case_id"] for item in items),
        _joined(item["title"] for item in items if item["title"]),
        _joined(directory.get(code).zh for code in departments),
        _joined(_desk(directory, code) for code in answer["ask"]),
        _remark(answer),
    ]


def _desk(directory: Directory, code: str) -> str:
    found = directory.get(code)
    return " ".join(part for part in (found.zh, found.desk, found.contact) if part)


def _remark(answer: Mapping[str, Any]) -> str | None:
    if answer["problem"]:
        return " · ".join(_REMARKS[answer["problem"]])
    if not answer["read_as"]:
        return " · ".join(_BLANK)
    remarks = []
    if answer["is_cut"]:
        remarks.append(f"超过 {MOST_RECORDS} 条记录，仅计其中一部分 · more than {MOST_RECORDS} records, of which some are counted")
    if answer["cases"] > CASES_PER_ROW:
        remarks.append(f"仅列前 {CASES_PER_ROW} 个 · the first {CASES_PER_ROW} are named")
    return _joined(remarks)


def _joined(parts: Iterable[str]) -> str | None:
    return _BETWEEN.join(parts) or None


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    for row in (header, *rows):
        writer.writerow(["" if value is None else _harmless(value) for value in row])
    return written.getvalue().encode("utf-8-sig")


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and is_formula(value) else value


def _xlsx(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("结果")
    sheet.freeze_panes = "A2"
    for row in (header, *rows):
        sheet.append([_cell(sheet, value) for value in row])
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def _cell(sheet: Any, value: Any) -> Any:
    """A cell that stays text where it is text: openpyxl takes what begins with = for a formula."""
    if not isinstance(value, str):
        return value
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", value)[:_MOST_CHARACTERS])
    cell.data_type = TYPE_STRING
    return cell
