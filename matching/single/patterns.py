"""Patterns of the column functions for one value: the same text compiled for Python, and which texts it may be trusted with.

The engine behind polars and Python know other versions of Unicode, and disagree on what a few characters are made of. Texts
of ordinary characters are worked out here; any other is handed to the column function, a column of one value.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import polars as pl

#: Script Han, as far as what is ordinary reaches, once simplified.
# 齭 is ordinary, and 𫜭, which it is simplified to, lies beyond the first plane.
HAN = (
    "\u2e80-\u2e99\u2e9b-\u2ef3\u2f00-\u2fd5\u3005\u3007\u3021-\u3029\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufa6d\ufa70-\ufad9"
    "\U00020000-\U0002a6df\U0002a700-\U0002b739\U0002b740-\U0002b81d\U0002b820-\U0002cea1\U0002ceb0-\U0002ebe0"
    "\U0002f800-\U0002fa1d\U00030000-\U0003134a\U00031350-\U000323af"
)
_ORDINARY = re.compile(
    "[\u0009-\u000d\u0020-\u007e\u00a0-\u024f\u2000-\u200f\u2010-\u206f\u20ac\u2100-\u24ff\u2500-\u25ff\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fef\uff01-\uffee]*"
)
_AMONG = re.compile(r"\[\\p\{Han\}&&\[\^([^\]]*)\]\]")
#: Values remembered of each kind.
REMEMBERED = 20_000


def is_ordinary(text: str) -> bool:
    """Whether Python and the column engine are known to agree on every character of it."""
    return _ORDINARY.fullmatch(text) is not None


def column(make: Callable[[pl.Series], pl.DataFrame], value: str) -> dict[str, Any]:
    """What a column function makes of one value."""
    return make(pl.Series("value", [value], dtype=pl.String)).row(0, named=True)


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern as the column functions write it."""
    return re.compile(translated(pattern))


def translated(pattern: str) -> str:
    r"""`\p{Han}` spelt out, in a class or by itself, and `$` for the end alone, where Python takes a last line break for one too."""
    pattern = _AMONG.sub(lambda found: f"(?:(?![{found.group(1)}])[{HAN}])", pattern)
    parts, in_class, place = [], False, 0
    while place < len(pattern):
        if pattern.startswith(r"\p{Han}", place):
            parts.append(HAN if in_class else f"[{HAN}]")
            place += len(r"\p{Han}")
            continue
        step = 2 if pattern[place] == "\\" else 1
        piece = pattern[place : place + step]
        if piece == "[":
            in_class = True
        elif piece == "]" and in_class:
            in_class = False
        parts.append(r"\Z" if piece == "$" and not in_class else piece)
        place += step
    return "".join(parts)


def extract(pattern: str, text: str | None, group: int = 1) -> str | None:
    """The group of the first place that fits; None where none does."""
    found = compiled(pattern).search(text) if text is not None else None
    return found.group(group) if found else None


def contains(pattern: str, text: str | None) -> bool:
    """Whether it fits somewhere; not in None."""
    return text is not None and compiled(pattern).search(text) is not None


def without(pattern: str, text: str, put: str = "") -> str:
    """Every place that fits taken out, or something put there, which holds no backslash."""
    return compiled(pattern).sub(put, text)


def without_first(pattern: str, text: str, put: str | Callable[[re.Match[str]], str] = "") -> str:
    """The first place that fits taken out, or something put there, which holds no backslash."""
    return compiled(pattern).sub(put, text, count=1)


class _Bare(dict[int, str | None]):
    """Code point → itself, or nothing for blanks and controls; found out when first met."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        kept = None if character.isspace() or unicodedata.category(character) in ("Cc", "Cf") else character
        self[code] = kept
        return kept


_BARE: Mapping[int, str | None] = _Bare()


def plain_text(text: str) -> str:
    """`characters.plain_text` of one text."""
    return unicodedata.normalize("NFKC", text).translate(_BARE)
