"""Positions as text, and what is no position."""

from __future__ import annotations

import base64
import datetime as dt
import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cursor import CasePosition, read_case_cursor, read_number_cursor, write_case_cursor, write_number_cursor
from hub.errors import RequestError


@given(st.none() | st.datetimes(timezones=st.just(dt.UTC)), st.uuids())
def test_a_position_comes_back(at: dt.datetime | None, case_id: uuid.UUID) -> None:
    position = CasePosition(at, case_id)
    assert read_case_cursor(write_case_cursor(position)) == position


@given(st.integers(1, 2**63 - 1))
def test_a_number_comes_back(number: int) -> None:
    assert read_number_cursor(write_number_cursor(number)) == number


def encoded(parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "!!!",
        "é",
        "a" * 201,
        "W10",
        encoded({}),
        encoded([]),
        encoded([None]),
        encoded(["2025", "0d3f7b526a545a2e9f0e8a2b7c1d4e5f", 1]),
        encoded([1, 2]),
        encoded(["2025-01-03T00:00:00", "0d3f7b526a545a2e9f0e8a2b7c1d4e5f"]),
        encoded([None, "no id"]),
        encoded([None, None]),
        encoded("[" * 50),
        encoded([True]),
        encoded([0]),
        encoded([-1]),
        encoded([2**63]),
        encoded(["1"]),
        encoded([1.5]),
    ],
)
def test_anything_else_is_refused(cursor: str) -> None:
    with pytest.raises(RequestError):
        read_case_cursor(cursor)
    with pytest.raises(RequestError):
        read_number_cursor(cursor)


@pytest.mark.parametrize("at", ["2025-01-01T00:00:00+23:59", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_a_time_that_the_store_does_not_know_is_read_or_refused(at: str) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps([at, "0" * 32]).encode()).decode().rstrip("=")
    try:
        position = read_case_cursor(cursor)
    except RequestError:
        return
    assert isinstance(position, CasePosition)
    assert position.reported_at is not None
    assert position.reported_at.utcoffset() == dt.timedelta(0)
