"""Who has which restricted records opened to him for now: asked of the store once in `FRESH_S`, so that others pay nothing for it."""

from __future__ import annotations

import threading
import time
from collections import defaultdict

from sqlalchemy import Engine, text

from api.access import Caller
from hub.database import store_errors

FRESH_S = 1.0  # a grant, its end and its revocation count within this time


class Grants:
    """Records of live grants, by the caller's name and department."""

    def __init__(self, engine: Engine) -> None:
        """Read nothing yet.

        Args:
            engine: the store's.
        """
        self._engine = engine
        self._lock = threading.Lock()
        self._records: dict[tuple[str, str | None], frozenset[int]] = {}
        self._looked_at = float("-inf")

    def holds(self, caller: Caller) -> bool:
        """Whether anything is opened to this caller; raises as `records` does."""
        return bool(self.records(caller))

    def records(self, caller: Caller) -> frozenset[int]:
        """What is opened to this caller.

        Raises:
            StoreUnavailable: it cannot be read.
        """
        with self._lock:
            if time.monotonic() - self._looked_at > FRESH_S:
                with store_errors(), self._engine.connect() as connection:
                    rows = connection.execute(text("SELECT caller, caller_department, record_id FROM ops.live_grant")).all()
                opened: dict[tuple[str, str | None], set[int]] = defaultdict(set)
                for row in rows:
                    opened[row.caller, row.caller_department].add(row.record_id)
                self._records = {holder: frozenset(records) for holder, records in opened.items()}
                self._looked_at = time.monotonic()
            return self._records.get((caller.name, caller.department), frozenset())
