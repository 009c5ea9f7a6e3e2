"""Four departments the whole way under a real Airflow, killed with all that was started in the middle: the next start comes out right.

That one stays up until Ctrl-C, which stops everything.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import psutil
import psycopg2
import pytest
from sqlalchemy import Connection, Engine, text

from api.audit.verify import verify
from hub import postgres
from hub.database import make_engine
from hub.settings import Settings
from pipeline.batch.conservation import recount, require_law
from simulator.world import build_world
from tests.in_memory import memory

ROOT = Path(__file__).parents[3]
DEPARTMENTS = ("petition", "labour", "court", "emergency_management")
RECORDS, SEED = 1232, 11
# A shell starts what it puts in the background with SIGINT ignored.
COMMAND = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\nfrom cli.main import main; main()"

pytestmark = pytest.mark.timeout(420)


class Demo:
    """`casehub demo` over a home of its own, in a process of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.log = home / "demo.log"
        ports = {f"CASEHUB_{name}_PORT": "0" for name in ("POSTGRES", "API", "AIRFLOW", "SIMULATOR")}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CASEHUB_", "AIRFLOW"))}
        self._environment = {**kept, **ports, "CASEHUB_HOME": str(home), "CASEHUB_DEPARTMENTS": ",".join(DEPARTMENTS)}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, "demo", "--records", str(RECORDS), "--seed", str(SEED)],
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self._process

    def processes(self) -> list[psutil.Process]:
        """Everything that this home has set going, PostgreSQL included."""
        sessions = {json.loads(path.read_text())["session"] for path in (self.home / "run").glob("*.json")}
        if self._process is not None:
            sessions.add(self._process.pid)
        with contextlib.suppress(OSError, IndexError):
            sessions.add(int((postgres.folder_of(self.home) / "data" / "postmaster.pid").read_text().split()[0]))
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                if os.getsid(process.pid) in sessions and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def kill(self) -> list[psutil.Process]:
        """`kill -9` of the lot at once."""
        killed = self.processes()
        for process in killed:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(10)
        return killed

    def query(self, statement: str) -> int:
        """One number from the store; 0 while it is not there."""
        with contextlib.suppress(OSError, IndexError, psycopg2.Error):
            folder = postgres.folder_of(self.home)
            port = int((folder / "data" / "postmaster.pid").read_text().splitlines()[3])
            server = postgres.Server(port, (folder / "password").read_text(), folder)
            with contextlib.closing(postgres.connect(server, "casehub")) as connection, connection.cursor() as cursor:
                cursor.execute(statement)
                row = cursor.fetchone()
                return int(row[0]) if row else 0
        return 0


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """In memory, where there is room: each state of each task is a commit, and a killed server has lost none that was written."""
    home = Path(tempfile.mkdtemp(prefix="100% case hub ", dir=memory() or tmp_path_factory.mktemp("demo")))  # any folder will do
    running = Demo(home)
    yield running
    running.kill()
    shutil.rmtree(postgres.folder_of(home))  # for root it may be outside of the home
    shutil.rmtree(home, ignore_errors=True)


