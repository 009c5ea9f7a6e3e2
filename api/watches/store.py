"""Watches in the store: made, listed and ended by their owner, and by nobody else.

A watch belongs to a caller by kind, name, role and department together: a name that was given to somebody of another department
inherits nothing.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, delete, func, insert, select, text, update

from api.access import Caller
from api.audit import write_within
from api.once import WATCH, is_made, new_id
from api.opaque import Position, lock_up, open_up
from api.questions.watches import WatchQuestion
from api.recognise import numbers_in
from api.state import Hub, Trace
from hub.database import changing
from hub.errors import NotFound, RequestError
from hub.settings import Settings
from schema.tables import watch

LOCK = 4706  # beside those of pipeline/store/locks.py and api/inbox.py


class Owner(NamedTuple):
    """Whose a watch is."""

    owner_kind: str
    owner: str
    role: str
    department: str | None


@dataclass(frozen=True)
class Webhook:
    """Where deliveries go, and what they are signed with."""

    url: str
    secret: str


@dataclass(frozen=True)
class Watch:
    """A watch with what is kept locked up opened."""

    watch_id: uuid.UUID
    owner: Owner
    watched: str
    entity_id: uuid.UUID | None
    question: WatchQuestion | None
    webhook: Webhook | None
    position: Position
    created_at: dt.datetime


def is_owned(caller: Caller) -> ColumnElement[bool]:
    """Condition: the watch is this caller's."""
    return (
        (watch.c.owner_kind == caller.kind)
        & (watch.c.owner == caller.name)
        & (watch.c.role == caller.role)
        & watch.c.department.is_not_distinct_from(caller.department)
    )


def create(
    hub: Hub, caller: Caller, subject: tuple[str, uuid.UUID | None, WatchQuestion | None], url: str | None, at: Position, trace: Trace
) -> Watch:
    """Make a watch.

    Args:
        hub: the running hub.
        caller: whose it is.
        subject: what is watched, with its id or its question.
        url: where events are posted; None: nowhere.
        at: after which changes it begins.
        trace: of the call, which is written down with it.

    Raises:
        RequestError: the caller has as many as he may, or the call's key was used for another watch.
    """
    watched, entity_id, question = subject
    watch_id = new_id(trace)
    webhook = None if url is None else Webhook(url, secrets.token_urlsafe(32))
    row = {
        "watch_id": watch_id,
        **Owner(caller.kind, caller.name, caller.role, caller.department)._asdict(),
        "watched": watched,
        "entity_id": entity_id,
        "question": None if question is None else _lock(hub.settings, watch_id, question.model_dump(exclude_none=True)),
        "webhook": None if webhook is None else _lock(hub.settings, watch_id, vars(webhook)),
        "epoch": at.epoch,
        "position": at.number,
    }
    with changing(hub.engine) as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock, hashtext(:name))"), {"lock": LOCK, "name": caller.name})
        if is_made(connection, trace, WATCH):
            made = connection.execute(select(watch).where(watch.c.watch_id == watch_id)).one()
        else:
            require_room(connection, caller, hub.settings)
            hub.limits.take_numbers(caller, 0 if question is None else numbers_in(question.q))  # of a retry they were counted
            made = connection.execute(insert(watch).values(**row).returning(watch)).one()
        write_within(connection, trace, "watches.create", 201)
    return opened(hub.settings, made)


def require_room(connection: Connection, caller: Caller, settings: Settings) -> None:
    """Refuse a further watch of a caller's.

    Raises:
        RequestError: he has as many as he may.
    """
    most = settings.watches_each
    if connection.execute(select(func.count()).where(is_owned(caller))).scalar_one() >= most:
        raise RequestError(
            f"每个调用者至多 {most} 个关注 · a caller may have {most} watches",
            remedy="先删除不再需要的 · delete those that are no longer needed",
            problem="watch-limit",
        )


def owned(connection: Connection, caller: Caller) -> Sequence[Row[Any]]:
    """The caller's watches, oldest first, with nothing opened."""
    columns = (watch.c.watch_id, watch.c.watched, watch.c.entity_id, watch.c.webhook.is_not(None).label("has_webhook"), watch.c.created_at)
    return connection.execute(select(*columns).where(is_owned(caller)).order_by(watch.c.created_at, watch.c.watch_id)).all()


def find(connection: Connection, settings: Settings, caller: Caller, watch_id: uuid.UUID) -> Watch:
    """One of the caller's watches.

    Raises:
        NotFound: he has none of this id, whoever else may.
    """
    row = connection.execute(select(watch).where(watch.c.watch_id == watch_id, is_owned(caller))).one_or_none()
    if row is None:
        raise _no_watch()
    return opened(settings, row)


def note_presence(hub: Hub, caller: Caller) -> None:
    """Note that the holder of a token was here: his issuer would not tell that he is gone."""
    if caller.kind == "token":
        is_due = watch.c.seen_at < func.now() - dt.timedelta(minutes=1)
        with changing(hub.engine) as connection:
            connection.execute(update(watch).where(is_owned(caller), is_due).values(seen_at=func.now()))


def end(hub: Hub, caller: Caller, watch_id: uuid.UUID, trace: Trace) -> None:
    """Forget a watch, its events and its deliveries, and write the call down with it.

    Raises:
        NotFound: the caller has none of this id.
    """
    with changing(hub.engine) as connection:
        if connection.execute(delete(watch).where(watch.c.watch_id == watch_id, is_owned(caller))).rowcount == 0:
            raise _no_watch()
        write_within(connection, trace, "watches.delete", 204)


def opened(settings: Settings, row: Row[Any]) -> Watch:
    """A watch's row with what is kept locked up opened; what was locked up under another secret is not there."""
    question, webhook = (_open(settings, row.watch_id, kept) for kept in (row.question, row.webhook))
    return Watch(
        row.watch_id,
        Owner(row.owner_kind, row.owner, row.role, row.department),
        row.watched,
        row.entity_id,
        None if question is None else WatchQuestion(**question),
        None if webhook is None else Webhook(**webhook),
        Position(row.epoch, row.position),
        row.created_at,
    )


def _lock(settings: Settings, watch_id: uuid.UUID, content: dict[str, Any]) -> bytes:
    return lock_up(settings, "watch", json.dumps(content).encode(), str(watch_id))


def _open(settings: Settings, watch_id: uuid.UUID, kept: bytes | None) -> dict[str, Any] | None:
    clear = None if kept is None else open_up(settings, "watch", bytes(kept), str(watch_id))
    return None if clear is None else dict(json.loads(clear))


def _no_watch() -> NotFound:
    return NotFound("没有这个关注 · there is no such watch", remedy="GET /v1/watches 列出本人的关注 · GET /v1/watches lists yours")
