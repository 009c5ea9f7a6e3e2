"""The single entry."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Body, Query
from fastapi.responses import Response

from api.answers.cases import CasePage
from api.audit.notes import note_search, shape_of
from api.audit.row import write_ahead
from api.dependencies import CallerDep, HubDep, TraceDep
from api.examples import answered
from api.json_answer import written_fields
from api.presenter import Presenter
from api.problems import documented
from api.questions.cases import CaseQuery
from api.recognise import Kind, holds_identifier, numbers_in
from api.search_view import find
from api.state import Hub, Trace
from hub.errors import RequestError

router = APIRouter(prefix="/v1/cases", tags=["cases"])

_EXAMPLES = {
    "phone": {"summary": "电话 · a phone", "value": {"q": "13800138000"}},
    "id_number": {"summary": "证件号码 · an ID number", "value": {"q": "440311199001011234", "limit": 50}},
    "words": {
        "summary": "关键词与筛选 · words and filters",
        "value": {"q": "拖欠工资", "street": "440311005", "reported_from": "2025-01-01"},
    },
}


@router.get("", name="cases.list", response_model=CasePage, responses=answered("cases.list") | documented(400, 401, 403, 422, 503, 504))
def list_cases(query: Annotated[CaseQuery, Query()], caller: CallerDep, hub: HubDep, trace: TraceDep) -> Response:
    """统一入口（不含证件号码、电话） · The single entry, for what may stand in a URL.

    ID numbers, phones and credit codes are refused here: POST them to /v1/cases/search, so that they are in no URL.
    """
    if query.q is not None and holds_identifier(query.q):
        raise RequestError(
            "q 含有证件号码、电话或信用代码 · q holds an ID number, a phone or a credit code",
            remedy="改用 POST /v1/cases/search，放在请求体中 · use POST /v1/cases/search and put it into the body",
            problem="identifier-in-url",
        )
    return _answer(query, Presenter(caller, hub.directory), hub, trace, "cases.list")


@router.post(
    "/search", name="cases.search", response_model=CasePage, responses=answered("cases.search") | documented(401, 403, 413, 422, 503, 504)
)
def search_cases(
    query: Annotated[CaseQuery, Body(openapi_examples=_EXAMPLES)],
    caller: CallerDep,
    hub: HubDep,
    trace: TraceDep,
) -> Response:
    """统一入口 · The single entry, for identifiers too.

    It takes a case number of any department, an ID number, a phone, a credit code, a name, a firm, an address, or words.
    The answer says how `q` was read, in which ways it was looked for, and why each case was found. Words and names come in order
    of relevance, everything else newest report first; `sort` says otherwise.
    """
    return _answer(query, Presenter(caller, hub.directory), hub, trace, "cases.search")


def _answer(query: CaseQuery, presenter: Presenter, hub: Hub, trace: Trace, action: str) -> Response:
    trace.shape = shape_of(query)
    hub.limits.take_numbers(presenter.caller, numbers_in(query.q))
    with hub.read(presenter.caller) as connection:

        def note(entry: Kind | None, case_ids: Sequence[uuid.UUID]) -> None:
            note_search(trace, connection, query, entry=entry and entry.value, case_ids=case_ids, own=presenter.caller.department)
            write_ahead(trace, action)

        page = find(connection, presenter, query, note)
    return written_fields(page)
