"""What the audit log costs: a call's row alone and among many, a call with and without it, sealing, verifying, finding who looked."""

from __future__ import annotations

import contextlib
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import httpx
from sqlalchemy import Engine, text

from api.access import Caller
from api.audit import sealing
from api.audit.row import row_of, write_audit
from api.audit.sealing import seal_all, tidy
from api.audit.subject import Subject, looks
from api.audit.verify import verify
from api.audit.writer import AuditWriter
from api.authentication.keys import create_key
from api.serve import serving
from api.trace import Trace
from benchmarks.api_process import DEPARTMENT, ROLE
from benchmarks.harness import RUNS, Row, show
from benchmarks.incremental import filled
from hub import postgres
from hub.database import make_engine
from hub.migrations import migrate
from hub.settings import Settings

ROWS = int(os.environ.get("AUDIT_ROWS", "100000"))
CALLS = 600
CALLERS = 16
SEARCHED = 2_000  # records of the store that is searched
SHOWN = 20  # cases of a search
_ONCE = "one reading"
_FILL = """
INSERT INTO audit.access (caller, department, action, outcome, entity_ids, purpose, case_reference, request_id, shape, results)
SELECT 'clerk-' || n % 500, 'labour', 'cases.search', 200,
       ARRAY(SELECT md5((n * 20 + k)::text)::uuid FROM generate_series(1, 20) k), 'mediation', 'LD2025-' || n, md5(n::text),
       '{"entry": "phone", "filters": ["street"]}', 20
FROM generate_series(1, :rows) n
"""


def measure_audit() -> None:
    """Print each figure beside its target."""
    with _store() as (engine, home):
        heads = home / "heads.jsonl"
        rows = [*_of_rows(engine), *_of_calls()]
        seal_all(engine, heads)
        rates = [_sealed(engine, heads) for _ in range(RUNS)]
        rows.append(Row(f"sealing {ROWS:,} rows of 20 ids each", [rate for rate, _ in rates], "rows/s", at_least=5_000))
        rows.append(Row("the same, and their ids worked into the index", [rate for _, rate in rates], "rows/s", at_least=5_000))
        began = time.perf_counter()
        report = verify(engine, heads)
        rows.append(Row(f"verifying {report.rows:,} rows", [report.rows / (time.perf_counter() - began)], "rows/s", note=_ONCE))
        rows.append(Row("who looked at a case, among them", _timed(lambda: _look(engine), RUNS), "ms"))
    show("audit", rows)
    if not report.is_sound:
        raise SystemExit("the log does not verify")


@contextlib.contextmanager
def _store() -> Iterator[tuple[Engine, Path]]:
    with tempfile.TemporaryDirectory(prefix="casehub-bench-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        home.chmod(0o755)  # the server's unprivileged user must be able to enter
        with postgres.running(Settings(home=home, postgres_port=0)) as server:
            engine = make_engine(server.url())
            migrate(engine)
            yield engine, home
            engine.dispose()


def _of_rows(engine: Engine) -> list[Row]:
    """A row committed alone, and by so many callers at once."""
    writer = AuditWriter(engine)

    def commit() -> None:
        writer.submit(row_of(_trace(), "cases.search", 200)).result()

    def commit_many() -> float:
        began = time.perf_counter()
        with ThreadPoolExecutor(CALLERS) as pool:
            for done in [pool.submit(commit) for _ in range(CALLS * 4)]:
                done.result()
        return CALLS * 4 / (time.perf_counter() - began)

    commit()
    alone = _timed(commit, CALLS)
    direct = _timed(lambda: write_audit(engine, _trace(), "cases.search", 200), CALLS)
    together = [commit_many() for _ in range(RUNS)]
    writer.close()
    return [
        Row(f"a row of {SHOWN} ids, committed by the writer, p50", [statistics.median(alone)], "ms", at_most=1.5, note=_ONCE),
        Row("  p95", [_p95(alone)], "ms", note=_ONCE),
        Row("such a row in a transaction of its own, p50", [statistics.median(direct)], "ms", note=_ONCE),
        Row(f"such rows of {CALLERS} callers at once, by the writer", together, "rows/s"),
    ]


def _of_calls() -> list[Row]:
    """A search that shows twenty cases, with and without its row, call by call by turns, over one connection."""
    with filled(SEARCHED) as (engine, _), tempfile.TemporaryDirectory(prefix="casehub-bench-") as home:
        token = create_key(engine, Caller("bench", ROLE, DEPARTMENT), 1)
        client = httpx.Client(headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=60)
        unlimited = mock.patch("api.dependencies.require_quota")
        with unlimited, serving(Settings(home=Path(home), api_port=0), engine) as url, client:

            def call() -> None:
                search(client, url)

            _timed(call, 50)
            runs = [_by_turns(call) for _ in range(RUNS)]
    note = f"{CALLS} with its row and {CALLS} without, by turns; store of {SEARCHED:,}"
    return [
        Row(f"what the log adds to a search of {SHOWN} cases, p50", [row - bare for row, bare in runs], "ms", at_most=1.5, note=note),
        Row("such a search in all, p50", [row for row, _ in runs], "ms", note="with its row; sealer at work"),
    ]


def search(client: httpx.Client, url: str) -> None:
    """Ask for the newest cases.

    Raises:
        SystemExit: not so many were shown as a row is to name.
    """
    answer = client.post(f"{url}/v1/cases/search", json={"limit": SHOWN}).raise_for_status()
    if len(answer.json()["items"]) != SHOWN:
        sys.exit(f"a search showed {len(answer.json()['items'])} cases, not {SHOWN}")


def _by_turns(call: Callable[[], None]) -> tuple[float, float]:
    """Medians with the row and without."""
    with_row: list[float] = []
    bare: list[float] = []
    for _ in range(CALLS):
        with_row += _timed(call, 1)
        with unwritten():
            bare += _timed(call, 1)
    return statistics.median(with_row), statistics.median(bare)


@contextlib.contextmanager
def unwritten() -> Iterator[None]:
    """Write no row, neither ahead of an answer nor with it: whoever waits for one is told at once that it is there."""

    def submit(*_: object) -> Future[None]:
        done: Future[None] = Future()
        done.set_result(None)
        return done

    with mock.patch.object(AuditWriter, "submit", submit):
        yield


def _sealed(engine: Engine, heads: Path) -> tuple[float, float]:
    """Rows a second, without and with the index."""
    with engine.begin() as connection:
        connection.execute(text(_FILL), {"rows": ROWS})
    began = time.perf_counter()
    with mock.patch.object(sealing, "tidy", lambda _: None):
        if seal_all(engine, heads) != ROWS:
            raise SystemExit("not every row was sealed")
    sealed = time.perf_counter() - began
    tidy(engine)
    return ROWS / sealed, ROWS / (time.perf_counter() - began)


def _look(engine: Engine) -> None:
    with engine.connect() as connection:
        case_id = connection.execute(text("SELECT md5('777')::uuid")).scalar_one()
        if not list(looks(connection, Subject(persons=frozenset([case_id])))):
            raise SystemExit("nobody looked")


def _trace() -> Trace:
    shown = [uuid.uuid4() for _ in range(20)]
    return Trace(uuid.uuid4().hex, "bench", "labour", "mediation", "LD2025-1", {"entry": "phone"}, shown, results=20)


def _timed(work: Callable[[], None], times: int) -> Sequence[float]:
    """Milliseconds of each."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append((time.perf_counter() - began) * 1000)
    return found


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]
