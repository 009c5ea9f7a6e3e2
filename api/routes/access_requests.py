"""Access to restricted records: asked for, granted for a time, broken in an emergency, reviewed."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Body, Query

from api.access import Caller
from api.access_requests import answer, ask, decide, no_such_request
from api.answers.cases import RecordAnswer
from api.answers.reports import AccessRequestAnswer, AccessRequestPage, GrantedRecords
from api.audit.notes import note_parties, shape, shape_of
from api.cursor import CasePosition, read_newest_cursor, write_case_cursor
from api.dependencies import CallerDep, HubDep, TraceDep
from api.once import IdempotencyKey, once_of
from api.presenter import Presenter
from api.problems import documented
from api.queries import case as case_queries
from api.queries import reports as queries
from api.queries.reports import Box
from api.questions.reports import AccessDecision, AccessRequestQuery, NewAccessRequest
from api.state import Hub, Trace
from hub.errors import AccessDenied, NotFound

router = APIRouter(prefix="/v1/access-requests", tags=["restricted records"])

_ASKED = {
    "case_id": "0d3f7b52-6a54-5a2e-9f0e-8a2b7c1d4e5f",
    "department": "court",
    "reason": "核实诉讼情况，以便调解",
    "case_reference": "LD2025-0103-0017",
}
_EXAMPLES = {
    "ordinary": {"summary": "申请，待批准 · to be granted", "value": _ASKED},
    "emergency": {
        "summary": "紧急，立即开放并事后审查 · an emergency",
        "value": {**_ASKED, "reason": "须立即联系当事人", "emergency": True},
    },
}
_DECISIONS = {
    "grant": {"summary": "同意，开放两天 · granted for two days", "value": {"decision": "grant", "hours": 48}},
    "refuse": {"summary": "不同意 · refused", "value": {"decision": "refuse", "note": "请先补充授权材料"}},
    "review": {
        "summary": "审查一次紧急查看 · an emergency reviewed",
        "value": {"decision": "review", "is_justified": True, "note": "情况属实"},
    },
    "withdraw": {"summary": "申请人撤回 · withdrawn by who asked", "value": {"decision": "withdraw"}},
}
_COLUMNS = [name for name in RecordAnswer.model_fields if name != "is_masked"]


@router.post("", name="access_requests.create", status_code=201, responses=documented(401, 403, 404, 409, 413, 422, 503, 504))
def create_request(
    asked: Annotated[NewAccessRequest, Body(openapi_examples=_EXAMPLES)],
    caller: CallerDep,
    hub: HubDep,
    trace: TraceDep,
    idempotency_key: IdempotencyKey = None,
) -> AccessRequestAnswer:
    """申请查看受限记录 · Ask to see a department's restricted records in a case.

    The department grants it for a time or refuses. An emergency opens them at once for a few hours, raises an alarm, and is reviewed.
    """
    trace.once = once_of(caller, "access_requests.create", idempotency_key, asked.model_dump_json())
    trace.entity_ids = [asked.case_id]
    trace.shape = shape(department=asked.department, asked=["emergency"] if asked.emergency else None)
    own = _department_of(caller)
    with hub.read(caller) as connection:
        record_ids = queries.restricted_records(connection, own, asked.case_id, asked.department)
    return _answer(caller, hub, trace, ask(hub.engine, caller, asked, record_ids, hub.settings.emergency_hours, trace))


def _department_of(caller: Caller) -> str:
    if caller.department is None:
        raise AccessDenied(
            "只有部门人员可以申请 · only somebody of a department may ask", remedy="用部门人员的令牌 · use a token of a department's clerk"
        )
    return caller.department


@router.get("", name="access_requests.list", responses=documented(401, 403, 422, 503, 504))
def list_requests(query: Annotated[AccessRequestQuery, Query()], caller: CallerDep, hub: HubDep, trace: TraceDep) -> AccessRequestPage:
    """收到的或提出的申请 · Requests to the caller's department, emergencies without a review first; or those by the caller."""
    trace.shape = shape_of(query)
    after = read_newest_cursor(query.cursor)
    with hub.read() as connection:
        rows = queries.requests(connection, caller, Box(query.box == "in", query.state, after, query.limit))
    presenter = Presenter(caller, hub.directory)
    leading = sum(row["needs_review"] for row in rows) if query.box == "in" else 0
    shown = rows[: leading + query.limit]
    last = shown[-1] if len(rows) > leading + query.limit else None
    trace.entity_ids = [row["case_id"] for row in shown]
    return AccessRequestPage(
        items=[answer(presenter, row) for row in shown],
        next_cursor=None if last is None else write_case_cursor(CasePosition(last["created_at"], last["request_id"])),
    )


