"""Waits for what takes a moment to reach a running API."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, text

PATIENCE_S = 30.0  # of what takes a fraction of a second, unless the machine is slow


def wait_for(ask: Callable[[], Any], wanted: Any) -> bool:
    """Whether this is answered in the end; asked again and again."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := ask()) != wanted and time.monotonic() < deadline:
        time.sleep(0.02)
    return found == wanted


def vacuum(engine: Engine, *tables: str) -> None:
    """VACUUM these once nothing is left under way that may not see all of their rows, or may still see those that are gone.

    As a statement of a server's thread, or an ANALYZE of autovacuum, that began before: VACUUM would leave what it finds as it is.
    """
    older = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND greatest(age(backend_xid), age(backend_xmin)) >= age(CAST(:now AS xid))"
    )
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        now = connection.execute(text("SELECT CAST(CAST(pg_current_xact_id() AS xid) AS text)")).scalar_one()
        assert wait_for(lambda: connection.execute(text(older), {"now": now}).scalar_one(), 0)
        connection.execute(text(f"VACUUM (ANALYZE, INDEX_CLEANUP ON) {', '.join(tables)}"))
