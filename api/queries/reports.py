"""Statements about reports and access requests: who may see which, and how many wait. No department's login reads their tables."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from api.access import Caller
from api.cursor import CasePosition
from api.queries.rows import Row, fetch
from api.queries.visible import ACKNOWLEDGED, CURRENT, MEMBERS

#: Sides of a report: who made it, and those it goes to. What of it somebody of these may be told, `known_of` says.
_BY = "(p.caller = :caller AND p.caller_department IS NOT DISTINCT FROM :own)"
_TO = "(CAST(:own AS text) = ANY (p.departments) OR (p.to_admins AND :is_platform))"
_REPORT = "p.report_id, p.case_id, p.about, p.field, p.record_ids, p.departments, p.to_admins, p.caller, p.caller_department, p.words, \
p.state, p.created_at, p.changed_at"

#: Sides of an access request. `q` is ops.access_request.
_ASKED_BY = "(q.caller = :caller AND q.caller_department = :own)"
_ASKED_OF = "(q.department = :own)"
_WAITS = "(q.is_emergency AND q.reviewed_at IS NULL)"
_STATE = "CASE WHEN q.state = 'granted' AND q.granted_until <= now() THEN 'ended' ELSE q.state END"
_REQUEST = f"q.request_id, {_STATE} AS state, q.case_id, q.department, q.is_emergency, {_WAITS} AS needs_review, q.caller, \
q.caller_department, q.reason, q.case_reference, q.created_at, q.decided_at, q.decided_by, q.granted_until, q.note, q.reviewed_at, \
q.reviewed_by, q.is_justified, q.review_note, {_ASKED_BY} AS is_by, {_ASKED_OF} AS is_to"


#: Records that the caller's login may know of: what is acknowledged, what it reads, and what it read until it was deleted.
_KNOWN = f"""
(SELECT r.record_id, r.department, store.is_open(r.record_id) AS is_readable FROM store.known_record r
 WHERE r.record_id = {{record}} AND ({CURRENT} OR store.is_open(r.record_id)) OFFSET 0) r
"""
_OF_RECORDS = f"""
SELECT DISTINCT t.report_id, r.record_id, r.department, r.is_readable
FROM unnest(CAST(:report_ids AS uuid[]), CAST(:record_ids AS bigint[])) AS t (report_id, record_id)
CROSS JOIN LATERAL {_KNOWN.format(record="t.record_id")}
"""
# What left the case since it was reported is the report's still: it may have left because of it. A change bears the time at which its
# chunk began, up to a minute before it could be read.
_OF_CASES = f"""
SELECT DISTINCT t.report_id, r.department, r.is_readable
FROM unnest(CAST(:report_ids AS uuid[]), CAST(:case_ids AS uuid[]), CAST(:times AS timestamptz[])) AS t (report_id, case_id, at)
CROSS JOIN LATERAL (
    SELECT m.record_id FROM store.case_member m WHERE m.case_id = t.case_id AND (m.known_to IS NULL OR EXISTS (
        SELECT FROM store.times_of(ARRAY[m.known_to]) c WHERE c.at >= t.at - interval '1 minute'
    )) OFFSET 0
) m CROSS JOIN LATERAL {_KNOWN.format(record="m.record_id")}
"""


@dataclass(frozen=True)
class Known:
    """What a caller may know of that a report is about.

    Args:
        departments: whose records.
        records: ids, of a value or link.
        is_readable: whether he may read one of them.
    """

    departments: frozenset[str] = frozenset()
    records: frozenset[int] = frozenset()
    is_readable: bool = False

    def tells(self, row: Row) -> bool:
        """Whether somebody whom a report goes to may be told of it; of a link, if neither end is closed to him without a word."""
        return self.is_readable and (row["about"] != "link" or self.records.issuperset(row["record_ids"]))


@dataclass(frozen=True)
class Box:
    """Which of one's letters are asked for, newest first."""

    is_in: bool
    state: str | None
    after: CasePosition | None
    limit: int


def sides(caller: Caller) -> dict[str, Any]:
    """What tells the sides of reports and requests apart."""
    return {"caller": caller.name, "own": caller.department, "is_platform": caller.is_operator and caller.department is None}


