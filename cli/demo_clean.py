"""`python -m cli.demo_clean`, run by `make clean`: stop what a killed demo left and remove what the hub wrote under its home.

A store with records that no demo put there stays, and with it the rest; so do files that are not the hub's.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
from pathlib import Path

from cli.demo_world import holds_others_records
from hub import postgres, processes
from hub.airflow import ROOT
from hub.database import opened
from hub.errors import BusyError, HubError, SettingsError
from hub.settings import Settings, get_settings

#: What the hub writes under its home.
OWN = ("airflow", "audit-head.jsonl*", "data_docs", "demo", "logins.secret*", "postgres", "relink-*", "run", "simulator")


def main() -> int:
    """Remove what the hub wrote under CASEHUB_HOME.

    Returns:
        0; 1 where a demo is at work, or where records are that no demo put there.
    """
    settings = get_settings().model_copy(update={"postgres_port": 0, "database_url": None})  # a server of one's own is left alone
    if not settings.home.exists():
        return 0
    try:
        _require_outside(settings.home)
        with processes.running(settings.home):
            _remove_store(settings)
    except HubError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    _remove_files(settings.home)
    return 0


def _require_outside(home: Path) -> None:
    if ROOT.is_relative_to(home.resolve()):
        raise SettingsError(
            f"{home} 中有本程序，未作删除 · the program itself is in {home}: nothing was removed",
            remedy="CASEHUB_HOME 另设一个目录 · give CASEHUB_HOME a folder of its own",
            setting="CASEHUB_HOME",
        )


def _remove_store(settings: Settings) -> None:
    folder = postgres.folder_of(settings.home)  # as root it may be elsewhere
    if (folder / "data" / "PG_VERSION").exists():
        with opened(settings) as engine:
            if holds_others_records(engine, settings):
                raise SettingsError(
                    f"{settings.home} 的库中有非演示的记录，未作删除 · "
                    f"the store in {settings.home} holds records that are no demo's: nothing was removed",
                    remedy=f"确要删除，请自行删除 {folder} · if they are to go, remove {folder} yourself",
                    setting="CASEHUB_HOME",
                )
    if (folder / "data" / "postmaster.pid").exists():
        raise BusyError(
            "内置 PostgreSQL 正在使用 · the embedded PostgreSQL is in use",
            remedy="先结束 `casehub run` 或 `casehub serve` · end `casehub run` or `casehub serve` first",
        )
    shutil.rmtree(folder)


def _remove_files(home: Path) -> None:
    for path in [path for name in OWN for path in home.glob(name)]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    with contextlib.suppress(OSError):  # something else is in it
        home.rmdir()


if __name__ == "__main__":
    sys.exit(main())
