"""ONCE: a call that makes something, sent again with the same Idempotency-Key, makes nothing more and is answered as before.

No list of keys is kept. The id of what is made says by its first half who makes it and by which key, and by its second half what was
asked: so the rows themselves tell whether it was made before, whichever server is asked, for as long as it is there.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from fastapi import Header
from sqlalchemy import Connection, text

from api.access import Caller
from hub.errors import RequestError

if TYPE_CHECKING:
    from api.trace import Trace

_SECOND_HALF = (1 << 62) - 1  # below the variant's two bits
_ASKED_BITS = 23  # of a number, below 40 of whose it is and the sign; numbers that a sequence gives are above nought
_VERSION, _VARIANT = 8 << 76, 2 << 62  # of RFC 9562: an id of somebody's own making, which none drawn by lot is

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r'^"?[!#-~]{1,255}"?$',
        description="重试时原样再发，不会重复新建 · sent again with the same request, nothing is made twice; 1 to 255 visible characters.",
        examples=["8e03978e-40d5-43e8-bc93-6894a57f9324"],
    ),
]


class Kept(NamedTuple):
    """Where what is made is kept: the table, the column of its id, and whether that is a number, of a sequence else."""

    table: str
    column: str
    is_numbered: bool = False


REPORT = Kept("ops.report", "report_id")
LOOKUP = Kept("ops.lookup", "lookup_id")
WATCH = Kept("ops.watch", "watch_id")
ACCESS_REQUEST = Kept("ops.access_request", "request_id")
NOTE = Kept("ops.report_note", "note_id", is_numbered=True)


@dataclass(frozen=True)
class Once:
    """What a call with a key makes.

    Args:
        first: the least id of whatever its caller makes by this key.
        last: the greatest.
        made_id: the one of this very question.
    """

    first: uuid.UUID
    last: uuid.UUID
    made_id: uuid.UUID

    @property
    def number(self) -> int:
        """The same as `made_id` where ids are numbers: a negative one, of fewer bits."""
        return self._numbers.start + (self.made_id.int & ((1 << _ASKED_BITS) - 1))

    @property
    def _numbers(self) -> range:
        start = ((self.first.int >> 88) << _ASKED_BITS) - (1 << 63)
        return range(start, start + (1 << _ASKED_BITS))

    def ids(self, kept: Kept) -> tuple[Any, Any, Any]:
        """The first and last id of what may be made by this key, and the one of this question."""
        if kept.is_numbered:
            return self._numbers[0], self._numbers[-1], self.number
        return self.first, self.last, self.made_id


def once_of(caller: Caller, action: str, key: str | None, *asked: str | bytes) -> Once | None:
    """What a call makes.

    Args:
        caller: whose it is; the same key of another is another.
        action: the route's name; the same key there is another as well.
        key: as sent; None: it may be made as often as it is asked for.
        asked: all that was, so that another question under the same key is told from the same again.
    """
    if key is None:
        return None
    whose = json.dumps([caller.kind, caller.name, caller.role, caller.department, action, key.strip('"')])
    half = _bits(60, whose.encode())
    first = (half >> 12) << 80 | _VERSION | (half & 0xFFF) << 64 | _VARIANT
    parts = [hashlib.sha256(part.encode() if isinstance(part, str) else part).digest() for part in asked]
    return Once(uuid.UUID(int=first), uuid.UUID(int=first | _SECOND_HALF), uuid.UUID(int=first | _bits(62, b"".join(parts))))


def _bits(count: int, content: bytes) -> int:
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "big") >> (64 - count)


def new_id(trace: Trace | None) -> uuid.UUID:
    """The id of what a call is to make."""
    return uuid.uuid4() if trace is None or trace.once is None else trace.once.made_id


def has_begun(connection: Connection, once: Once | None, kept: Kept) -> bool:
    """Whether a key was used before, be it for this question or another; asks before anything is locked."""
    return once is not None and _found(connection, once, kept) is not None


def is_made(connection: Connection, trace: Trace | None, kept: Kept) -> bool:
    """Whether what a call is to make is there already; a second call with the same key waits here for the first.

    Raises:
        RequestError: the key was used for another question.
    """
    once = None if trace is None else trace.once
    if once is None:
        return False
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('once:' || :first, 0))"), {"first": str(once.first)})
    found = _found(connection, once, kept)
    if found not in (None, once.ids(kept)[2]):
        raise RequestError(
            "此 Idempotency-Key 已用于另一请求 · this Idempotency-Key was used for another request",
            remedy="重试时原样再发；新的请求用新的 Idempotency-Key · send a retry as it was, and a new request with a new key",
            problem="idempotency-key-reused",
        )
    return found is not None


def _found(connection: Connection, once: Once, kept: Kept) -> uuid.UUID | int | None:
    statement = f"SELECT {kept.column} FROM {kept.table} WHERE {kept.column} BETWEEN :first AND :last"
    first, last, _ = once.ids(kept)
    found: uuid.UUID | int | None = connection.execute(text(statement), {"first": first, "last": last}).scalars().first()
    return found