def find_report(connection: Connection, caller: Caller, report_id: uuid.UUID, *, for_update: bool = False) -> Row | None:
    """A report, with the caller's sides of it; None where he has none."""
    statement = f"""
    SELECT {_REPORT}, {_BY} AS is_by, {_TO} AS is_to FROM ops.report p WHERE p.report_id = :report_id AND ({_BY} OR {_TO})
    {"FOR UPDATE" if for_update else ""}
    """
    found = fetch(connection, statement, {**sides(caller), "report_id": report_id})
    return found[0] if found else None


def reports(connection: Connection, caller: Caller, box: Box) -> list[Row]:
    """A page of reports, one more than the limit if there is another."""
    conditions = [_TO if box.is_in else _BY, *_after(box, "p", "report_id"), *(["p.state = :state"] if box.state else [])]
    statement = (
        f"SELECT {_REPORT} FROM ops.report p WHERE {' AND '.join(conditions)} ORDER BY p.created_at DESC, p.report_id DESC LIMIT :limit"
    )
    return fetch(connection, statement, {**sides(caller), **_page(box)})


def known_of(connection: Connection, rows: Sequence[Row]) -> dict[uuid.UUID, Known]:
    """Per report what the caller may know of that it is about, by row security of his login."""
    whole = [row for row in rows if row["about"] == "case"]
    parts = [(row["report_id"], record_id) for row in rows if row["about"] != "case" for record_id in row["record_ids"]]
    found: list[Row] = []
    if whole:
        cases = {"case_ids": [row["case_id"] for row in whole], "times": [row["created_at"] for row in whole]}
        found += fetch(connection, _OF_CASES, {"report_ids": [row["report_id"] for row in whole], **cases})
    if parts:
        ids = {"report_ids": [report_id for report_id, _ in parts], "record_ids": [record_id for _, record_id in parts]}
        found += fetch(connection, _OF_RECORDS, ids)
    known: dict[uuid.UUID, list[Row]] = {row["report_id"]: [] for row in rows}
    for row in found:
        known[row["report_id"]].append(row)
    return {report_id: _known(about) for report_id, about in known.items()}


def _known(rows: Sequence[Row]) -> Known:
    return Known(
        departments=frozenset(row["department"] for row in rows),
        records=frozenset(row["record_id"] for row in rows if "record_id" in row),
        is_readable=any(row["is_readable"] for row in rows),
    )


def report_notes(connection: Connection, report_id: uuid.UUID) -> list[Row]:
    """What was said and done about a report, in order."""
    statement = "SELECT at, side, author, department, state, words FROM ops.report_note WHERE report_id = :report_id ORDER BY at, note_id"
    return fetch(connection, statement, {"report_id": report_id})


def add_note(connection: Connection, note: Row, note_id: int | None) -> None:
    """Write down a word or step.

    Args:
        connection: that has the report locked.
        note: its columns.
        note_id: of a call with a key; None takes the next one. In order are notes by their time, which is told under the report's lock.
    """
    number = "DEFAULT" if note_id is None else ":note_id"
    statement = f"""
    INSERT INTO ops.report_note (note_id, at, report_id, author, department, side, state, words) OVERRIDING SYSTEM VALUE
    VALUES ({number}, clock_timestamp(), :report_id, :author, :department, :side, :state, :words)
    """
    connection.execute(text(statement), note if note_id is None else note | {"note_id": note_id})


def known_records(connection: Connection, record_ids: Sequence[int]) -> list[Row]:
    """Current records of these that the caller's login may know of."""
    statement = f"""
    SELECT r.record_id, r.department, r.source_record_id, r.version, r.visibility FROM store.known_record r
    WHERE r.record_id = ANY (:record_ids) AND {CURRENT} ORDER BY r.record_id
    """
    return fetch(connection, statement, {"record_ids": list(record_ids)})


def restricted_records(connection: Connection, own: str, case_id: uuid.UUID, department: str) -> list[int]:
    """Records of a case that are only acknowledged to the caller, of one department."""
    statement = f"""
    SELECT r.record_id FROM {MEMBERS} WHERE m.case_id = :case_id AND r.department = :department AND {ACKNOWLEDGED} ORDER BY r.record_id
    """
    rows = connection.execute(text(statement), {"own": own, "case_id": case_id, "department": department})
    return list(rows.scalars())


