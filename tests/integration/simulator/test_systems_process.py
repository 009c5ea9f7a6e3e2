"""The systems as a process: where it says how to reach it, how it is moved on, and that it ends when it should."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import polars as pl
import psutil
import pytest

from hub.errors import SettingsError
from simulator.serve import DEPARTMENTS, Servers, Systems
from simulator.world import World
from tests.integration.simulator import plain

WAIT_S = 60.0
ARGUMENTS = ["-m", "simulator", "--records", "120", "--seed", "3", "--port", "0"]


@contextmanager
def started(folder: Path, *more: str) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, str]]]:
    """The process, and what its connections.json says."""
    process = subprocess.Popen([sys.executable, *ARGUMENTS, "--folder", str(folder), *more], stdout=subprocess.DEVNULL)
    try:
        yield process, wait_for(folder / "connections.json")
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(WAIT_S)


def wait_for(path: Path) -> dict[str, str]:
    deadline = time.monotonic() + WAIT_S
    while not path.exists():
        assert time.monotonic() < deadline, "the systems did not come up"
        time.sleep(0.05)
    found: dict[str, str] = json.loads(path.read_text("utf-8"))
    return found


def test_a_process_from_start_to_shutdown(tmp_path: Path) -> None:
    folder = tmp_path / "a folder"
    with plain.inbox() as (taken, url), started(folder, "--inbox-url", url) as (process, connections):
        control = connections.pop("control")
        assert stat.S_IMODE((folder / "connections.json").stat().st_mode) == 0o600
        assert set(connections) == {f"CASEHUB_CONNECTION_{department.upper()}" for department in DEPARTMENTS}
        taken.secret = json.loads(connections["CASEHUB_CONNECTION_EMERGENCY_MANAGEMENT"])["secret"]
        assert httpx.post(f"{control}/push").json()["requests"] >= 1
        assert taken.events
        assert httpx.get(f"{control}/advance", params={"tick": "2"}).json() == {"tick": 2}
        assert httpx.get(f"{control}/advance", params={"tick": "x"}).status_code == 400
        truth = httpx.get(f"{control}/truth").json()
        assert pl.read_parquet(truth["records"]).columns == ["department", "source_record_id", "case_truth_id"]
        assert {"department", "kind", "outcome"} <= set(pl.read_parquet(truth["garbage"]).columns)
        assert httpx.get(f"{control}x/advance").status_code == 404
        assert only_loopback(process.pid)
        httpx.get(f"{control}/shutdown")
        assert process.wait(WAIT_S) == 0
        assert not (folder / "connections.json").exists()


def only_loopback(pid: int) -> bool:
    """Whether all that the process listens on is 127.0.0.1."""
    addresses = {item.laddr.ip for item in psutil.Process(pid).net_connections("inet") if item.status == psutil.CONN_LISTEN}
    return addresses == {"127.0.0.1"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_on_signals(tmp_path: Path, number: signal.Signals) -> None:
    with started(tmp_path) as (process, _):
        process.send_signal(number)
        assert process.wait(WAIT_S) == 0


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, *{ARGUMENTS!r}, '--folder', {str(tmp_path)!r}], stdout=subprocess.DEVNULL)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    wait_for(tmp_path / "connections.json")
    parent.kill()
    parent.wait(WAIT_S)
    parent.stdout.close()
    psutil.wait_procs([child], timeout=WAIT_S)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_taken_port_is_an_error_that_names_the_setting(world: World, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError) as caught:
            Systems(world, tmp_path, ports=port - 4, servers=Servers())  # housing takes the fourth after the first
        assert caught.value.detail["setting"] == "CASEHUB_SIMULATOR_PORT"
        command = [sys.executable, *ARGUMENTS[:-1], str(port), "--folder", str(tmp_path)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, env={**os.environ}, check=False)
    assert ended.returncode == 2
    assert "CASEHUB_SIMULATOR_PORT" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_ports_follow_the_first_one(world: World, tmp_path: Path) -> None:
    first = free_block()
    with Systems(world, tmp_path, ports=first, servers=Servers()) as systems:
        ports = {
            department: urlsplit(plain.setting(systems, department)["url"]).port for department in ("petition", "political_legal", "health")
        }
    assert ports == {"petition": first + 1, "political_legal": first + 2, "health": first + 5}


def free_block(size: int = 7) -> int:
    """A port that is free with those after it."""
    for first in range(21_000, 30_000, size):
        sockets = [socket.socket() for _ in range(size)]
        try:
            for offset, probe in enumerate(sockets):
                probe.bind(("127.0.0.1", first + offset))
        except OSError:
            continue
        else:
            return first
        finally:
            for probe in sockets:
                probe.close()
    raise AssertionError("no free ports")


def test_what_an_earlier_run_left_is_not_read(world: World, tmp_path: Path) -> None:
    stale = tmp_path / "procuratorate" / "share" / "ajxx" / "stale.xml"
    stale.parent.mkdir(parents=True)
    stale.write_text("<a/>", "utf-8")
    with Systems(world, tmp_path, servers=Servers()):
        assert not stale.exists()
