"""New change numbers become events of watches, each in the view that its owner has at that moment.

One process at a time; what was found and how far it was looked go into one transaction, so that an event is neither lost nor kept
twice. An owner who may no longer ask is passed over: should he come back, his watches go on from where they stood.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert

from api.access import Caller
from api.change_feed import Seen, beginning, read_head, read_page
from api.opaque import Position
from api.state import Hub
from api.watches.owner import standing
from api.watches.store import Owner, Watch, is_owned, opened
from api.watches.tolerance import Changed
from hub.database import store_errors
from hub.errors import RequestError, StoreUnavailable
from schema.tables import watch, watch_delivery, watch_event

logger = logging.getLogger(__name__)

PAGE = 500
PAGES = 20  # of one owner in one pass, so that everybody has his turn
_LOCK = 4707

_BEHIND = """
SELECT DISTINCT owner_kind, owner, role, department FROM ops.watch WHERE (epoch, position) <> (:epoch, :number)
ORDER BY owner_kind, owner, role, department
"""
_TOLD = "SELECT DISTINCT entity_id FROM ops.watch_event WHERE watch_id = :watch_id AND entity_id = ANY (CAST(:ids AS uuid[]))"


@dataclass
class _Looking:
    """A watch while a page of the feed is looked at for it."""

    watch: Watch
    entity_id: uuid.UUID | None
    events: list[Seen] = field(default_factory=list)


def evaluate(hub: Hub) -> int:
    """Look at all that is new, for every watch.

    Returns:
        How many events were found; 0 where another process is at it.

    Raises:
        StoreUnavailable: the database went away; what was found stays.
    """
    with store_errors(), hub.engine.connect() as connection, connection.begin():
        if not connection.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK}).scalar_one():
            return 0
        end = read_head(hub)
        with hub.read() as reading:
            owners = reading.execute(text(_BEHIND), end._asdict()).all()
        callers = [caller for owner in owners if (caller := standing(hub, Owner(*owner))) is not None]
        return sum(_evaluated(hub, caller, end) for caller in callers)


def _evaluated(hub: Hub, caller: Caller, end: Position) -> int:
    """`_evaluate`, so that what goes wrong for one owner stops no other; his watches go on from where they stand."""
    try:
        return _evaluate(hub, caller, end)
    except StoreUnavailable:
        raise
    except Exception as error:  # a question that takes too long, or a mistake of the hub; the words may hold values
        logger.error("watches of one owner: %s, tried again", type(error).__name__)
        return 0


def _evaluate(hub: Hub, caller: Caller, end: Position) -> int:
    with hub.read() as reading:
        watches = [opened(hub.settings, row) for row in reading.execute(select(watch).where(is_owned(caller)))]
    first = beginning(hub)
    places = {each.watch_id: _placed(each.position, first, end) for each in watches}
    entities = {each.watch_id: each.entity_id for each in watches}
    at, count = min(places.values()), 0
    for _ in range(PAGES):
        page = read_page(hub, caller, at, PAGE)
        looking = [_Looking(each, entities[each.watch_id]) for each in watches]
        changed = Changed(hub, caller, {seen.entity_id for seen in page.items if _may_match(seen)})
        for one in looking:
            _look(hub, changed, one, [seen for seen in page.items if seen.position > places[one.watch.watch_id]])
            entities[one.watch.watch_id] = one.entity_id
        count += _keep(hub, looking, page.position, places)
        at = page.position
        if page.is_complete:
            break
    return count


def _placed(position: Position, first: Position, end: Position) -> Position:
    """Where a watch goes on: in a new epoch from its beginning, and after a restore from its end."""
    if position.epoch != end.epoch:
        return first
    return min(max(position, first), end)


def _look(hub: Hub, changed: Changed, one: _Looking, items: Sequence[Seen]) -> None:
    if one.watch.watched == "query":
        one.events = list(_matching(hub, changed, one.watch, [seen for seen in items if seen.relation == "case"]))
        return
    for seen in items:
        if seen.relation == one.watch.watched and seen.entity_id == one.entity_id:
            one.events.append(seen)
            one.entity_id = seen.into_id or one.entity_id


def _may_match(seen: Seen) -> bool:
    """Whether a change leaves a case that may be found."""
    return seen.relation == "case" and seen.kind in ("created", "updated", "split")


def _matching(hub: Hub, changed: Changed, asked: Watch, items: Sequence[Seen]) -> Iterator[Seen]:
    """Changes of cases that match, and the end of cases that the watch has told of."""
    question = asked.question
    if question is None or not items:  # locked up under another secret: nobody can say what was asked
        return
    ids = {seen.entity_id for seen in items if _may_match(seen)}
    ended = {seen.entity_id for seen in items} - ids
    try:
        found = changed.found_by(question, list(ids)) if ids else set()
    except RequestError:  # refused now; it was taken by an earlier version
        return
    with hub.read() as connection:
        told = set(connection.execute(text(_TOLD), {"watch_id": asked.watch_id, "ids": list(ended)}).scalars()) if ended else set()
    for seen in items:
        if seen.entity_id in found:
            told.add(seen.entity_id)
            yield seen
        elif seen.kind in ("deleted", "merged") and seen.entity_id in told:
            yield seen


def _keep(hub: Hub, looking: Sequence[_Looking], reached: Position, places: dict[uuid.UUID, Position]) -> int:
    """Write down what was found and how far was looked; of watches that were ended meanwhile nothing."""
    with store_errors(), hub.engine.begin() as connection:
        ids = [one.watch.watch_id for one in looking]
        standing_ids = set(connection.execute(select(watch.c.watch_id).where(watch.c.watch_id.in_(ids)).with_for_update()).scalars())
        there = [one for one in looking if one.watch.watch_id in standing_ids]
        events = [_event(one.watch.watch_id, seen) for one in there for seen in one.events]
        if events:
            connection.execute(insert(watch_event).on_conflict_do_nothing(), events)
        posted = [_event(one.watch.watch_id, seen) for one in there for seen in one.events if one.watch.webhook is not None]
        if posted:
            kept = ("watch_id", "epoch", "change_number")
            rows = [{"delivery_id": uuid.uuid4(), **{name: event[name] for name in kept}} for event in posted]
            connection.execute(insert(watch_delivery).on_conflict_do_nothing(), rows)
        for one in there:
            if places[one.watch.watch_id] <= reached:
                values = {"epoch": reached.epoch, "position": reached.number, "entity_id": one.entity_id}
                connection.execute(update(watch).where(watch.c.watch_id == one.watch.watch_id).values(**values))
                places[one.watch.watch_id] = reached
    return len(events)


def _event(watch_id: uuid.UUID, seen: Seen) -> dict[str, object]:
    return {
        "watch_id": watch_id,
        "epoch": seen.position.epoch,
        "change_number": seen.position.number,
        "relation": seen.relation,
        "entity_id": seen.entity_id,
        "kind": seen.kind,
        "into_id": seen.into_id,
        "at": seen.at,
    }
