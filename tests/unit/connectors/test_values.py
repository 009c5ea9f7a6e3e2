"""Keys, cursors and flags as text."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.values import cursor_text, cursor_texts, flag_text, key_text, plain, utc_text

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(" A-1 ", "A-1", id="blanks around"),
        pytest.param("", None, id="empty"),
        pytest.param("  ", None, id="blank"),
        pytest.param(None, None, id="null"),
        pytest.param("a\x00b", None, id="U+0000"),
        pytest.param(7, "7", id="integer"),
        pytest.param(7.0, "7", id="whole float"),
        pytest.param(7.5, "7.5", id="float"),
        pytest.param(2.0**53 - 1, "9007199254740991", id="the last float that is one integer alone"),
        pytest.param(2.0**53, None, id="a float that is several integers"),
        pytest.param(-4.40311198001011e17, None, id="a rounded number"),
        pytest.param(440311198001011010, "440311198001011010", id="a long integer"),
        pytest.param(float("nan"), None, id="no number"),
        pytest.param(Decimal("100"), "100", id="decimal"),
        pytest.param(Decimal("1E+3"), "1000", id="decimal with exponent"),
        pytest.param(True, "true", id="boolean"),
        pytest.param(["a"], None, id="list"),
        pytest.param({"a": 1}, None, id="object"),
        pytest.param(date(2026, 1, 2), "2026-01-02", id="date"),
        pytest.param(b"\x00\xff", "AP8=", id="bytes"),
    ],
)
def test_key_text(value: Any, text: str | None) -> None:
    assert key_text(value) == text


def test_flags_of_different_types_are_one() -> None:
    assert flag_text(True) == flag_text("true")
    assert flag_text(1) == flag_text("1") == flag_text(1.0)
    assert flag_text(1) != flag_text(True)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("2026-01-02 08:00:00", "2026-01-02T00:00:00.000000Z", id="ISO with a blank"),
        pytest.param("2026-01-02T08:00:00.5", "2026-01-02T00:00:00.500000Z", id="ISO with a fraction"),
        pytest.param("2026-01-02T00:00:00Z", "2026-01-02T00:00:00.000000Z", id="ISO in UTC"),
        pytest.param("2026-01-02T09:00:00+09:00", "2026-01-02T00:00:00.000000Z", id="ISO with another offset"),
        pytest.param("2026/1/2 8:00:00", "2026-01-02T00:00:00.000000Z", id="slashes without zeros"),
        pytest.param("2026年1月2日 08:00:00", "2026-01-02T00:00:00.000000Z", id="Chinese"),
        pytest.param("20260102080000", "2026-01-02T00:00:00.000000Z", id="digits"),
        pytest.param("20260102", "2026-01-01T16:00:00.000000Z", id="digits of a day"),
        pytest.param("1767312000", "2026-01-02T00:00:00.000000Z", id="epoch text"),
        pytest.param(1767312000, "2026-01-02T00:00:00.000000Z", id="epoch"),
        pytest.param(1767312000000, "2026-01-02T00:00:00.000000Z", id="epoch in milliseconds"),
        pytest.param(46024 + 1 / 3, "2026-01-02T00:00:00.000000Z", id="Excel serial"),
        pytest.param(datetime(2026, 1, 2, 8), "2026-01-02T00:00:00.000000Z", id="naive"),  # noqa: DTZ001
        pytest.param(datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00.000000Z", id="aware"),
        pytest.param(date(2026, 1, 2), "2026-01-01T16:00:00.000000Z", id="date"),
        pytest.param("2026-13-01 99:00:00", None, id="no time"),
        pytest.param("昨天", None, id="words"),
        pytest.param("0001-01-01 00:00:00", None, id="beyond the calendar in UTC"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="null"),
        pytest.param([], None, id="list"),
        pytest.param(True, None, id="boolean"),
    ],
)
def test_cursor_of_time(value: Any, text: str | None) -> None:
    assert cursor_text(value, "time", SHANGHAI) == text


def test_cursor_of_integer_sorts_as_numbers_do() -> None:
    texts = [cursor_text(value, "integer", SHANGHAI) for value in (9, "10", 123456789012345678)]
    assert texts == sorted(texts, key=lambda text: int(text or "0"))
    assert cursor_text("-1", "integer", SHANGHAI) is None
    assert cursor_text("x", "integer", SHANGHAI) is None


def test_cursor_of_text_is_as_it_is() -> None:
    assert cursor_text("A9", "text", SHANGHAI) == "A9"


TIMES = st.datetimes(min_value=datetime(1992, 1, 1), max_value=datetime(2100, 1, 1)).map(lambda time: time.replace(microsecond=0))  # noqa: DTZ001


@settings(derandomize=True, max_examples=50)
@given(
    st.lists(
        st.one_of(TIMES.map(str), TIMES.map(lambda time: time.isoformat()), st.sampled_from(["", "无", "2026/1/2", "20260102"])),
        max_size=20,
    )
)
def test_a_column_of_cursors_is_read_as_each_alone(values: list[str]) -> None:
    many = values * 20
    assert cursor_texts(many, "time", SHANGHAI) == [cursor_text(value, "time", SHANGHAI) for value in many]


@settings(derandomize=True, max_examples=50)
@given(TIMES, TIMES)
def test_cursor_texts_sort_as_times_do(left: datetime, right: datetime) -> None:
    one, other = left.replace(tzinfo=SHANGHAI), right.replace(tzinfo=SHANGHAI)
    assert (utc_text(one) < utc_text(other)) == (one < other)


def test_what_json_does_not_know() -> None:
    assert plain(Decimal("12.50")) == "12.50"
    assert base64.b64decode(plain(memoryview(b"\x00\xff"))) == b"\x00\xff"
