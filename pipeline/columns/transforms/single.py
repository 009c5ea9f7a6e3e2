"""One value through a transform, for a question that cannot wait.

What is written as the hub writes it passes as it is: these shapes are ones that the transform gives back unchanged, which a
property holds it to. Everything else goes through the transform itself, a column of one value.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

import polars as pl

from pipeline.columns.transforms import TRANSFORMS, Options
from pipeline.columns.transforms.base import BLANKS, EMPTY, UNKNOWN

_REMEMBERED = 20_000
_NAME = re.compile(r"[\u4e00-\u9fa5][\u4e00-\u9fa5A-Za-z0-9()·*]+")
_WRITTEN = re.compile(r"[\u4e00-\u9fa5A-Za-z0-9()#、-]{5,}")
#: Transform → the shape of what it leaves as it is, but for words that say nothing.
SHAPES: dict[str, re.Pattern[str]] = {
    "person_name": _NAME,
    "org_name": _NAME,
    "party_name": _NAME,
    "address": _WRITTEN,
    "id_no": re.compile(r"[1-6][0-9]{16}[0-9X]"),
    "uscc": re.compile(r"[0-9A-HJ-NPQRTUWY][0-9A-HJ-NPQRTUWY][0-9]{6}[0-9A-HJ-NPQRTUWY]{10}"),
    "phone": re.compile(r"1[3-9][0-9]{9}|0(?:10|2[0-9]|[3-9][0-9]{2})[2-9][0-9]{6,7}"),
}
_MONEY = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,2})?")
_DAY = re.compile(r"(?:19[0-9]{2}|20[0-9]{2})-[0-9]{2}-[0-9]{2}")
# An offset can take the first hours of 1900 out of the years that are read.
_MOMENT = re.compile(
    r"(?:19(?!00)|20)[0-9]{2}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_SAYS_NOTHING = frozenset((*EMPTY, *UNKNOWN))


class Unreadable(ValueError):
    """A value that says something which its transform cannot read."""


def transformed(transform: str, value: str) -> Any:
    """The value as the hub writes it; None where it says nothing.

    Raises:
        Unreadable: it says something that cannot be read.
    """
    if transform == "text":
        stripped = value.strip(BLANKS)
        return None if stripped in EMPTY else stripped
    shape = SHAPES.get(transform)
    if shape is not None and shape.fullmatch(value) and value not in _SAYS_NOTHING:
        return value
    written = _WRITTEN_OUT.get(transform)
    if written is not None and written[0].fullmatch(value):
        try:
            return written[1](value)
        except (ValueError, OverflowError):
            raise Unreadable(f"无法按 {transform} 解读 · cannot be read as {transform}") from None
    return _read(transform, value)


def _money(value: str) -> Decimal:
    return Decimal(value).quantize(Decimal("0.01"))


def _moment(value: str) -> dt.datetime:
    return dt.datetime.fromisoformat(value).astimezone(dt.UTC)


#: Transform → a shape that it reads in one way, and that way.
_WRITTEN_OUT: dict[str, tuple[re.Pattern[str], Callable[[str], Any]]] = {
    "money": (_MONEY, _money),
    "date": (_DAY, dt.date.fromisoformat),
    "datetime": (_MOMENT, _moment),
}


@lru_cache(_REMEMBERED)
def _read(transform: str, value: str) -> Any:
    read = TRANSFORMS[transform](pl.Series([value], dtype=pl.String), Options())
    if read.refused[0]:
        raise Unreadable(f"无法按 {transform} 解读 · cannot be read as {transform}")
    return read.values[0]
