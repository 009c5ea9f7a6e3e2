"""Commands that are told to end: what they started is stopped, and the audit log says how they ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psutil
import pytest
from sqlalchemy import text

from cli.ending import ending_in_order
from hub import postgres
from hub.airflow import ROOT
from hub.database import opened
from hub.settings import Settings

WAIT_S = 60.0
# A shell starts what it puts in the background with SIGINT ignored, `nohup` with SIGHUP.
COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from cli.main import main
main()
"""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A home with a migrated store, which the server's unprivileged user can enter."""
    with TemporaryDirectory(prefix="case hub ", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        command = [sys.executable, "-m", "cli.main", "migrate"]
        subprocess.run(command, cwd=ROOT, env=environment(Path(name)), check=True, capture_output=True)
        yield Path(name)


def environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CASEHUB_")}
    return {**kept, "CASEHUB_HOME": str(home), "CASEHUB_POSTGRES_PORT": "0", "CASEHUB_API_PORT": "0", "PYTHONUNBUFFERED": "1"}


def server_of(home: Path) -> psutil.Process | None:
    with contextlib.suppress(OSError, psutil.Error):
        return psutil.Process(int((postgres.folder_of(home) / "data" / "postmaster.pid").read_text().split()[0]))
    return None


def eventually(is_true: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def answers(process: psutil.Process) -> bool:
    ports = [each.laddr.port for each in process.net_connections("inet") if each.status == psutil.CONN_LISTEN]
    with contextlib.suppress(httpx.HTTPError):
        return bool(ports) and httpx.get(f"http://127.0.0.1:{ports[0]}/readyz", trust_env=False).is_success
    return False


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param([signal.SIGTERM], id="SIGTERM"),
        pytest.param([signal.SIGINT], id="SIGINT"),
        pytest.param([signal.SIGHUP], id="SIGHUP"),
        pytest.param([signal.SIGHUP] * 20, id="SIGHUP of the terminal and of its shell"),
    ],
)
def test_serve_stops_its_database_and_says_so(home: Path, numbers: list[signal.Signals]) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, "serve"],
        cwd=ROOT,
        env=environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as serving:
        try:
            eventually(lambda: answers(psutil.Process(serving.pid)))
            database = server_of(home)
            assert database is not None
            for number in numbers:
                serving.send_signal(number)
                time.sleep(0.002)
            assert serving.wait(WAIT_S) == 0
        finally:
            serving.kill()
    assert not database.is_running()
    ended = "SELECT outcome FROM audit.access WHERE action = 'serve' ORDER BY access_id DESC LIMIT 1"
    with opened(Settings(home=home, postgres_port=0)) as engine, engine.connect() as connection:
        assert connection.execute(text(ended)).scalar_one() == 0


def test_a_second_order_does_not_break_off_the_clearing_up() -> None:
    cleared = False
    with pytest.raises(SystemExit) as ended, ending_in_order():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGHUP)
            cleared = True
    assert (ended.value.code, cleared) == (128 + signal.SIGTERM, True)


def test_what_somebody_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with ending_in_order():
            signal.raise_signal(signal.SIGHUP)
            with pytest.raises(SystemExit) as ended:
                signal.raise_signal(signal.SIGTERM)
        assert ended.value.code == 128 + signal.SIGTERM
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)
