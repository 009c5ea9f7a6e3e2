"""The order of time in windows of weeks: a caller who reads some departments or places alone is shown what he can read window by window.

What is published of a case may tell of records that are not his, so that each of his cases is summed up for him. In the order of an
index he would have to be shown all of them; window by window no more are summed up than a page or two hold.
"""

from __future__ import annotations

import datetime as dt
import math
import time
from collections.abc import Iterator

from sqlalchemy import Connection

from api.cursor import CasePosition, Sort
from api.queries.rows import fetch

Weeks = tuple[int, int]  # the first and the last of a window, as store.week_of counts them

NO_TIME, LAST = -(2**31), 2**31 - 1
ALL: Weeks = (NO_TIME, LAST)
_WEEK_S = 7 * 24 * 3600


def windows(
    connection: Connection, sort: Sort, after: CasePosition | None, reported: tuple[dt.datetime | None, dt.datetime | None] = (None, None)
) -> Iterator[Weeks]:
    """Windows in the order of a stored sort, from the one in which a position lies, each twice the one before until a page is full.

    Before the one in which it is `reported` first (oldest) or last (newest) there is nothing to see, either.

    Together they are all times and none. Times to come are one window: a single report from the year 2199 makes no thousands of them.
    """
    known = fetch(connection, "SELECT oldest, newest FROM store.published_weeks()")[0]
    now = int(time.time() // _WEEK_S)
    oldest, newest = known["oldest"], known["newest"] and min(known["newest"], now)
    if oldest is None or (after is not None and after.reported_at is None):
        yield from (((NO_TIME, NO_TIME),) if after is not None else (ALL,))
        return
    oldest = min(oldest, newest)
    earlier, later, none = (NO_TIME + 1, oldest - 1), (newest + 1, LAST), (NO_TIME, NO_TIME)
    bounds = (reported[0] if sort == "oldest" else reported[1], None if after is None else after.reported_at)
    begins = [math.floor(bound.timestamp() / _WEEK_S) for bound in bounds if bound is not None]
    begin = None if not begins else max(begins) if sort == "oldest" else min(begins)
    if sort == "oldest":
        first = oldest if begin is None else max(begin, oldest)
        ordered = [earlier, *_growing(first, newest, 1), later, none]
        yield from (window for window in ordered if begin is None or window == none or window[1] >= begin)
    else:
        first = newest if begin is None else min(begin, newest)
        ordered = [later, *_growing(first, oldest, -1), earlier, none]
        yield from (window for window in ordered if begin is None or window[0] <= begin)


def _growing(first: int, last: int, step: int) -> Iterator[Weeks]:
    size = 1
    while (last - first) * step >= 0:
        end = first + step * (size - 1)
        end = min(end, last) if step > 0 else max(end, last)
        yield (first, end) if step > 0 else (end, first)
        first, size = end + step, 2 * size