@router.get("/{request_id}", name="access_requests.read", responses=documented(401, 403, 404, 422, 503, 504))
def read_request(request_id: uuid.UUID, caller: CallerDep, hub: HubDep, trace: TraceDep) -> AccessRequestAnswer:
    """一项申请 · One request; to its two sides alone."""
    return _answer(caller, hub, trace, request_id)


@router.post("/{request_id}/decision", name="access_requests.decide", responses=documented(401, 403, 404, 409, 413, 422, 503, 504))
def decide_request(
    request_id: uuid.UUID,
    decision: Annotated[AccessDecision, Body(openapi_examples=_DECISIONS)],
    caller: CallerDep,
    hub: HubDep,
    trace: TraceDep,
) -> AccessRequestAnswer:
    """同意、不同意、收回、审查或撤回 · Grant, refuse, revoke or review, by the records' department; withdraw, by who asked."""
    trace.shape = {"decision": decision.decision}
    decide(hub.engine, caller, request_id, decision, trace)
    return _answer(caller, hub, trace, request_id)


@router.get(
    "/{request_id}/records",
    name="access_requests.records",
    response_model_exclude_none=True,
    responses=documented(401, 403, 404, 422, 503, 504),
)
def read_granted(request_id: uuid.UUID, caller: CallerDep, hub: HubDep, trace: TraceDep) -> GrantedRecords:
    """已开放的记录，按共享记录脱敏 · The records that are open to the caller now, masked as shared ones are."""
    with hub.read() as connection:
        found = queries.find_request(connection, caller, request_id)
        granted = queries.granted_records(connection, caller, request_id) if found and found["state"] == "granted" else []
    with hub.read(caller, is_opened=True) as connection:  # by his login: what it may not be shown was opened in vain
        rows = queries.opened_records(connection, granted, _COLUMNS)
        if found is None or not rows:
            raise NotFound(
                "没有对您开放的记录 · nothing is open to you here",
                remedy="查看申请的 state 与 granted_until · see `state` and `granted_until` of the request",
            )
        parties = case_queries.parties(connection, [row["record_id"] for row in rows])
    trace.entity_ids, trace.record_ids = [found["case_id"]], [row["record_id"] for row in rows]  # its case may be another by now
    note_parties(trace, parties)
    presenter, records = Presenter(caller, hub.directory), {row["record_id"]: row for row in rows}
    names = sorted({party["name"] for party in parties if party["kind"] == "person" and party["name"]})
    return GrantedRecords(
        granted_until=found["granted_until"],
        items=[presenter.record(row, names) for row in rows],
        parties=[presenter.party(party, records[party["record_id"]]) for party in parties],
    )


def _answer(caller: Caller, hub: Hub, trace: Trace, request_id: uuid.UUID) -> AccessRequestAnswer:
    with hub.read() as connection:
        found = queries.find_request(connection, caller, request_id)
        if found is None:
            raise no_such_request()
        record_ids = queries.requested_records(connection, request_id) if found["is_to"] else []
    trace.entity_ids = [found["case_id"]]
    with hub.read(caller) as connection:
        records = queries.known_records(connection, record_ids)
    return answer(Presenter(caller, hub.directory), found, records)
