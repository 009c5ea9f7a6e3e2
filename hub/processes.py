"""Child processes: each started in a session of its own, written down, and stopped to its last descendant, also after `kill -9`.

A child may fork, put its own children into groups of their own and change their titles, as Airflow does; all of them stay in
the session that it was started in, and that is how they are found. What a killed run left behind is found the same way,
through the notes in the run folder, before anything new is started.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

import psutil

from hub.errors import BusyError, HubError
from hub.home import made

logger = logging.getLogger(__name__)

STOP_GRACE_S = 5.0
_SAME_START_S = 2.0  # a process's start time is counted in ticks since boot, so it wavers with the clock
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Note:
    """What is written down of a child: enough to know it again, whatever its title is by then."""

    name: str
    session: int
    started_at: float


@dataclass(frozen=True)
class Child:
    """A child that was started here."""

    note: Note
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def has_ended(self) -> bool:
        """Whether the child itself is gone, by its own doing or not."""
        return self.process.poll() is not None


class Processes:
    """The children of one run, noted in a folder. Made by `running`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._children: list[Child] = []

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> Child:
        """Start a child whose output goes to `log`.

        Call it from the main thread: the kernel ends a child when the *thread* that started it is gone.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:  # of this run alone: logs of all runs would grow for ever
            process = subprocess.Popen(  # noqa: S603 - commands are put together by the hub alone
                list(command),
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_parent(),
            )
        note = Note(name, process.pid, _started_at(process.pid))
        (self._folder / f"{name}.json").write_text(json.dumps(asdict(note)))
        child = Child(note, process, log)
        self._children.append(child)
        return child

    @property
    def ended(self) -> list[Child]:
        """Children that ended without being asked to."""
        return [child for child in self._children if child.has_ended]

    def stop(self, children: Sequence[Child] | None = None, grace_s: float = STOP_GRACE_S) -> None:
        """Stop children (None: all), the last started first, and everything in their sessions: asked, and after `grace_s` killed."""
        for child in reversed(self._children if children is None else children):
            with contextlib.suppress(ProcessLookupError):
                child.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.process.wait(grace_s)
            _kill_sessions([child.note])
            child.process.wait()
            (self._folder / f"{child.note.name}.json").unlink(missing_ok=True)
            self._children = [other for other in self._children if other is not child]


@contextlib.contextmanager
def running(home: Path) -> Iterator[Processes]:
    """Be the one run of `home`: clear away what a killed run left, then start children, and stop them all at the end.

    Raises:
        BusyError: another run of the same folder is alive.
        SettingsError: the folder cannot be written into.
    """
    folder = made(home.resolve() / "run")
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(
                f"{home} 上已有程序在运行 · a run over {home} is at work already",
                remedy="先停止它，或另设 CASEHUB_HOME · end it first, or give this one another CASEHUB_HOME",
            ) from None
        stop_leftovers(folder)
        processes = Processes(folder)
        try:
            yield processes
        finally:
            with unstoppable():
                processes.stop()


def stop_leftovers(folder: Path) -> int:
    """Kill what an earlier run that was itself killed left alive.

    Returns:
        How many processes were found.
    """
    notes = []
    for path in folder.glob("*.json"):
        with contextlib.suppress(ValueError, TypeError):  # half-written when its writer was killed
            notes.append(Note(**json.loads(path.read_text())))
    found = _kill_sessions(notes)
    if found:
        logger.warning("stopped %d processes that a killed run had left behind", found)
    for path in folder.glob("*.json"):
        path.unlink(missing_ok=True)
    return found


def wait_until(is_true: Callable[[], bool], what: str, *, timeout_s: float, processes: Processes, log: Path) -> None:
    """Wait for a child to be of use.

    Raises:
        HubError: it did not happen in time or a child ended meanwhile; names the log to read.
    """
    deadline = time.monotonic() + timeout_s
    while not is_true():
        if processes.ended:
            raise_ended(processes.ended[0])
        if time.monotonic() > deadline:
            raise HubError(
                f"{what} 在 {timeout_s:.0f} 秒内未能启动 · {what} did not come up within {timeout_s:.0f} s",
                remedy=f"查看 {log} · read {log}",
            )
        time.sleep(0.1)


def raise_ended(child: Child) -> NoReturn:
    """Say that a child ended by itself, and where it said why: its own words may quote a value.

    Raises:
        HubError: always.
    """
    raise HubError(f"{child.note.name} 已退出 · {child.note.name} ended", remedy=f"查看 {child.log} · read {child.log}")


def _kill_sessions(notes: Sequence[Note]) -> int:
    """Kill every process of the noted sessions, again until none is left, for they may fork meanwhile."""
    found = 0
    deadline = time.monotonic() + STOP_GRACE_S
    while time.monotonic() < deadline:
        alive = [process for process in _members(notes) if process.status() != psutil.STATUS_ZOMBIE]
        if not alive:
            break
        found += len(alive)
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(alive, timeout=1)
    return found


def _members(notes: Sequence[Note]) -> list[psutil.Process]:
    """Living processes of the noted sessions. A number is not given away again while its session has a member."""
    by_session = {note.session: note for note in notes}
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError, PermissionError):
            note = by_session.get(os.getsid(process.pid))
            if note is None or process.status() == psutil.STATUS_ZOMBIE:
                continue
            is_leader = process.pid == note.session
            lag_s = process.create_time() - note.started_at
            if abs(lag_s) < _SAME_START_S if is_leader else lag_s > -_SAME_START_S and not _is_reused(note):
                found.append(process)
    return found


def _is_reused(note: Note) -> bool:
    """Whether the session's number now belongs to a leader that is not the noted one."""
    try:
        return abs(psutil.Process(note.session).create_time() - note.started_at) >= _SAME_START_S
    except psutil.NoSuchProcess:
        return False


def _started_at(pid: int) -> float:
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return time.time()


def _end_with_parent() -> Callable[[], None] | None:
    """On Linux, have the kernel end the child when its parent is killed; elsewhere the next start clears up."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up here: not much is safe between fork and exec
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


@contextlib.contextmanager
def unstoppable() -> Iterator[None]:
    """Let no second Ctrl-C leave half of what is to be stopped behind."""
    before = {kind: signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        for kind in before:
            signal.signal(kind, signal.SIG_IGN)
    except ValueError:  # not the main thread, which gets no signals anyway
        yield
        return
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