def is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def eventually(is_true: Callable[[], bool], demo: Demo, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_true():
        assert time.monotonic() < deadline, demo.log.read_text()[-2000:]
        time.sleep(0.05)


@pytest.fixture(scope="module")
def killed_once(demo: Demo) -> Iterator[Engine]:
    """The store after a run that was killed in the middle and one that was not."""
    demo.start()
    eventually(lambda: demo.query("SELECT count(*) FROM landing.record WHERE state = 'landed'") > 0, demo, 240)
    listening, titles = set(), []
    for process in demo.processes():
        with contextlib.suppress(psutil.NoSuchProcess):  # tasks come and go
            listening |= {each.laddr.ip for each in process.net_connections("inet") if each.status == psutil.CONN_LISTEN}
            titles.append(" ".join(process.cmdline()))
    demo.kill()
    assert listening == {"127.0.0.1"}
    assert any("LocalExecutor" in title for title in titles)
    assert any("postgres" in title for title in titles)
    second = demo.start()
    eventually(lambda: "Ctrl-C stops everything" in demo.log.read_text(), demo, 300)
    at_work = demo.processes()
    assert len(at_work) >= 7  # the command, PostgreSQL, the systems, the API, and three of Airflow
    os.killpg(second.pid, signal.SIGINT)  # as a terminal does
    assert second.wait(60) == 0, demo.log.read_text()[-4000:]
    assert [process for process in at_work if is_alive(process)] == []
    with postgres.running(Settings(home=demo.home, postgres_port=0)) as server:
        engine = make_engine(server.url())
        yield engine
        engine.dispose()


def rows(connection: Connection, statement: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in connection.execute(text(statement))]


def test_the_law_holds_for_every_batch(killed_once: Engine) -> None:
    with killed_once.connect() as connection:
        ids = [int(str(row[0])) for row in rows(connection, "SELECT batch_id FROM ops.batch")]
        counts = recount(connection, ids)
    assert sum(count.pulled for count in counts) > 0
    require_law(counts)


def test_every_record_is_there_once_and_in_one_case(killed_once: Engine) -> None:
    at_first = build_world(RECORDS, SEED).records.filter((pl.col("tick") == 0) & pl.col("department").is_in(DEPARTMENTS))
    expected = set(at_first.select("department", "source_record_id").iter_rows())
    with killed_once.connect() as connection:
        accepted = rows(connection, "SELECT department, source_record_id FROM landing.record WHERE state = 'accepted'")
        current = rows(connection, "SELECT department, source_record_id FROM store.source_record WHERE known_to IS NULL")
        member = rows(
            connection,
            "SELECT s.department, s.source_record_id FROM store.source_record s JOIN store.case_member m USING (record_id) "
            "WHERE s.known_to IS NULL AND m.known_to IS NULL",
        )
        pending = rows(connection, "SELECT record_id FROM ops.pending")
    for found in (accepted, current, member):
        assert len(found) == len(set(found))
        assert set(found) == expected
    assert pending == []


def test_there_is_a_line_to_copy_for_each_role(killed_once: Engine, demo: Demo) -> None:
    told = demo.log.read_text()
    assert len(re.findall(r"^curl -s -H 'Authorization: Bearer \S+' ", told, re.MULTILINE)) == 3
    with killed_once.connect() as connection:
        assert {row[0] for row in rows(connection, "SELECT role FROM ops.api_key")} == {"clerk", "engineer", "admin"}


def test_no_department_was_pulled_by_its_schedule(killed_once: Engine) -> None:
    """Some are due every five minutes: such a run would pull them a second time within the pass."""
    with killed_once.connect() as connection:
        runs = [str(row[0]) for row in rows(connection, "SELECT run_id FROM ops.batch")]
    assert runs
    assert [run for run in runs if "manual__" not in run] == []


def test_nothing_landed_twice(killed_once: Engine) -> None:
    """The sources did not change, so no key has a second version."""
    with killed_once.connect() as connection:
        assert rows(connection, "SELECT department, source_record_id FROM landing.record WHERE version > 1") == []


def test_no_run_is_left_over(killed_once: Engine) -> None:
    with killed_once.connect() as connection:
        assert rows(connection, "SELECT batch_id FROM ops.batch WHERE state IN ('open', 'landed', 'validated')") == []


def test_each_run_is_in_the_audit_log_and_chained(killed_once: Engine, demo: Demo) -> None:
    with killed_once.connect() as connection:
        outcomes = [row[0] for row in rows(connection, "SELECT outcome FROM audit.access WHERE action = 'demo' ORDER BY access_id")]
    assert outcomes == [None, None, 0]  # the killed one has no end
    assert verify(killed_once, demo.home / "audit-head.jsonl").is_sound
