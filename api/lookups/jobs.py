"""Jobs of batch look-ups as rows of the store: handed in, looked at, taken away, deleted. A job is its caller's alone."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from api.access import Caller
from api.audit import write_within
from api.lookups.reading import numbers_asked
from api.lookups.table import Format, Upload
from api.lookups.told import ORDINAL, Told, told_from
from api.once import LOOKUP, is_made, new_id
from api.queries.rows import Row, fetch
from api.state import Hub
from api.trace import Trace
from hub.database import changing, store_errors
from hub.encryption import Protected, clear_bytes, clear_json, store_json
from hub.errors import BusyError, NotFound, RequestError
from hub.settings import Settings

_OWNED = "caller = :caller AND role = :role AND department IS NOT DISTINCT FROM :department AND expires_at > now()"
_OWN = f"lookup_id = :lookup_id AND {_OWNED}"
_PURGE = "DELETE FROM ops.lookup WHERE expires_at <= now()"
_MOST_LISTED = 200
_STATE = "lookup_id, state, reason, format, columns, kinds, rows, rows_done, created_at, started_at, finished_at, expires_at"


@dataclass(frozen=True)
class Result:
    """The file that a finished job made."""

    format: Format
    content: bytes
    told: Told | None  # what it was made of; None: nobody kept it


def hand_in(hub: Hub, caller: Caller, upload: Upload, kinds: Sequence[str], trace: Trace | None = None) -> uuid.UUID:
    """Store a job; the worker finds it there. A call's trace is written down with it; its numbers count once, however often it is sent.

    Raises:
        BusyError: the caller has as many unfinished ones as one may.
        RequestError: the call's key was used for another file.
        TooManyRequests: more numbers than the caller may ask about without a purpose.
    """
    lookup_id, numbers = new_id(trace), numbers_asked(upload.rows, kinds)
    with changing(hub.engine, is_long=True) as connection:
        connection.execute(text(f"{_PURGE} AND caller = :caller"), {"caller": caller.name})  # what has expired is there no more
        if not is_made(connection, trace, LOOKUP):
            # Of two that come at once, the second counts the first.
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('lookup:' || :caller, 0))"), {"caller": caller.name})
            require_room(connection, caller, hub.settings.lookup_jobs)
            hub.limits.take_numbers(caller, numbers)
            _store(connection, caller, lookup_id, upload, kinds, hub.settings)
        if trace is not None:
            write_within(connection, trace, "lookups.create", 202)
    return lookup_id


def _store(connection: Connection, caller: Caller, lookup_id: uuid.UUID, upload: Upload, kinds: Sequence[str], settings: Settings) -> None:
    job = {
        "lookup_id": lookup_id,
        "caller": caller.name,
        "key_id": caller.key_id,
        "role": caller.role,
        "department": caller.department,
        "purpose": caller.purpose.code if caller.purpose else None,
        "case_reference": caller.purpose.case_reference if caller.purpose else None,
        "format": upload.format,
        "columns": list(upload.columns),
        "kinds": list(kinds),
        "rows": len(upload.rows),
        "kept": dt.timedelta(days=settings.lookup_days),
    }
    columns = [name for name in job if name != "kept"]
    statement = f"""
    INSERT INTO ops.lookup ({", ".join(columns)}, expires_at)
    VALUES ({", ".join(f":{name}" for name in columns)}, now() + :kept)
    """
    connection.execute(text(statement), job)
    rows = text(
        "INSERT INTO ops.lookup_row (lookup_id, ordinal, cells) SELECT :lookup_id, e.ordinal, nullif(e.cells, 'null') "
        "FROM jsonb_array_elements(:rows) WITH ORDINALITY AS e (cells, ordinal)"
    ).bindparams(bindparam("rows", type_=JSONB))
    connection.execute(rows, {"lookup_id": lookup_id, "rows": [store_json(Protected.CELLS, cells) for cells in upload.rows]})


def require_room(connection: Connection, caller: Caller, most: int) -> None:
    """Refuse a further job of a caller's.

    Raises:
        BusyError: he has as many unfinished ones as one may.
    """
    statement = "SELECT count(*) FROM ops.lookup WHERE caller = :caller AND state IN ('waiting', 'running') AND expires_at > now()"
    if connection.execute(text(statement), {"caller": caller.name}).scalar_one() >= most:
        raise BusyError(
            f"已有 {most} 个批量查询未完成 · {most} of your look-ups are not finished yet",
            remedy="等其完成，或删除其一 · wait for one to finish, or DELETE one",
        )


def find(connection: Connection, caller: Caller, lookup_id: uuid.UUID) -> Row:
    """One job of the caller's: its state and progress.

    Raises:
        NotFound: there is none of the caller's, or no longer.
    """
    statement = f"SELECT {_STATE}, clock_timestamp() AS at FROM ops.lookup WHERE {_OWN}"
    found = fetch(connection, statement, _own(caller, lookup_id))
    if not found:
        raise _no_such_job()
    return found[0]


def list_own(connection: Connection, caller: Caller) -> list[Row]:
    """The caller's jobs, newest first."""
    statement = f"""
    SELECT {_STATE}, clock_timestamp() AS at FROM ops.lookup
    WHERE {_OWNED}
    ORDER BY created_at DESC, lookup_id LIMIT {_MOST_LISTED}
    """
    return fetch(connection, statement, _owner(caller))


