"""Rows of the log, the newest first, by who, what, when and how they ended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, fields

from sqlalchemy import Connection, RowMapping, text

_EQUAL = ("caller", "department", "action", "outcome", "purpose", "case_reference", "request_id")


@dataclass(frozen=True)
class Filter:
    """What a row must have; None: anything."""

    caller: str | None = None
    department: str | None = None
    action: str | None = None
    outcome: int | None = None
    purpose: str | None = None
    case_reference: str | None = None
    request_id: str | None = None
    since: dt.datetime | None = None
    before: dt.datetime | None = None


def newest(connection: Connection, wanted: Filter, limit: int) -> Sequence[RowMapping]:
    """At most `limit` rows, the newest first."""
    given = {field.name: getattr(wanted, field.name) for field in fields(wanted) if getattr(wanted, field.name) is not None}
    conditions = [f"{name} = :{name}" for name in _EQUAL if name in given]
    conditions += [condition for name, condition in (("since", "at >= :since"), ("before", "at < :before")) if name in given]
    statement = f"SELECT * FROM audit.access WHERE {' AND '.join(conditions) or 'true'} ORDER BY access_id DESC LIMIT :limit"
    return connection.execute(text(statement), {**given, "limit": limit}).mappings().all()
