"""Transforms of words: text, names, addresses."""

from __future__ import annotations

import polars as pl

from pipeline.transforms.base import Options, Read, judged, on_distinct, strip

_NOT_HAN = r"[^\p{Han}]"
_INNER_BLANK = r"([\p{Han}·])[\s\u3000]+|[\s\u3000]+([\p{Han}·])"
_DOTS = r"[•・‧∙⋅･]"  # the dot inside 买买提·吐尔逊 comes in all of these


def text(values: pl.Series, options: Options) -> Read:
    """Free text: blanks at both ends go, the rest stays as written."""
    return Read(strip(values), _none_refused(values))


def upper(values: pl.Series, options: Options) -> Read:
    """Half width, upper case: case numbers, plot numbers."""
    return Read(_clean(strip(values)).str.to_uppercase(), _none_refused(values))


def name(values: pl.Series, options: Options) -> Read:
    """A person's, organisation's or any party's name: half width, no blanks inside Chinese, one dot for all dots.

    A name without a single letter or character is refused.
    """
    given = strip(values)
    named = _clean(given)
    if named.str.contains(_DOTS).any():
        named = named.str.replace_all(_DOTS, "·")
    return judged(given, named.set((~named.str.contains(r"[\p{L}*]")).fill_null(value=False), None))


def address(values: pl.Series, options: Options) -> Read:
    """An address: half width, no blanks inside Chinese."""
    return Read(_clean(strip(values)), _none_refused(values))


def unblanked(values: pl.Series) -> pl.Series:
    """Numbers of papers as they compare: half width, no blanks inside Chinese (（2026）粤 0311 → (2026)粤0311)."""
    return _clean(values)


def _clean(values: pl.Series) -> pl.Series:
    odd = values.str.contains(_NOT_HAN).fill_null(value=False).arg_true()
    return values.scatter(odd, on_distinct(values.gather(odd), _normalised)) if len(odd) else values


def _normalised(values: pl.Series) -> pl.Series:
    half = values.str.normalize("NFKC").str.replace_all(r"[\u00ad\u200b-\u200d\u2060\ufeff]", "")
    # Twice: of three characters with blanks between, one pass joins only the first two.
    joined = half.str.replace_all(_INNER_BLANK, "$1$2").str.replace_all(_INNER_BLANK, "$1$2")
    return joined.str.replace_all(r"\s+", " ").str.strip_chars()


def _none_refused(values: pl.Series) -> pl.Series:
    return pl.repeat(False, len(values), eager=True, dtype=pl.Boolean)
