"""The worker of batch look-ups: one thread of `casehub serve`, which takes a few hundred rows of a job at a time.

A chunk is one transaction: its job's row locked (SKIP LOCKED: another server takes another job), its rows answered, each of
them written down in the audit, the progress moved on. A server that is killed loses one chunk, which whoever comes next
does again: no row is twice in a result.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from api.access import Caller, Purpose
from api.audit import write_audits
from api.authentication.keys import is_live
from api.lookups import jobs
from api.lookups.answering import Answer, answer_rows
from api.lookups.sheets import write_result
from api.lookups.told import ORDINAL, told_by
from api.presenter import Presenter
from api.queries.rows import Row, fetch
from api.state import Hub
from hub.database import QUERY_CANCELED, store_errors
from hub.encryption import Protected, clear_json, store_bytes, store_json
from hub.errors import AccessDenied, KeyMissing, StoreError, StoreUnavailable, TooBusy

THREAD = "casehub-lookups"
FIRST_ROWS, MOST_ROWS = 100, 1_000  # of a chunk
CHUNK_S = 1.0  # that a chunk should take: for so long a DELETE waits
IDLE_S = 5.0  # between two looks at the store, unless this server is handed a job
PURGE_EVERY_S = 600.0
STOP_TIMEOUT_S = 15.0
ACTION = "lookups.row"
ENDPOINT = "lookups.create"  # of the policy

_log = logging.getLogger("api.lookups")

_TAKE = """
SELECT lookup_id, caller, key_id, role, department, purpose, case_reference, format, columns, kinds, rows, rows_done,
       extract(epoch FROM now() - created_at) AS age_s FROM ops.lookup
