"""DURATIONS: how long something takes, as sources write it, in seconds.

3m 17sec, 3'17", 1h30, 03:17 and 1:02:03 say their units. A bare number does not: with a decimal point and below 60 it is taken for
minutes, a whole one from 10,000 on for milliseconds, any other for seconds. Where a column means something else, it is a `number`.
What has a figure more than is read, as 1d 2h and 1-2 h have, says none.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

_MILLISECONDS_FROM = 10_000  # as seconds nearly three hours: few things that tables list take so long
_MINUTES_BELOW = 60
_CLOCK = r"^(?:([0-9]{1,3}):)?([0-9]{1,3}):([0-9]{2}(?:\.[0-9]+)?)$"
#: What stands before a figure is no part of it: 1:30 h is not 30 h, nor 3,5 min 5 min.
_FIGURE = r"(?:^|[^0-9.:,]|[^0-9],)([0-9]+(?:\.[0-9]+)?)\s*"
_HOURS, _MINUTES = "h|hrs?|hours?|小时|时", "m|mins?|minutes?|分钟|分"
#: Seconds of a unit → how it is written after a figure.
_UNITS = {3600.0: _HOURS, 60.0: _MINUTES, 1.0: "s|secs?|seconds?|秒钟|秒", 0.001: "ms|msecs?|毫秒"}
#: Of the last figure the unit may be left out, 1h30, and a clock may say minutes once more.
_WRITTEN_OUT = (
    (r"[″”\"]|''|’’|′′", "s"),
    (r"['’′]", "m"),
    (rf"({_HOURS})\s*([0-9]{{1,2}})$", "${1}${2}m"),
    (rf"({_MINUTES})\s*([0-9]{{1,2}})$", "${1}${2}s"),
    (rf"^([0-9]{{1,3}}:[0-9]{{2}})\s*(?:{_MINUTES})\.?$", "${1}"),
)


def seconds(values: pl.Series) -> pl.Series:
    """Seconds of each value, null where it says none."""
    text = values.str.strip_chars().str.to_lowercase()
    clock = _sum([_figure(text, _WRITTEN_OUT[-1:], _CLOCK, place) * unit for place, unit in ((1, 3600), (2, 60), (3, 1))])
    in_units = _sum([_figure(text, _WRITTEN_OUT[:-1], rf"{_FIGURE}(?:{words})(?:[^a-z]|$)") * unit for unit, words in _UNITS.items()])
    in_units = pl.select(pl.when(~_says_more(text)).then(in_units)).to_series()
    bare = _figure(text, (), r"^([0-9]+(?:\.[0-9]+)?)$")
    is_parted = text.str.contains(".", literal=True)
    unit = (
        pl.when(is_parted & (bare < _MINUTES_BELOW)).then(60.0).when(~is_parted & (bare >= _MILLISECONDS_FROM)).then(0.001).otherwise(1.0)
    )
    return pl.select(pl.coalesce(clock, bare * unit, in_units)).to_series()


def _figure(text: pl.Series, written_out: Sequence[tuple[str, str]], pattern: str, group: int = 1) -> pl.Series:
    for short, whole in written_out:
        text = text.str.replace_all(short, whole)
    return text.str.extract(pattern, group).cast(pl.Float64)


def _says_more(text: pl.Series) -> pl.Series:
    """Whether figures are left that no unit is read of, or one unit is there twice: 1d 2h is not 2 h, nor is 1-2 h."""
    for short, whole in _WRITTEN_OUT[:-1]:
        text = text.str.replace_all(short, whole)
    for words in _UNITS.values():
        text = text.str.replace(rf"{_FIGURE}(?:{words})([^a-z]|$)", "\u241f${2}")
    return text.str.contains("[0-9]")


def _sum(parts: Sequence[pl.Series]) -> pl.Series:
    """The sum of what is there, null where nothing is."""
    return pl.select(pl.when(pl.any_horizontal(part.is_not_null() for part in parts)).then(pl.sum_horizontal(parts))).to_series()
