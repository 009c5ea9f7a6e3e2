"""Settings that are lists, out of their text.

Nothing heavy is imported: Airflow asks for these two at every parse of its DAG files, where building all settings would cost too
much.
"""

from __future__ import annotations

import os
from pathlib import Path


def parts(text: str) -> list[str]:
    """What stands between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def own_contract_folders(text: str | None = None) -> tuple[Path, ...]:
    """Folders of contracts beyond the hub's own, in order.

    Args:
        text: as in PATH; None takes CASEHUB_CONTRACTS of the environment.
    """
    written = os.environ.get("CASEHUB_CONTRACTS", "") if text is None else text
    return tuple(Path(part) for part in written.split(os.pathsep) if part.strip())


def active_departments(text: str | None = None) -> frozenset[str]:
    """Departments that are active; empty means all.

    Args:
        text: names between commas; None takes CASEHUB_DEPARTMENTS of the environment.
    """
    return frozenset(parts(os.environ.get("CASEHUB_DEPARTMENTS", "") if text is None else text))
