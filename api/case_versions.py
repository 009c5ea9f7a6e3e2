"""What records said before: each version that the caller may read, and which of the values that he sees changed with it.

A version is told of only if every later one may be read too. Values are compared as they are shown: what changed beneath a mask does
not show.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import Connection

from api.access import Clearance
from api.answers.one_case import RecordHistory, ValueChange, VersionAnswer
from api.case_rights import clearance_since
from api.case_view import CaseView
from api.chronicle import Chronicle
from api.queries import case as queries
from api.queries.chronicle import times_of
from api.queries.rows import Row

_ABOUT = {"department", "source_record_id", "version", "is_masked"}


def record_histories(connection: Connection, view: CaseView, chronicle: Chronicle) -> list[RecordHistory]:
    """Of each readable record its versions up to the view's moment, the newest first."""
    known: dict[int, list[Row]] = defaultdict(list)
    for row in queries.whole_versions(connection, list(view.readable), view.moment):
        known[row["record_id"]].append(row)
    policies: dict[int, list[Row]] = defaultdict(list)
    for row in queries.versions(connection, list(view.readable)):
        policies[row["record_id"]].append(row)
    told = {number: [row for row in rows if _may_read(view, row, policies[number])] for number, rows in known.items()}
    names = {*view.names, *queries.names_of_versions(connection, list(view.readable))}
    at = times_of(connection, (row["known_from"] for rows in told.values() for row in rows))
    return [_history(view, chronicle, told[number], names, at) for number in view.readable if told.get(number)]


def _may_read(view: CaseView, row: Row, versions: list[Row]) -> bool:
    verdict = clearance_since(view.presenter, [row], versions)[row["record_id"]]
    return verdict in (Clearance.CLEAR, Clearance.MASKED)


def _history(view: CaseView, chronicle: Chronicle, rows: list[Row], names: set[str], at: dict[int, Any]) -> RecordHistory:
    reference = view.presenter.reference(rows[0])
    shown = [view.presenter.record(row, names).model_dump(mode="json", exclude=_ABOUT) for row in rows]
    versions = []
    for place, row in enumerate(rows):
        before = shown[place - 1] if place else {}
        changes = [
            ValueChange(field=field, before=_plain(before[field]), after=_plain(value))
            for field, value in shown[place].items()
            if place and value != before[field]
        ]
        if place and not changes and view.presenter.hidden_in(row):
            continue  # what is hidden may have changed, or nothing: it is told of neither
        number = row["known_from"]
        position = chronicle.position(number)
        versions.append(VersionAnswer(version=row["version"], change_number=position, at=at.get(number), changes=changes))
    return RecordHistory(department=reference.department, source_record_id=reference.source_record_id, versions=versions[::-1])


def _plain(value: Any) -> Any:
    return value["code"] if isinstance(value, dict) else value
