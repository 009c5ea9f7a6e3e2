"""A route that is to go says so in each of its answers: since when it is deprecated (RFC 9745), and when it goes (RFC 8594).

A route is marked by `deprecated=True` and `openapi_extra=going(...)`; so the OpenAPI document and the answers say the same.
"""

from __future__ import annotations

import datetime as dt
from email.utils import format_datetime
from typing import Any

from fastapi.routing import APIRoute

NOTICE = dt.timedelta(days=183)  # at least so long between the first word of it and the end
SINCE, UNTIL = "x-deprecated-since", "x-sunset"


def going(since: dt.date, until: dt.date | None = None) -> dict[str, Any]:
    """What a route's `openapi_extra` has.

    Args:
        since: when it was called deprecated.
        until: its last day; None where that is not known yet.

    Raises:
        ValueError: that leaves less than half a year.
    """
    if until is not None and until - since < NOTICE:
        raise ValueError(f"a route is kept for {NOTICE.days} days after it was called deprecated")
    return {SINCE: since.isoformat()} | ({} if until is None else {UNTIL: until.isoformat()})


def headers_of(route: object) -> dict[str, str]:
    """Headers of a route's answers; none of a route that stays."""
    if not isinstance(route, APIRoute) or not route.deprecated:
        return {}
    known = route.openapi_extra or {}
    found = {"Deprecation": f"@{int(_midnight(known[SINCE]).timestamp())}"}
    return found | ({"Sunset": format_datetime(_midnight(known[UNTIL]), usegmt=True)} if UNTIL in known else {})


def _midnight(day: str) -> dt.datetime:
    return dt.datetime.combine(dt.date.fromisoformat(day), dt.time(), dt.UTC)
