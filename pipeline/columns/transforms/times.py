"""Transforms of time: text in any of the forms departments write → UTC, by the contract's time zone.

ISO (also with an offset), 2026-1-2 3:04:05, 2026/1/2, 2026.1.2, 2026年1月2日 下午3:04, 20260102, 20260102030405, Excel
serials, epoch seconds. Years outside 1900–2100 are refused: they are slips.
"""

from __future__ import annotations

import re
from functools import partial

import polars as pl

from pipeline.columns.transforms.base import VALUE, Options, Read, judged, known, nulled, where_null, worked

_NAIVE = pl.Datetime("us")
_UTC = pl.Datetime("us", "UTC")
_COMMON = ("%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d")
#: Shapes that whole columns are written in, and the layout that reads each as `_WRITTEN` would, in a tenth of the time.
_SHAPES = {
    r"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2} [0-9]{1,2}:[0-9]{2}:[0-5][0-9]$": "%Y-%m-%d %H:%M:%S",
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9](?:Z|[+-][0-9]{2}:[0-9]{2})$": "%Y-%m-%dT%H:%M:%S%#z",
    r"^[0-9]{4}/[0-9]{1,2}/[0-9]{1,2} [0-9]{1,2}:[0-9]{2}$": "%Y/%m/%d %H:%M",
    r"^[0-9]{4}年[0-9]{1,2}月[0-9]{1,2}日 [0-9]{1,2}:[0-9]{2}$": "%Y年%m月%d日 %H:%M",
    r"^[0-9]{12}[0-5][0-9]$": "%Y%m%d%H%M%S",
}
_WRITTEN = (
    r"^(?P<year>[0-9]{4})[-/.年](?P<month>[0-9]{1,2})[-/.月](?P<day>[0-9]{1,2})日?"
    r"(?:[T\s]*(?:星期.|周.)?\s*(?P<half>上午|下午|中午|晚上|AM|PM|am|pm)?\s*(?P<hour>[0-9]{1,2})(?:[:时点](?P<minute>[0-9]{1,2})?分?"
    r"(?::?(?P<second>[0-9]{1,2})(?:[.,](?P<fraction>[0-9]{1,9}))?秒?)?)?\s*(?P<half_after>AM|PM|am|pm)?)?"
    r"\s*(?P<zone>Z|[+-][0-9]{2}:?(?:[0-9]{2})?)?$"
)
_COMPACT = r"^([0-9]{4})([0-9]{2})([0-9]{2})(?:[T\s]?([0-9]{2})([0-9]{2})([0-9]{2})?)?$"
_EXCEL_LAST = 2_958_466  # 9999-12-31 and one
_EXCEL_EPOCH_DAYS = 25_569  # days from Excel's day 0 (1899-12-30) to 1970-01-01
_DAY_US = 86_400_000_000
_PLAUSIBLE = pl.when(VALUE.dt.year().is_between(1900, 2100)).then(VALUE)


def moment(values: pl.Series, options: Options) -> Read:
    """A point in time → UTC microseconds."""
    given = known(values)
    return judged(given, _moments(given, options))


def day(values: pl.Series, options: Options) -> Read:
    """A calendar day as the source writes it; a time of day beside it is left out, no time zone moves it."""
    given = known(values)
    naive = pl.Series([None] * len(given), dtype=_NAIVE)
    for layout in (*options.formats, "%Y-%m-%d", "%Y%m%d"):
        naive = _filled(given, naive, layout)
    naive = where_null(given, naive, lambda rest: _as_written(rest)["local"])
    return judged(given, _plausible(naive).cast(pl.Date))


def excel_date(values: pl.Series, options: Options) -> Read:
    """An Excel serial (days since 1899-12-30, the fraction is the time of day), or any written form in a mixed column."""
    given = known(values)
    serial = given.cast(pl.Float64, strict=False)
    serial = serial.set(((serial < 1) | (serial >= _EXCEL_LAST) | serial.is_nan()).fill_null(value=False), None)
    # Serials are doubles: a second is 1.2e-5 of a day, so the time of day is right to the millisecond only.
    local = ((serial - _EXCEL_EPOCH_DAYS) * (_DAY_US / 1000)).round().cast(pl.Int64) * 1000
    moments = _localised(local.cast(_NAIVE), options.timezone)
    return judged(given, where_null(given, _plausible(moments), lambda rest: _moments(rest, options)))


def epoch(values: pl.Series, options: Options) -> Read:
    """Seconds since 1970, or milli- or microseconds where the size says so; 0 means "not set"."""
    given = known(values)
    number = given.cast(pl.Float64, strict=False)
    unset = number == 0
    size = number.abs()
    scale = pl.select(pl.when(size < 1e11).then(1_000_000).when(size < 1e14).then(1000).otherwise(1)).to_series()
    moments = _plausible((number * scale).round().cast(pl.Int64, strict=False).cast(_UTC))
    return judged(given, nulled(moments, unset), dropped=VALUE.cast(pl.Float64, strict=False) == 0)


def _moments(given: pl.Series, options: Options) -> pl.Series:
    """UTC where readable, else null. The contract's own formats are tried first: only they can tell 5/1 from 1/5."""
    if options.formats:
        return _by_layouts(given, options)
    return where_null(given, _in_common_shapes(given, options), lambda rest: _by_layouts(rest, options))


