"""ID numbers, credit codes and phones, one at a time: `matching.identifiers` for one value."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

from matching import identifiers
from matching.single.patterns import REMEMBERED, column, contains, extract, is_ordinary, plain_text, without, without_first
from schema.identifiers import CENTURIES, CODE_ALPHABET, PROVINCES, code_check, id_check

_ID_COLUMNS = ("id_no", "id_state", "id_birth_date", "id_gender")
_NO_ID: Mapping[str, Any] = dict.fromkeys(_ID_COLUMNS)
_NO_CODE: Mapping[str, Any] = dict.fromkeys(("uscc", "uscc_state"))


@lru_cache(REMEMBERED)
def id_number(text: str | None, placeholders: frozenset[str]) -> Mapping[str, Any]:
    """`identifiers.id_numbers` of one number."""
    if text is None:
        return _NO_ID
    if not is_ordinary(text):
        return column(partial(identifiers.id_numbers, placeholders=placeholders), text)
    number = without(r"[^0-9A-Z*]", plain_text(text).upper())
    if not number or number in placeholders:
        return _NO_ID
    is_short = contains(r"^\d{15}$", number)
    first = f"{number[:6]}19{number[6:]}" if is_short else extract(r"^(\d{17})[\dX]$", number)
    check = None if first is None else id_check(first)
    born = None if first is None else _date(first[6:14])
    is_dated = first is not None and born is not None and first[:2] in PROVINCES and first[6:8] in CENTURIES
    full = f"{first}{check}" if is_short else number
    is_known = not contains(identifiers.NO_ID, full) and len(full) >= 6  # no document has fewer
    return {
        "id_no": full if is_known else None,
        "id_state": _state(number, full, check, is_short=is_short, is_dated=is_dated) if is_known else None,
        "id_birth_date": born if is_dated else None,
        "id_gender": ("male" if first[16] in "13579" else "female") if first is not None and is_dated else None,
    }


def _state(number: str, full: str, check: str | None, *, is_short: bool, is_dated: bool) -> str:
    if is_dated and is_short:
        return "converted"
    if is_dated and number[17:18] == check:
        return "verified"
    return "broken" if contains(identifiers.BROKEN_ID, full) else "other"


def _date(digits: str) -> dt.date | None:
    try:
        return dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None


@lru_cache(REMEMBERED)
def credit_code(text: str | None, placeholders: frozenset[str]) -> Mapping[str, Any]:
    """`identifiers.credit_codes` of one code."""
    if text is None:
        return _NO_CODE
    if not is_ordinary(text):
        return column(partial(identifiers.credit_codes, placeholders=placeholders), text)
    code = without(r"[^0-9A-Z]", plain_text(text).upper())
    if not code or code in placeholders or contains(identifiers.ONE_DIGIT, code) or len(code) < 15:  # as registrations were
        return _NO_CODE
    return {"uscc": code, "uscc_state": "verified" if _is_sound(code) else "broken"}


def _is_sound(code: str) -> bool:
    if len(code) != 18 or any(character not in CODE_ALPHABET for character in code):  # GB 32100
        return False
    return code_check(code[:17]) == code[17]


@lru_cache(REMEMBERED)
def phone(text: str | None, placeholders: frozenset[str]) -> str | None:
    """`identifiers.phones` of one number."""
    if text is None:
        return None
    if not is_ordinary(text):
        found: str | None = column(lambda values: identifiers.phones(values, placeholders).to_frame("phone"), text)["phone"]
        return found
    first = extract(identifiers.FIRST_PHONE, plain_text(text))
    if first is None:
        return None
    first = without_first(identifiers.FLOAT, first, lambda found: found[1])
    if contains(identifiers.ROUNDED, first):
        return None
    digits = without_first(identifiers.ABROAD, without(r"[^0-9*]", first), lambda found: found[1])
    digits = without_first(identifiers.AREA_ABROAD, digits, lambda found: "0" + found[1])
    digits = without_first(identifiers.LONG_DISTANCE, digits, lambda found: found[1])
    is_none = digits in placeholders or contains(identifiers.NO_PHONE, digits) or not 7 <= len(digits) <= 15  # as dialled
    return None if is_none else digits
