"""Keyset positions as opaque text: where the next page begins. They hold a time and an id, never what was asked."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import uuid
from dataclasses import dataclass
from typing import Any, Literal

from hub.errors import RequestError

MAX_LENGTH = 200


RELEVANT_MOST = 1_000  # cases that are put in order of relevance; further ones are reached by a stored sort
Sort = Literal["relevance", "newest", "oldest"]


@dataclass(frozen=True)
class CasePosition:
    """The last case of a page in the order of reports, cases without a time last, then by id."""

    reported_at: dt.datetime | None
    case_id: uuid.UUID
    sort: Sort = "newest"


@dataclass(frozen=True)
class RankPosition:
    """How far a reader has come in the order of relevance.

    Args:
        offset: cases passed in the window that begins after `window`.
        seen: cases passed in all.
        window: the last case, newest first, of the window before; None in the first.
    """

    offset: int
    seen: int
    window: CasePosition | None = None


def write_case_cursor(position: CasePosition | RankPosition) -> str:
    """A position as text for a URL."""
    if isinstance(position, CasePosition):
        return _encode([*_written(position), *(["oldest"] if position.sort == "oldest" else [])])
    return _encode([position.offset, position.seen, *([] if position.window is None else _written(position.window)), "relevance"])


def read_case_cursor(cursor: str) -> CasePosition | RankPosition:
    """The position that a cursor stands for.

    Raises:
        RequestError: the text is no cursor of this API, or it stands beyond `RELEVANT_MOST` in the order of relevance.
    """
    parts = _decode(cursor)
    try:
        if parts and parts[-1] == "relevance":
            return _rank_position(parts[:-1])
        if len(parts) == 3 and parts[2] == "oldest":  # time, id, sort
            return _case_position(parts[:2], "oldest")
        return _case_position(parts)
    except (TypeError, ValueError, AttributeError, OverflowError):
        raise _no_cursor() from None


def read_newest_cursor(cursor: str | None) -> CasePosition | None:
    """The position in a list that has one order, the newest first; None: from the beginning.

    Raises:
        RequestError: the text is no cursor of such a list.
    """
    found = None if cursor is None else read_case_cursor(cursor)
    if found is not None and not (isinstance(found, CasePosition) and found.sort == "newest" and found.reported_at):
        raise _no_cursor()
    return found if isinstance(found, CasePosition) else None


def _written(position: CasePosition) -> list[object]:
    return [None if position.reported_at is None else position.reported_at.isoformat(), position.case_id.hex]


def _case_position(parts: list[Any], sort: Sort = "newest") -> CasePosition:
    at, case_id = parts
    reported_at = None if at is None else dt.datetime.fromisoformat(at)
    if reported_at is not None and reported_at.tzinfo is None:
        raise ValueError
    # Python knows offsets up to a day, PostgreSQL to sixteen hours: what nobody made is no reason to fail.
    return CasePosition(None if reported_at is None else reported_at.astimezone(dt.UTC), uuid.UUID(hex=case_id), sort)


def _rank_position(parts: list[Any]) -> RankPosition:
    offset, seen, *window = parts
    if type(offset) is not int or type(seen) is not int or not 0 <= offset <= seen:
        raise ValueError
    if seen >= RELEVANT_MOST:
        raise RequestError(
            f"按相关度只排前 {RELEVANT_MOST} 件 · relevance orders the first {RELEVANT_MOST} cases alone",
            remedy="用 sort=newest 逐页查看其余，或缩小范围 · page through all of them with sort=newest, or narrow the search",
            problem="beyond-relevance",
        )
    return RankPosition(offset, seen, _case_position(window) if window else None)


def write_number_cursor(number: int) -> str:
    """The position in a list ordered by number."""
    return _encode([number])


def read_number_cursor(cursor: str) -> int:
    """The number that a cursor stands for.

    Raises:
        RequestError: the text is no cursor of this API.
    """
    parts = _decode(cursor)
    if len(parts) != 1 or type(parts[0]) is not int or not 0 < parts[0] < 2**63:
        raise _no_cursor()
    return int(parts[0])


def _encode(parts: list[object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def _decode(cursor: str) -> list[Any]:
    try:
        if len(cursor) > MAX_LENGTH:
            raise ValueError
        parts = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise _no_cursor() from None
    if not isinstance(parts, list):
        raise _no_cursor()
    return parts


def _no_cursor() -> RequestError:
    return RequestError(
        "cursor 无法识别 · this is no cursor of this API",
        remedy="原样使用上一页的 next_cursor · pass next_cursor of the page before as it was",
    )
