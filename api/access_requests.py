"""Access to restricted records for a time: asked for with a reason, granted by the department whose they are, or broken in an emergency.

A sealed record is in none of this: what is asked for is what the caller is told of, and a grant opens only what is still restricted.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, insert, text

from api.access import Caller
from api.answers.reports import AccessRequestAnswer
from api.audit import write_audits, write_within
from api.once import ACCESS_REQUEST, is_made, new_id
from api.presenter import Presenter
from api.queries import reports as queries
from api.queries.rows import Row
from api.questions.reports import AccessDecision, NewAccessRequest
from api.trace import Trace
from hub.database import changing
from hub.errors import AccessDenied, NotFound, RequestError, StoreError
from schema.tables import access_request, access_request_record

_UNIQUE_VIOLATION = "23505"
MAX_UNREVIEWED = 3  # emergencies of one caller that no department has reviewed yet

_log = logging.getLogger("api.access_requests")

#: decision → side, states that it may be taken in, what it sets.
_DECISIONS: dict[str, tuple[str, frozenset[str], str]] = {
    "grant": (
        "is_to",
        frozenset({"open"}),
        "state = 'granted', granted_until = now() + :kept, decided_at = now(), decided_by = :caller, note = :note",
    ),
    "refuse": ("is_to", frozenset({"open"}), "state = 'refused', decided_at = now(), decided_by = :caller, note = :note"),
    "revoke": ("is_to", frozenset({"granted"}), "state = 'revoked', decided_at = now(), decided_by = :caller, note = :note"),
    "review": (
        "is_to",
        frozenset({"granted", "ended", "revoked", "withdrawn"}),
        "reviewed_at = now(), reviewed_by = :caller, is_justified = :is_justified, review_note = :note, "
        "state = CASE WHEN NOT :is_justified AND state = 'granted' THEN 'revoked' ELSE state END",
    ),
    "withdraw": ("is_by", frozenset({"open", "granted"}), "state = 'withdrawn'"),
}


def ask(
    engine: Engine, caller: Caller, asked: NewAccessRequest, record_ids: Sequence[int], emergency_hours: int, trace: Trace
) -> uuid.UUID:
    """Keep a request; an emergency is granted with it, and an alarm is raised.

    Args:
        engine: the store's.
        caller: who asks.
        asked: for what, and why.
        record_ids: the restricted records that he is told of, as `restricted_records` found them; none: there is nothing to ask for.
        emergency_hours: how long an emergency lasts.
        trace: of the call, which is written down with it.

    Raises:
        NotFound: there is no restricted record of that department in that case that the caller may know of.
        RequestError: the same is asked for already, too many emergencies wait for review, or the call's key was used for another request.
    """
    request_id = new_id(trace)
    try:
        with changing(engine) as connection:
            is_new = not is_made(connection, trace, ACCESS_REQUEST)
            if is_new:
                _keep(connection, caller, request_id, asked, record_ids, emergency_hours)
            write_within(connection, trace, "access_requests.create", 201)
    except StoreError as error:
        if error.detail.get("sqlstate") != _UNIQUE_VIOLATION:
            raise
        raise RequestError(
            "已有相同的申请待处理 · you have asked for the same already",
            remedy="等待答复，或撤回后再提 · wait for the answer, or withdraw it",
            problem="conflict",
        ) from None
    if asked.emergency and is_new:
        _log.warning(
            "emergency access %s: %s of %s opens restricted records of %s", request_id, caller.name, caller.department, asked.department
        )
    return request_id


def _keep(
    connection: Connection, caller: Caller, request_id: uuid.UUID, asked: NewAccessRequest, record_ids: Sequence[int], emergency_hours: int
) -> None:
    if not record_ids:
        raise NotFound(
            "没有这个案件，或其中没有该部门可申请的记录 · there is no such case, or nothing of that department's to ask for in it",
            remedy="acknowledged 所列部门方可申请 · ask departments that `acknowledged` of the case names",
        )
    row = {"request_id": request_id, **_as_row(caller, asked)}
    if asked.emergency:
        _require_reviewed(connection, caller)
        until = connection.execute(text("SELECT now() + :kept"), {"kept": dt.timedelta(hours=emergency_hours)}).scalar_one()
        row |= {"state": "granted", "granted_until": until}
        write_audits(connection, caller, [("access_requests.emergency", 201, [asked.case_id], [])])
    connection.execute(insert(access_request).values(**row))
    connection.execute(insert(access_request_record), [{"request_id": request_id, "record_id": record_id} for record_id in record_ids])


def _as_row(caller: Caller, asked: NewAccessRequest) -> dict[str, Any]:
    return {
        "case_id": asked.case_id,
        "department": asked.department,
        "caller": caller.name,
        "caller_department": caller.department,
        "reason": asked.reason,
        "case_reference": asked.case_reference,
        "is_emergency": asked.emergency,
    }


def _require_reviewed(connection: Connection, caller: Caller) -> None:
    """Refuse one more emergency while many of one's own wait for their review."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('emergency:' || :caller, 0))"), {"caller": caller.name})
    statement = "SELECT count(*) FROM ops.access_request WHERE caller = :caller AND is_emergency AND reviewed_at IS NULL"
    if connection.execute(text(statement), {"caller": caller.name}).scalar_one() >= MAX_UNREVIEWED:
        raise RequestError(
            f"已有 {MAX_UNREVIEWED} 次紧急查看未经审查 · {MAX_UNREVIEWED} of your emergencies wait for their review",
            remedy="请相关部门先审查，或按普通方式申请 · have the departments review them, or ask without emergency",
            problem="conflict",
        )


