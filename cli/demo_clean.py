"""`python -m cli.demo_clean`, run by `make clean`: stop what a killed demo left and remove everything the hub wrote under its home."""

from __future__ import annotations

import shutil
import sys

from hub import postgres, processes
from hub.errors import BusyError, HubError
from hub.settings import get_settings


def main() -> int:
    """Remove CASEHUB_HOME.

    Returns:
        0; 1 where a demo is at work.
    """
    settings = get_settings().model_copy(update={"postgres_port": 0})
    if not settings.home.exists():
        return 0
    try:
        with processes.running(settings.home):
            with postgres.running(settings) as server:
                folder = server.folder  # as root it may be elsewhere, see hub/postgres.py
            if (folder / "data" / "postmaster.pid").exists():
                raise BusyError(
                    "内置 PostgreSQL 正在使用 · the embedded PostgreSQL is in use",
                    remedy="先结束 `casehub run` 或 `casehub serve` · end `casehub run` or `casehub serve` first",
                )
            shutil.rmtree(folder)
    except HubError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    shutil.rmtree(settings.home)
    return 0


if __name__ == "__main__":
    sys.exit(main())
