"""Transforms of words: text, names, addresses."""

from __future__ import annotations

import polars as pl

from pipeline.columns.transforms.base import VALUE, Options, Read, judged, none_of, on_distinct, strip, worked

_NOT_HAN = r"[^\p{Han}]"
_INNER_BLANK = r"([\p{Han}·])[\s\u3000]+|[\s\u3000]+([\p{Han}·])"
_DOTS = r"[•・‧∙⋅･]"  # the dot inside 买买提·吐尔逊 comes in all of these
_ODD = pl.arg_where(VALUE.str.contains(_NOT_HAN))
_LETTERED = pl.when(VALUE.str.contains(r"[\p{L}*]")).then(VALUE)
_HALF = VALUE.str.normalize("NFKC").str.replace_all(r"[\u00ad\u200b-\u200d\u2060\ufeff]", "")
# Twice: of three characters with blanks between, one pass joins only the first two.
_JOINED = _HALF.str.replace_all(_INNER_BLANK, "$1$2").str.replace_all(_INNER_BLANK, "$1$2")
_NORMALISED = _JOINED.str.replace_all(r"\s+", " ").str.strip_chars()


def text(values: pl.Series, options: Options) -> Read:
    """Free text: blanks at both ends go, the rest stays as written."""
    return Read(strip(values), none_of(values))


def upper(values: pl.Series, options: Options) -> Read:
    """Half width, upper case: case numbers, plot numbers."""
    return Read(_clean(strip(values)).str.to_uppercase(), none_of(values))


def name(values: pl.Series, options: Options) -> Read:
    """A person's, organisation's or any party's name: half width, no blanks inside Chinese, one dot for all dots.

    A name without a single letter or character is refused.
    """
    given = strip(values)
    named = _clean(given)
    if named.str.contains(_DOTS).any():
        named = named.str.replace_all(_DOTS, "·")
    return judged(given, worked(named, _LETTERED))


def address(values: pl.Series, options: Options) -> Read:
    """An address: half width, no blanks inside Chinese."""
    return Read(_clean(strip(values)), none_of(values))


def unblanked(values: pl.Series) -> pl.Series:
    """Numbers of papers as they compare: half width, no blanks inside Chinese (（2026）粤 0311 → (2026)粤0311)."""
    return _clean(values)


def _clean(values: pl.Series) -> pl.Series:
    odd = worked(values, _ODD)
    return values.scatter(odd, on_distinct(values.gather(odd), _normalised)) if len(odd) else values


def _normalised(values: pl.Series) -> pl.Series:
    return worked(values, _NORMALISED)
