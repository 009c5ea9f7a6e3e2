"""Files that hold secrets: nobody but their owner ever reads them."""

from __future__ import annotations

from pathlib import Path


def private(path: Path) -> Path:
    """An empty file in the place of what stood there, for its owner alone from the first moment."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    return path


def write_private(path: Path, text: str) -> None:
    """Write a secret; the file takes its name once it is whole, for whoever is killed meanwhile leaves half a one."""
    part = private(path.with_name(f".{path.name}.part"))
    part.write_text(text)
    part.replace(path)
