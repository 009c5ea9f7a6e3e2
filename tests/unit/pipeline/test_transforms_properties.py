"""Properties of checks and transforms: what is made to hold holds, and one slip is seen."""

from __future__ import annotations

import datetime
import string

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.columns import checks
from pipeline.columns.transforms import TRANSFORMS, Options
from pipeline.columns.transforms.places import gcj02_from_wgs84, wgs84_from_gcj02

CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
METRES_PER_DEGREE = 111_320


def id_number(area: str, birth: datetime.date, sequence: int) -> str:
    """A resident number as GB 11643 makes it, by the standard's own sum."""
    body = f"{area}{birth:%Y%m%d}{sequence:03d}"
    total = sum(int(figure) * (2 ** (17 - place) % 11) for place, figure in enumerate(body))
    return body + "10X98765432"[total % 11]


def credit_code(body: str) -> str:
    """A credit code as GB 32100 makes it."""
    total = sum(CREDIT_ALPHABET.index(character) * 3**place for place, character in enumerate(body))
    return body + CREDIT_ALPHABET[(31 - total % 31) % 31]


id_numbers = st.builds(
    id_number,
    st.sampled_from(["440306", "110101", "650102", "810000"]),
    st.dates(datetime.date(1900, 1, 1), datetime.date(2026, 1, 1)),
    st.integers(0, 999),
)
credit_codes = st.text(CREDIT_ALPHABET, min_size=17, max_size=17).map(credit_code)


def one(check: object, value: str) -> bool:
    return bool(check(pl.Series([value]))[0])  # type: ignore[operator]


@given(id_numbers)
def test_a_sound_id_number_holds_and_gives_its_date_and_gender(number: str) -> None:
    assert one(checks.id_number_checksum, number)
    assert one(checks.id_number_checksum, number.lower())
    assert f"{checks.birth_dates(pl.Series([number]))[0]:%Y%m%d}" == number[6:14]
    assert checks.genders(pl.Series([number]))[0] == ("male" if int(number[16]) % 2 else "female")
    assert TRANSFORMS["id_no"](pl.Series([number.lower()]), Options()).values[0] == number


