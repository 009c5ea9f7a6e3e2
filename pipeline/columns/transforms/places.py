"""Transforms of places: streets and communities to the codes in force, coordinates to WGS-84 degrees."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl

from pipeline.columns.transforms.base import VALUE, Options, Read, judged, known, looked_up, nulled, on_distinct, where_null, worked
from pipeline.columns.transforms.numbers import decimal
from schema import codes

_PREFIX = r"^(?:广东省?)?(?:深圳市?)?(?:光明新区|光明区|宝安区)?"
_STREET_END = r"(?:街道.*|办事处|街)$"  # also of 光明街道东周社区
_LEADING_STREET = r"^[^街]*街道(?:办事处|办)?(.+(?:社区|村|居委会|居民委员会|工作站).*)$"
_COMMUNITY_END = r"(?:社区居民委员会|社区居委会|社区工作站|社区党群服务中心|居民委员会|居委会|工作站|社区|村)$"

# Krasovsky 1940, as GCJ-02 uses it.
_AXIS = 6378245.0
_FLATTENING = 0.00669342162296594323

Floats = npt.NDArray[np.float64]


def street(values: pl.Series, options: Options) -> Read:
    """A street's name or code (also a community's, also a former one) → its nine-digit code.

    A code the district does not have is refused. A name it does not have lies outside: null.
    """
    return _division(values, _street_codes(), _street_names(), _STREET_END)


def community(values: pl.Series, options: Options) -> Read:
    """A community's name or code, also a former one → its twelve-digit code; otherwise as `street`."""
    return _division(values, _community_codes(), _community_names(), _COMMUNITY_END)


def longitude(values: pl.Series, options: Options) -> Read:
    """WGS-84 degrees; 0 means "not set"."""
    return _degrees(values, 180.0)


def latitude(values: pl.Series, options: Options) -> Read:
    """WGS-84 degrees; 0 means "not set"."""
    return _degrees(values, 90.0)


def gcj02_longitude(values: pl.Series, options: Options) -> Read:
    """GCJ-02 → WGS-84; the contract names the column of the latitude in `with`."""
    return _from_gcj02(_degrees(values, 180.0), _degrees(_companion(values, options), 90.0), wanted=0)


def gcj02_latitude(values: pl.Series, options: Options) -> Read:
    """GCJ-02 → WGS-84; the contract names the column of the longitude in `with`."""
    return _from_gcj02(_degrees(values, 90.0), _degrees(_companion(values, options), 180.0), wanted=1)


def wgs84_from_gcj02(longitudes: Floats, latitudes: Floats) -> tuple[Floats, Floats]:
    """Undo the obfuscation to well under a metre, by fixed-point iteration; outside China nothing was shifted."""
    guess_lng, guess_lat = longitudes.copy(), latitudes.copy()
    for _ in range(6):
        shifted_lng, shifted_lat = gcj02_from_wgs84(guess_lng, guess_lat)
        guess_lng += longitudes - shifted_lng
        guess_lat += latitudes - shifted_lat
    return guess_lng, guess_lat