def find_request(connection: Connection, caller: Caller, request_id: uuid.UUID, *, for_update: bool = False) -> Row | None:
    """An access request, with the caller's sides of it; None where he has none."""
    statement = f"""
    SELECT {_REQUEST} FROM ops.access_request q WHERE q.request_id = :request_id AND ({_ASKED_BY} OR {_ASKED_OF})
    {"FOR UPDATE" if for_update else ""}
    """
    found = fetch(connection, statement, {**sides(caller), "request_id": request_id})
    return found[0] if found else None


def requests(connection: Connection, caller: Caller, box: Box) -> list[Row]:
    """A page of access requests: on the first one of the in-box emergencies that wait for review lead, however old they are."""
    side = _ASKED_OF if box.is_in else _ASKED_BY
    state = [f"{_STATE} = :state"] if box.state else []
    rest = [side, *_after(box, "q", "request_id"), *state, *([f"NOT {_WAITS}"] if box.is_in else [])]
    select = f"SELECT {_REQUEST} FROM ops.access_request q WHERE"
    order = "ORDER BY q.created_at DESC, q.request_id DESC"
    parameters = {**sides(caller), **_page(box)}
    first = [] if box.after or not box.is_in else fetch(connection, f"{select} {' AND '.join([side, _WAITS, *state])} {order}", parameters)
    return first + fetch(connection, f"{select} {' AND '.join(rest)} {order} LIMIT :limit", parameters)


def requested_records(connection: Connection, request_id: uuid.UUID) -> list[int]:
    """Which records a request is about."""
    statement = "SELECT record_id FROM ops.access_request_record WHERE request_id = :request_id ORDER BY record_id"
    return list(connection.execute(text(statement), {"request_id": request_id}).scalars())


def granted_records(connection: Connection, caller: Caller, request_id: uuid.UUID) -> list[int]:
    """Which records of a request are granted to the caller now."""
    statement = """
    SELECT e.record_id FROM ops.access_request_record e WHERE e.request_id = :request_id AND EXISTS (
        SELECT FROM ops.live_grant g WHERE g.caller = :caller AND g.caller_department = :own AND g.record_id = e.record_id
    ) ORDER BY e.record_id
    """
    return list(connection.execute(text(statement), {**sides(caller), "request_id": request_id}).scalars())


def opened_records(connection: Connection, record_ids: Sequence[int], columns: Sequence[str]) -> list[Row]:
    """These records as they are now, those of them that the caller's login is shown because they were opened to him."""
    statement = f"""
    SELECT r.record_id, r.visibility, {", ".join(f"r.{name}" for name in columns)} FROM store.source_record r
    WHERE r.record_id = ANY(:record_ids) AND {CURRENT} AND r.visibility = 'restricted' ORDER BY r.record_id
    """
    return fetch(connection, statement, {"record_ids": list(record_ids)})


def waiting(connection: Connection) -> dict[str, dict[str, int]]:
    """Per kind and department how many wait: reports, access requests, emergencies without a review."""
    statement = f"""
    SELECT 'reports' AS kind, department, count(*) AS items FROM (
        SELECT unnest(p.departments || CASE WHEN p.to_admins THEN '{{platform}}'::text[] ELSE '{{}}' END) AS department
        FROM ops.report p WHERE p.state IN ('open', 'taken')
    ) addressed GROUP BY department
    UNION ALL SELECT 'requests', department, count(*) FROM ops.access_request WHERE state = 'open' GROUP BY department
    UNION ALL SELECT 'emergencies', q.department, count(*) FROM ops.access_request q WHERE {_WAITS} GROUP BY q.department
    """
    found: dict[str, dict[str, int]] = {"reports": {}, "requests": {}, "emergencies": {}}
    for row in fetch(connection, statement):
        found[row["kind"]][row["department"]] = row["items"]
    return found


def _after(box: Box, alias: str, id_column: str) -> list[str]:
    return [f"({alias}.created_at, {alias}.{id_column}) < (:after_time, :after_id)"] if box.after else []


def _page(box: Box) -> dict[str, Any]:
    after = box.after
    return {
        "state": box.state,
        "limit": box.limit + 1,
        "after_time": after.reported_at if after else None,
        "after_id": after.case_id if after else None,
    }
