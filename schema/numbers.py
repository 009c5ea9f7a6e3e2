"""Phones and ID numbers inside a text, by their shape: what masks hide of it, and what word search knows as whole numbers alone.

Pure. Masks and search go by the same patterns: a number that is masked where it is shown, and searched by its pieces, could be read
out piece by piece.
"""

from __future__ import annotations

import re
from collections.abc import Container

#: Figures and separators of full width, as numbers are looked for.
FULL_WIDTH = str.maketrans("０１２３４５６７８９Ｘｘ－　\u00a0", "0123456789Xx-  ")
#: What holds no run of so many figures holds no number that is masked. Read by `re`, by frames and, by its figures, by PostgreSQL.
LONG_NUMBER = r"\d(?:[ \u3000\u00a0－-]?\d){9}"
ID_NUMBER = re.compile(r"(?<!\d)[1-9](?:[ -]?\d){16}[ -]?[\dXx](?![\dXx])|(?<!\d)[1-9]\d{14}(?!\d)")
PHONE = re.compile(r"(?<!\d)1[3-9]\d(?:[ -]?\d{4}){2}(?!\d)|(?<!\d)0\d{2,3}[ -]?\d{7,8}(?!\d)")
_LONG = re.compile(LONG_NUMBER)


def has_long_number(text: str) -> bool:
    """Whether a text may hold a number that is masked: hardly any does, and to look for this takes a tenth of the time."""
    return _LONG.search(text) is not None


def whole_numbers(text: str, told: Container[str] | None = None) -> str:
    """A text with each phone and ID number in it written whole, with blanks around it and no separators in it.

    Args:
        text: as somebody wrote it.
        told: numbers, in small letters, that stay; the others are taken out. None: all stay.
    """
    if not has_long_number(text):
        return text

    def whole(found: re.Match[str]) -> str:
        number = re.sub("[ -]", "", found.group())
        return f" {number} " if told is None or number.lower() in told else " "

    return PHONE.sub(whole, ID_NUMBER.sub(whole, text.translate(FULL_WIDTH)))
