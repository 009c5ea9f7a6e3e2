"""DURATIONS: how long something takes, as sources write it, in seconds.

3m 17sec, 03:17 and 1:02:03 say their units. A bare number does not: with a decimal point and below 60 it is taken for minutes, a whole
one from 10,000 on for milliseconds, any other for seconds. Where a column means something else, it is a `number`.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

_MILLISECONDS_FROM = 10_000  # as seconds nearly three hours: few things that tables list take so long
_MINUTES_BELOW = 60
_CLOCK = r"^(?:(\d{1,3}):)?(\d{1,3}):(\d{2}(?:\.\d+)?)$"
#: Seconds of a unit → how it is written after a figure.
_UNITS = {
    3600.0: r"(\d+(?:\.\d+)?)\s*(?:h|hrs?|hours?|小时|时)(?:[^a-z]|$)",
    60.0: r"(\d+(?:\.\d+)?)\s*(?:m|mins?|minutes?|分钟|分)(?:[^a-z]|$)",
    1.0: r"(\d+(?:\.\d+)?)\s*(?:s|secs?|seconds?|秒钟|秒)(?:[^a-z]|$)",
    0.001: r"(\d+(?:\.\d+)?)\s*(?:ms|msecs?|毫秒)(?:[^a-z]|$)",
}


def seconds(values: pl.Series) -> pl.Series:
    """Seconds of each value, null where it says none."""
    text = values.str.strip_chars().str.to_lowercase()
    clock = _sum([text.str.extract(_CLOCK, place).cast(pl.Float64) * unit for place, unit in ((1, 3600), (2, 60), (3, 1))])
    in_units = _sum([text.str.extract(pattern).cast(pl.Float64) * unit for unit, pattern in _UNITS.items()])
    bare = text.str.extract(r"^(\d+(?:\.\d+)?)$").cast(pl.Float64)
    is_parted = text.str.contains(".", literal=True)
    unit = (
        pl.when(is_parted & (bare < _MINUTES_BELOW)).then(60.0).when(~is_parted & (bare >= _MILLISECONDS_FROM)).then(0.001).otherwise(1.0)
    )
    return pl.select(pl.coalesce(clock, bare * unit, in_units)).to_series()


def _sum(parts: Sequence[pl.Series]) -> pl.Series:
    """The sum of what is there, null where nothing is."""
    return pl.select(pl.when(pl.any_horizontal(part.is_not_null() for part in parts)).then(pl.sum_horizontal(parts))).to_series()