@given(id_numbers, st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_figure_breaks_an_id_number(number: str, place: int, by: int) -> None:
    wrong = number[:place] + str((int(number[place]) + by) % 10) + number[place + 1 :]
    assert not one(checks.id_number_checksum, wrong)


@given(credit_codes, st.integers(0, 17), st.integers(1, 30))
def test_a_sound_credit_code_holds_and_one_wrong_character_breaks_it(code: str, place: int, by: int) -> None:
    assert one(checks.credit_code_checksum, code)
    wrong = code[:place] + CREDIT_ALPHABET[(CREDIT_ALPHABET.index(code[place]) + by) % 31] + code[place + 1 :]
    assert not one(checks.credit_code_checksum, wrong)


@given(st.lists(st.tuples(st.floats(73.5, 134.5), st.floats(18.5, 53.0)), min_size=1, max_size=20))
def test_gcj02_is_undone_to_less_than_a_metre(points: list[tuple[float, float]]) -> None:
    longitudes, latitudes = (np.array(axis) for axis in zip(*points, strict=True))
    back = wgs84_from_gcj02(*gcj02_from_wgs84(longitudes, latitudes))
    assert np.abs(back[0] - longitudes).max() * METRES_PER_DEGREE < 1
    assert np.abs(back[1] - latitudes).max() * METRES_PER_DEGREE < 1


def test_gcj02_moves_points_in_china_by_hundreds_of_metres_and_leaves_others() -> None:
    longitudes, latitudes = np.array([113.93, -73.97]), np.array([22.75, 40.78])
    moved_lng, moved_lat = gcj02_from_wgs84(longitudes, latitudes)
    assert 100 < np.hypot(moved_lng - longitudes, moved_lat - latitudes)[0] * METRES_PER_DEGREE < 1000
    assert (moved_lng[1], moved_lat[1]) == (-73.97, 40.78)


def test_one_gcj02_coordinate_alone_is_refused() -> None:
    companion = pl.Series(["22.75", None, ""], dtype=pl.String)
    outcome = TRANSFORMS["gcj02_longitude"](pl.Series(["113.93", "113.93", None], dtype=pl.String), Options(companion=companion))
    assert outcome.values[0] == pytest.approx(113.925, abs=0.002)
    assert outcome.refused.to_list() == [False, True, False]
    assert outcome.values[1] is None


LOCAL = st.datetimes(datetime.datetime(1992, 1, 1), datetime.datetime(2099, 1, 1))  # noqa: DTZ001 - what a source writes has no zone


@given(LOCAL.map(lambda moment: moment.replace(microsecond=0)))
def test_every_written_form_of_a_time_reads_the_same(moment: datetime.datetime) -> None:
    forms = [
        f"{moment:%Y-%m-%d %H:%M:%S}",
        f"{moment.isoformat()}+08:00",
        f"{moment.year}/{moment.month}/{moment.day} {moment.hour}:{moment:%M:%S}",
        f"{moment.year}年{moment.month}月{moment.day}日{moment.hour}时{moment.minute}分{moment.second}秒",
        f"{moment:%Y%m%d%H%M%S}",
    ]
    outcome = TRANSFORMS["datetime"](pl.Series(forms), Options())
    assert not outcome.refused.any()
    assert outcome.values.dt.convert_time_zone("Asia/Shanghai").dt.replace_time_zone(None).unique().to_list() == [moment]


FIGURES = st.tuples(*(st.integers(low, high) for low, high in ((1899, 2101), (0, 13), (0, 32), (0, 25), (0, 60), (0, 61))))
SHAPES = (
    "{:04d}-{:02d}-{:02d} {:02d}:{:02d}:{:02d}",
    "{:04d}-{}-{} {}:{:02d}:{:02d}",
    "{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}+08:00",
    "{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}Z",
    "{:04d}/{}/{} {}:{:02d}",
    "{:04d}年{:02d}月{:02d}日 {:02d}:{:02d}",
    "{:04d}{:02d}{:02d}{:02d}{:02d}{:02d}",
)


@given(st.sampled_from(SHAPES), st.lists(FIGURES, min_size=1), st.sampled_from(["Asia/Shanghai", "Europe/Berlin"]))
def test_a_time_reads_the_same_whatever_shape_the_first_of_its_column_has(shape: str, figures: list[tuple[int, ...]], zone: str) -> None:
    values = [shape.format(*each) for each in figures]
    among_its_like = TRANSFORMS["datetime"](pl.Series([shape.format(2026, 10, 12, 13, 14, 15), *values]), Options(zone))
    behind_another = TRANSFORMS["datetime"](pl.Series(["2026-01-02", *values]), Options(zone))
    assert among_its_like.values[1:].to_list() == behind_another.values[1:].to_list()
    assert among_its_like.refused.to_list() == behind_another.refused.to_list()


@given(
    st.sampled_from([name for name in TRANSFORMS if not name.startswith("gcj02")]), st.lists(st.text(max_size=24) | st.none(), max_size=12)
)
def test_no_text_breaks_a_transform_and_what_is_refused_is_null(name: str, values: list[str | None]) -> None:
    outcome = TRANSFORMS[name](pl.Series(values, dtype=pl.String), Options())
    assert len(outcome.values) == len(outcome.refused) == len(values)
    assert outcome.refused.null_count() == 0
    assert outcome.values.filter(outcome.refused).null_count() == outcome.refused.sum()


@given(st.text(string.digits + "Xx０１Ａ-* ", max_size=20))
def test_checks_judge_any_text(value: str) -> None:
    for check in (
        checks.id_number_checksum,
        checks.credit_code_checksum,
        checks.phone_number,
        checks.region_code,
        checks.credit_code_shape,
    ):
        assert check(pl.Series([value, None])).to_list()[1] is None


@pytest.mark.parametrize(
    ("value", "holds"),
    [("13800138000", True), ("0755-26001234", True), ("110", True), ("12345", True), ("138****0000", False), ("1380013800", False)],
)
def test_phone_check(value: str, holds: bool) -> None:
    assert one(checks.phone_number, value) is holds


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        ("440311", True),
        ("440306", True),
        ("440311001", True),
        ("440311001002", True),
        ("440306007000", True),
        ("440305001", False),
        ("光明", False),
    ],
)
def test_region_check(value: str, holds: bool) -> None:
    assert one(checks.region_code, value) is holds
