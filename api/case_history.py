"""What happened to a case itself in the hub: records that joined or left it, cases that became part of it or were split off.

Told of records alone that the caller may read, in the version that moved and every one since; so a case that only closed
records came from, or went to, is not named.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from api.access import Clearance
from api.answers.common import Coded
from api.answers.one_case import EventAnswer
from api.case_rights import clearance_since, version_at
from api.case_view import CaseView
from api.chronicle import Chronicle
from api.queries import case as queries
from api.queries.chronicle import times_of
from api.queries.rows import Row

KINDS = {
    "joined": ("归入本案", "the record joined this case"),
    "merged": ("他案并入本案", "another case became part of this one"),
    "split_from": ("由他案分出", "split off another case"),
    "left": ("移出本案", "the record left this case"),
    "split": ("分出至他案", "split off into another case"),
    "merged_into": ("并入他案", "this case became part of another"),
}


@dataclass(frozen=True)
class _Move:
    kind: str
    number: int
    record_id: int
    case_id: uuid.UUID | None

    @property
    def about(self) -> tuple[object, ...]:
        """What it tells: of a whole case once, however many of its records moved."""
        return (self.kind, self.number, self.case_id or self.record_id)


def case_history(connection: Connection, view: CaseView, chronicle: Chronicle) -> list[EventAnswer]:
    """Joins and splits up to the view's moment, oldest first."""
    rows = queries.memberships(connection, view.case_id, view.moment)
    versions: dict[int, list[Row]] = defaultdict(list)
    for row in queries.versions(connection, sorted({row["record_id"] for row in rows})):
        versions[row["record_id"]].append(row)
    told: dict[tuple[object, ...], tuple[_Move, Mapping[str, Any]]] = {}
    for move in _moves(rows, view.moment.number):
        then = _readable_then(view, versions[move.record_id], move)
        if then is not None:
            told.setdefault(move.about, (move, then))
    at = times_of(connection, (move.number for move, _ in told.values()))
    moved = [(move, then) for move, then in told.values() if move.number in at]
    return [_answer(view, move, then, at[move.number], chronicle.position(move.number)) for move, then in moved]


def _moves(rows: Iterable[Row], until: int | None) -> list[_Move]:
    moves = []
    for row in rows:
        came, went = row["came_from"], row["went_to"]
        arrived = "joined" if came is None else "merged" if row["is_merger"] else "split_from"
        moves.append(_Move(arrived, row["known_from"], row["record_id"], came))
        if row["known_to"] is not None and (until is None or row["known_to"] <= until):
            departed = "left" if went is None else "merged_into" if row["is_merged"] else "split"
            moves.append(_Move(departed, row["known_to"], row["record_id"], went))
    return sorted(moves, key=lambda move: (move.number, move.record_id))


def _readable_then(view: CaseView, versions: list[Row], move: _Move) -> Mapping[str, Any] | None:
    """The version that moved, if the caller may read it; of one that left, the version that was last in the case."""
    is_leaving = move.kind in ("left", "split", "merged_into")
    then = version_at(versions, move.number - 1 if is_leaving else move.number)
    if then is None or then["is_deleted"]:
        return None
    verdict = clearance_since(view.presenter, [then], versions)[move.record_id]
    return then if verdict in (Clearance.CLEAR, Clearance.MASKED) else None


def _answer(view: CaseView, move: _Move, then: Mapping[str, Any], at: Any, position: str) -> EventAnswer:
    zh, en = KINDS[move.kind]
    return EventAnswer(
        at=at,
        kind=Coded(code=move.kind, zh=zh, en=en),
        department=view.presenter.department(then["department"]),
        source_record_id=then["source_record_id"],
        change_number=position,
        case_id=move.case_id,
    )
