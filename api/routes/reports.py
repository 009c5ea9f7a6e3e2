"""Reports of what is wrong, from any case, value or link, to whose it is; and what becomes of them."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Body, Query

from api.answers.reports import ReportDetail, ReportPage
from api.audit.notes import shape, shape_of
from api.cursor import read_newest_cursor, write_case_cursor
from api.dependencies import CallerDep, HubDep, TraceDep
from api.once import IdempotencyKey, once_of
from api.presenter import Presenter
from api.problems import documented
from api.queries import reports as queries
from api.queries.reports import Box
from api.questions.reports import NewReport, ReportQuery, ReportStep
from api.reports import detail, file_report, find, find_page, summary, take_step, target_of
from api.state import Hub, Trace

router = APIRouter(prefix="/v1/reports", tags=["reports"])

_CASE = {"case_id": "0d3f7b52-6a54-5a2e-9f0e-8a2b7c1d4e5f"}
_LABOUR = {"department": "labour", "source_record_id": "LD2025-0103-0017"}
_PETITION = {"department": "petition", "source_record_id": "XF2025010300017"}
_EXAMPLES = {
    "value": {
        "summary": "一个数值 · a value",
        "value": {**_CASE, "about": "value", "field": "amount", "record": _LABOUR, "text": "应为三万元"},
    },
    "link": {
        "summary": "一条关联 · a link",
        "value": {**_CASE, "about": "link", "left": _LABOUR, "right": _PETITION, "text": "两条记录不是同一件事"},
    },
    "case": {"summary": "整个案件 · a case", "value": {**_CASE, "about": "case", "text": "地址有误"}},
}
_STEPS = {
    "taken": {"summary": "已受理 · taken", "value": {"state": "taken"}},
    "corrected": {"summary": "已更正 · corrected", "value": {"state": "corrected", "text": "已在本部门系统更正，下次报送时更新"}},
    "word": {"summary": "补充说明 · a word", "value": {"text": "凭证编号见原始卷宗"}},
}


@router.post("", name="reports.create", status_code=201, responses=documented(401, 403, 404, 413, 422, 503, 504))
def create_report(
    asked: Annotated[NewReport, Body(openapi_examples=_EXAMPLES)],
    caller: CallerDep,
    hub: HubDep,
    trace: TraceDep,
    idempotency_key: IdempotencyKey = None,
) -> ReportDetail:
    """提出异议：案件、数值或关联有误 · Say that a case, a value or a link is wrong.

    It goes to the department whose record states the value, to both departments of a link and the platform's administrators, or to
    every department whose records of the case the caller reads; to none that would learn of a closed record by it. What the caller may
    not read cannot be reported.
    """
    trace.once = once_of(caller, "reports.create", idempotency_key, asked.model_dump_json())
    trace.entity_ids = [asked.case_id]
    trace.shape = shape(about=asked.about, field=asked.field)
    presenter = Presenter(caller, hub.directory)
    with hub.read(caller) as connection:
        target = target_of(connection, presenter, asked)
    return _detail(presenter, hub, trace, file_report(hub.engine, caller, asked, target, trace))


@router.get("", name="reports.list", responses=documented(401, 403, 422, 503, 504))
def list_reports(query: Annotated[ReportQuery, Query()], caller: CallerDep, hub: HubDep, trace: TraceDep) -> ReportPage:
    """收到的或提出的异议 · Reports to the caller's department of what he may read, or by the caller; the newest first.

    A page may be short, or empty, and yet have a `next_cursor`: it says how far was looked in the time there is for a page.
    """
    trace.shape = shape_of(query)
    page = find_page(hub, caller, Box(query.box == "in", query.state, read_newest_cursor(query.cursor), query.limit))
    presenter = Presenter(caller, hub.directory)
    trace.entity_ids = [row["case_id"] for row, _ in page.rows]
    return ReportPage(
        items=[summary(presenter, row, known) for row, known in page.rows],
        next_cursor=None if page.end is None else write_case_cursor(page.end),
    )


@router.get("/{report_id}", name="reports.read", responses=documented(401, 403, 404, 422, 503, 504))
def read_report(report_id: uuid.UUID, caller: CallerDep, hub: HubDep, trace: TraceDep) -> ReportDetail:
    """一条异议及其处理经过 · One report and what became of it; to its two sides alone, as far as they may read what it is about."""
    return _detail(Presenter(caller, hub.directory), hub, trace, report_id)


@router.post("/{report_id}/notes", name="reports.note", status_code=201, responses=documented(401, 403, 404, 409, 413, 422, 503, 504))
def add_note(
    report_id: uuid.UUID,
    step: Annotated[ReportStep, Body(openapi_examples=_STEPS)],
    caller: CallerDep,
    hub: HubDep,
    trace: TraceDep,
    idempotency_key: IdempotencyKey = None,
) -> ReportDetail:
    """答复、改变状态 · A word to the other side, a new state, or both.

    Whose it is takes, corrects or refuses it; who reported closes it, or opens it again.
    """
    trace.once = once_of(caller, "reports.note", idempotency_key, str(report_id), step.model_dump_json())
    trace.shape = shape(state=step.state)
    take_step(hub, caller, report_id, step, trace)
    return _detail(Presenter(caller, hub.directory), hub, trace, report_id)


def _detail(presenter: Presenter, hub: Hub, trace: Trace, report_id: uuid.UUID) -> ReportDetail:
    found, known = find(hub, presenter.caller, report_id)
    trace.entity_ids = [found["case_id"]]
    with hub.read() as connection:
        notes = queries.report_notes(connection, report_id)
    with hub.read(presenter.caller) as connection:
        records = queries.known_records(connection, found["record_ids"])
    return detail(presenter, found, known, records, notes)
