"""Characters brought to one form: width, variants, sound and look.

Enters columns of text as written, leaves columns of the same length; each distinct value is worked out once.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from functools import cache

import opencc
import polars as pl
from pypinyin.constants import PINYIN_DICT

from matching.vocabulary import vocabulary

_UMLAUT = str.maketrans("üǖǘǚǜ", "vvvvv")
_BLANKS = r"[\s\p{Cc}\p{Cf}]+"


def once(values: pl.Series, work: Callable[[pl.Series], pl.DataFrame]) -> pl.DataFrame:
    """Work on each distinct value once, and lay the columns out in the order of `values`; null gives nulls.

    Args:
        values: any column.
        work: takes the distinct values, none null, and gives a row for each, in their order.
    """
    distinct = values.drop_nulls().unique()
    worked = work(distinct).with_columns(distinct.alias("_value"))
    return values.alias("_value").to_frame().join(worked, on="_value", how="left", maintain_order="left").drop("_value")


def fold(values: pl.Series) -> pl.Series:
    """NFKC, simplified characters, upper case, no blanks or control characters; an empty text becomes null."""
    plain = written(values).str.to_uppercase()
    simplified = _by_line(plain, _simplifier().convert)
    return simplified.alias(values.name)


def written(values: pl.Series) -> pl.Series:
    """NFKC without blanks: what a person wrote, variants kept; an empty text becomes null."""
    plain = values.str.normalize("NFKC").str.replace_all(_BLANKS, "")
    return plain.to_frame("v").select(pl.when(pl.col("v") != "").then(pl.col("v")))["v"].alias(values.name)


def pinyin(values: pl.Series) -> pl.Series:
    """Toneless syllables, each Chinese character by its first reading, other characters as they are; a blank between."""
    return _by_line(values, lambda text: text.translate(_readings())).str.strip_chars(" ").str.replace_all(" +", " ")


def look(values: pl.Series) -> pl.Series:
    """Each character replaced by the one that stands for those it is taken for (未 and 末 become the same)."""
    return _by_line(values, lambda text: text.translate(vocabulary().look_alikes))


def without(values: pl.Series, words: frozenset[str]) -> pl.Series:
    """Null where the value is one of the words."""
    if not words:
        return values
    frame = values.alias("v").to_frame()
    return frame.select(pl.when(~pl.col("v").is_in(sorted(words))).then(pl.col("v")))["v"].alias(values.name)


def _by_line(values: pl.Series, convert: Callable[[str], str]) -> pl.Series:
    """Convert a column as one text: a call a column, not a call a value. Values hold no line break (see `written`)."""
    if values.len() == values.null_count():
        return values.cast(pl.String)
    lines = convert("\n".join(values.fill_null("").to_list())).split("\n")
    converted = pl.DataFrame({"line": pl.Series(lines, dtype=pl.String), "was": values})
    return converted.select(pl.when(pl.col("was").is_not_null()).then(pl.col("line")))["line"].alias(values.name)


@cache
def _simplifier() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


class _Readings(dict[int, str]):
    """Code point → its syllable between blanks; found out when first met, for there are 40,000."""

    def __missing__(self, code: int) -> str:
        readings = PINYIN_DICT.get(code)
        syllable = chr(code) if readings is None else f" {_toneless(readings.split(',')[0])} "
        self[code] = syllable
        return syllable


@cache
def _readings() -> _Readings:
    return _Readings()


def _toneless(syllable: str) -> str:
    plain = unicodedata.normalize("NFD", syllable.translate(_UMLAUT))
    return "".join(char for char in plain if not unicodedata.combining(char))
