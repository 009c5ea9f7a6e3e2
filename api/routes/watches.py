"""Watches: what a caller wants to be told of, and what was found and delivered. Each is its owner's alone."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Body, Query, Response
from starlette.concurrency import run_in_threadpool

from api.access import Caller
from api.answers.watches import (
    DeliveryAnswer,
    DeliveryList,
    Redelivered,
    WatchAnswer,
    WatchCreated,
    WatchDetail,
    WatchEvent,
    WatchEventPage,
    WatchList,
)
from api.audit import write_within
from api.audit.notes import shape, shape_of
from api.change_feed import read_head
from api.dependencies import CallerDep, HubDep, TraceDep
from api.once import WATCH, IdempotencyKey, Once, has_begun, once_of
from api.opaque import Position, read_position, write_position
from api.problems import documented
from api.queries import watches as queries
from api.queries.rows import Row
from api.queries.watched import current, readable
from api.questions.watches import DeliveryQuery, EventQuery, WatchOrder
from api.recognise import recognise
from api.state import Hub, Trace
from api.watches import store
from api.watches.deliver import ENDS
from api.watches.resolver import TooSlow
from api.watches.target import RESOLVE_S, Places, TargetRefused, check_url, require_addresses
from hub.database import changing
from hub.errors import NotFound, RequestError, TooBusy
from schema.states import RELATIONS

router = APIRouter(prefix="/v1/watches", tags=["watches"])

_EXAMPLES = {
    "case": {"summary": "一个案件 · a case", "value": {"watched": "case", "id": "0d3f7b52-6a54-5a2e-9f0e-8a2b7c1d4e5f"}},
    "query": {
        "summary": "一个查询，推送到本部门系统 · a query, posted to a system of one's own",
        "value": {
            "watched": "query",
            "query": {"q": "维珍妮鞋业", "category": "wages"},
            "webhook": {"url": "https://hooks.example.gov.cn/casehub"},
        },
    },
}


@router.post(
    "",
    name="watches.create",
    status_code=201,
    response_model_exclude_none=True,
    responses=documented(401, 403, 404, 409, 413, 422, 503, 504),
)
async def create_watch(
    order: Annotated[WatchOrder, Body(openapi_examples=_EXAMPLES)],
    caller: CallerDep,
    hub: HubDep,
    trace: TraceDep,
    idempotency_key: IdempotencyKey = None,
) -> WatchCreated:
    """新建关注：案件、人员、单位或查询 · Watch a case, a person, an organisation or a query, from now on.

    The answer holds the secret of the webhook, which is shown this once. What is asked by a query is kept encrypted, and is shown to its
    owner alone.
    """
    trace.once = once_of(caller, "watches.create", idempotency_key, order.model_dump_json())
    # Asked before a name is looked up, which may take its time, and of a retry need not: its watch is there, or its key is another's.
    if order.webhook is not None and await run_in_threadpool(_is_new, hub, caller, trace.once):
        await _require_reachable(order.webhook.url, caller, Places.of(hub.settings))
    return await run_in_threadpool(_create, order, caller, hub, trace)


def _is_new(hub: Hub, caller: Caller, once: Once | None) -> bool:
    """Whether nothing was made by the call's key; then there has to be room for it."""
    with hub.read() as connection:
        if has_begun(connection, once, WATCH):
            return False
        store.require_room(connection, caller, hub.settings)
        return True


async def _require_reachable(url: str, caller: Caller, places: Places) -> None:
    """Refuse a webhook that could never be delivered to; whether a name is unknown or its address is not allowed is not said."""
    found = check_url(url, places)
    try:
        await require_addresses(f"{caller.kind} {caller.name}", found, places)
    except TargetRefused:
        raise RequestError(
            "主机名无法解析，或其地址不允许 · the host cannot be resolved, or its address is not allowed",
            remedy="内部网络的主机须由管理员列入 CASEHUB_WEBHOOK_HOSTS · hosts of internal networks are listed in CASEHUB_WEBHOOK_HOSTS",
        ) from None
    except TooSlow:
        raise TooBusy(
            f"主机名未能在 {RESOLVE_S:g} 秒内解析 · the host's name was not resolved within {RESOLVE_S:g} s",
            remedy="稍后再试；若仍如此，检查该域名的解析服务器 · try again shortly; if it stays so, look at the name's own servers",
        ) from None


def _create(order: WatchOrder, caller: Caller, hub: Hub, trace: Trace) -> WatchCreated:
    trace.shape = shape(watched=order.watched, asked=None if order.webhook is None else ["webhook"])
    if order.query is not None:
        entry = None if order.query.q is None else recognise(order.query.q).kind.value  # refuses what cannot be read
        trace.shape |= shape_of(order.query, entry=entry)
    at = read_head(hub)
    entity_id = order.id
    if order.id is not None:
        trace.entity_ids = [order.id]
        with hub.read(caller) as connection:
            entity_id = current(connection, order.watched, order.id, caller.department)
        if entity_id is None:
            raise NotFound(
                "没有这个对象 · there is no such case, person or organisation", remedy="先用 /v1/cases 查找 · find it by /v1/cases"
            )
        trace.entity_ids.append(entity_id)
    url = None if order.webhook is None else order.webhook.url
    made = store.create(hub, caller, (order.watched, entity_id, order.query), url, at, trace)
    return WatchCreated(**_detail(made).model_dump(), secret=None if made.webhook is None else made.webhook.secret)


def _detail(found: store.Watch) -> WatchDetail:
    return WatchDetail(
        watch_id=found.watch_id,
        watched=found.watched,
        id=found.entity_id,
        has_webhook=found.webhook is not None,
        created_at=found.created_at,
        query=found.question,
        webhook_url=None if found.webhook is None else found.webhook.url,
    )


