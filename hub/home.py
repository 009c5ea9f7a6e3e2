"""Folders under CASEHUB_HOME, for everything that the hub writes."""

from __future__ import annotations

import os
from pathlib import Path

from hub.errors import SettingsError


def made(folder: Path) -> Path:
    """A folder of the hub's own, made if it is not there.

    Raises:
        SettingsError: it cannot be made or written into, as where another user made it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        reason = "" if os.access(folder, os.W_OK | os.X_OK) else "Permission denied"
    except OSError as error:
        reason = error.strerror or type(error).__name__
    if reason:
        raise SettingsError(
            f"无法写入目录 {folder}（{reason}） · the folder {folder} cannot be written into ({reason})",
            remedy="将 CASEHUB_HOME 指向当前用户可写的目录 · point CASEHUB_HOME to a folder that this user may write into",
            setting="CASEHUB_HOME",
        )
    return folder
