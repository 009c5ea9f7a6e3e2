"""Keyset positions as opaque text: where the next page begins. They hold a time and an id, never what was asked."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
import uuid
from dataclasses import dataclass
from typing import Any

from hub.errors import RequestError

MAX_LENGTH = 200


@dataclass(frozen=True)
class CasePosition:
    """The last case of a page, in the order newest report first, cases without a time last, then by id."""

    reported_at: dt.datetime | None
    case_id: uuid.UUID


def write_case_cursor(position: CasePosition) -> str:
    """A position as text for a URL."""
    at = None if position.reported_at is None else position.reported_at.isoformat()
    return _encode([at, position.case_id.hex])


def read_case_cursor(cursor: str) -> CasePosition:
    """The position that a cursor stands for.

    Raises:
        RequestError: the text is no cursor of this API.
    """
    parts = _decode(cursor)
    try:
        at, case_id = parts
        reported_at = None if at is None else dt.datetime.fromisoformat(at)
        if reported_at is not None and reported_at.tzinfo is None:
            raise ValueError
        return CasePosition(reported_at, uuid.UUID(hex=case_id))
    except (TypeError, ValueError, AttributeError):
        raise _no_cursor() from None


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