def result(connection: Connection, caller: Caller, lookup_id: uuid.UUID) -> Result:
    """The file of a finished job.

    Raises:
        NotFound: there is no such job of the caller's.
        RequestError: it is not finished, or broke off.
    """
    told = f"(SELECT w.answer FROM ops.lookup_row w WHERE w.lookup_id = l.lookup_id AND w.ordinal = {ORDINAL}) AS told"
    found = fetch(connection, f"SELECT state, format, result, {told} FROM ops.lookup l WHERE {_OWN}", _own(caller, lookup_id))
    if not found:
        raise _no_such_job()
    job = found[0]
    if job["state"] != "done":
        raise RequestError(
            "结果尚未生成或任务已中止 · there is no result: the job is not finished, or broke off",
            remedy="查看 GET /v1/lookups/{id} 的 state · see `state` of GET /v1/lookups/{id}",
            problem="conflict",
        )
    kept = clear_json(Protected.ANSWER, job["told"])
    return Result(job["format"], clear_bytes(Protected.RESULT, bytes(job["result"])), None if kept is None else told_from(kept))


def delete(engine: Engine, caller: Caller, lookup_id: uuid.UUID, trace: Trace) -> None:
    """End a job of the caller's, if it is at work, and delete all of it; the call is written down with it.

    Raises:
        NotFound: there is no such job of the caller's.
    """
    with changing(engine, is_long=True) as connection:
        if connection.execute(text(f"DELETE FROM ops.lookup WHERE {_OWN}"), _own(caller, lookup_id)).rowcount == 0:
            raise _no_such_job()
        write_within(connection, trace, "lookups.delete", 204)


def purge(engine: Engine) -> int:
    """Delete what was kept long enough; says how many jobs."""
    with store_errors(), engine.begin() as connection:
        return connection.execute(text(_PURGE)).rowcount


def list_all(engine: Engine) -> list[Row]:
    """Every job, for operators: whose, how far, since when; nothing of what is in it."""
    statement = """
    SELECT lookup_id, caller, department, state, reason, rows, rows_done, created_at, finished_at, expires_at
    FROM ops.lookup ORDER BY created_at DESC, lookup_id
    """
    with store_errors(), engine.connect() as connection:
        return fetch(connection, statement)


def _own(caller: Caller, lookup_id: uuid.UUID) -> dict[str, Any]:
    return {"lookup_id": lookup_id, **_owner(caller)}


def _owner(caller: Caller) -> dict[str, Any]:
    return {"caller": caller.name, "role": caller.role, "department": caller.department}


def _no_such_job() -> NotFound:
    return NotFound(
        "没有这个批量查询 · there is no such look-up", remedy="已过保存期的会自动删除 · GET /v1/lookups lists yours; old ones are deleted"
    )
