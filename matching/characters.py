"""Characters brought to one form: width, variants, sound and look.

Enters columns of text as written, leaves columns of the same length; each distinct value is worked out once.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Hashable
from functools import cache, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import opencc
import polars as pl
import pyarrow as pa
import pyarrow.compute  # makes pa.compute

from matching.vocabulary import vocabulary

_UMLAUT = str.maketrans("üǖǘǚǜ", "vvvvv")
_BLANKS = r"[\s\p{Cc}\p{Cf}]+"
_NARROW = [" ", *map(chr, range(0x21, 0x7F))]
_WIDE = ["\u3000", *map(chr, range(0xFF01, 0xFF5F))]


def once(values: pl.Series, work: Callable[..., pl.DataFrame], *given: Hashable) -> pl.DataFrame:
    """Work on each distinct value once, and lay the columns out in the order of `values`; null gives nulls.

    Args:
        values: any column.
        work: takes the distinct values, none null, and what is given, and gives a row for each, in their order.
        given: what `work` is to know besides.
    """
    encoded: Any = pa.compute.dictionary_encode(values.to_arrow())
    distinct = pl.Series(values.name, encoded.dictionary)
    worked = work(distinct, *given) if len(distinct) else _of_none(work, distinct.name, distinct.dtype, given)
    rows = pl.Series(encoded.indices)
    return worked.select(pl.all().gather(rows))


@lru_cache(maxsize=64)
def _of_none(work: Callable[..., pl.DataFrame], name: str, dtype: pl.DataType, given: tuple[Hashable, ...]) -> pl.DataFrame:
    """What `work` makes of no value: of few rows a column is often empty, and reading its patterns costs as much as of many."""
    return work(pl.Series(name, [], dtype), *given)


def fold(values: pl.Series) -> pl.Series:
    """NFKC, simplified characters, upper case, no blanks or control characters; an empty text becomes null."""
    texts = _by_line(values, _folded)
    return texts.to_frame("v").select(or_null(pl.col("v"))).to_series().alias(values.name)


def plain_text(text: pl.Expr) -> pl.Expr:
    """NFKC without blanks and control characters: what a person wrote, variants kept."""
    return text.str.normalize("NFKC").str.replace_all(_BLANKS, "")


def half_width(values: pl.Series) -> pl.Series:
    """Figures, letters and marks of full width as others are, and nothing else: NFKC would make 52 of 5²."""
    return values.str.replace_many(_WIDE, _NARROW)


def or_null(text: pl.Expr, words: frozenset[str] = frozenset()) -> pl.Expr:
    """Null where the text is empty or one of the words."""
    return pl.when(~text.is_in(["", *sorted(words)])).then(text)


def pinyin(values: pl.Series) -> pl.Series:
    """Toneless syllables, each Chinese character by its first reading, other characters as they are; a blank between."""
    return _by_line(values, lambda text: "\n".join(" ".join(line.split()) for line in text.translate(_readings()).split("\n")))


def look(values: pl.Series) -> pl.Series:
    """Each character replaced by the one that stands for those it is taken for (未 and 末 become the same)."""
    return _by_line(values, lambda text: text.translate(vocabulary().look_alikes))


def fold_one(text: str) -> str | None:
    """`fold` of one text."""
    folded = text.replace("\n", " ").translate(_folds())
    return (_folded(text.replace("\n", " ")) if _MORE in folded else folded) or None


def pinyin_one(text: str) -> str:
    """`pinyin` of one text."""
    return " ".join(text.replace("\n", " ").translate(_readings()).split())


def look_one(text: str) -> str:
    """`look` of one text."""
    return text.replace("\n", " ").translate(vocabulary().look_alikes)


def _by_line(values: pl.Series, convert: Callable[[str], str]) -> pl.Series:
    """Convert a column as one text: a call a column, not a call a value."""
    texts = values.to_list()
    if not texts:
        return values.cast(pl.String)
    joined = "\n".join([text or "" for text in texts])
    if joined.count("\n") >= len(texts):
        joined = "\n".join([(text or "").replace("\n", " ") for text in texts])
    kept = [line if text is not None else None for line, text in zip(convert(joined).split("\n"), texts, strict=True)]
    return pl.Series(values.name, kept, dtype=pl.String)


def _folded(text: str) -> str:
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    folded = folding()[codes]
    several = folded == SEVERAL
    if several.any():  # these alone: what is not in the table stays as it is, whatever stands in other rows
        return _folded("".join(unicodedata.normalize("NFKC", char) if is_one else char for char, is_one in zip(text, several, strict=True)))
    return bytes(folded[folded != 0].tobytes()).decode("utf-32-le")


#: In the folding table: this character stands for more than one (㎡ for M2).
SEVERAL = np.iinfo(np.uint32).max
_MORE = "\ufdd0"  # stands for it in a text: no character


@cache
def folding() -> npt.NDArray[np.uint32]:
    """Code point → the one it is folded to: width, variant, case; 0 for blanks and controls but the line break.

    A look-up of all characters at once is what makes folding cost less than reading the text.
    """
    table = np.arange(0x110000, dtype=np.uint32)
    simplify = opencc.OpenCC("t2s")
    codes = [*range(0x20, 0xD800), *range(0xF900, 0x10000), *range(0x1D400, 0x1D800), *range(0x1F100, 0x1F200), *range(0x2F800, 0x2FA20)]
    normal = [unicodedata.normalize("NFKC", chr(code)) for code in codes]
    one = [char if len(char) == 1 else "" for char in normal]
    simple = simplify.convert("\n".join(one)).translate(vocabulary().variants).split("\n")
    table[codes] = [SEVERAL if not char else _code(char) for char in simple]
    table[[code for code in codes if chr(code).isspace() or unicodedata.category(chr(code)) in ("Cc", "Cf")]] = 0
    table[:0x20] = 0
    table[ord("\n")] = ord("\n")
    return table


class _Folds(dict[int, str | None]):
    """Code point → what it is folded to, for one text, whose way through numpy would cost more; found out when first met."""

    def __missing__(self, code: int) -> str | None:
        folded = int(folding()[code])
        self[code] = _MORE if folded == SEVERAL else chr(folded) if folded else None
        return self[code]


@cache
def _folds() -> _Folds:
    return _Folds()


def _code(char: str) -> int:
    upper = char.upper()
    return ord(upper) if len(upper) == 1 else ord(char)


@cache
def _dictionary() -> dict[int, str]:
    """Code point → its readings, the usual one first; without the library's phrases, which would take 45 MB and a fifth of a second."""
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
    os.environ.setdefault("PYPINYIN_NO_DICT_COPY", "true")
    from pypinyin.constants import PINYIN_DICT

    return PINYIN_DICT


class _Readings(dict[int, str]):
    """Code point → its syllable between blanks; found out when first met, for there are 40,000."""

    def __missing__(self, code: int) -> str:
        readings = _dictionary().get(code)
        syllable = chr(code) if readings is None else f" {_toneless(readings.split(',')[0])} "
        self[code] = syllable
        return syllable


@cache
def _readings() -> _Readings:
    return _Readings()


def _toneless(syllable: str) -> str:
    plain = unicodedata.normalize("NFD", syllable.translate(_UMLAUT))
    return "".join(char for char in plain if not unicodedata.combining(char))
