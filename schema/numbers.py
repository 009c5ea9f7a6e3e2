"""Phones and ID numbers inside a text, by their shape: what masks hide of it, and what word search knows as whole numbers alone.

Pure. Masks, search and the comparison of texts go by the same patterns: a number that is masked where it is shown, and searched or
compared by its pieces, could be read out piece by piece.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from functools import reduce

#: Figures and separators of full width, as numbers are looked for.
FULL_WIDTH = str.maketrans("０１２３４５６７８９Ｘｘ－＋（）　\u00a0", "0123456789Xx-+()  ")
_DASHES = ".·．‐‑‒–—―−－-"  # the last stands last: within brackets it is itself
_BLANKS = " \t\u3000\u00a0"
_GAP = f"[{_BLANKS}{_DASHES}]{{0,2}}"
_DASH = f"[{_DASHES}]?"
#: What holds no run of so many figures holds no number that is masked. Read by `re`, by frames and, by its figures, by PostgreSQL.
LONG_NUMBER = rf"\d(?:[()（）{_BLANKS}{_DASHES}]{{0,3}}\d){{9}}"
#: Of texts with such a run those that hold a number which is to be written otherwise: in pieces, or with the country's digits before it.
IN_PIECES = rf"\d[()（）{_BLANKS}{_DASHES}]{{1,3}}[\dXxＸｘ]|(?:^|[^0-9０-９])(?:[0０]{{2}})?[8８][6６][0-9０-９]{{9}}"
_DAY = rf"(?:19|20){_GAP}\d{_GAP}\d{_GAP}(?:0{_GAP}[1-9]|1{_GAP}[0-2]){_GAP}(?:0{_GAP}[1-9]|[12]{_GAP}\d|3{_GAP}[01])"
# In pieces with a blank or dash between any two figures; wider apart, only with a birthday where one stands, for dates are figures too.
_ID_NUMBERS = (
    r"(?<!\d)[1-9](?:[ -]?\d){16}[ -]?[\dXx](?![\dXx])",
    rf"(?<!\d)[1-9](?:{_GAP}\d){{5}}{_GAP}{_DAY}(?:{_GAP}\d){{3}}{_GAP}[\dXx](?![\dXx])",
    r"(?<!\d)[1-9]\d{14}(?!\d)",
)
_ABROAD = rf"(?:(?:\+|00)?86{_GAP})"
_AREA = r"\(?0\d{2,3}\)?"
_NO_DATE = rf"(?!19\d\d[{_DASHES}]\d\d?[{_DASHES}])"
_PHONES = (
    rf"(?<!\d){_ABROAD}?1[3-9]\d{_GAP}\d{{4}}{_GAP}\d{{4}}(?!\d)",
    # However it is cut by dashes, but for a date: 1998-03-01-1234 is none.
    rf"(?<!\d){_ABROAD}?{_NO_DATE}1{_DASH}[3-9](?:{_DASH}\d){{9}}(?!\d)",
    rf"(?<!\d){_AREA}{_GAP}\d{{3,4}}{_GAP}\d{{4}}(?!\d)",
    rf"(?<!\d)(?:\+|00)?86{_GAP}\(?0?[1-9]\d{{1,2}}\)?{_GAP}\d{{3,4}}{_GAP}\d{{4}}(?!\d)",
)
# What stands around a number as an expression says it that looks neither back nor ahead.
_AROUND = {r"(?<!\d)": r"(?:^|\D)", r"(?!\d)": r"(?:\D|$)", r"(?![\dXx])": r"(?:[^\dXx]|$)", _NO_DATE: ""}
#: Of texts whose figures of full width are translated those that hold a phone or an ID number, and some dates besides. Read by frames.
SHAPES = "|".join(reduce(lambda shape, around: shape.replace(*around), _AROUND.items(), each) for each in (*_ID_NUMBERS, *_PHONES))
_ID_NUMBER = re.compile("|".join(_ID_NUMBERS))
_PHONE = re.compile("|".join(_PHONES))
_LONG = re.compile(LONG_NUMBER)
_MOBILE_ABROAD = re.compile(r"(?:00)?86(1[3-9]\d{9})")
_LANDLINE_ABROAD = re.compile(r"(?:00)?860?([1-9]\d{8,10})")


def has_long_number(text: str) -> bool:
    """Whether a text may hold a number that is masked: hardly any does, and to look for this takes a tenth of the time."""
    return _LONG.search(text) is not None


def holds_number(text: str) -> bool:
    """Whether a phone or an ID number stands in a text, however it is cut."""
    plain = text.translate(FULL_WIDTH)
    return has_long_number(text) and bool(_ID_NUMBER.search(plain) or _PHONE.search(plain))


def replaced(text: str, id_no: Callable[[str], str], phone: Callable[[str], str]) -> str:
    """A text with something else in the place of each ID number and each phone in it.

    Args:
        text: as somebody wrote it.
        id_no: what is to stand for an ID number, which it gets without separators.
        phone: the same for a phone, which it gets without separators and without the country's digits.
    """
    if not has_long_number(text):
        return text
    plain = _ID_NUMBER.sub(lambda found: id_no(re.sub(r"[^\dXx]", "", found.group())), text.translate(FULL_WIDTH))
    return _PHONE.sub(lambda found: phone(_dialled_at_home(re.sub(r"\D", "", found.group()))), plain)


def whole_numbers(text: str, told: Container[str] | None = None) -> str:
    """A text with each phone and ID number in it written whole, with blanks around it and no separators in it.

    Args:
        text: as somebody wrote it.
        told: numbers, in small letters, that stay; the others are taken out. None: all stay.
    """

    def whole(number: str) -> str:
        return f" {number} " if told is None or number.lower() in told else " "

    return replaced(text, whole, whole)


def _dialled_at_home(digits: str) -> str:
    """A phone as it is dialled in the country: so it is one number, however it is written."""
    mobile, landline = _MOBILE_ABROAD.fullmatch(digits), _LANDLINE_ABROAD.fullmatch(digits)
    return mobile[1] if mobile else f"0{landline[1]}" if landline else digits
