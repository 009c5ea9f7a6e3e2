"""The rectangle that a sheet's cells span, told before the reader holds all of it: where it cannot, the process ends without an error."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from xml.parsers import expat

from connectors.transports.streams import BLOCK
from hub.errors import SourceFormatError, SourceLimitError

# A cell begins: with its attributes where they are written so that nothing is hidden in them. Its element may have any prefix.
_CELL = re.compile(
    rb"""<(?:[^ \t\r\n<>/][^ \t\r\n<>]*:|:)?c(?=[\s/>])"""
    rb"""((?:[ \t\r\n]+[\w:.-]+[ \t\r\n]*=[ \t\r\n]*(?:"[^"'<>&=]*"|'[^"'<>&=]*'))*[ \t\r\n]*/?>)?"""
)
_PLACE = re.compile(rb"""[ \t\r\n]r[ \t\r\n]*=[ \t\r\n]*["'](?:([A-Za-z]{1,3})0*(\d{1,7})["'])?""")
# An error's type, or a formula: only a parser tells which cell it is in, and whether that has a value.
_DOUBTFUL = re.compile(rb"""[ \t\r\n]t[ \t\r\n]*=[ \t\r\n]*["']e["']|<(?:[^ \t\r\n<>/][^ \t\r\n<>]*:|:)?f(?=[\s/>])""")
_BEFORE = b"sheetData"  # what comes before it, and parts without it, the reader passes over
_DEEPEST = 100  # elements within one another
_TEXT_PLACE = re.compile(r"([A-Za-z]{1,3})0*(\d{1,7})")


class Extent:
    """Lines and columns of one part of a workbook, which may be a sheet whatever it is called.

    Args:
        what: the source, for messages.
        most_cells: above which it is refused.
    """

    def __init__(self, what: str, most_cells: int) -> None:
        self._what, self._most_cells = what, most_cells
        self._rows = self._columns = 0
        self._rest = b""
        self._is_sheet = self._is_implied = False
        self.is_doubtful = False  # some cell may be without a value

    def take(self, block: bytes) -> None:
        """Some more of the part; an empty block at its end.

        Raises:
            SourceFormatError: a cell is written so that its place cannot be told for certain.
            SourceLimitError: it spans too many cells.
        """
        xml = self._rest + block
        if not self._is_sheet:
            before, self._is_sheet = xml.find(_BEFORE), _BEFORE in xml
            if not self._is_sheet:
                self._rest = xml[-len(_BEFORE) :]
                return
            xml = xml[before:]
        xml, opening, rest = xml.rpartition(b"<")
        if not block or len(rest) > BLOCK:  # no tag is as long
            xml, opening, rest = xml + opening + rest, b"", b""
        self._rest = opening + rest
        self.is_doubtful = self.is_doubtful or _DOUBTFUL.search(xml) is not None
        letters = set()
        for cell in _CELL.finditer(xml):
            place = None if cell[1] is None else _PLACE.search(cell[1])
            if cell[1] is None or (place is not None and place[1] is None):
                raise self._unclear()
            if place is None:
                self._is_implied = True
                continue
            letters.add(place[1])
            self._rows = max(self._rows, int(place[2]))
        self._widen(self._rows, max(map(_column_number, letters), default=0))

    def count_implied(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        """Where cells name no place, it follows from those before: only a parser tells which these are.

        Raises:
            SourceFormatError: it is no XML, or has cells within cells.
            SourceLimitError: it spans too many cells.
        """
        if not self._is_implied:
            return
        parser = expat.ParserCreate("utf-8")
        rows = Places(self._widen, self._unclear)
        parser.StartElementHandler, parser.EndElementHandler, parser.StartDoctypeDeclHandler = rows.start, rows.end, rows.refuse
        try:
            with archive.open(info) as part:
                parser.ParseFile(part)
        except expat.ExpatError:
            raise self._unclear() from None

    def _widen(self, row: int, column: int) -> None:
        self._rows, self._columns = max(self._rows, row), max(self._columns, column)
        if self._rows * self._columns > self._most_cells:
            raise SourceLimitError(
                f"{self._what} 占 {self._rows} 行、{self._columns} 列 · {self._what} spans {self._rows} lines and {self._columns} columns",
                remedy="请部门清除数据区域以外的单元格 · ask the department to clear far-away cells",
            )

    def _unclear(self) -> SourceFormatError:
        return unclear(self._what)


def unclear(what: str) -> SourceFormatError:
    """A workbook that is written as no program writes it."""
    return SourceFormatError(
        f"{what} 中有位置不明的单元格 · {what} has cells whose place is unclear",
        remedy="请部门用 Excel 或 WPS 打开并重新保存 · ask the department to open it in Excel or WPS and save it anew",
    )


class Places:
    """Follows a sheet's elements: a row comes after the last one, and a cell stands beside the last one, unless they name a place."""

    def __init__(self, widen: Callable[[int, int], None], unclear: Callable[[], SourceFormatError]) -> None:
        self._widen, self._unclear = widen, unclear
        self._outer = [""]
        self.row = self.column = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        name, parent = name.rpartition(":")[2], self._outer[-1]
        self._outer.append(name)
        if len(self._outer) > _DEEPEST:
            self.refuse()
        if name == "c" and parent == "row":
            place = _TEXT_PLACE.fullmatch(attributes["r"]) if "r" in attributes else None
            self.column += 1
            if place is not None:
                self.row, self.column = int(place[2]), _column_number(place[1].encode())
            self._widen(self.row, self.column)
        elif name == "row" and parent == "sheetData":
            said = attributes.get("r", "")
            self.row = int(said) if said.isdecimal() and len(said) < 10 else self.row + 1
            self.column = 0
        elif name in ("row", "c") and "sheetData" in self._outer:
            self.refuse()

    @property
    def innermost(self) -> str:
        """The element that is open, without its prefix."""
        return self._outer[-1]

    def end(self, _: str) -> None:
        """The innermost element ends."""
        self._outer.pop()

    def refuse(self, *_: object) -> None:
        """What no sheet has.

        Raises:
            SourceFormatError: always.
        """
        raise self._unclear()


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
