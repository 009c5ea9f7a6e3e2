"""A row of the audit log: a trace enters; who, what for, which kind of question, what was shown, how it ended leave. No value does."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, insert

from api.access import Caller
from api.trace import Trace
from hub.database import changing
from schema.tables import access

MAX_TEXT = 200
MAX_SHAPE_DEPTH = 4
UNNAMED = "?"  # stands for whatever in a shape is no name, and so might be a value

_NAME = re.compile(r"(?!.*\d{4})[A-Za-z][A-Za-z0-9_.-]{0,63}")  # a passport's number begins with a letter, too
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

Row = dict[str, Any]


def row_of(trace: Trace, action: str, outcome: int | None) -> Row:
    """The row of a call or command.

    Args:
        trace: what is known of it.
        action: the route's or the command's name.
        outcome: the HTTP status; of commands 0 (done), 1 (failed) or None (begun).
    """
    return {
        "caller": _text(trace.caller),
        "department": _text(trace.department),
        "action": action,
        "outcome": outcome,
        "entity_ids": list(dict.fromkeys(trace.entity_ids)) or None,
        "purpose": _text(trace.purpose),
        "case_reference": _text(trace.case_reference),
        "request_id": trace.request_id or None,
        "shape": names_alone(trace.shape) or None,
        "person_ids": list(dict.fromkeys(trace.person_ids)) or None,
        "record_ids": list(dict.fromkeys(trace.record_ids)) or None,
        "results": trace.results,
        "receiver": _text(trace.receiver),
    }


def write_ahead(trace: Trace, action: str) -> None:
    """Hand the row of a call over that is about to be answered, so that it is committed while the answer is still being made.

    The answer waits for it. If it turns out another than 200, that is a second row of the same request.
    """
    if trace.submit is not None:
        trace.ahead = trace.submit(row_of(trace, action, 200))


def write_within(connection: Connection, trace: Trace, action: str, outcome: int) -> None:
    """Write the row of a call in the transaction that keeps what it changes, so that neither is kept without the other.

    The answer then wants no row of its own. If it turns out another than `outcome`, that is a second row of the same request.
    """
    connection.execute(insert(access).values(**row_of(trace, action, outcome)))
    trace.within = outcome


def write_audit(engine: Engine, trace: Trace, action: str, outcome: int | None) -> None:
    """Write one row and commit it: for whatever shows something outside of a request, or piece by piece within one.

    Raises:
        StoreUnavailable: it could not be written, and so nothing must be shown.
    """
    with changing(engine) as connection:
        connection.execute(insert(access).values(**row_of(trace, action, outcome)))


def write_audits(connection: Connection, caller: Caller, rows: Sequence[tuple[str, int, Sequence[UUID], Sequence[UUID]]]) -> None:
    """Write many looks of one call down, in the transaction that keeps their answers.

    Args:
        connection: of that transaction.
        caller: who looks, and what for.
        rows: action, outcome, case ids and ids of the persons asked for, of each.
    """
    who = Trace("")
    who.name(caller)
    if caller.purpose is not None:
        who.purpose, who.case_reference = caller.purpose.code, caller.purpose.case_reference
    written = [
        row_of(replace(who, entity_ids=list(ids), person_ids=list(persons), results=len(ids)), action, outcome) | {"request_id": None}
        for action, outcome, ids, persons in rows
    ]
    if written:
        connection.execute(insert(access), written)


def names_alone(shape: Any, depth: int = 0) -> Any:
    """A shape of which nothing is left but names and structure, whatever somebody put into it.

    A name begins with a letter and has letters, few digits and `_ . -`, all of ASCII: what people write of people is none.
    """
    if depth > MAX_SHAPE_DEPTH:
        return UNNAMED
    if isinstance(shape, Mapping):
        return {names_alone(key): names_alone(item, depth + 1) for key, item in shape.items()}
    if isinstance(shape, Sequence | set | frozenset) and not isinstance(shape, str | bytes):
        items = sorted(shape) if isinstance(shape, set | frozenset) else shape
        return [names_alone(item, depth + 1) for item in items]
    return shape if isinstance(shape, str) and _NAME.fullmatch(shape) else UNNAMED


def _text(value: str | None) -> str | None:
    return None if value is None else _CONTROL.sub(" ", value)[:MAX_TEXT] or None
