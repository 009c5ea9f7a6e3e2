"""The change feed as one caller may read it: a position enters, the changes after it that he may know of leave, in order.

The order is that of resolve's change numbers, which commit in their order. So whoever goes on from the position that he was given
misses nothing and gets nothing twice. What a change is called is said from where the caller stands: a case is `created` when
he can first read something of it, `deleted` when he no longer can, whatever else of it there is.
"""

from __future__ import annotations

import datetime as dt
import time
import uuid
from dataclasses import dataclass

from sqlalchemy import Connection

from api.access import Caller
from api.opaque import Position
from api.queries import changes as queries
from api.queries.changes import Change
from api.queries.rows import Row
from api.state import Hub
from hub.errors import RequestError

WINDOW = 500  # changes looked at in one statement
MEMBERS = 20_000  # records and mentions looked at in one statement
BUDGET_S = 2.0  # of one page; a caller who may know of little is told how far it got


@dataclass(frozen=True)
class Seen:
    """One change as a caller may know of it."""

    position: Position
    relation: str
    entity_id: uuid.UUID
    kind: str  # created, updated, split, merged, deleted
    into_id: uuid.UUID | None
    at: dt.datetime


@dataclass(frozen=True)
class FeedPage:
    """Changes in order, how far they reach, and whether that was the end."""

    items: list[Seen]
    position: Position
    is_complete: bool


def read_page(hub: Hub, caller: Caller, after: Position, limit: int, relation: str | None = None) -> FeedPage:
    """The next changes after a position.

    Args:
        hub: the running hub.
        caller: for whom.
        after: where the page before ended.
        limit: how many at most.
        relation: of these alone; None: of all.

    Raises:
        RequestError: the position is of a former epoch, or older than what is told.
    """
    items: list[Seen] = []
    deadline = time.monotonic() + BUDGET_S
    with hub.read() as store:
        end = queries.head(store)
        _require_kept(hub, store, after, end)
        with hub.read(caller) as connection:
            position = after
            while position.number < end.number and len(items) < limit and (position == after or time.monotonic() < deadline):
                window = queries.changes(store, position, end.number, WINDOW)
                asked = _as_many_as_bearable(window)
                wanted = [change for change in asked if relation in (None, change.relation)]
                hidden = queries.Hidden(caller.rights.own.hidden, caller.rights.others.hidden)
                found = queries.visible(connection, wanted, caller.department, hidden)
                items += [_seen(after.epoch, change, found[change.number]) for change in wanted if change.number in found]
                reached = asked[-1].number if len(asked) < len(window) or len(window) == WINDOW else end.number
                position = Position(after.epoch, reached)
    if len(items) > limit:
        items = items[:limit]
        position = items[-1].position
    return FeedPage(items, position, position.number >= end.number)


def read_head(hub: Hub) -> Position:
    """The last change number that was committed."""
    with hub.read() as store:
        return queries.head(store)


def beginning(hub: Hub) -> Position:
    """Where the feed begins for whoever has no position yet."""
    with hub.read() as store:
        end = queries.head(store)
        return Position(end.epoch, _floor(hub, store, end))


def _floor(hub: Hub, store: Connection, end: Position) -> int:
    if not hub.settings.change_days:
        return 0
    return queries.last_before(store, end, dt.datetime.now(dt.UTC) - dt.timedelta(days=hub.settings.change_days))


def _require_kept(hub: Hub, store: Connection, after: Position, end: Position) -> None:
    """Refuse a position from which it cannot be said what was missed.

    A number beyond the last one is of a store that was since put back to an earlier state.
    """
    if after.epoch != end.epoch or after.number > end.number or (hub.settings.change_days and after.number < _floor(hub, store, end)):
        raise RequestError(
            "此位置之后的变更已不再保留或已重新编号 · what changed since then is no longer told, or was numbered anew",
            remedy="重新读取所需案件，再不带 since 从头开始 · read what you keep anew, and begin without since",
            problem="position-expired",
        )


def _as_many_as_bearable(window: list[Change]) -> list[Change]:
    """The first of these, at least one, whose entities have no more than `MEMBERS` records and mentions."""
    members = 0
    for index, change in enumerate(window):
        members += change.size
        if members > MEMBERS and index:
            return window[:index]
    return window


def _seen(epoch: int, change: Change, row: Row) -> Seen:
    into_id = None if row["is_now"] else row["into_id"]
    return Seen(Position(epoch, change.number), change.relation, change.entity_id, _kind(row), into_id, change.at)


def _kind(row: Row) -> str:
    if not row["was"]:
        return "created"
    if not row["is_now"]:
        return "deleted" if row["into_id"] is None else "merged"
    return "split" if row["has_left"] else "updated"