def _in_common_shapes(given: pl.Series, options: Options) -> pl.Series:
    """UTC of the values in the common shapes, tried as they are met; null from the first value on that is in none of them."""
    moments = pl.Series([None], dtype=_UTC).new_from_index(0, len(given))
    shapes = dict(_SHAPES)
    while moments.null_count() > given.null_count():
        rest = given if moments.null_count() == len(moments) else given.set(moments.is_not_null(), None)
        first = str(rest.first(ignore_nulls=True))
        shape = next((shape for shape in shapes if re.match(shape, first)), None)
        if shape is None:
            break
        read = _in_shape(rest, shape, shapes.pop(shape), options)
        moments = read if rest is given else moments.zip_with(moments.is_not_null(), read)
    return moments


def _in_shape(given: pl.Series, shape: str, layout: str, options: Options) -> pl.Series:
    fitting = pl.when(VALUE.str.contains(shape)).then(VALUE)
    if "%#z" in layout:
        return _plausible(worked(given, fitting.str.strptime(_UTC, layout, strict=False)))
    return _plausible(worked(given, _in_utc(fitting.str.strptime(_NAIVE, layout, strict=False), options.timezone)))


def _by_layouts(given: pl.Series, options: Options) -> pl.Series:
    zoned = [layout for layout in options.formats if "%z" in layout or "%#z" in layout]
    naive = pl.Series([None] * len(given), dtype=_NAIVE)
    for layout in (*options.formats, *_COMMON):
        if layout not in zoned:
            naive = _filled(given, naive, layout)
    moments = _localised(naive, options.timezone)
    for layout in zoned:
        moments = where_null(given, moments, partial(_zoned, layout=layout))
    return _plausible(where_null(given, moments, lambda rest: _written(rest, options.timezone)))


def _filled(given: pl.Series, naive: pl.Series, layout: str) -> pl.Series:
    if naive.null_count() == given.null_count():  # nothing was read where nothing was given
        return naive
    if naive.null_count() == len(naive):
        return _plausible(given.str.strptime(_NAIVE, layout, strict=False))
    # Values already read are not parsed again.
    read = given.set(naive.is_not_null(), None).str.strptime(_NAIVE, layout, strict=False)
    return naive.zip_with(naive.is_not_null(), _plausible(read))


def _zoned(given: pl.Series, layout: str) -> pl.Series:
    return given.str.strptime(_UTC, layout, strict=False)


def _written(given: pl.Series, timezone: str) -> pl.Series:
    parts = _as_written(given)
    at_offset = parts.select((pl.col("local") - pl.duration(minutes="offset")).dt.replace_time_zone("UTC"))["local"]
    return at_offset.zip_with(parts["offset"].is_not_null(), _localised(parts["local"], timezone))


def _as_written(given: pl.Series) -> pl.DataFrame:
    """Local time and offset in minutes, taken apart by groups."""
    dashed = given.str.normalize("NFKC").str.strip_chars().str.replace(_COMPACT, "${1}-${2}-${3} ${4}:${5}:${6}").str.strip_chars(" :")
    parts = dashed.str.extract_groups(_WRITTEN).struct.unnest()
    number = parts.select(pl.col("year", "month", "day", "hour", "minute", "second").cast(pl.Int64).fill_null(0))
    half = pl.coalesce("half", "half_after").str.to_uppercase()
    afternoon = half.is_in(["下午", "晚上", "PM"]) & (pl.col("hour") < 12)
    midnight = half.is_in(["上午", "AM"]) & (pl.col("hour") == 12)
    clock = parts.select("half", "half_after", "fraction", "zone").hstack(number)
    clock = clock.with_columns(pl.when(afternoon).then(pl.col("hour") + 12).when(midnight).then(0).otherwise("hour").alias("hour"))
    next_day = (pl.col("hour") == 24) & (pl.col("minute") == 0) & (pl.col("second") == 0)  # ISO 8601's end of the day
    clock = clock.with_columns(next_day.alias("next_day"), pl.when(next_day).then(0).otherwise("hour").alias("hour"))
    two = [pl.col(name).cast(pl.String).str.zfill(2) for name in ("month", "day", "hour", "minute", "second")]
    stamp = pl.format("{}-{}-{} {}:{}:{}.{}", "year", *two, pl.col("fraction").fill_null("0").str.head(6).str.pad_end(6, "0"))
    local = stamp.str.strptime(_NAIVE, "%Y-%m-%d %H:%M:%S%.6f", strict=False) + pl.duration(days=pl.col("next_day").cast(pl.Int64))
    sign = pl.when(pl.col("zone").str.starts_with("-")).then(-1).otherwise(1)
    figures = pl.col("zone").str.replace_all(r"[^0-9]", "").str.pad_end(4, "0")
    offset = (
        pl.when(pl.col("zone") == "Z")
        .then(0)
        .otherwise(
            sign * (figures.str.slice(0, 2).cast(pl.Int64, strict=False) * 60 + figures.str.slice(2, 2).cast(pl.Int64, strict=False))
        )
    )
    in_range = pl.col("second").is_between(0, 59)
    return clock.select(pl.when(in_range).then(local).alias("local"), offset.alias("offset"))


def _localised(naive: pl.Series, timezone: str) -> pl.Series:
    """UTC. An hour that a clock change skipped does not exist: null; one that it repeated counts as the first."""
    return worked(naive, _in_utc(VALUE, timezone))


def _in_utc(naive: pl.Expr, timezone: str) -> pl.Expr:
    return naive.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")


def _plausible(moments: pl.Series) -> pl.Series:
    return worked(moments, _PLAUSIBLE)
