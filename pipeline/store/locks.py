"""Advisory locks: one run of a department at a time, one resolve at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sqlalchemy import Connection, Engine, text

from hub.errors import BusyError

_DEPARTMENT, _RESOLVE = 4703, 4704


@contextlib.contextmanager
def department_lock(engine: Engine, department: str) -> Iterator[Connection]:
    """Hold a department for as long as this lasts; the connection that holds it may be worked with.

    The lock belongs to the session, so a killed process leaves none behind.

    Raises:
        BusyError: another run holds the department.
    """
    with _session_lock(engine, _DEPARTMENT, department) as connection:
        if connection is None:
            raise BusyError(
                f"{department}: 另一次运行正在进行 · another run is at work",
                remedy="等其结束，本次未做任何操作；pg_locks 中的 advisory 锁表明由谁占用 · "
                "wait for it to end, nothing was done; the advisory lock in pg_locks says who it is",
                department=department,
            )
        yield connection


@contextlib.contextmanager
def resolve_lock(engine: Engine) -> Iterator[Connection | None]:
    """Hold resolve; yields None where another process holds it."""
    with _session_lock(engine, _RESOLVE, "resolve") as connection:
        yield connection


@contextlib.contextmanager
def _session_lock(engine: Engine, kind: int, name: str) -> Iterator[Connection | None]:
    with engine.connect() as connection:
        key = {"kind": kind, "name": name}
        taken = connection.execute(text("SELECT pg_try_advisory_lock(:kind, hashtext(:name))"), key).scalar_one()
        connection.commit()
        if not taken:
            yield None
            return
        try:
            yield connection
        finally:
            with contextlib.suppress(Exception):  # a vanished server has released it already
                connection.rollback()
                connection.execute(text("SELECT pg_advisory_unlock(:kind, hashtext(:name))"), key)
                connection.commit()
