"""Where files are: a folder of this machine, an SFTP server, an S3 bucket; listed and opened."""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import glob
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import unquote, urlsplit

from connectors.connections import Connection, load_connection, variable
from connectors.connector import FileConnector
from connectors.transports.guardedfiles import Files, Guarded, GuardedFiles
from hub.errors import SettingsError

_NO_FILES = (".", "~$")  # hidden ones, and what Excel puts beside a workbook that somebody has open


@contextlib.contextmanager
def files_of(connector: FileConnector, department: str) -> Iterator[Files]:
    """The files of a contract's connection, retried and with their failures translated.

    Raises:
        SettingsError: the connection is missing or of a kind nobody knows.
        SourceUnavailable: the server cannot be reached.
        SourceRefused: it refuses the credentials, or its host key is not the known one.
    """
    connection = load_connection(connector.connection, "file")
    scheme = urlsplit(connection.url).scheme or "file"
    makers: dict[str, Callable[[Connection, FileConnector], Files]] = {
        "file": _LocalFiles,
        "sftp": _SftpFiles,
        "ssh": _SftpFiles,
        "s3": _S3Files,
    }
    if scheme not in makers:
        raise SettingsError(
            f"{variable(connection.name)} 以 {scheme}:// 开头 · {variable(connection.name)} begins with {scheme}://",
            remedy="写作 file:///…、sftp://user@host/… 或 s3://bucket/… · write file:///…, sftp://user@host/… or s3://bucket/…",
        )
    guarded = Guarded(connector, department)
    inner = guarded.call(lambda: makers[scheme](connection, connector))
    try:
        yield GuardedFiles(inner, guarded)
    finally:
        close = getattr(inner, "close", None)
        if close is not None:
            close()


class _LocalFiles:
    def __init__(self, connection: Connection, connector: FileConnector) -> None:
        parts = urlsplit(connection.url)
        self._root = Path(unquote(parts.path) if parts.scheme else connection.url)
        if not self._root.is_dir():
            raise FileNotFoundError(2, "no such folder")

    def find(self, pattern: str) -> list[str]:
        """Files only; a link that leads out of the root is refused."""
        root = self._root.resolve()
        found = []
        for path in sorted(self._root.glob(pattern)):
            if path.name.startswith(_NO_FILES) or not path.is_file():
                continue
            if not path.resolve().is_relative_to(root):
                raise PermissionError(1, "a link that leads out of the folder")
            found.append(str(path))
        return found

    def open(self, path: str) -> BinaryIO:
        """Unbuffered callers read in large blocks."""
        return Path(path).open("rb")


class _RemoteFiles:
    """Files of an fsspec filesystem."""

    _fs: Any
    _root: str

    def find(self, pattern: str) -> list[str]:
        """By fsspec's glob, the root taken as it stands."""
        found = self._fs.glob(f"{glob.escape(self._root.rstrip('/'))}/{pattern}", detail=True)
        names = [name for name in found if not name.rpartition("/")[2].startswith(_NO_FILES)]
        return sorted(name for name in names if self._kind(name, found[name]) == "file")

    def _kind(self, name: str, info: Mapping[str, Any]) -> Any:
        """file, directory …; of a link what it leads to, as it is of a path without a pattern. One that leads nowhere is told."""
        kind = info.get("type")
        return self._fs.info(name).get("type") if kind == "link" else kind

    def open(self, path: str) -> BinaryIO:
        """As fsspec opens it."""
        return cast(BinaryIO, self._fs.open(path, "rb"))


class _SftpFiles(_RemoteFiles):
    def __init__(self, connection: Connection, connector: FileConnector) -> None:
        import asyncssh
        from sshfs import SSHFileSystem

        parts, options = urlsplit(connection.url), connection.options
        known = options.get("known_host_key")
        # () is asyncssh's word for ~/.ssh/known_hosts; sshfs by itself would check no host key at all.
        known_hosts: Any = ([asyncssh.import_public_key(known)], [], []) if known else ()
        self._timeout = connector.timeout_s
        self._root = unquote(parts.path) or "/"
        self._fs = SSHFileSystem(
            parts.hostname,
            port=parts.port or 22,
            username=unquote(parts.username or "") or options.get("username"),
            password=unquote(parts.password or "") or options.get("password"),
            client_keys=[options["client_key"]] if "client_key" in options else None,
            known_hosts=known_hosts,
            agent_path=None,
            config=[],
            connect_timeout=connector.timeout_s,
            login_timeout=connector.timeout_s,
            keepalive_interval=connector.timeout_s,
            timeout=2 * connector.timeout_s,
            skip_instance_cache=True,
        )

    def open(self, path: str) -> BinaryIO:
        """Reads that give up in time: sshfs itself would wait for ever."""
        return cast(BinaryIO, _TimedFile(self._fs.open(path, "rb"), self._timeout))

    def close(self) -> None:
        """Hang up; sshfs has no word of its own for it."""
        with contextlib.suppress(TimeoutError, OSError):
            asyncio.run_coroutine_threadsafe(self._hang_up(), self._fs.loop).result(timeout=self._timeout)

    async def _hang_up(self) -> None:
        self._fs.client.close()
        await self._fs.client.wait_closed()


class _TimedFile(io.RawIOBase):
    def __init__(self, inner: Any, timeout_s: int) -> None:
        self._inner, self._timeout = inner, timeout_s

    def read(self, size: int = -1) -> bytes:
        return cast(bytes, self._inner.read(size, timeout=self._timeout))

    def seek(self, offset: int, whence: int = 0) -> int:
        self._inner.seek(offset, whence, timeout=self._timeout)
        return self.tell()

    def tell(self) -> int:
        return cast(int, self._inner.tell(timeout=self._timeout))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            with contextlib.suppress(Exception):  # a server that has gone cannot be told, and sshfs would wait for it
                self._inner._close(timeout=self._timeout)
        super().close()


class _S3Files(_RemoteFiles):
    def __init__(self, connection: Connection, connector: FileConnector) -> None:
        try:
            import s3fs
        except ImportError:
            raise SettingsError(
                "s3:// 须安装 s3fs · s3:// needs the package s3fs", remedy="运行 `pip install s3fs` · run `pip install s3fs`"
            ) from None
        parts, options = urlsplit(connection.url), connection.options
        self._root = f"{parts.netloc}{unquote(parts.path)}"
        self._fs = s3fs.S3FileSystem(
            key=options.get("key"),
            secret=options.get("secret"),
            endpoint_url=options.get("endpoint_url"),
            client_kwargs={"region_name": options["region"]} if "region" in options else {},
            config_kwargs={
                "connect_timeout": connector.timeout_s,
                "read_timeout": connector.timeout_s,
                "retries": {"max_attempts": connector.retries + 1, "mode": "standard"},
            },
            use_listings_cache=False,
            skip_instance_cache=True,
        )


def matches(name: str, pattern: str) -> bool:
    """Whether a zip member's name, or its last part, is meant."""
    return fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(name.rpartition("/")[2], pattern)
