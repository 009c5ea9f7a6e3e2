"""Counts statements, whichever engine sends them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Engine, event

from api import tidying
from api.lookups.worker import THREAD
from pipeline.store import prepared


@contextlib.contextmanager
def statements(*, of_keys: bool = False) -> Iterator[list[str]]:
    """Every statement of this process's engines while this lasts; what looks keys up, by the second, only if that is asked for."""
    seen: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        is_aside = threading.current_thread().name in (THREAD, tidying.THREAD)  # look for work now and then, and are no part of a request
        looked_up = ("FROM ops.policy", "FROM ops.live_grant", "FROM ops.encryption_key")  # by the second, not by the request
        is_plan = statement.startswith(("PREPARE", "DEALLOCATE"))  # once a connection
        if (
            not is_aside
            and not is_plan
            and not any(each in statement for each in looked_up)
            and (of_keys or "ops.api_key" not in statement)
        ):
            seen.append(statement)

    def sent(connection: Connection, call: str, values: Mapping[str, Any]) -> Any:
        note(connection, None, call)
        return send(connection, call, values)

    send = prepared.send
    prepared.send = sent  # past the engine's events
    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        prepared.send = send
        event.remove(Engine, "before_cursor_execute", note)
