"""Transforms of figures: money, integer, decimal, boolean.

Patterns say [0-9]: a digit class of the engine behind polars takes full-width figures too, which casts then refuse.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal, localcontext

import polars as pl

from pipeline.columns.transforms.base import VALUE, Options, Read, judged, known, looked_up, where_null, worked

_MONEY = pl.Decimal(18, 2)
_PLAIN_MONEY = r"^-?[0-9]{1,15}(?:\.[0-9]{1,2})?$"
_WRITTEN_MONEY = re.compile(
    r"^(?:人民币|RMB|CNY|¥)?\s*(?P<figures>[-+]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]{1,2})?)\s*"
    r"(?P<scale>亿|千万|百万|万|千|百)?\s*(?P<currency>元人民币|元整|元|圆|块|RMB|CNY)?$"
)
_SCALES = {"百": 100, "千": 1000, "万": 10_000, "百万": 1_000_000, "千万": 10_000_000, "亿": 100_000_000}
_MONEY_LIMIT = Decimal(10) ** 16
_INTEGER = r"^([-+]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+))(?:\.0+)?\s*(?:人次|人|名|个|户|件|次|天|位|宗|起)?$"
_DECIMAL = r"^([-+]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]{1,2})?)$"
_FINITE = pl.when(VALUE.is_finite()).then(VALUE)
_TRUE = ("是", "1", "Y", "YES", "TRUE", "T", "真", "对")
_FALSE = ("否", "0", "N", "NO", "FALSE", "F", "假", "不是")


def money(values: pl.Series, options: Options) -> Read:
    """An amount → CNY with two places. A unit written beside the figure (万, 元) outranks the contract's `unit`."""
    given = known(values)
    in_10k = options.unit == "CNY_10k"
    is_plain = VALUE.str.contains(_PLAIN_MONEY) & (not in_10k)
    fast = worked(given, pl.when(is_plain).then(VALUE).cast(_MONEY))
    return judged(given, where_null(given, fast, lambda rest: _money_as_written(rest, in_10k=in_10k)))


def integer(values: pl.Series, options: Options) -> Read:
    """A whole number, with or without a counting word (3人)."""
    given = known(values)
    fast = given.str.to_integer(strict=False, dtype=pl.Int64)
    return judged(given, where_null(given, fast, _integers_as_written))


def decimal(values: pl.Series, options: Options) -> Read:
    """Any number → double."""
    given = known(values)
    fast = worked(given.cast(pl.Float64, strict=False), _FINITE)
    return judged(given, where_null(given, fast, decimals_as_written))


def boolean(values: pl.Series, options: Options) -> Read:
    """是/否, 1/0, Y/N, true/false."""
    given = known(values)
    table = {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}
    return judged(given, looked_up(given.str.normalize("NFKC").str.to_uppercase(), table, pl.Boolean))


def decimals_as_written(values: pl.Series) -> pl.Series:
    """Full-width figures and thousands separators."""
    figures = VALUE.str.normalize("NFKC").str.strip_chars().str.extract(_DECIMAL, 1).str.replace_all(",", "")
    return worked(worked(values, figures.cast(pl.Float64, strict=False)), _FINITE)


def _integers_as_written(values: pl.Series) -> pl.Series:
    figures = VALUE.str.normalize("NFKC").str.strip_chars().str.extract(_INTEGER, 1).str.replace_all(r"[,+]", "")
    return worked(values, figures.str.to_integer(strict=False, dtype=pl.Int64))


def _money_as_written(values: pl.Series, *, in_10k: bool) -> pl.Series:
    amounts = [_amount(value, in_10k=in_10k) for value in values.str.normalize("NFKC").str.strip_chars()]
    return pl.Series(amounts, dtype=pl.String).cast(_MONEY)


def _amount(value: str, *, in_10k: bool) -> str | None:
    match = _WRITTEN_MONEY.match(value)
    if match is None:
        return None
    scale = _SCALES.get(match["scale"] or "", 1)
    if in_10k and match["scale"] is None and match["currency"] is None:
        scale = 10_000
    with localcontext(prec=60):  # the default 28 digits would round silently
        amount = Decimal(match["figures"].replace(",", "")) * scale
        return str(amount.quantize(Decimal("0.01"), ROUND_HALF_UP)) if abs(amount) < _MONEY_LIMIT else None
