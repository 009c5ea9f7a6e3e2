"""The embedded server: shared, private, and none the worse for a kill."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

import psutil
import psycopg2
import pytest

from hub import airflow, postgres
from hub.errors import SettingsError
from hub.settings import Settings
from tests.in_memory import memory


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder with a blank in its name, which the server's unprivileged user can enter; in memory, for a first start writes a lot."""
    with TemporaryDirectory(prefix="case hub ", dir=memory(), ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def empty() -> Iterator[Path]:
    """A home in which nothing has ever run."""
    with folder() as home:
        yield home


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A home after its first start and its end; nobody starts a server in it again."""
    with folder() as home:
        with postgres.running(settings_of(home)):
            pass
        yield home


@pytest.fixture
def home(empty: Path, made: Path) -> Path:
    """A home after its first start: a copy of one, owners included."""
    subprocess.run(["/bin/cp", "-a", f"{made}/.", f"{empty}/"], check=True)
    return empty


def settings_of(home: Path, port: int = 0) -> Settings:
    return Settings(home=home, postgres_port=port)


def postmaster(home: Path) -> psutil.Process:
    return psutil.Process(int((home / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0]))


def test_the_last_user_out_stops_the_server(home: Path) -> None:
    with postgres.running(settings_of(home)) as first:
        with postgres.running(settings_of(home)) as second:
            assert second.port == first.port
        server = postmaster(home)
        assert server.is_running()
    assert not server.is_running()


def test_chinese_has_trigrams_and_two_databases_are_there(empty: Path) -> None:
    with postgres.running(settings_of(empty)) as server:
        connection = postgres.connect(server, "casehub")
        with connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION pg_trgm")
            cursor.execute(
                "SELECT similarity('光明区公明街道', '光明区公明') > 0.2, datlocale FROM pg_database WHERE datname = current_database()"
            )
            assert cursor.fetchone() == (True, "C.UTF-8")
        connection.close()
        postgres.connect(server, "airflow").close()


def test_it_listens_on_loopback_alone_and_wants_a_password(home: Path) -> None:
    with postgres.running(settings_of(home)) as server:
        addresses = {c.laddr.ip for c in postmaster(home).net_connections("inet") if c.status == psutil.CONN_LISTEN}
        assert addresses == {"127.0.0.1"}
        with pytest.raises(psycopg2.OperationalError, match="password"):
            psycopg2.connect(host="127.0.0.1", port=server.port, user="casehub", password="wrong", dbname="casehub")
        assert (home / "postgres" / "password").stat().st_mode & 0o777 == 0o600


def test_what_is_refused_leaves_no_value_in_the_log(home: Path) -> None:
    value = "13912345678"
    with postgres.running(settings_of(home)) as server:
        connection = postgres.connect(server, "casehub")
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE party (phone text PRIMARY KEY, born date)")
            cursor.execute("INSERT INTO party VALUES (%s)", (value,))
            with pytest.raises(psycopg2.errors.UniqueViolation):
                cursor.execute("INSERT INTO party VALUES (%s)", (value,))
            with pytest.raises(psycopg2.DataError):
                cursor.copy_expert("COPY party FROM STDIN (FORMAT csv)", io.StringIO(f"1,{value}a\n"))
        connection.close()
    told = (home / "postgres" / "server.log").read_text()
    assert "database system is ready" in told
    assert value not in told


@pytest.mark.parametrize("name", ["docker-compose.yml", "docs/operations.md"])
def test_servers_of_ones_own_are_set_up_to_log_no_value_either(name: str) -> None:
    told = (airflow.ROOT / name).read_text(encoding="utf-8").replace(" = ", "=")
    for option in ("log_min_messages", "log_min_error_statement"):
        assert f"{option}={postgres.SERVER_OPTIONS[option]}" in told


def test_a_taken_port_names_the_setting(home: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with (
            pytest.raises(SettingsError, match=f"port {port} on 127.0.0.1 is taken.*CASEHUB_POSTGRES_PORT"),
            postgres.running(settings_of(home, port)),
        ):
            pass


def test_a_server_starts_beside_the_last_processes_of_a_killed_one(home: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from hub import postgres; from hub.settings import Settings\n"
        "with postgres.running(Settings(home=Path(sys.argv[1]), postgres_port=0)) as server:\n"
        "    connection = postgres.connect(server, 'casehub')\n"
        "    print(connection.info.backend_pid, flush=True); connection.cursor().execute('SELECT pg_sleep(60)')\n"
    )
    user = subprocess.Popen([sys.executable, "-c", program, str(home)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert user.stdout is not None
    last = int(user.stdout.readline())
    os.kill(last, signal.SIGSTOP)  # as one that is busy: it does not notice that the server is gone
    for process in (user.pid, postmaster(home).pid):
        os.kill(process, signal.SIGKILL)
    user.wait()
    user.stdout.close()
    log = home / "postgres" / "server.log"
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_answered, home)
        deadline = time.monotonic() + 15
        while b"shared memory block" not in log.read_bytes() and time.monotonic() < deadline:
            time.sleep(0.02)
        was_waiting = not waiting.done()
        os.kill(last, signal.SIGCONT)
        waiting.result()
    assert was_waiting
    assert b"shared memory block" in log.read_bytes()


def _answered(home: Path) -> None:
    with postgres.running(settings_of(home)) as server:
        postgres.connect(server, "casehub").close()


def test_data_survive_a_kill_of_everything(home: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from hub import postgres; from hub.settings import Settings\n"
        "with postgres.running(Settings(home=Path(sys.argv[1]), postgres_port=0)) as server:\n"
        "    connection = postgres.connect(server, 'casehub')\n"
        "    connection.cursor().execute('CREATE TABLE kept AS SELECT 7 AS n'); connection.commit()\n"
        "    print('ready', flush=True); time.sleep(60)\n"
    )
    user = subprocess.Popen([sys.executable, "-c", program, str(home)], stdout=subprocess.PIPE, text=True)
    assert user.stdout is not None
    assert user.stdout.readline() == "ready\n"
    server = postmaster(home)
    for process in (user.pid, server.pid, *(child.pid for child in server.children())):
        with contextlib.suppress(ProcessLookupError):  # some of the server's children come and go
            os.kill(process, signal.SIGKILL)
    user.wait()
    user.stdout.close()
    with postgres.running(settings_of(home)) as again:
        connection = postgres.connect(again, "casehub")
        with connection.cursor() as cursor:
            cursor.execute("SELECT n FROM kept")
            assert cursor.fetchone() == (7,)
        connection.close()


def test_a_server_left_behind_by_a_killed_user_is_taken_over_and_stopped(home: Path) -> None:
    program = (
        "import sys, os, signal; from pathlib import Path; from hub import postgres; from hub.settings import Settings\n"
        "with postgres.running(Settings(home=Path(sys.argv[1]), postgres_port=0)): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", program, str(home)], check=False).returncode == -signal.SIGKILL
    left = postmaster(home)
    assert left.is_running()
    with postgres.running(settings_of(home)):
        assert postmaster(home).pid == left.pid
    assert not left.is_running()


@pytest.mark.parametrize("killed_at", postgres.DATABASES)
def test_a_first_start_that_was_killed_is_completed_by_the_next_user(empty: Path, killed_at: str) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from hub import postgres; from hub.settings import Settings\n"
        "create = postgres._create_database\n"
        "def die(server, database):\n"
        "    os.kill(os.getpid(), signal.SIGKILL) if database == sys.argv[2] else create(server, database)\n"
        "postgres._create_database = die\n"
        "with postgres.running(Settings(home=Path(sys.argv[1]), postgres_port=0)): pass\n"
    )
    assert subprocess.run([sys.executable, "-c", program, str(empty), killed_at], check=False).returncode == -signal.SIGKILL
    left = postmaster(empty)
    with postgres.running(settings_of(empty)) as server:
        assert postmaster(empty).pid == left.pid
        for database in postgres.DATABASES:
            postgres.connect(server, database).close()
    assert not left.is_running()


@pytest.mark.parametrize("interrupted", ["_wait_until_ready", "_create_database"])
def test_a_start_that_is_interrupted_leaves_no_server_running(home: Path, monkeypatch: pytest.MonkeyPatch, interrupted: str) -> None:
    started: list[psutil.Process] = []

    def interrupt(*_: object) -> None:
        started.append(psutil.Process(postgres._started[postgres.folder_of(home)].pid))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(postgres, interrupted, interrupt)
        with pytest.raises(KeyboardInterrupt), postgres.running(settings_of(home)):
            pass
    assert [process.is_running() for process in started] == [False]
    with postgres.running(settings_of(home)) as server:
        postgres.connect(server, "casehub").close()


def test_a_second_interrupt_leaves_no_server_running(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    is_last = postgres._is_last_user

    def interrupted(users: TextIO) -> bool:
        signal.raise_signal(signal.SIGINT)
        return is_last(users)

    monkeypatch.setattr(postgres, "_is_last_user", interrupted)
    with pytest.raises(KeyboardInterrupt), postgres.running(settings_of(home)):
        server = postmaster(home)
        raise KeyboardInterrupt
    assert not server.is_running()


def test_an_interrupted_user_leaves_the_server_to_the_others(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with postgres.running(settings_of(home)) as server:
        with monkeypatch.context() as patched:
            patched.setattr(postgres, "_answers", interrupt)
            with pytest.raises(KeyboardInterrupt), postgres.running(settings_of(home)):
                pass
        postgres.connect(server, "casehub").close()


def test_another_process_with_the_old_number_is_not_mistaken_for_the_server(home: Path) -> None:
    with postgres.running(settings_of(home)):
        lock = (home / "postgres" / "data" / "postmaster.pid").read_text().splitlines()
    lock[0] = str(os.getpid())
    (home / "postgres" / "data" / "postmaster.pid").write_text("\n".join(lock))
    with postgres.running(settings_of(home)) as server:
        postgres.connect(server, "casehub").close()


def test_an_initdb_that_was_killed_is_begun_anew(empty: Path) -> None:
    (empty / "postgres" / "data.partial").mkdir(parents=True)
    (empty / "postgres" / "data.partial" / "half").write_text("x")
    with postgres.running(settings_of(empty)) as server:
        postgres.connect(server, "casehub").close()
