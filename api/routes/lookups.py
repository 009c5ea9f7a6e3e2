"""Batch look-ups: a file of names and numbers in; the same, with what the caller may see, out."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from api.answers.lookups import LookupAnswer, LookupColumn, LookupList
from api.dependencies import CallerDep, HubDep, TraceDep
from api.lookups import jobs
from api.lookups.columns import column_kinds
from api.lookups.sheets import MEDIA_TYPES
from api.lookups.table import read_upload
from api.lookups.told import require_still_told
from api.lookups.uploads import only_one
from api.once import LOOKUP, IdempotencyKey, has_begun, once_of
from api.problems import documented
from api.queries.rows import Row
from api.questions.lookups import LookupQuery
from hub.errors import RequestError

PATH = "/v1/lookups"
CREATE = "lookups.create"

router = APIRouter(prefix=PATH, tags=["batch look-ups"])

_FILE = {"schema": {"type": "string", "format": "binary"}}
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}}
        },
        **{media_type.split(";")[0]: _FILE for media_type in MEDIA_TYPES.values()},
    },
}
_RESULT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "上传的文件，附查询结果 · the file as uploaded, with what was found beside each row",
        "content": {media_type.split(";")[0]: _FILE for media_type in MEDIA_TYPES.values()},
    }
}


class _InMemory(MultiPartParser):
    """Keeps a file in memory whatever its size, for what people upload here must be on no disk but the store's."""

    spool_max_size = 1 << 40


def require_room(caller: CallerDep, hub: HubDep, idempotency_key: IdempotencyKey = None) -> None:
    """Refuse a caller who has no room for a further job, before a byte of his file is taken; `hand_in` counts again.

    Raises:
        BusyError: he has as many unfinished ones as one may.
    """
    with hub.read() as connection:
        if not has_begun(connection, once_of(caller, CREATE, idempotency_key), LOOKUP):  # then it may be what is unfinished
            jobs.require_room(connection, caller, hub.settings.lookup_jobs)


async def content_of(request: Request, _: Annotated[None, Depends(require_room)]) -> bytes:
    """The uploaded bytes: the body, or its part `file`.

    Raises:
        RequestError: a form without exactly one file in it.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return await request.body()
    try:
        form = await _InMemory(request.headers, request.stream(), max_files=1, max_fields=0).parse()
    except (MultiPartException, KeyError):
        raise _no_file() from None
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise _no_file()
        return await file.read()
    finally:
        await form.close()


def _no_file() -> RequestError:
    return RequestError(
        "表单须只含一个名为 file 的文件 · the form must hold one file, named file",
        remedy="写法：curl -F file=@文件 · write: curl -F file=@FILE",
    )


@router.post(
    "",
    name=CREATE,
    status_code=202,
    responses=documented(401, 403, 409, 413, 422, 503, 504),
    openapi_extra={"requestBody": _BODY},
)
def create_lookup(
    caller: CallerDep,
    content: Annotated[bytes, Depends(content_of)],
    query: Annotated[LookupQuery, Query()],
    hub: HubDep,
    trace: TraceDep,
    request: Request,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> LookupAnswer:
    """批量查询 · Hand in a workbook or CSV to be looked up row by row, in the background.

    The first line names the columns. Each row is looked up as the single entry would, in what the caller may see at that moment,
    and is written down in the audit. Location names where its progress is told.
    """
    given = (content, query.model_dump_json(), repr(caller.purpose))  # for another purpose the result is another
    trace.once = once_of(caller, CREATE, idempotency_key, *given)
    with only_one(caller):
        upload = read_upload(content, hub.settings.lookup_rows)
        kinds = column_kinds(upload.columns, upload.rows, query.columns)
        trace.shape = {"format": upload.format, "asked": set(filter(None, kinds))}
        lookup_id = jobs.hand_in(hub, caller, upload, kinds, trace)
    request.app.state.lookups.wake()
    with hub.read() as connection:
        found = jobs.find(connection, caller, lookup_id)
    response.headers["Location"] = f"{request.scope.get('root_path', '')}{PATH}/{lookup_id}"
    return _answer(found)


@router.get("", name="lookups.list", responses=documented(401, 403, 422, 503, 504))
def list_lookups(caller: CallerDep, hub: HubDep) -> LookupList:
    """本人的批量查询 · The caller's batch look-ups, newest first."""
    with hub.read() as connection:
        return LookupList(items=[_answer(row) for row in jobs.list_own(connection, caller)])


@router.get("/{lookup_id}", name="lookups.read", responses=documented(401, 403, 404, 422, 503, 504))
def read_lookup(lookup_id: uuid.UUID, caller: CallerDep, hub: HubDep) -> LookupAnswer:
    """进度 · How far a batch look-up is, and when it will end."""
    with hub.read() as connection:
        return _answer(jobs.find(connection, caller, lookup_id))


@router.get(
    "/{lookup_id}/result",
    name="lookups.result",
    response_class=Response,
    responses=_RESULT | documented(401, 403, 404, 409, 422, 503, 504),
)
def read_result(lookup_id: uuid.UUID, caller: CallerDep, hub: HubDep, trace: TraceDep) -> Response:
    """结果文件 · The file, with what was found beside each row; until it expires or is deleted.

    It is refused where the caller may no longer see what it tells of. One that was made for a purpose is given out for one.
    """
    with hub.read() as connection:
        found = jobs.result(connection, caller, lookup_id)
    told = require_still_told(hub, caller, found.told)
    trace.entity_ids, trace.results = told.case_ids, len(told.case_ids)
    headers = {"Content-Disposition": f'attachment; filename="lookup-{lookup_id}.{found.format}"'}
    return Response(found.content, media_type=MEDIA_TYPES[found.format], headers=headers)


@router.delete("/{lookup_id}", name="lookups.delete", status_code=204, responses=documented(401, 403, 404, 422, 503, 504))
def delete_lookup(lookup_id: uuid.UUID, caller: CallerDep, hub: HubDep, trace: TraceDep) -> None:
    """中止并删除 · End it, if it is at work, and delete its rows and its result."""
    jobs.delete(hub.engine, caller, lookup_id, trace)


def _answer(row: Row) -> LookupAnswer:
    kept = {name: row[name] for name in LookupAnswer.model_fields if name in row and name != "columns"}
    columns = [LookupColumn(name=name, kind=kind or None) for name, kind in zip(row["columns"], row["kinds"], strict=True)]
    end = None
    if row["state"] == "running" and row["rows_done"]:
        end = row["at"] + (row["at"] - row["started_at"]) / row["rows_done"] * (row["rows"] - row["rows_done"])
    return LookupAnswer(**kept, columns=columns, estimated_end_at=end)
