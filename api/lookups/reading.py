"""One row of an uploaded file → what is to be looked for. Pure.

Numbers decide: where a row has an ID number, a phone, a credit code or a case number, its names are not looked for, for many
people have one name. A row of names alone is looked for by them. Each cell is read as the single entry reads it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from api.lookups.columns import ENTRY
from api.recognise import IDENTIFIERS, MAX_CHARACTERS, Kind, Reading, numbers_in, recognise
from hub.errors import RequestError
from schema.numbers import holds_number

#: Digits beyond which a spreadsheet's number has lost its last ones: a double holds fifteen.
_LOST_FROM = 10**15
_SURE = IDENTIFIERS | {Kind.CASE_NUMBER, Kind.CASE_ID}
_MASK = re.compile(r"[*＊×]")
_LEAST_DIGITS = 4  # of anything that could be a number, or its end
_NUMBER_KINDS = (Kind.ID_NUMBER, Kind.PHONE)


class CellError(Exception):
    """A cell that cannot be looked up; `reason` is a word of `REASONS`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


REASONS = {
    "lost_digits": ("数字被表格软件截断，请将该列设为文本", "the spreadsheet cut the number's digits: make the column text"),
    "masked": ("号码含 *，无法查询", "the number is masked"),
    "too_long": (f"超过 {MAX_CHARACTERS} 个字", f"longer than {MAX_CHARACTERS} characters"),
}


class Asked(NamedTuple):
    """One thing that a row asks for; free: of a column that may hold anything, so that it may yet be a case number."""

    reading: Reading
    is_free: bool


def read_row(cells: Sequence[Any], kinds: Sequence[str]) -> list[Asked]:
    """What a row asks for; nothing where it is blank.

    Raises:
        CellError: a cell cannot be looked up, and none beside it is sure.
    """
    found: list[Asked] = []
    broken: CellError | None = None
    for value, kind in zip(cells, kinds, strict=True):
        if kind and value is not None:
            try:
                found.append(Asked(_read_cell(value, kind), kind == ENTRY))
            except CellError as error:
                broken = broken or error
    sure = [each for each in found if each.reading.kind in _SURE]
    if broken is not None and not sure:
        raise broken
    return sure or found


def numbers_asked(rows: Iterable[Sequence[Any] | None], kinds: Sequence[str]) -> int:
    """How many phones and ID numbers the rows of a file ask about, each cell as it will be read: one that is not looked for is none."""
    return sum(_is_number(asked) for row in rows if row is not None for asked in _asked(row, kinds))


def _asked(row: Sequence[Any], kinds: Sequence[str]) -> list[Asked]:
    if not any(kind and _may_hold_number(str(value)) for value, kind in zip(row, kinds, strict=True)):
        return []  # without the reading of many names
    try:
        return read_row(row, kinds)
    except CellError:
        return []


def _is_number(asked: Asked) -> bool:
    reading = asked.reading
    if not _may_hold_number(reading.text) or (reading.kind is Kind.CASE_NUMBER and not asked.is_free):
        return False
    return reading.kind in _NUMBER_KINDS or numbers_in(reading.text) > 0 or any(map(holds_number, reading.values))


def _may_hold_number(written: str) -> bool:
    return sum(map(str.isdigit, unicodedata.normalize("NFKC", written))) >= _LEAST_DIGITS


def _read_cell(value: Any, kind: str) -> Reading:
    if isinstance(value, (int, float)) and abs(value) >= _LOST_FROM:
        raise CellError("lost_digits")
    try:
        reading = recognise(str(value))
    except RequestError:
        raise CellError("too_long") from None
    if kind == ENTRY or reading.kind.value == kind:
        return reading
    return _as_said(reading, Kind(kind))


def _as_said(reading: Reading, kind: Kind) -> Reading:
    """A cell whose shape is not what its column says: the column decides."""
    if kind in IDENTIFIERS:
        if _MASK.search(reading.text):
            raise CellError("masked")
        if reading.kind in IDENTIFIERS:  # an ID number among phones
            return reading
        return Reading(kind, reading.text, (re.sub(r"[\s\-.]", "", reading.text).upper(),), reading.numbers)
    if kind is Kind.CASE_NUMBER:
        return Reading(kind, reading.text, reading.values, reading.numbers or (reading.text,))
    if reading.kind in _SURE:  # a phone among names
        return reading
    return Reading(kind, reading.text, (), reading.numbers)
