"""An uploaded file → its columns and rows. What cannot be read is refused in words that repeat nothing of it."""

from __future__ import annotations

import codecs
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from connectors.connector import CsvOptions, FileConnector, XlsxOptions
from connectors.rows import Row, Unreadable
from connectors.transports import csvrows, workbook
from connectors.transports.lines import Found
from connectors.transports.streams import Bounded
from hub.errors import RequestError, SourceFormatError, SourceLimitError

MAX_COLUMNS = 100
MAX_UNPACKED_BYTES = 64 << 20  # of a workbook: what a few kilobytes of zip may become
_MAX_CELLS = 5_000_000
_HEAD = 64 << 10  # bytes that tell the encoding's mark and the delimiter
_DELIMITERS = ",\t;|"
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_WHAT = "the file"

Format = Literal["csv", "xlsx"]
Cells = list[Any]


@dataclass(frozen=True)
class Upload:
    """A file as read: column names as it has them, and per row the cells in that order, None for a line that cannot be read."""

    format: Format
    columns: tuple[str, ...]
    rows: list[Cells | None]


def read_upload(content: bytes, max_rows: int) -> Upload:
    """Read a file, CSV in UTF-8, UTF-16 or GB18030, or XLSX of which the first sheet counts.

    Raises:
        RequestError: it is neither, damaged, without a header or rows, or larger than the limits.
    """
    if content.startswith(_OLE):
        raise _unreadable(
            "旧版 .xls 或加密的工作簿 · an old .xls, or a workbook with a password", "另存为 .xlsx 或 CSV · save it as .xlsx or CSV"
        )
    found = Found()
    is_workbook = content.startswith(_ZIP)
    lines = _workbook(content, found) if is_workbook else _csv(content, found)
    try:
        rows = _limited(lines, found, max_rows)
    except SourceLimitError:
        raise RequestError(
            "文件展开后过大 · the file is too large once unpacked",
            remedy="删去空白区域，或分成几个文件 · clear empty areas, or split the file",
            problem="too-large",
        ) from None
    except SourceFormatError:
        raise _unreadable(
            "文件损坏，编码不符，表头有重名的列，或合并单元格重叠 · "
            "the file is damaged, in another encoding, two columns of its header have one name, or merged cells overlap",
            "用 UTF-8、GB18030 的 CSV 或 XLSX，首行列名互不相同 · send CSV in UTF-8 or GB18030, or XLSX, with distinct column names",
        ) from None
    if not rows:
        raise _unreadable("文件没有数据行 · the file has no rows", "首行为列名，其下每行一条 · column names first, then one line each")
    return Upload("xlsx" if is_workbook else "csv", found.columns, rows)


def _limited(lines: Iterator[Row], found: Found, max_rows: int) -> list[Cells | None]:
    rows: list[Cells | None] = []
    for line in lines:
        if len(rows) == max_rows:
            raise RequestError(
                f"一次最多 {max_rows} 行 · {max_rows} rows at most at a time",
                remedy="分成几个文件 · split the file",
                problem="too-large",
            )
        if len(found.columns) > MAX_COLUMNS:
            raise _unreadable(
                f"列数超过 {MAX_COLUMNS} · more than {MAX_COLUMNS} columns", "只留需要的列 · keep the columns that are needed"
            )
        rows.append(None if isinstance(line, Unreadable) else [_storable(line.get(name)) for name in found.columns])
    return rows


def _storable(value: Any) -> Any:
    """A cell that jsonb takes; blanks are null."""
    if isinstance(value, str):
        return value.replace("\x00", "").strip() or None
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _workbook(content: bytes, found: Found) -> Iterator[Row]:
    return workbook.rows(content, XlsxOptions(), MAX_UNPACKED_BYTES, _WHAT, found, most_cells=_MAX_CELLS, is_lenient=True)


def _csv(content: bytes, found: Found) -> Iterator[Row]:
    encoding = _encoding(content)
    first = content[:_HEAD].decode(encoding, "ignore").lstrip("\ufeff\r\n").split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)  # one column has none of them, and any will do
    connector = FileConnector(
        kind="file", connection="upload", path="upload.csv", format="csv", encoding=encoding, csv=CsvOptions(delimiter=delimiter)
    )
    return csvrows.rows(Bounded(io.BytesIO(content), len(content), _WHAT), connector, None, found)


def _encoding(content: bytes) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "gb18030"  # what Excel in China writes
    return "utf-8"


def _unreadable(what: str, remedy: str) -> RequestError:
    return RequestError(what, remedy=remedy)
