"""Each delivery tells a receiver of something, and is written down for it: one row before it is posted, one when its attempt ended.

The first row commits before anything leaves: what cannot be written down is not sent. The second says what came of it, and commits
together with the delivery's new state. Both bear the delivery's id, which the receiver has as X-Delivery-Id.
"""

from __future__ import annotations

from typing import Any

import httpx
from sqlalchemy import Connection, Engine, Row, insert

from api.access import Caller
from api.audit import write_audit
from api.audit.row import row_of
from api.trace import Trace
from schema.tables import access

ACTION = "watches.deliver"
NO_ANSWER = {"timeout": 504, "address": 403, "busy": 503}  # what did not come to a status of the receiver's; any other: 502


def begin(engine: Engine, caller: Caller, due: Row[Any], url: httpx.URL) -> None:
    """Write down that an event is about to be posted.

    Raises:
        StoreUnavailable: it cannot be written down, and so must not be posted.
    """
    write_audit(engine, _trace(caller, due, url), ACTION, None)


def end(connection: Connection, caller: Caller, due: Row[Any], url: httpx.URL | None, ended: tuple[str, str, int | None]) -> None:
    """Write down how an attempt ended, in the transaction that notes it.

    Args:
        connection: of that transaction.
        caller: whose watch it is.
        due: the delivery.
        url: where it was posted; None where the watch no longer says.
        ended: the delivery's state, the outcome in a word, and the receiver's status.
    """
    state, word, status = ended
    trace = _trace(caller, due, url)
    trace.shape |= {"state": state, "because": word}
    outcome = NO_ANSWER.get(word, 502) if status is None else status
    connection.execute(insert(access).values(**row_of(trace, ACTION, outcome)))


def _trace(caller: Caller, due: Row[Any], url: httpx.URL | None) -> Trace:
    """Whose delivery it is, whom it tells of, and to which host; a path or query may hold somebody's secret."""
    trace = Trace(str(due.delivery_id), shape={"relation": due.relation, "kind": due.kind}, results=1)
    trace.name(caller)
    trace.receiver = None if url is None else url.netloc.decode("ascii")
    ids = [each for each in (due.entity_id, due.into_id) if each is not None]
    if due.relation == "person":
        trace.person_ids = ids
    else:
        trace.entity_ids = ids
    return trace
