"""A watermark → the value that a cursor column is compared with, in the column's own type and writing."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from connectors.contract import Contract
from connectors.feed import CursorFeed
from hub.errors import SourceFormatError
from hub.wording import Words

#: Writings whose text sorts as the times do.
_WRITINGS = (
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"), "%Y-%m-%d %H:%M:%S"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"), "%Y-%m-%dT%H:%M:%S"),
    (re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d"), "%Y/%m/%d %H:%M:%S"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d"), "%Y-%m-%d %H:%M"),
    (re.compile(r"\d{14}"), "%Y%m%d%H%M%S"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "%Y-%m-%d"),
    (re.compile(r"\d{4}/\d\d/\d\d"), "%Y/%m/%d"),
    (re.compile(r"\d{13}"), "epoch_ms"),
    (re.compile(r"\d{10}"), "epoch_s"),
    (re.compile(r"\d{8}"), "%Y%m%d"),
)
_TAIL = re.compile(r"(?:[.,]\d+)?\s*(Z|[+-]\d\d:?\d\d)?")
_LARGEST_SECONDS = 100_000_000_000


def bound_since(sample: Sequence[Any], since: str, contract: Contract) -> Any:
    """What to compare the cursor with.

    Args:
        sample: a few of the column's values.
        since: as Pull renders it.
        contract: for the cursor's type and the time zone of times without one.

    Raises:
        SourceFormatError: the column's values do not sort as the cursor's type says.
    """
    feed = contract.feed
    assert isinstance(feed, CursorFeed)  # noqa: S101 - the caller asks for cursor feeds alone
    first = sample[0] if sample else None
    if feed.cursor_type == "text":
        return since
    if feed.cursor_type == "integer":
        if isinstance(first, str):
            raise _unsortable(contract, Words("写成文本的整数", "integers written as text"))
        return int(since)
    zone = ZoneInfo(contract.timezone)
    moment = datetime.fromisoformat(since)
    if isinstance(first, datetime):
        return moment if first.tzinfo is not None else moment.astimezone(zone).replace(tzinfo=None)
    if isinstance(first, date):
        return moment.astimezone(zone).date()
    if isinstance(first, (int, float, Decimal)):
        return int(moment.timestamp() * (1000 if first > _LARGEST_SECONDS else 1))
    return _as_written(sample, moment, zone, contract) if isinstance(first, str) else moment


def _as_written(sample: Sequence[Any], moment: datetime, zone: ZoneInfo, contract: Contract) -> str:
    """Time as most of the sample writes it, down to what all of them have: a prefix is below whatever it begins."""
    found = Counter(writing for writing in (_writing(str(value)) for value in sample) if writing is not None)
    (shape, offset), count = found.most_common(1)[0] if found else (("", None), 0)
    if 2 * count <= len(sample):
        raise _unsortable(contract, Words("不能按文本排序的时间", "times in a writing whose text does not sort as they do"))
    if shape.startswith("epoch"):
        return str(int(moment.timestamp() * (1000 if shape == "epoch_ms" else 1)))
    return moment.astimezone(_zone_of(offset) or zone).strftime(shape)


def _writing(text: str) -> tuple[str, str | None] | None:
    for pattern, shape in _WRITINGS:
        head = pattern.match(text)
        tail = _TAIL.fullmatch(text, head.end()) if head else None
        if tail is not None:
            return shape, tail[1]
    return None


def _zone_of(offset: str | None) -> tzinfo | None:
    if offset is None:
        return None
    if offset == "Z":
        return timezone.utc  # noqa: UP017 - beside other fixed offsets
    sign = -1 if offset[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[-2:])))


def _unsortable(contract: Contract, what: Words) -> SourceFormatError:
    feed = contract.feed
    field = feed.field if isinstance(feed, CursorFeed) else ""
    return SourceFormatError(
        f"{contract.department}: 游标列 {field!r} 含有{what.zh}，无法只取水位之后的行 · "
        f"the cursor column {field!r} holds {what.en}, so nothing can be asked for after a watermark",
        remedy="给连接器写 query:，把该列转换为时间戳或数字 · give the connector a query: that casts the column to a timestamp or a number",
        department=contract.department,
        field=field,
    )
