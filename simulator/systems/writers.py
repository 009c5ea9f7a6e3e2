"""Writers of the file formats, each from a frame of text columns to bytes."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

_XML_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
_NOT_ASCII = r"[^\x00-\x7f]"


def csv_text(rows: pl.DataFrame, separator: str = ",", line_end: str = "\n") -> str:
    """CSV with a header line; quotes only where needed; an empty field for null."""
    return rows.write_csv(separator=separator, line_terminator=line_end, null_value="")


def jsonl_text(rows: pl.DataFrame) -> str:
    """JSON Lines from a frame with a column `body` of JSON texts."""
    return "".join(f"{body}\n" for body in rows["body"])


def gzipped(content: bytes) -> bytes:
    """Gzip, the same bytes each time."""
    return gzip.compress(content, compresslevel=3, mtime=0)


def zipped(members: dict[str, bytes]) -> bytes:
    """A zip of members, the same bytes each time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, date_time=(2026, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def fixed_width_lines(rows: pl.DataFrame, widths: Sequence[tuple[str, int]]) -> pl.Series:
    """Lines of fixed width in GBK: a Chinese character takes two bytes, an ASCII one takes one; too long a text is cut."""

    def padded(name: str, width: int) -> pl.Expr:
        text = pl.col(name).fill_null("").str.replace_all(r"[\r\n]", " ")
        wide = text.str.count_matches(_NOT_ASCII)
        fits = (text.str.len_chars() + wide) <= width
        cut = pl.when(fits).then(text).otherwise(text.str.head(width // 2))
        return cut.str.pad_end(pl.lit(width, dtype=pl.UInt32) - cut.str.count_matches(_NOT_ASCII))

    return rows.select(pl.concat_str([padded(name, width) for name, width in widths])).to_series()


def xml_text(column: str) -> pl.Expr:
    """A column as XML character data."""
    return pl.col(column).fill_null("").str.replace_many(list(_XML_ESCAPES), list(_XML_ESCAPES.values()))


def xml_element(name: str, column: str) -> pl.Expr:
    """`<name>value</name>` for each row; an empty element for null."""
    return pl.concat_str([pl.lit(f"<{name}>"), xml_text(column), pl.lit(f"</{name}>")])


def xml_object(name: str, fields: Mapping[str, str], *more: pl.Expr) -> pl.Expr:
    """An element with one child a field (child's name → column), and further content after them."""
    return pl.concat_str([pl.lit(f"<{name}>"), *(xml_element(tag, column) for tag, column in fields.items()), *more, pl.lit(f"</{name}>")])


@dataclass(frozen=True)
class Sheet:
    """A worksheet to write.

    Args:
        name: the sheet's name.
        head: header lines, cell by cell; an empty cell belongs to the merged cell on its left (or above).
        merges: merged ranges, such as "A1:B1".
        rows: the data; numbers stay numbers (a date is its serial), the rest is text.
    """

    name: str
    head: Sequence[Sequence[str]]
    merges: Sequence[str]
    rows: pl.DataFrame


def column_letter(index: int) -> str:
    """0 → A, 25 → Z, 26 → AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def xlsx(sheet: Sheet) -> bytes:
    """A workbook of one sheet, written column by column: openpyxl needs ten times as long."""
    parts = {
        "[Content_Types].xml": _CONTENT_TYPES,
        "_rels/.rels": _RELATIONS.format(kind="officeDocument", target="xl/workbook.xml"),
        "xl/workbook.xml": _WORKBOOK.format(name=sheet.name),
        "xl/_rels/workbook.xml.rels": _RELATIONS.format(kind="worksheet", target="worksheets/sheet1.xml"),
        "xl/worksheets/sheet1.xml": _sheet_xml(sheet),
    }
    return zipped({name: text.encode("utf-8") for name, text in parts.items()})


def _sheet_xml(sheet: Sheet) -> str:
    head = "".join(
        f'<row r="{number}">' + "".join(_text_cell(column_letter(i), number, text) for i, text in enumerate(cells)) + "</row>"
        for number, cells in enumerate(sheet.head, start=1)
    )
    numbered = sheet.rows.with_row_index("__row", offset=len(sheet.head) + 1).with_columns(pl.col("__row").cast(pl.String))
    cells = [_cells(column_letter(i), name, sheet.rows.schema[name]) for i, name in enumerate(sheet.rows.columns)]
    lines = numbered.select(pl.concat_str([pl.lit('<row r="'), pl.col("__row"), pl.lit('">'), *cells, pl.lit("</row>")])).to_series()
    merged = "".join(f'<mergeCell ref="{span}"/>' for span in sheet.merges)
    return (
        f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData>{head}{"".join(lines)}</sheetData>'
        f'<mergeCells count="{len(sheet.merges)}">{merged}</mergeCells></worksheet>'
    )


def _text_cell(letter: str, number: int, text: str) -> str:
    return f'<c r="{letter}{number}" t="inlineStr"><is><t>{text}</t></is></c>' if text else ""


def _cells(letter: str, name: str, kind: pl.DataType) -> pl.Expr:
    place = pl.concat_str([pl.lit(f'<c r="{letter}'), pl.col("__row")])
    if kind.is_numeric():
        filled = pl.concat_str([place, pl.lit('"><v>'), pl.col(name).cast(pl.String), pl.lit("</v></c>")])
    else:
        filled = pl.concat_str([place, pl.lit('" t="inlineStr"><is><t xml:space="preserve">'), xml_text(name), pl.lit("</t></is></c>")])
    return pl.when(pl.col(name).is_null()).then(pl.lit("")).otherwise(filled)


_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_CONTENT_TYPES = (
    f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_SPREADSHEET}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_SPREADSHEET}.worksheet+xml"/>'
    "</Types>"
)
_RELATIONS = (
    f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/{{kind}}" Target="{{target}}"/></Relationships>'
)
_WORKBOOK = (
    f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets><sheet name="{{name}}" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
