"""Events go to their owners' systems: signed, at least once, in order, again and later where that failed, and given up after a while.

Of each watch the oldest delivery that waits is tried; those behind it wait for it. Trying begins with a lease, so that several
servers never try the same at once, and one that dies in the middle leaves it to be tried again. An owner who may no longer
ask is sent nothing, and neither is told of what has been closed to him since. What is sent is in the audit log: see `disclosed`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import ssl
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx
from sqlalchemy import Connection, Row, select, text

from api.access import Caller
from api.queries.watched import readable
from api.state import Hub
from api.watches import disclosed
from api.watches.owner import standing
from api.watches.resolver import NoPlace
from api.watches.store import Watch, opened
from api.watches.target import Places, TargetRefused, check_url, post
from hub.database import store_errors
from hub.errors import RequestError
from schema.tables import watch

logger = logging.getLogger(__name__)

THREADS = 8
AT_ONCE = 50  # deliveries of one watch in one pass
WATCH_S = 5.0  # after which no further one of a watch is begun in this pass: a slow receiver holds one thread of all
PASS_S = 20.0  # after which none at all is begun: what is new is looked for between passes
LEASE_S = 60
BUSY = "busy"  # too many names of this owner are looked up: nothing was posted, and it counts as no attempt
ENDS = ("deleted", "merged")

_now = time.monotonic

# One watch of each owner before the second of any: who has many slow receivers waits behind those who have one.
_DUE = """
SELECT w.watch_id FROM ops.watch w CROSS JOIN LATERAL (
    SELECT d.next_attempt_at FROM ops.watch_delivery d WHERE d.state = 'waiting' AND d.watch_id = w.watch_id
    ORDER BY d.epoch, d.change_number LIMIT 1
) d WHERE w.webhook IS NOT NULL AND d.next_attempt_at <= now()
ORDER BY row_number() OVER (PARTITION BY w.owner_kind, w.owner, w.role, w.department ORDER BY d.next_attempt_at), d.next_attempt_at
LIMIT 500
"""
_TAKE = """
UPDATE ops.watch_delivery d SET next_attempt_at = now() + make_interval(secs => :lease), attempts = d.attempts + 1, last_attempt_at = now()
FROM ops.watch_event e
WHERE d.delivery_id = (
    SELECT o.delivery_id FROM ops.watch_delivery o WHERE o.state = 'waiting' AND o.watch_id = :watch_id
    ORDER BY o.epoch, o.change_number LIMIT 1
) AND d.state = 'waiting' AND d.next_attempt_at <= now()
  AND e.watch_id = d.watch_id AND e.epoch = d.epoch AND e.change_number = d.change_number
RETURNING d.delivery_id, d.attempts, e.relation, e.entity_id, e.kind, e.into_id, e.at
"""
_DONE = """
UPDATE ops.watch_delivery SET state = :state, outcome = :outcome, status = :status, next_attempt_at = now() + make_interval(secs => :wait)
WHERE delivery_id = :delivery_id
"""
_PUT_OFF = """
UPDATE ops.watch_delivery SET next_attempt_at = now() + make_interval(secs => :wait), attempts = attempts - 1
WHERE delivery_id = :delivery_id
"""


@dataclass(frozen=True)
class Patience:
    """How often, and how long after one another.

    Attributes:
        attempts: after which a delivery is given up.
        first_s: between the first and the second; doubled each time.
        most_s: between two at most.
    """

    attempts: int
    first_s: float = 10.0
    most_s: float = 3600.0

    def wait_s(self, attempts: int) -> float:
        """Seconds after so many attempts."""
        return float(min(self.first_s * 2 ** (attempts - 1), self.most_s))


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended, in one word, and what was answered; where it was to go, and whether it may have gone there."""

    word: str
    status: int | None = None
    url: httpx.URL | None = None
    is_begun: bool = False


def deliver(hub: Hub, patience: Patience | None = None) -> int:
    """Try what is due, as far as the time of a pass goes; the rest is due in the next.

    Returns:
        How many were delivered.

    Raises:
        StoreUnavailable: the database went away; what was not noted as delivered is tried again.
    """
    patience = patience or Patience(hub.settings.webhook_attempts)
    with store_errors(), hub.engine.connect() as connection:
        due = list(connection.execute(text(_DUE)).scalars())
    if not due:
        return 0
    context, until = ssl.create_default_context(), _now() + PASS_S
    with ThreadPoolExecutor(min(THREADS, len(due)), "webhook") as pool:
        return sum(pool.map(lambda watch_id: _Delivering(hub, patience, context, until).run(watch_id), due))


