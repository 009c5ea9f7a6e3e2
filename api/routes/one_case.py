"""One case, now or as the hub knew it then."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from api.answers.cases import POSITIONS, CaseDetail
from api.audit.notes import note_parties, shape_of
from api.audit.row import write_ahead
from api.case_parts import detail
from api.case_view import find_view
from api.chronicle import Chronicle
from api.dependencies import CallerDep, HubDep, TraceDep
from api.entity_tag import VARY, tagged
from api.examples import answered
from api.presenter import Presenter
from api.problems import documented
from api.queries.case import find_redirect
from api.queries.moments import NOW
from api.questions.one_case import OneCase
from hub.errors import NotFound

router = APIRouter(prefix="/v1/cases", tags=["cases"])

#: Parts that tell of changes.
_DATED = {"timeline", "history"}
_OTHERS: dict[int | str, dict[str, Any]] = {
    304: {"description": "与 If-None-Match 所示相同 · it is what If-None-Match says that the caller has"},
    308: {"description": "此案已并入另一案件 · it became part of another case, which Location names"},
}


@router.get(
    "/{case_id:uuid}",  # so that other methods of /search and /export are 405
    name="cases.read",
    response_model=CaseDetail,
    response_model_exclude_none=True,
    responses=_OTHERS | answered("cases.read") | documented(401, 403, 404, 410, 422, 503, 504),
)
def read_case(
    case_id: uuid.UUID, query: Annotated[OneCase, Query()], request: Request, caller: CallerDep, hub: HubDep, trace: TraceDep
) -> Response:
    """一个案件的全貌 · One case, whole, as far as the caller may read its records.

    With `as_of` it is told as the hub knew it then, to whom may read it today. `ETag` and `If-None-Match` spare what has not changed.
    """
    trace.entity_ids, trace.shape = [case_id], shape_of(query, include=sorted(query.parts))
    presenter, chronicle = Presenter(caller, hub.directory), Chronicle(hub.read, hub.settings, request.app.state.kept)
    moment = chronicle.moment(query.moment)

    def note(parties: Iterable[Mapping[str, Any]], others: Sequence[uuid.UUID]) -> None:
        trace.results = 1
        note_parties(trace, parties)
        trace.entity_ids += others
        if "if-none-match" not in request.headers:  # then it may turn out 304
            write_ahead(trace, "cases.read")

    with hub.read(caller) as connection:
        view = find_view(connection, presenter, case_id, query.parts, moment)
        if view is not None:
            answer = detail(connection, view, query.parts, chronicle, note)
            has_positions = moment is not NOW or query.parts & _DATED
            return tagged(request, caller, answer, POSITIONS if has_positions else None)
        target = find_redirect(connection, case_id, moment)
        if target is None or find_view(connection, presenter, target, frozenset(), moment) is None:
            raise NotFound("没有这个案件 · there is no such case", remedy="用 GET /v1/cases?q= 查找 · find it by GET /v1/cases?q=")
    path = f"{request.scope.get('root_path', '')}/v1/cases/{target}"
    asked = query.query_string
    return RedirectResponse(f"{path}?{asked}" if asked else path, 308, headers={"Vary": VARY})