@router.get("", name="watches.list", response_model_exclude_none=True, responses=documented(401, 403, 422, 503, 504))
def list_watches(caller: CallerDep, hub: HubDep, trace: TraceDep) -> WatchList:
    """本人的关注，不含查询内容 · The caller's watches, without what a query asks."""
    store.note_presence(hub, caller)
    with hub.read() as connection:
        rows = store.owned(connection, caller)
    trace.entity_ids = [row.entity_id for row in rows if row.entity_id is not None]
    return WatchList(
        items=[
            WatchAnswer(
                watch_id=row.watch_id, watched=row.watched, id=row.entity_id, has_webhook=row.has_webhook, created_at=row.created_at
            )
            for row in rows
        ]
    )


@router.get("/{watch_id}", name="watches.read", response_model_exclude_none=True, responses=documented(401, 403, 404, 422, 503, 504))
def read_watch(watch_id: uuid.UUID, caller: CallerDep, hub: HubDep, trace: TraceDep) -> WatchDetail:
    """一个关注 · One watch, with its question."""
    found = _find(hub, caller, watch_id)
    trace.entity_ids = [] if found.entity_id is None else [found.entity_id]
    return _detail(found)


def _find(hub: Hub, caller: Caller, watch_id: uuid.UUID) -> store.Watch:
    store.note_presence(hub, caller)
    with hub.read() as connection:
        return store.find(connection, hub.settings, caller, watch_id)


@router.delete("/{watch_id}", name="watches.delete", status_code=204, responses=documented(401, 403, 404, 422, 503, 504))
def delete_watch(watch_id: uuid.UUID, caller: CallerDep, hub: HubDep, trace: TraceDep) -> Response:
    """删除关注及其事件 · End a watch and forget its events."""
    store.end(hub, caller, watch_id, trace)
    return Response(status_code=204)


@router.get(
    "/{watch_id}/events", name="watches.events", response_model_exclude_none=True, responses=documented(401, 403, 404, 422, 503, 504)
)
def list_events(
    watch_id: uuid.UUID, query: Annotated[EventQuery, Query()], caller: CallerDep, hub: HubDep, trace: TraceDep
) -> WatchEventPage:
    """关注对象发生了什么 · What happened to what is watched, in order.

    An event of which the caller can read nothing by now is left out, but for the one that says so.
    """
    trace.shape = shape_of(query)
    _find(hub, caller, watch_id)
    place = f"watch:{watch_id}"
    after = Position(0, 0) if query.since is None else read_position(hub.settings, query.since, place)
    with hub.read() as connection:
        rows = queries.events(connection, watch_id, after, query.limit + 1)
    shown = _still_known(hub, caller, rows[: query.limit])
    end = Position(rows[: query.limit][-1]["epoch"], rows[: query.limit][-1]["change_number"]) if rows else after
    trace.entity_ids = _ids(shown)
    return WatchEventPage(
        items=[_event(hub, row, place) for row in shown],
        next_cursor=write_position(hub.settings, end, place),
        is_complete=len(rows) <= query.limit,
    )


def _ids(rows: list[Row]) -> list[uuid.UUID]:
    """Of what events tell, and of what that became."""
    return [row[name] for row in rows for name in ("entity_id", "into_id") if row.get(name) is not None]


def _still_known(hub: Hub, caller: Caller, rows: list[Row]) -> list[Row]:
    known: set[uuid.UUID] = set()
    with hub.read(caller) as connection:
        for relation in RELATIONS:
            ids = {row["entity_id"] for row in rows if row["relation"] == relation}
            known |= readable(connection, relation, ids, caller.department) if ids else set()
    return [row for row in rows if row["kind"] in ENDS or row["entity_id"] in known]


def _event(hub: Hub, row: Row, place: str) -> WatchEvent:
    cursor = write_position(hub.settings, Position(row["epoch"], row["change_number"]), place)
    return WatchEvent(relation=row["relation"], id=row["entity_id"], kind=row["kind"], into=row["into_id"], at=row["at"], cursor=cursor)


@router.get(
    "/{watch_id}/deliveries",
    name="watches.deliveries",
    response_model_exclude_none=True,
    responses=documented(401, 403, 404, 422, 503, 504),
)
def list_deliveries(
    watch_id: uuid.UUID, query: Annotated[DeliveryQuery, Query()], caller: CallerDep, hub: HubDep, trace: TraceDep
) -> DeliveryList:
    """推送及其状态；state=dead 为已放弃的 · Deliveries and how they stand; state=dead: those that were given up."""
    trace.shape = shape_of(query)
    _find(hub, caller, watch_id)
    with hub.read() as connection:
        rows = queries.deliveries(connection, watch_id, query.state, query.limit)
    shown = _still_known(hub, caller, rows)
    trace.entity_ids = _ids(shown)
    return DeliveryList(items=[DeliveryAnswer(**{**row, "id": row["entity_id"]}) for row in shown])


@router.post("/{watch_id}/redeliver", name="watches.redeliver", status_code=202, responses=documented(401, 403, 404, 422, 503, 504))
def redeliver(watch_id: uuid.UUID, caller: CallerDep, hub: HubDep, trace: TraceDep) -> Redelivered:
    """重新推送已放弃的 · Let deliveries that were given up be tried anew, in their order."""
    _find(hub, caller, watch_id)
    with changing(hub.engine) as connection:
        redelivered = queries.redeliver(connection, watch_id)
        write_within(connection, trace, "watches.redeliver", 202)
    return Redelivered(redelivered=redelivered)
