"""Windows of weeks: together they are all times, each once, in order."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cursor import CasePosition
from api.queries import weeks
from api.queries.weeks import LAST, NO_TIME, windows


def of(
    known: tuple[int | None, int | None],
    sort: Literal["newest", "oldest"],
    after: CasePosition | None = None,
    reported: tuple[dt.datetime | None, dt.datetime | None] = (None, None),
) -> list[tuple[int, int]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weeks, "fetch", lambda *_: [{"oldest": known[0], "newest": known[1]}])
        told: Any = None
        return list(windows(told, sort, after, reported))


def at(week: int) -> CasePosition:
    return CasePosition(dt.datetime.fromtimestamp(week * 7 * 24 * 3600 + 5, dt.UTC), uuid.UUID(int=1))


@given(st.integers(0, 4_000), st.integers(0, 300))
def test_they_are_all_times_each_once(oldest: int, span: int) -> None:
    for sort, ordered in (("newest", lambda found: found[::-1]), ("oldest", lambda found: found)):
        *times, none = of((oldest, oldest + span), sort)  # type: ignore[arg-type]
        assert none == (NO_TIME, NO_TIME)
        rising = ordered(times)
        assert rising[0][0] == NO_TIME + 1
        assert rising[-1][1] == LAST
        assert all(before[1] + 1 == after[0] for before, after in zip(rising, rising[1:], strict=False))


@given(st.integers(0, 4_000), st.integers(0, 300), st.integers(-100, 4_500))
def test_from_a_position_on_nothing_that_follows_is_left_out(oldest: int, span: int, week: int) -> None:
    for sort in ("newest", "oldest"):
        found = of((oldest, oldest + span), sort, at(week))  # type: ignore[arg-type]
        assert found[0][0] <= week <= found[0][1]
        assert found[-1] == (NO_TIME, NO_TIME)
        left = sum(last - first + 1 for first, last in found)
        assert left >= (week - NO_TIME if sort == "newest" else LAST - week)


@given(st.integers(0, 4_000), st.integers(0, 300), st.integers(-100, 4_500))
def test_they_begin_where_what_is_asked_for_was_reported(oldest: int, span: int, week: int) -> None:
    bound = at(week).reported_at
    for sort, reported in (("newest", (None, bound)), ("oldest", (bound, None))):
        assert of((oldest, oldest + span), sort, None, reported) == of((oldest, oldest + span), sort, at(week))  # type: ignore[arg-type]
        whole = of((oldest, oldest + span), sort)  # type: ignore[arg-type]
        assert of((oldest, oldest + span), sort, None, reported[::-1]) == whole  # type: ignore[arg-type]


def test_after_a_case_without_a_time_only_such_follow() -> None:
    assert of((5, 9), "newest", CasePosition(None, uuid.UUID(int=1))) == [(NO_TIME, NO_TIME)]


def test_of_an_empty_store_there_is_one() -> None:
    assert of((None, None), "newest") == [(NO_TIME, LAST)]
