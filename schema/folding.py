"""Texts folded for comparison: width, case and variant characters taken away, a column at a time or one alone."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import opencc
import polars as pl

FEW = 200_000  # characters that are folded one by one
PLANE = "\uffff"  # the last character of the first plane
HAN_RANGES = ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00), (0x20000, 0x2EBF0))


@cache
def simplified() -> dict[str, str]:
    """Traditional or variant character → simplified, where the two differ."""
    characters = [chr(code) for start, end in HAN_RANGES for code in range(start, end)]
    converted = opencc.OpenCC("t2s").convert("\n".join(characters)).split("\n")
    return {before: after for before, after in zip(characters, converted, strict=True) if before != after and len(after) == 1}


def fold(text: pl.Series) -> pl.Series:
    """Width, case and variant characters taken away; nulls stay null."""
    lowered = text.cast(pl.String).str.normalize("NFKC").str.to_lowercase()
    if (lowered.str.len_chars().sum() or 0) <= FEW:  # not worth the automaton of 4,600 patterns
        folded = [None if told is None else _variant().sub(_simplified, told) for told in lowered]
        return pl.Series(lowered.name, folded, dtype=pl.String)
    pairs = simplified()
    return lowered.str.replace_many(list(pairs), list(pairs.values()))


def fold_text(text: str) -> str:
    """The same of one text: a query, a title, what is shown of a page."""
    return _variant().sub(_simplified, unicodedata.normalize("NFKC", text).lower())


def _simplified(found: re.Match[str]) -> str:
    return _translation().get(ord(found[0]), found[0])


@cache
def _variant() -> re.Pattern[str]:
    """Whatever `_translation` changes: to look for it takes a fifth of the time that translating takes, and hardly any text has it."""
    return re.compile(f"[{''.join(each for each in simplified() if each <= PLANE)}]|[^\0-{PLANE}]")  # one class of both would be slow


@cache
def _translation() -> dict[int, str]:
    return str.maketrans(simplified())
