"""Records not yet filed: does the hub know these people, these firms, this case?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Body, Request
from fastapi.responses import Response

from api.access import Caller
from api.answers.match import MatchAnswer, MatchBatchAnswer
from api.audit.row import write_ahead
from api.dependencies import CallerDep, HubDep, TraceDep
from api.examples import answered
from api.json_answer import written
from api.match_view import Matcher
from api.presenter import Presenter
from api.problems import documented
from api.questions.match import MatchBatch, MatchRecord
from api.state import Hub, Trace

router = APIRouter(prefix="/v1/match", tags=["match"])

_PERSON = {"kind": "person", "name": "王小明", "phone": "13912345678"}
_RECORD = {
    "title": "反映某鞋业公司拖欠工资",
    "category": "wages",
    "street": "马田街道",
    "occurred_at": "2025-01-02T08:00:00+08:00",
    "amount": "36000.00",
    "parties": [
        {**_PERSON, "role": "petitioner"},
        {"kind": "organisation", "role": "respondent", "name": "深圳市维珍妮鞋业有限公司"},
    ],
}
_EXAMPLES = {
    "person": {"summary": "一个人 · a person alone", "value": {"parties": [_PERSON]}},
    "record": {"summary": "一条未登记的记录 · a record not yet filed", "value": _RECORD},
}
_BATCH_EXAMPLES = {"two": {"summary": "两条记录 · two records", "value": {"records": [_RECORD, {"parties": [_PERSON]}]}}}


@router.post(
    "",
    name="match.record",
    response_model=MatchAnswer,
    response_model_exclude_none=True,
    responses=answered("match.record") | documented(401, 403, 413, 422, 503, 504),
)
def match_record(
    record: Annotated[MatchRecord, Body(openapi_examples=_EXAMPLES)], request: Request, caller: CallerDep, hub: HubDep, trace: TraceDep
) -> Response:
    """此人、此单位、此案是否已知 · Does the hub know this person, this firm, this case?

    Nothing is filed. Of each party, and of the case where the record tells one, the answer is certain, possible or none, with
    candidates, the best first, each with its match weight in bits and the steps that make it up.
    """
    return written(_answer([record], request, caller, hub, trace, "match.record")[0])


@router.post(
    "/batch",
    name="match.batch",
    response_model=MatchBatchAnswer,
    response_model_exclude_none=True,
    responses=answered("match.batch") | documented(401, 403, 413, 422, 503, 504),
)
def match_batch(
    batch: Annotated[MatchBatch, Body(openapi_examples=_BATCH_EXAMPLES)], request: Request, caller: CallerDep, hub: HubDep, trace: TraceDep
) -> Response:
    """批量匹配，至多 100 条记录、500 个当事人 · Many records at once, 100 and 500 parties at most, each by itself."""
    return written(MatchBatchAnswer(items=_answer(batch.records, request, caller, hub, trace, "match.batch")))


def _answer(records: Sequence[MatchRecord], request: Request, caller: Caller, hub: Hub, trace: Trace, action: str) -> list[MatchAnswer]:
    trace.shape = {"asked": set[str]().union(*(record.given for record in records))}
    hub.limits.take_numbers(caller, sum(record.numbers for record in records))
    with hub.read(caller) as connection:
        matcher = Matcher(Presenter(caller, hub.directory), hub.read, connection, request.app.state.promises)
        answers = matcher.answer(records)
        trace.entity_ids = list(dict.fromkeys(matcher.entity_ids))
        trace.results = len(matcher.entity_ids)
        write_ahead(trace, action)
    return answers