class _Delivering:
    """One watch's deliveries, one after another until one fails or its time is over."""

    def __init__(self, hub: Hub, patience: Patience, context: ssl.SSLContext, until: float) -> None:
        self._hub, self._patience, self._context = hub, patience, context
        self._until = min(until, _now() + WATCH_S)
        self._places = Places.of(hub.settings)

    def run(self, watch_id: uuid.UUID) -> int:
        delivered = 0
        for _ in range(AT_ONCE):
            if _now() >= self._until:
                break  # before a lease is taken: the next pass goes on here
            with store_errors(), self._hub.engine.begin() as connection:
                row = connection.execute(select(watch).where(watch.c.watch_id == watch_id)).one_or_none()
                due = connection.execute(text(_TAKE), {"watch_id": watch_id, "lease": LEASE_S}).one_or_none()
            if row is None or due is None:
                break
            try:
                asked = opened(self._hub.settings, row)
                caller = standing(self._hub, asked.owner)
                outcome = None if caller is None else self._try(caller, asked, due)
            except Exception as error:  # what `_post` meets is an outcome: nothing was posted, and other watches go on
                logger.error("watches: %s, delivery %s put off", type(error).__name__, due.delivery_id)  # its words may hold values
                with store_errors(), self._hub.engine.begin() as connection:
                    _put_off(connection, due, self._patience.first_s)
                break
            self._note(caller, due, outcome)
            if outcome is None or outcome.word not in ("delivered", "closed"):
                break
            delivered += outcome.word == "delivered"
        return delivered

    def _try(self, caller: Caller, asked: Watch, due: Row[Any]) -> Outcome:
        if due.kind not in ENDS and not self._is_readable(caller, due):
            return Outcome("closed")
        if asked.webhook is None:
            return Outcome("gone")  # locked up under another secret
        try:
            url = check_url(asked.webhook.url, self._places)  # the settings may have changed since
        except RequestError:
            return Outcome("address")
        disclosed.begin(self._hub.engine, caller, due, url)
        word, status = self._post(asked, url, asked.webhook.secret, _body(asked, due), due.delivery_id)
        return Outcome(word, status, url, is_begun=True)

    def _post(self, asked: Watch, url: httpx.URL, secret: str, body: bytes, delivery_id: uuid.UUID) -> tuple[str, int | None]:
        """How it ended in a word, and the receiver's status."""
        who = f"{asked.owner.owner_kind} {asked.owner.owner}"
        try:
            status = post(who, url, body, _headers(secret, body, delivery_id), self._places, self._context)
        except NoPlace:
            return BUSY, None
        except TargetRefused:
            return "address", None
        except httpcore.TimeoutException:
            return "timeout", None
        except httpcore.ConnectError as error:
            return ("tls" if isinstance(error.__cause__, ssl.SSLError) or "SSL" in str(error) else "network"), None
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError):
            return "network", None
        except Exception as error:
            logger.error("watches: %s while delivery %s was posted", type(error).__name__, delivery_id)
            return "error", None
        return ("delivered" if 200 <= status < 300 else "status"), status

    def _is_readable(self, caller: Caller, due: Row[Any]) -> bool:
        with self._hub.read(caller) as connection:
            return bool(readable(connection, due.relation, [due.entity_id], caller.department))

    def _note(self, caller: Caller | None, due: Row[Any], outcome: Outcome | None) -> None:
        """Write down how it ended; an owner who may not ask now is waited for without counting."""
        with store_errors(), self._hub.engine.begin() as connection:
            if caller is None or outcome is None:
                _put_off(connection, due, self._patience.most_s / 12)
                return
            if outcome.word == BUSY:
                _put_off(connection, due, self._patience.first_s)
                disclosed.end(connection, caller, due, outcome.url, ("waiting", BUSY, None))
                return
            is_over = outcome.word in ("delivered", "closed")
            state = "delivered" if is_over else "dead" if due.attempts >= self._patience.attempts else "waiting"
            told = {"state": state, "outcome": outcome.word, "status": outcome.status}
            values = {"delivery_id": due.delivery_id, "wait": self._patience.wait_s(due.attempts), **told}
            connection.execute(text(_DONE), values)
            if outcome.is_begun or state == "dead":
                disclosed.end(connection, caller, due, outcome.url, (state, outcome.word, outcome.status))
        if state == "dead":
            logger.warning("watches: delivery %s given up after %d attempts (%s)", due.delivery_id, due.attempts, outcome.word)


def _put_off(connection: Connection, due: Row[Any], wait_s: float) -> None:
    """Have it tried later, and count it as no attempt."""
    connection.execute(text(_PUT_OFF), {"delivery_id": due.delivery_id, "wait": wait_s})


def _body(asked: Watch, due: Row[Any]) -> bytes:
    """Ids and kinds alone: who receives it asks the API for more, and is audited there."""
    content = {
        "id": str(due.delivery_id),
        "watch_id": str(asked.watch_id),
        "relation": due.relation,
        "entity_id": str(due.entity_id),
        "kind": due.kind,
        "into": None if due.into_id is None else str(due.into_id),
        "at": due.at.isoformat(),
    }
    return json.dumps(content, separators=(",", ":")).encode("ascii")


def _headers(secret: str, body: bytes, delivery_id: uuid.UUID) -> dict[str, str]:
    """As the hub's own inbox wants a push to be signed."""
    timestamp = str(int(time.time()))
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "casehub",
        "X-Delivery-Id": str(delivery_id),
        "X-Timestamp": timestamp,
        "X-Signature-256": f"sha256={digest}",
    }
