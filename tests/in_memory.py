"""Folders in shared memory, where the machine has any: what is written there waits for no disk. No test ends the machine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_ROOM = 4 * 2**30  # bytes: what a worker's server comes to, and as much again


def memory() -> Path | None:
    """Where folders may be made that lie in memory, or None where the machine has none or little of it."""
    found = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
    if not found.is_dir() or not os.access(found, os.W_OK) or shutil.disk_usage(found).free < _ROOM:
        return None
    return found
