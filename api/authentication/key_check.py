"""Checks API keys: a key's row is read when it is first used and again once a second, not for every request.

A revocation is so obeyed within `FRESH_S` by every process. Whatever is refused cost one look-up and one comparison, be the
id unknown, the secret wrong, the key expired, revoked or used from elsewhere.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hmac
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from cachetools import TTLCache
from sqlalchemy import Connection, Engine, func, or_, select, update

from api.access import Caller
from api.authentication.addresses import Address
from api.authentication.keys import Network, read_networks, split_key
from api.authentication.refusals import refusal
from hub.database import store_errors
from hub.errors import StoreConflict
from schema.tables import api_key

FRESH_S = 1.0  # for which a row that was read is believed
KNOWN_S = 600.0  # for which a key that was good is told from a guess
USED_S = 60  # between two notes of a key's use
MAX_KEYS = 4096
_NOBODY = bytes(32)

Reading = Callable[[], AbstractContextManager[Connection]]


@dataclass(frozen=True)
class _Known:
    """A key's row as read, and when."""

    secret_hash: bytes
    caller: Caller
    networks: Sequence[Network]
    expires_at: dt.datetime
    is_revoked: bool
    read_at: float


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class KeyCheck:
    """Who holds an API key.

    Args:
        reading: a connection to look keys up by.
        engine: notes when a key was used.
        clock: seconds that only grow.
        now: the time of day, by which keys expire.
    """

    def __init__(
        self, reading: Reading, engine: Engine, clock: Callable[[], float] = time.monotonic, now: Callable[[], dt.datetime] = _now
    ) -> None:
        self._reading, self._engine, self._clock, self._now = reading, engine, clock, now
        self._lock = threading.Lock()
        self._known: TTLCache[str, _Known] = TTLCache(MAX_KEYS, ttl=KNOWN_S, timer=clock)
        self._used: TTLCache[str, bool] = TTLCache(MAX_KEYS, ttl=USED_S, timer=clock)

    def known(self, credential: str, address: Address | None) -> Caller | None:
        """Who holds this key, if its row was read a moment ago; asks nothing of the store."""
        key_id, digest = split_key(credential)
        with self._lock:
            found = self._known.get(key_id)
        if found is None or self._clock() - found.read_at > FRESH_S or not hmac.compare_digest(found.secret_hash, digest):
            return None
        return None if _objection(found, address, self._now()) else found.caller

    def was_good(self, credential: str) -> bool:
        """Whether this very key was good lately, and so is no guess."""
        key_id, digest = split_key(credential)
        with self._lock:
            found = self._known.get(key_id)
        return found is not None and hmac.compare_digest(found.secret_hash, digest)

    def check(self, credential: str, address: Address | None, *, is_here: bool = False) -> Caller:
        """Who holds this key, from its row.

        Args:
            credential: as given.
            address: from which; None: from none that is known.
            is_here: it is used on the hub's own machine, where its networks do not count.

        Raises:
            AccessDenied: nobody, or not any more, or not from here.
            StoreUnavailable: the row cannot be read.
        """
        key_id, digest = split_key(credential)
        found = self._read(key_id)
        is_right = hmac.compare_digest(_NOBODY if found is None else found.secret_hash, digest)
        objection = None if found is None else _objection(found, address, self._now(), is_here=is_here)
        self._remember(key_id, found, is_good=is_right and objection is None)
        if found is None or not is_right:
            raise refusal("no such key" if found is None else f"wrong secret for key {key_id}", is_guess=True)
        if objection is not None:
            raise refusal(f"key {key_id} {objection}", caller=found.caller)
        self._note_use(key_id)
        return found.caller

    def _remember(self, key_id: str, found: _Known | None, *, is_good: bool) -> None:
        """Keep a good key's row; of one that ended forget it. A wrong secret changes nothing for who has the right one."""
        with self._lock:
            if found is not None and is_good:
                self._known[key_id] = found
            elif found is None or found.is_revoked:
                self._known.pop(key_id, None)

    def _read(self, key_id: str) -> _Known | None:
        began = self._clock()
        with self._reading() as connection:
            row = connection.execute(select(api_key).where(api_key.c.key_id == key_id)).one_or_none()
        if row is None:
            return None
        caller = Caller(row.name, row.role, row.department, kind="key", key_id=row.key_id)
        networks = read_networks(row.networks or ())
        return _Known(bytes(row.secret_hash), caller, networks, row.expires_at, row.revoked_at is not None, began)

    def _note_use(self, key_id: str) -> None:
        """To the minute: a row is not written for every request."""
        with self._lock:
            if key_id in self._used:
                return
            self._used[key_id] = True
        last = api_key.c.last_used_at
        is_due = or_(last.is_(None), last < func.now() - dt.timedelta(seconds=USED_S))
        with contextlib.suppress(StoreConflict), store_errors(), self._engine.begin() as connection:  # another server notes the same
            connection.exec_driver_sql("SET TRANSACTION READ WRITE")  # callers are recognised by connections that otherwise read
            connection.execute(update(api_key).where(api_key.c.key_id == key_id, is_due).values(last_used_at=func.now()))


def _objection(found: _Known, address: Address | None, now: dt.datetime, *, is_here: bool = False) -> str | None:
    """Why a key with the right secret is refused all the same."""
    if found.is_revoked:
        return "is revoked"
    if now >= found.expires_at:
        return "has expired"
    if found.networks and not is_here and not _is_within(address, found.networks):
        return "was used from outside its networks"
    return None


def _is_within(address: Address | None, networks: Sequence[Network]) -> bool:
    return address is not None and any(address in network for network in networks)
