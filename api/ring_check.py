"""Whether this process has every key that the store's values are under: one that came since it started is fetched, or all is refused."""

from __future__ import annotations

import logging
import threading
import time

from sqlalchemy import Engine

from hub.database import store_errors
from hub.encryption import key_ring
from hub.encryption.store_keys import missing_key, renew_ring
from hub.errors import KeyMissing, SettingsError

FRESH_S = 2.0  # a key that is written with for the first time is known everywhere within this time
RETRY_S = 10.0  # after the key document could not be had, or lacked the key: a command of a KMS takes its time
WAIT_S = 1.0  # for another's look; while a key is being fetched nothing is answered

_log = logging.getLogger("api")


class RingCheck:
    """Compares the process's keys with those that the store has written down, at most once in `FRESH_S`."""

    def __init__(self, engine: Engine, reading: Engine) -> None:
        """Look at nothing yet.

        Args:
            engine: the store's, for a key that is fetched.
            reading: looks; its connections are not those of calls that write.
        """
        self._engine, self._reading = engine, reading
        self._lock = threading.Lock()
        self._lacks: str | None = None
        self._holds_until = float("-inf")

    def is_whole(self) -> bool:
        """Whether every key was there a moment ago; waits for nothing."""
        return self._lacks is None and time.monotonic() < self._holds_until

    def require(self) -> None:
        """Refuse to go on without a key that values are under: what is found by number would be a part, and look like all.

        Raises:
            KeyMissing: it is not in the key document, or that cannot be had.
            StoreUnavailable: the store cannot be asked.
        """
        if time.monotonic() >= self._holds_until and self._lock.acquire(timeout=WAIT_S):
            try:
                if time.monotonic() >= self._holds_until:
                    self._look()
            finally:
                self._lock.release()
        if self._lacks is not None:
            raise KeyMissing(
                "数据库已换用此进程没有的密钥 · the store is under a key that this process does not have",
                remedy="请管理员重启 casehub serve · ask the administrator to restart `casehub serve`",
                key_id=self._lacks,
            )

    def _look(self) -> None:
        with store_errors(), self._reading.connect() as connection:
            self._lacks = missing_key(connection, key_ring())
        if self._lacks is not None:
            self._fetch(self._lacks)
        self._holds_until = time.monotonic() + (FRESH_S if self._lacks is None else RETRY_S)

    def _fetch(self, name: str) -> None:
        try:
            renew_ring(self._engine)
        except SettingsError as error:
            _log.error("the store is under key %s; the key document does not help: %s", name, error)
        else:
            self._lacks = None
            _log.info("the store is under key %s: the key document was read again", name)
