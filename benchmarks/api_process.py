"""The API as a process of its own on a benchmark's store, and what it and the database cost while it answers."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil
from sqlalchemy import Engine

from hub.postgres import Server

PRODUCT = ("-m", "cli.main", "serve")
BARE = ("-m", "benchmarks.api_bare")
#: Whom the benchmark asks as: a department's system, which the policy lets ask in bulk.
ROLE, DEPARTMENT = "system", "petition"
_START_S = 60.0


@dataclass(frozen=True)
class Usage:
    """Seconds of processor time until now."""

    api_s: float
    database_s: float

    def __sub__(self, other: Usage) -> Usage:
        return Usage(self.api_s - other.api_s, self.database_s - other.database_s)


@dataclass(frozen=True)
class Running:
    """A running API.

    Args:
        port: on loopback.
        process: of the API.
        postmaster: the database's first process.
    """

    port: int
    process: psutil.Process
    postmaster: psutil.Process

    def usage(self) -> Usage:
        """What the API, and the database for whomever, have taken of the processors; processes of it that ended are its first one's."""
        living = sum(map(_seconds, self.postmaster.children(recursive=True)))
        return Usage(_seconds(self.process), living + _seconds(self.postmaster) + _seconds_of_ended(self.postmaster))

    @property
    def resident_mb(self) -> float:
        """Memory of the API."""
        return float(self.process.memory_info().rss) / 2**20


@contextlib.contextmanager
def running(command: Sequence[str], server: Server, engine: Engine) -> Iterator[Running]:
    """Start the API and stop it afterwards."""
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="casehub-bench-")))
        port = _free_port()
        environment = {
            "CASEHUB_DATABASE_URL": engine.url.render_as_string(hide_password=False),
            "CASEHUB_API_PORT": str(port),
            "CASEHUB_HOME": str(home),
            "CASEHUB_LOGIN_SECRET_FILE": str(secret_file(server)),
            "CASEHUB_LOG_LEVEL": "WARNING",
            "CASEHUB_CALLS_AT_ONCE": "1000",  # one caller stands for all
        }
        process = subprocess.Popen([sys.executable, *command], env={**os.environ, **environment}, stdout=subprocess.DEVNULL)  # noqa: S603 - own
        stack.callback(_stop, process)
        _wait_until_ready(process, port)
        postmaster = int((server.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        yield Running(port, psutil.Process(process.pid), psutil.Process(postmaster))


def secret_file(server: Server) -> Path:
    """One secret of the logins for all that the benchmark starts on a server: they share the logins."""
    path = server.folder / "bench-logins.secret"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(os.urandom(32).hex())
    return path


@dataclass
class Memory:
    """The API's memory while something lasts: minutes, and MB at each."""

    minutes: list[float] = field(default_factory=list)
    resident_mb: list[float] = field(default_factory=list)

    def growth(self, warm: float = 0.2) -> tuple[float, float]:
        """MB that it grows in an hour, and how much that is of the whole over what was measured; the first part, warming up, left out."""
        start = int(len(self.minutes) * warm)
        minutes, sizes = np.array(self.minutes[start:]), np.array(self.resident_mb[start:])
        slope = float(np.polyfit(minutes, sizes, 1)[0])
        return 60 * slope, slope * float(minutes[-1] - minutes[0]) / float(sizes.mean())


@contextlib.contextmanager
def watched(running: Running, every_s: float = 2.0) -> Iterator[Memory]:
    """Look at the API's memory again and again."""
    memory, over, began = Memory(), threading.Event(), time.monotonic()

    def look() -> None:
        while not over.wait(every_s):
            memory.minutes.append((time.monotonic() - began) / 60)
            memory.resident_mb.append(running.resident_mb)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        over.set()
        thread.join()


def _seconds(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0


def _seconds_of_ended(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.children_user + times.children_system)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).is_success:
                return
        time.sleep(0.1)
    sys.exit("the API did not come up")
