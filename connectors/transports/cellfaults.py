"""Cells of a sheet that have no value to read: errors (#N/A), and formulas that were never worked out. The reader takes them for blank."""

from __future__ import annotations

import io
import posixpath
import zipfile
from collections.abc import Collection
from dataclasses import dataclass
from xml.parsers import expat

from lxml import etree

from connectors.transports.extent import Places, unclear
from connectors.transports.xmlrows import SAFE, local

_WORKBOOK, _RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
ERROR = "单元格为错误值（如 #N/A）：请在原表中改正 · an error (such as #N/A): have it corrected in the sheet"
NOT_WORKED_OUT = "公式没有结果：请用 Excel 或 WPS 打开并重新保存 · a formula without its result: open it in Excel or WPS and save it anew"
TOO_LONG = "数字超过 15 位：请把该列设为文本格式 · a number of more than 15 digits: format the column as text"


@dataclass(frozen=True)
class CellFault:
    """What stands where a cell's value would: why it has none."""

    fault: str


def faulty_cells(content: bytes, sheet: str, parts: Collection[str], what: str) -> dict[tuple[int, int], CellFault]:
    """Such cells of one sheet by line and column, both from 0.

    Args:
        content: the workbook, whose parts are known to be of a size that can be read.
        sheet: its name.
        parts: those that may hold such a cell; no other is read.
        what: the source, for messages.

    Raises:
        SourceFormatError: there are such parts, and which one the sheet is cannot be told; or it is no XML.
    """
    if not parts:
        return {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        part = _part_of(archive, sheet)
        if part is None:
            raise unclear(what)
        if part not in parts:
            return {}
        cells = _Cells(what)
        parser = expat.ParserCreate("utf-8")
        parser.StartElementHandler, parser.EndElementHandler = cells.start, cells.end
        parser.StartDoctypeDeclHandler, parser.CharacterDataHandler = cells.refuse, cells.text
        try:
            with archive.open(part) as file:
                parser.ParseFile(file)
        except expat.ExpatError:
            raise unclear(what) from None
    return cells.found


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """The name of a sheet's part, whatever it is called."""
    names = {name.lower(): name for name in archive.namelist()}
    if _WORKBOOK not in names or _RELATIONS not in names:
        return None
    try:
        book, relations = (etree.fromstring(archive.read(names[part]), etree.XMLParser(**SAFE)) for part in (_WORKBOOK, _RELATIONS))
    except etree.XMLSyntaxError:
        return None
    targets = {each.get("Id"): each.get("Target", "") for each in relations.iter(etree.Element)}
    for each in book.iter(etree.Element):
        if local(each.tag) == "sheet" and each.get("name") == sheet:
            wanted = next((value for name, value in each.attrib.items() if local(name) == "id"), None)
            return names.get(posixpath.normpath(posixpath.join("/xl", targets.get(wanted, ""))).lstrip("/").lower())
    return None


class _Cells(Places):
    """Follows a sheet's elements and keeps the places of cells without a value."""

    def __init__(self, what: str) -> None:
        super().__init__(lambda row, column: None, lambda: unclear(what))
        self.found: dict[tuple[int, int], CellFault] = {}
        self._type, self._has_formula, self._has_value, self._has_text = "", False, False, False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        super().start(name, attributes)
        name = name.rpartition(":")[2]
        if name == "c":
            self._type, self._has_formula, self._has_value, self._has_text = attributes.get("t", "n"), False, False, False
        elif name == "f":
            self._has_formula = True
        elif name == "v":
            self._has_value = True

    def text(self, text: str) -> None:
        """Characters within the innermost element."""
        if self.innermost == "v":
            self._has_text = True

    def end(self, name: str) -> None:
        super().end(name)
        if name.rpartition(":")[2] != "c":
            return
        if self._type == "e":
            self.found[self.row - 1, self.column - 1] = CellFault(ERROR)
        elif self._has_formula and not (self._has_text or (self._has_value and self._type == "str")):  # ="" has a value, of no characters
            self.found[self.row - 1, self.column - 1] = CellFault(NOT_WORKED_OUT)