WHERE state IN ('waiting', 'running') AND expires_at > now() ORDER BY worked_at NULLS FIRST, created_at LIMIT 1 FOR UPDATE SKIP LOCKED
"""


class Worker:
    """Takes jobs of one hub, until it is told to stop."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._wake, self._stop = threading.Event(), threading.Event()
        self._size = FIRST_ROWS
        self._job: Row | None = None

    def wake(self) -> None:
        """Say that there is a job."""
        self._wake.set()

    def stop(self) -> None:
        """Say that it is to end after the chunk in hand."""
        self._stop.set()
        self._wake.set()

    def run(self) -> None:
        """Work until told to stop; whatever breaks a job breaks no other."""
        purged = -PURGE_EVERY_S
        while not self._stop.is_set():
            self._wake.clear()
            is_idle = True
            try:
                if time.monotonic() - purged > PURGE_EVERY_S:
                    jobs.purge(self._hub.engine)
                    purged = time.monotonic()
                is_idle = not self.step()
            except TooBusy:
                _log.warning("every connection is taken; jobs wait")
            except KeyMissing:
                _log.warning("the store is under a key that is not here; jobs wait")
            except StoreError as error:
                if error.detail.get("sqlstate") == QUERY_CANCELED and self._job is not None:
                    self._size, is_idle = max(1, self._size // 4), False
                elif isinstance(error, StoreUnavailable):
                    _log.warning("the store is unavailable; jobs wait")
                else:
                    self._give_up(error)
            except Exception as error:  # the edge of the thread: it must outlive whatever one job does
                self._give_up(error)
            if is_idle:
                self._wake.wait(IDLE_S)

    def step(self) -> bool:
        """Do one chunk of the job that waited longest; False: there is none."""
        self._job = None
        self._hub.ring.require()
        began = time.monotonic()
        with store_errors(), self._hub.engine.begin() as connection:
            taken = fetch(connection, _TAKE)
            if not taken:
                return False
            self._job = job = taken[0]
            caller = _caller(connection, job, self._hub)
            if caller is None:
                _end(connection, job, "stopped", "revoked")
                return True
            self._chunk(connection, job, caller)
        took = time.monotonic() - began
        self._size = min(MOST_ROWS, self._size * 2) if took < CHUNK_S / 2 else max(1, self._size // 2) if took > CHUNK_S else self._size
        return True

    def _chunk(self, connection: Connection, job: Row, caller: Caller) -> None:
        """Answer the next rows, or write the result if there are none."""
        rows = fetch(
            connection,
            "SELECT ordinal, cells FROM ops.lookup_row WHERE lookup_id = :lookup_id AND ordinal > :rows_done ORDER BY ordinal LIMIT :size",
            {**job, "size": self._size},
        )
        if not rows:
            _finish(connection, job, self._hub)
            return
        presenter = Presenter(caller, self._hub.directory)
        answers = self._answers(presenter, {row["ordinal"]: clear_json(Protected.CELLS, row["cells"]) for row in rows}, job["kinds"])
        _keep(connection, job, answers)
        looks = [(f"{ACTION}:{answer.shape}", 200, answer.case_ids, answer.person_ids) for answer in answers.values()]
        write_audits(connection, caller, looks)

    def _answers(self, presenter: Presenter, rows: dict[int, Any], kinds: Sequence[str]) -> dict[int, Answer]:
        """In the caller's view of this moment. One row that alone takes too long is told as too common."""
        try:
            with self._hub.read(presenter.caller) as reading:
                return answer_rows(reading, presenter, rows, kinds)
        except StoreError as error:
            if len(rows) > 1 or error.detail.get("sqlstate") != QUERY_CANCELED:
                raise
            return {ordinal: Answer(problem="too_broad", policy=presenter.caller.rights.version) for ordinal in rows}

    def _give_up(self, error: Exception) -> None:
        """Close the job in hand as failed: where it broke, never what an error says, for that may hold values."""
        places = "".join(traceback.format_tb(error.__traceback__))
        _log.error("%s in a batch look-up\n%s", type(error).__name__, places)
        if self._job is None:
            return
        with contextlib.suppress(StoreError), store_errors(), self._hub.engine.begin() as connection:
            _end(connection, self._job, "failed", "internal")


@contextlib.contextmanager
def working(worker: Worker) -> Iterator[None]:
    """Have it work for as long as this lasts."""
    thread = threading.Thread(target=worker.run, name=THREAD, daemon=True)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join(STOP_TIMEOUT_S)


def _caller(connection: Connection, job: Row, hub: Hub) -> Caller | None:
    """Who handed a job in, with the rights of now; None: he may look up no more."""
    policy = hub.policies.current()
    caller = Caller(job["caller"], job["role"], job["department"], kind="key" if job["key_id"] else "token", key_id=job["key_id"])
    try:
        rights = policy.rights(caller.department, caller.role)
    except AccessDenied:
        return None
    # Of an issuer's token nobody says that it was taken back; none is good for longer than this.
    is_good = job["age_s"] < hub.settings.oidc_max_hours * 3600 if caller.kind == "token" else is_live(connection, caller)
    if not is_good or not rights.allows(ENDPOINT) or job["purpose"] not in (None, *policy.purposes):
        return None
    purpose = None if job["purpose"] is None else Purpose(job["purpose"], job["case_reference"])
    return dataclasses.replace(caller, rights=rights, purpose=purpose)


def _keep(connection: Connection, job: Row, answers: dict[int, Answer]) -> None:
    statement = text(
        "UPDATE ops.lookup_row r SET answer = a.answer FROM jsonb_to_recordset(:answers) AS a (ordinal integer, answer jsonb) "
        "WHERE r.lookup_id = :lookup_id AND r.ordinal = a.ordinal"
    ).bindparams(bindparam("answers", type_=JSONB))
    written = [{"ordinal": ordinal, "answer": store_json(Protected.ANSWER, answer.as_json())} for ordinal, answer in answers.items()]
    connection.execute(statement, {"lookup_id": job["lookup_id"], "answers": written})
    progress = """
    UPDATE ops.lookup SET state = 'running', rows_done = :done, started_at = coalesce(started_at, now()), worked_at = clock_timestamp()
    WHERE lookup_id = :lookup_id
    """
    connection.execute(text(progress), {"lookup_id": job["lookup_id"], "done": max(answers)})


def _finish(connection: Connection, job: Row, hub: Hub) -> None:
    """Write the file, and let go of the rows it was made of; what it tells of is kept beside it."""
    rows = fetch(connection, "SELECT cells, answer FROM ops.lookup_row WHERE lookup_id = :lookup_id ORDER BY ordinal", job)
    kept = [(clear_json(Protected.CELLS, row["cells"]), clear_json(Protected.ANSWER, row["answer"])) for row in rows]
    content = write_result(job["format"], job["columns"], kept, hub.directory)
    told = told_by((answer for _, answer in kept), has_purpose=job["purpose"] is not None)
    _end(connection, job, "done", None, content)
    statement = text("INSERT INTO ops.lookup_row (lookup_id, ordinal, answer) VALUES (:lookup_id, :ordinal, :answer)")
    values = {"lookup_id": job["lookup_id"], "ordinal": ORDINAL, "answer": store_json(Protected.ANSWER, told.as_json())}
    connection.execute(statement.bindparams(bindparam("answer", type_=JSONB)), values)


def _end(connection: Connection, job: Row, state: str, reason: str | None, content: bytes | None = None) -> None:
    values = {"lookup_id": job["lookup_id"], "state": state, "reason": reason, "content": store_bytes(Protected.RESULT, content)}
    statement = """
    UPDATE ops.lookup SET state = :state, reason = :reason, result = :content, finished_at = clock_timestamp() WHERE lookup_id = :lookup_id
    """
    connection.execute(text(statement), values)
    connection.execute(text("DELETE FROM ops.lookup_row WHERE lookup_id = :lookup_id"), values)
    _log.info("batch look-up %s: %s, %d rows", job["lookup_id"], state, job["rows"])
