"""Export of any query of the single entry."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body
from fastapi.responses import Response

from api.audit.notes import shape_of
from api.dependencies import CallerDep, HubDep, TraceDep
from api.export.formats import MEDIA_TYPES
from api.export.running import Export, ExportResponse
from api.problems import documented
from api.questions.export import ExportQuery
from api.recognise import numbers_in, recognise

router = APIRouter(prefix="/v1/cases", tags=["cases"])

_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "文件；末尾标记表示完整 · the file; its end says that it is whole",
        "content": {
            media_type.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}} for media_type in MEDIA_TYPES.values()
        },
    }
}
_EXAMPLES = {
    "csv": {
        "summary": "本年欠薪案件，供 Excel · this year's wage cases, for Excel",
        "value": {"category": "wages", "reported_from": "2025-01-01", "format": "csv", "receiver": "区信访局督查科"},
    },
    "parties": {
        "summary": "某单位所涉案件的当事人 · parties of a firm's cases",
        "value": {"q": "维珍妮鞋业", "level": "parties", "format": "parquet", "receiver": "data desk, labour bureau"},
    },
}


@router.post("/export", name="cases.export", response_class=Response, responses=_FILE | documented(401, 403, 409, 413, 422, 503, 504))
def export_cases(
    query: Annotated[ExportQuery, Body(openapi_examples=_EXAMPLES)], caller: CallerDep, hub: HubDep, trace: TraceDep
) -> Response:
    """导出查询结果 · The whole answer to any question of the single entry, as one file that is sent while it is read.

    It holds what the caller may see, masked as everywhere. Who gets it is kept with the audit log, and so is every case in it.
    """
    hub.limits.take_numbers(caller, numbers_in(query.q))
    trace.receiver = query.receiver
    entry = None if query.q is None else recognise(query.q).kind.value
    trace.shape = shape_of(query.page(None, 1), entry=entry, format=query.format, level=query.level)
    trace.person_ids = [] if query.person_id is None else [query.person_id]
    return ExportResponse(Export(hub, caller, query, trace), query)
