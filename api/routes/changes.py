"""What changed since: page by page, waiting for it, or as a stream of server-sent events."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.access import Caller
from api.answers.changes import ChangeAnswer, ChangePage
from api.audit import write_audit
from api.audit.notes import shape_of
from api.authentication.standing import is_good
from api.change_feed import FeedPage, Seen, beginning, read_head, read_page
from api.change_waiting import ChangeWaiting
from api.dependencies import CallerDep, HubDep, TraceDep
from api.opaque import Position, read_position, write_position
from api.problems import documented
from api.questions.changes import LATEST, ChangeQuery, ChangeStreamQuery
from api.state import Hub, Trace

router = APIRouter(prefix="/v1/changes", tags=["changes"])

STREAM_S = 60.0  # then the client comes again with Last-Event-ID, is authenticated anew and written down anew
STREAM_PAGE = 100
KEY_S = 1.0  # for which a stream believes that its caller is good
RETRY_MS = 1000


async def waiting_of(request: Request) -> ChangeWaiting:
    """This server's places to wait in; without a thread, of which others may have taken all."""
    return cast(ChangeWaiting, request.app.state.changes)


WaitingDep = Annotated[ChangeWaiting, Depends(waiting_of)]


def _begin(hub: Hub, since: str | None) -> Position:
    if since is None:
        return beginning(hub)
    return read_head(hub) if since == LATEST else read_position(hub.settings, since)


def _answer(hub: Hub, seen: Seen) -> ChangeAnswer:
    cursor = write_position(hub.settings, seen.position)
    return ChangeAnswer(relation=seen.relation, id=seen.entity_id, kind=seen.kind, into=seen.into_id, at=seen.at, cursor=cursor)


@router.get("", name="changes.list", response_model_exclude_none=True, responses=documented(401, 403, 410, 422, 503, 504))
async def list_changes(
    query: Annotated[ChangeQuery, Query()], caller: CallerDep, hub: HubDep, trace: TraceDep, waiting: WaitingDep
) -> ChangePage:
    """自某一位置以来的变更，不漏、不乱序 · What changed since a position: nothing missed, nothing out of order.

    With `wait` the answer comes as soon as there is a change, at the latest after so many seconds. A change that touches only records
    which the caller may not read is not told. Where 410 is answered, read anew what you keep and begin without `since`.
    """
    trace.shape = shape_of(query)
    deadline = time.monotonic() + query.wait
    read = partial(read_page, hub, caller, limit=query.limit, relation=query.relation)
    with waiting.place(caller.name) if query.wait else waiting.turn(caller.name):
        position = await waiting.read(partial(_begin, hub, query.since))
        page = await waiting.read(partial(read, position), caller.name)
        if not page.items and query.wait:
            while not page.items and not waiting.is_closed and (left := deadline - time.monotonic()) > 0:
                if page.is_complete:
                    await waiting.beyond(page.position, left)
                page = await waiting.read(partial(read, page.position), caller.name)
            if not await waiting.read(partial(is_good, hub, caller)):
                page = FeedPage([], position, is_complete=False)  # who comes again is told
    trace.entity_ids = list({seen.entity_id for seen in page.items})
    return ChangePage(
        items=[_answer(hub, seen) for seen in page.items],
        next_cursor=write_position(hub.settings, page.position),
        is_complete=page.is_complete,
    )


@dataclass(frozen=True)
class _Stream:
    """A stream that was let in: what it wants, for whom, and from where on."""

    hub: Hub
    caller: Caller
    trace: Trace
    waiting: ChangeWaiting
    relation: str | None
    position: Position


async def stream_of(
    query: Annotated[ChangeStreamQuery, Query()],
    caller: CallerDep,
    hub: HubDep,
    trace: TraceDep,
    waiting: WaitingDep,
    response: Response,
    last_event_id: Annotated[
        str | None,
        Header(
            alias="Last-Event-ID", max_length=200, description="上次收到的事件 id，优先于 since · id of the last event; goes before since."
        ),
    ] = None,
) -> AsyncIterator[_Stream]:
    """A place for the stream, and its first position, checked before the answer begins.

    Raises:
        TooBusy: there is no place.
        RequestError: the position cannot be read, or is no longer kept.
    """
    response.headers["Cache-Control"] = "no-store"
    trace.shape = shape_of(query)
    with waiting.place(caller.name):
        position = await waiting.read(partial(_begin, hub, last_event_id or query.since))
        await waiting.read(partial(read_page, hub, caller, position, 1, query.relation), caller.name)
        yield _Stream(hub, caller, trace, waiting, query.relation, position)


@router.get(
    "/stream",
    name="changes.stream",
    response_class=EventSourceResponse,
    responses=documented(401, 403, 410, 422, 503, 504),
)
async def stream_changes(stream: Annotated[_Stream, Depends(stream_of)]) -> AsyncIterator[ServerSentEvent]:
    """变更的事件流（server-sent events） · Changes as they happen, as server-sent events of the type `change`.

    The id of each event is its cursor. A stream ends after a minute; a client of the standard comes again with Last-Event-ID.
    """
    position, deadline = stream.position, time.monotonic() + STREAM_S
    yield ServerSentEvent(retry=RETRY_MS, comment="casehub")
    has_moved = True
    while not stream.waiting.is_closed and (left := deadline - time.monotonic()) > 0:
        page = await stream.waiting.read(partial(_next_page, stream, position), stream.caller.name) if has_moved else None
        if not await stream.waiting.read(partial(is_good, stream.hub, stream.caller)):
            return  # rights, key or token are no more what they were: who comes again is told
        if page is not None:
            if page.items:
                await stream.waiting.read(partial(_write_down, stream, page))  # no row, no event
            for seen in page.items:
                answer = _answer(stream.hub, seen)
                yield ServerSentEvent(event="change", id=answer.cursor, raw_data=answer.model_dump_json(exclude_none=True))
            position = page.position
        is_behind = page is not None and not page.is_complete
        has_moved = is_behind or await stream.waiting.beyond(position, min(left, KEY_S))


def _next_page(stream: _Stream, position: Position) -> FeedPage:
    return read_page(stream.hub, stream.caller, position, STREAM_PAGE, stream.relation)


def _write_down(stream: _Stream, page: FeedPage) -> None:
    trace = dataclasses.replace(stream.trace, entity_ids=list({seen.entity_id for seen in page.items}))
    write_audit(stream.hub.engine, trace, "changes.stream", 200)