def decide(engine: Engine, caller: Caller, request_id: uuid.UUID, decision: AccessDecision, trace: Trace) -> None:
    """Take a decision about a request, and write the call down with it.

    Raises:
        NotFound: there is none that the caller is a side of.
        AccessDenied: it is the other side's to decide.
        RequestError: the request's state does not allow it.
    """
    side, states, changes = _DECISIONS[decision.decision]
    with changing(engine) as connection:
        found = queries.find_request(connection, caller, request_id, for_update=True)
        if found is None:
            raise no_such_request()
        if not found[side]:
            raise AccessDenied(
                "这一步由另一方决定 · that is for the other side to decide",
                remedy="记录所属部门：grant、refuse、revoke、review；申请人：withdraw · the department grants; who asked withdraws",
            )
        is_reviewed = decision.decision == "review" and not found["needs_review"]
        if found["state"] not in states or is_reviewed:
            raise RequestError(
                f"此申请现为 {found['state']}，不能如此处理 · the request is {found['state']}, which does not allow that",
                remedy="查看 GET /v1/access-requests/{id} · see GET /v1/access-requests/{id}",
                problem="conflict",
            )
        values = {
            "request_id": request_id,
            "caller": caller.name,
            "note": decision.note,
            "kept": dt.timedelta(hours=decision.hours or 0),
            "is_justified": decision.is_justified,
        }
        connection.execute(text(f"UPDATE ops.access_request SET {changes} WHERE request_id = :request_id"), values)
        trace.entity_ids = [found["case_id"]]
        write_within(connection, trace, "access_requests.decide", 200)


def answer(presenter: Presenter, row: Row, records: Iterable[Row] | None = None) -> AccessRequestAnswer:
    """A request as one of its sides sees it; which records it is about, their department alone."""
    kept = {name: row[name] for name in AccessRequestAnswer.model_fields if name in row}
    kept |= {name: presenter.department(row[name]) for name in ("department", "caller_department")}
    shown = [presenter.reference(each) for each in records] if records is not None and row["is_to"] else None
    return AccessRequestAnswer(**kept, records=shown)


def no_such_request() -> NotFound:
    """No such request, or none of the caller's."""
    return NotFound(
        "没有这项申请 · there is no such request", remedy="GET /v1/access-requests?box=in 或 out · lists those to you, or by you"
    )
