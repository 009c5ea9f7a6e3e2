"""One person, one firm: where the hub has met them."""

from __future__ import annotations

import uuid
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from api.answers.entities import OrganisationAnswer, PersonAnswer
from api.dependencies import CallerDep, HubDep, TraceDep
from api.entity_tag import VARY, tagged
from api.entity_view import became, read_organisation, read_person
from api.presenter import Presenter
from api.problems import documented
from api.state import Hub, Trace
from hub.errors import NotFound
from schema.states import PartyKind

router = APIRouter(prefix="/v1", tags=["persons and organisations"])

_OTHERS: dict[int | str, dict[str, Any]] = {
    304: {"description": "与 If-None-Match 所示相同 · it is what If-None-Match says that the caller has"},
    308: {"description": "已并入另一人或单位 · it was merged into another one, which Location names"},
}
_RESPONSES = _OTHERS | documented(401, 403, 404, 422, 503, 504)
_PATHS: dict[PartyKind, str] = {"person": "persons", "organisation": "organisations"}


@router.get(
    "/persons/{person_id}", name="persons.read", response_model=PersonAnswer, response_model_exclude_none=True, responses=_RESPONSES
)
def read_one_person(person_id: uuid.UUID, request: Request, caller: CallerDep, hub: HubDep, trace: TraceDep) -> Response:
    """一个人：在哪些案件中被提及 · One person: every mention that the caller may read, masked, and the cases."""
    return _answer(request, Presenter(caller, hub.directory), hub, trace, "person", person_id)


@router.get(
    "/organisations/{organisation_id}",
    name="organisations.read",
    response_model=OrganisationAnswer,
    response_model_exclude_none=True,
    responses=_RESPONSES,
)
def read_one_organisation(organisation_id: uuid.UUID, request: Request, caller: CallerDep, hub: HubDep, trace: TraceDep) -> Response:
    """一个单位：在哪些案件中被提及 · One firm: every mention that the caller may read, and the cases."""
    return _answer(request, Presenter(caller, hub.directory), hub, trace, "organisation", organisation_id)


def _answer(request: Request, presenter: Presenter, hub: Hub, trace: Trace, relation: PartyKind, entity_id: uuid.UUID) -> Response:
    if relation == "person":
        trace.person_ids = [entity_id]
    else:
        trace.entity_ids = [entity_id]
    read = read_person if relation == "person" else read_organisation
    with hub.read(presenter.caller) as connection:
        found = read(connection, presenter, entity_id)
        target = became(connection, presenter, relation, entity_id) if found is None else None
    if found is not None:
        trace.entity_ids += [*(case.case_id for case in found.cases), *(mention.case_id for mention in found.mentions)]
        return tagged(request, presenter.caller, found)
    if target is None:
        raise NotFound(
            "没有这个人或单位 · there is no such person or organisation",
            remedy="从案件的 parties 取得编号 · take the id from a case's parties",
        )
    return RedirectResponse(f"{request.scope.get('root_path', '')}/v1/{_PATHS[relation]}/{target}", 308, headers={"Vary": VARY})
