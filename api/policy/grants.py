"""Who has a restricted record opened to him for now: asked of the store once in `FRESH_S`, so that others pay nothing for it."""

from __future__ import annotations

import threading
import time

from sqlalchemy import Engine, text

from api.access import Caller
from hub.database import store_errors

FRESH_S = 1.0  # a grant, its end and its revocation count within this time


class Grants:
    """Callers with a live grant, by name and department."""

    def __init__(self, engine: Engine) -> None:
        """Read nothing yet.

        Args:
            engine: the store's.
        """
        self._engine = engine
        self._lock = threading.Lock()
        self._holders: frozenset[tuple[str, str]] = frozenset()
        self._looked_at = float("-inf")

    def holds(self, caller: Caller) -> bool:
        """Whether anything is opened to this caller.

        Raises:
            StoreUnavailable: it cannot be read.
        """
        with self._lock:
            if time.monotonic() - self._looked_at > FRESH_S:
                with store_errors(), self._engine.connect() as connection:
                    rows = connection.execute(text("SELECT DISTINCT caller, caller_department FROM ops.live_grant"))
                    self._holders = frozenset((row.caller, row.caller_department) for row in rows)
                self._looked_at = time.monotonic()
            return (caller.name, caller.department) in self._holders
