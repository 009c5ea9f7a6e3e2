"""HEADS: the chain's end, told outside of the database after each sealing, so that nobody who owns the database can rewrite it unseen.

A line of JSON a head, appended and flushed to the disk: the seal's number and hash, how many rows are chained, when.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hub.errors import SettingsError

_TAIL_BYTES = 4096
_log = logging.getLogger("api.audit")


@dataclass(frozen=True)
class Head:
    """Where the chain ends: the last seal's number, hash and time, and the rows chained so far."""

    number: int
    hash: str  # hex
    rows: int
    sealed_at: str

    def line(self) -> str:
        """As it is published."""
        return json.dumps(vars(self), separators=(",", ":")) + "\n"


def publish(path: Path, head: Head) -> bool:
    """Append a head unless it is the last one there; several servers may share the file.

    Returns:
        Whether it was appended.

    Raises:
        SettingsError: the file cannot be written; names the setting.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640), "r+b", buffering=0) as file:  # noqa: PTH123 - with a mode
            fcntl.flock(file, fcntl.LOCK_EX)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            tail = file.read()
            last = _last(tail)
            if last == head:
                return False
            if last is not None and last.number >= head.number:
                _log.error("the audit chain ends at seal %d, but %d was published: its tail was removed", head.number, last.number)
            torn = b"\n" if tail and not tail.endswith(b"\n") else b""
            file.write(torn + head.line().encode())
            os.fsync(file.fileno())
    except OSError as error:
        raise SettingsError(
            f"访问记录的链头无法公布到 {path} · the audit chain's head cannot be published to {path} ({error.strerror})",
            remedy="将 CASEHUB_AUDIT_HEAD 设为可追加写入的文件 · set CASEHUB_AUDIT_HEAD to a file that the hub may append to",
            setting="CASEHUB_AUDIT_HEAD",
        ) from None
    return True


def read_heads(path: Path, until: int | None = None) -> Iterator[tuple[int, Head | None]]:
    """Every published head with the number of its line, oldest first; None for a line that is none.

    Args:
        path: of the file.
        until: bytes of it that are read; what is published meanwhile is of later than the log that it is held against.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if until is not None and lines.tell() > until:
                return
            yield number, _read(line.decode("utf-8", "replace"))


def _last(tail: bytes) -> Head | None:
    lines = tail.decode("utf-8", "replace").splitlines()
    return _read(lines[-1]) if lines else None


def _read(line: str) -> Head | None:
    with contextlib.suppress(ValueError, TypeError, RecursionError):
        found = Head(**json.loads(line))
        if type(found.number) is int and isinstance(found.hash, str) and type(found.rows) is int and isinstance(found.sealed_at, str):
            return found
    return None