def gcj02_from_wgs84(longitudes: Floats, latitudes: Floats) -> tuple[Floats, Floats]:
    """The shift that maps in China apply."""
    x, y = longitudes - 105.0, latitudes - 35.0
    waves = (20.0 * np.sin(6.0 * x * np.pi) + 20.0 * np.sin(2.0 * x * np.pi)) * 2.0 / 3.0
    d_lat = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * np.sqrt(np.abs(x)) + waves
    d_lat += (20.0 * np.sin(y * np.pi) + 40.0 * np.sin(y / 3.0 * np.pi)) * 2.0 / 3.0
    d_lat += (160.0 * np.sin(y / 12.0 * np.pi) + 320.0 * np.sin(y * np.pi / 30.0)) * 2.0 / 3.0
    d_lng = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * np.sqrt(np.abs(x)) + waves
    d_lng += (20.0 * np.sin(x * np.pi) + 40.0 * np.sin(x / 3.0 * np.pi)) * 2.0 / 3.0
    d_lng += (150.0 * np.sin(x / 12.0 * np.pi) + 300.0 * np.sin(x / 30.0 * np.pi)) * 2.0 / 3.0
    radians = latitudes / 180.0 * np.pi
    magic = 1 - _FLATTENING * np.sin(radians) ** 2
    d_lat = d_lat * 180.0 / (_AXIS * (1 - _FLATTENING) / (magic * np.sqrt(magic)) * np.pi)
    d_lng = d_lng * 180.0 / (_AXIS / np.sqrt(magic) * np.cos(radians) * np.pi)
    inside = (longitudes > 72.004) & (longitudes < 137.8347) & (latitudes > 0.8293) & (latitudes < 55.8271)
    return longitudes + np.where(inside, d_lng, 0.0), latitudes + np.where(inside, d_lat, 0.0)


def _division(values: pl.Series, by_code: dict[str, str], by_name: dict[str, str], ending: str) -> Read:
    given = known(values)

    def found(distinct: pl.Series) -> pl.Series:
        half = worked(distinct, VALUE.str.normalize("NFKC").str.replace_all(r"\s", ""))
        coded = looked_up(half, by_code, pl.String)
        return where_null(half, coded, lambda rest: _otherwise(rest, by_code, by_name, ending))

    return judged(given, on_distinct(given, found), dropped=~VALUE.str.contains(r"^[\s0-9０-９]+$"))


def _otherwise(half: pl.Series, by_code: dict[str, str], by_name: dict[str, str], ending: str) -> pl.Series:
    """By a code that is filled up with zeros, else by name."""
    padded = looked_up(worked(half, VALUE.str.replace(r"^([0-9]{9}|[0-9]{6})0+$", "$1")), by_code, pl.String)
    name = VALUE.str.replace(_PREFIX, "")
    if ending == _COMMUNITY_END:
        name = name.str.replace(_LEADING_STREET, "$1")
    named = looked_up(worked(half, name.str.replace(ending, "")), by_name, pl.String)
    return padded.zip_with(padded.is_not_null(), named)


def _degrees(values: pl.Series, limit: float) -> Read:
    read = decimal(values, Options())
    unset = read.values == 0
    return Read(
        nulled(read.values, (read.values.abs() > limit) | unset),
        read.refused | (read.values.abs() > limit).fill_null(value=False),
    )


def _companion(values: pl.Series, options: Options) -> pl.Series:
    return options.companion if options.companion is not None else values.clear().extend_constant(None, len(values))


def _from_gcj02(own: Read, other: Read, *, wanted: int) -> Read:
    """One coordinate of the pair; without its companion it cannot be converted and is refused."""
    pair = [own.values, other.values] if wanted == 0 else [other.values, own.values]
    longitudes, latitudes = (series.cast(pl.Float64).fill_null(float("nan")).to_numpy().copy() for series in pair)
    converted = pl.Series(wgs84_from_gcj02(longitudes, latitudes)[wanted], dtype=pl.Float64).fill_nan(None)
    alone = own.values.is_not_null() & other.values.is_null()
    return Read(nulled(converted, alone), own.refused | alone)


@cache
def _street_codes() -> dict[str, str]:
    known_codes = {code: code for code in codes.streets()}
    known_codes |= {code: code[:9] for code in codes.communities()}
    return known_codes | {former: code[:9] for former, code in codes.region_aliases().items() if len(code) >= 9}


@cache
def _street_names() -> dict[str, str]:
    return {name.removesuffix("街道"): code for code, name in codes.streets().items()}


@cache
def _community_codes() -> dict[str, str]:
    known_codes = {code: code for code in codes.communities()}
    return known_codes | {former: code for former, code in codes.region_aliases().items() if len(code) == 12}


@cache
def _community_names() -> dict[str, str]:
    return {name.removesuffix("社区"): code for code, name in codes.communities().items()}
