"""Children are found and stopped to the last descendant, by the run that started them and by the one after a kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from hub import postgres, processes
from hub.errors import BusyError, HubError, SettingsError
from hub.settings import Settings

ROOT = Path(__file__).parents[3]

# A child like Airflow's: it forks one into a group of its own that ignores SIGTERM, and writes both numbers down.
STUBBORN = """
import os, signal, sys, time
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(300)
with open(sys.argv[1] + ".part", "w") as file:
    file.write(f"{os.getpid()} {child}")
os.rename(sys.argv[1] + ".part", sys.argv[1])
time.sleep(300)
"""
# A run that starts such a child and never ends by itself.
RUN = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what it puts in the background with SIGINT ignored
from pathlib import Path
from hub import processes
with processes.running(Path(sys.argv[1])) as run:
    run.start("stubborn", [sys.executable, "-c", sys.argv[2], sys.argv[3]], {}, Path(sys.argv[1]) / "log")
    time.sleep(300)
"""


def eventually(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def numbers(path: Path) -> list[int]:
    eventually(path.exists)
    parent, child = (int(word) for word in path.read_text().split())
    return [parent, child]


def test_stop_reaches_a_grandchild_in_another_group_that_ignores_it(tmp_path: Path) -> None:
    told = tmp_path / "told"
    with processes.running(tmp_path) as run:
        run.start("stubborn", [sys.executable, "-c", STUBBORN, str(told)], os.environ, tmp_path / "log")
        family = numbers(told)
        assert all(alive(pid) for pid in family)
        run.stop(grace_s=0.5)
        assert not any(alive(pid) for pid in family)
    assert list((tmp_path / "run").glob("*.json")) == []


def test_nothing_else_is_stopped(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True) as bystander:
        with processes.running(tmp_path) as run:
            run.start("sleeper", [sys.executable, "-c", "import time; time.sleep(300)"], os.environ, tmp_path / "log")
        assert bystander.poll() is None
        bystander.kill()


def test_what_a_killed_run_left_is_stopped_by_the_next(tmp_path: Path) -> None:
    told = tmp_path / "told"
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(RUN), str(tmp_path), STUBBORN, str(told)], cwd=ROOT) as run:
        child, grandchild = numbers(told)
        run.kill()
    if sys.platform == "linux":
        eventually(lambda: not alive(child))  # the kernel ended it with its parent
    assert alive(grandchild)
    with processes.running(tmp_path):
        assert not alive(child)
        assert not alive(grandchild)


def test_a_number_that_now_belongs_to_somebody_else_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True) as stranger:
        folder = tmp_path / "run"
        folder.mkdir()
        (folder / "old.json").write_text(json.dumps({"name": "old", "session": stranger.pid, "started_at": time.time() - 3600}))
        (folder / "torn.json").write_text('{"name": "to')
        assert processes.stop_leftovers(folder) == 0
        assert stranger.poll() is None
        stranger.kill()
    assert list(folder.glob("*.json")) == []


def test_two_runs_of_one_folder(tmp_path: Path) -> None:
    with processes.running(tmp_path), pytest.raises(BusyError, match="at work already"), processes.running(tmp_path):
        pass


def test_a_home_that_cannot_be_written_into_names_its_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    for start in (lambda home: processes.running(home), lambda home: postgres.running(Settings(home=home, postgres_port=0))):
        with pytest.raises(SettingsError, match="CASEHUB_HOME"), start(tmp_path / "file" / "home"):
            pass
        with monkeypatch.context() as patched:
            patched.setattr("hub.home.os.access", lambda *_: False)  # root may write anywhere
            with pytest.raises(SettingsError, match="Permission denied"), start(tmp_path / "another's"):
                pass


def test_a_child_that_ends_while_it_is_awaited_is_told_with_its_log_and_none_of_its_words(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with processes.running(tmp_path) as run:
        run.start("short", [sys.executable, "-c", "print('port 1 is taken')"], os.environ, log)
        with pytest.raises(HubError, match="short ended") as error:
            processes.wait_until(lambda: False, "short", timeout_s=20, processes=run, log=log)
    assert str(log) in error.value.remedy
    assert "port 1" not in str(error.value)


def test_one_that_takes_too_long(tmp_path: Path) -> None:
    with processes.running(tmp_path) as run, pytest.raises(HubError, match="did not come up within 0 s"):
        processes.wait_until(lambda: False, "it", timeout_s=0.2, processes=run, log=tmp_path / "log")


def test_a_second_ctrl_c_does_not_leave_children_behind(tmp_path: Path) -> None:
    told = tmp_path / "told"
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(RUN), str(tmp_path), STUBBORN, str(told)], cwd=ROOT, stderr=subprocess.DEVNULL
    ) as run:
        family = numbers(told)
        run.send_signal(signal.SIGINT)
        eventually(lambda: not alive(family[0]))  # it is stopping
        run.send_signal(signal.SIGINT)
        run.wait(80)  # the grace, and a busy machine
    assert not any(alive(pid) for pid in family)
