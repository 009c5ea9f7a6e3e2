"""One value through a transform, for a question that cannot wait.

What is written as the hub writes it passes as it is: these shapes are ones that the transform gives back unchanged, which a
property holds it to. Everything else goes through the transform itself, a column of one value.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from typing import Any

import polars as pl

from pipeline.transforms import TRANSFORMS, Options
from pipeline.transforms.base import BLANKS, EMPTY, UNKNOWN

_REMEMBERED = 20_000
_NAME = re.compile(r"[\u4e00-\u9fa5]{2,}")
_WRITTEN = re.compile(r"[\u4e00-\u9fa5A-Za-z0-9]{3,}")
#: Transform → the shape of what it leaves as it is, but for words that say nothing.
SHAPES: dict[str, re.Pattern[str]] = {
    "person_name": _NAME,
    "org_name": _NAME,
    "party_name": _NAME,
    "address": _WRITTEN,
    "id_no": re.compile(r"[1-6][0-9]{16}[0-9X]"),
    "phone": re.compile(r"1[3-9][0-9]{9}"),
}
_MOMENT = re.compile(r"(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9](?:Z|[+-][0-9]{2}:[0-9]{2})")
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
    if transform == "datetime" and _MOMENT.fullmatch(value):
        return _moment(value)
    return _read(transform, value)


def _moment(value: str) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(value).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise Unreadable(f"cannot be read as {'datetime'}") from None


@lru_cache(_REMEMBERED)
def _read(transform: str, value: str) -> Any:
    read = TRANSFORMS[transform](pl.Series([value], dtype=pl.String), Options())
    if read.refused[0]:
        raise Unreadable(f"cannot be read as {transform}")
    return read.values[0]
