"""Where files are: a folder of this machine, an SFTP server, an S3 bucket; listed and opened, with failures in the hub's words."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fnmatch
import glob
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar, cast
from urllib.parse import unquote, urlsplit

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from connectors.connections import Connection, load_connection, variable
from connectors.connector import FileConnector
from hub.errors import HubError, SettingsError, SourceRefused, SourceUnavailable

_T = TypeVar("_T")
_NO_FILES = (".", "~$")  # hidden ones, and what Excel puts beside a workbook that somebody has open


class Files(Protocol):
    """Files below one root."""

    def find(self, pattern: str) -> list[str]:
        """Paths of the files that match, in order; hidden ones and folders left out."""

    def open(self, path: str) -> BinaryIO:
        """A file's bytes, readable and seekable."""


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
    guarded = _Guarded(connector, department)
    inner = guarded.call(lambda: makers[scheme](connection, connector))
    try:
        yield _GuardedFiles(inner, guarded)
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


class _Guarded:
    """Calls, tried again while the server is away, with its errors in the hub's words."""

    def __init__(self, connector: FileConnector, department: str) -> None:
        self._department, self._path = department, connector.path
        self._variable = variable(connector.connection)
        self._retrying = Retrying(
            stop=stop_after_attempt(connector.retries + 1),
            wait=wait_exponential_jitter(multiplier=0.2, max=10),
            retry=retry_if_exception_type(SourceUnavailable),
            reraise=True,
        )

    def call(self, action: Callable[[], _T]) -> _T:
        """Do it, with retries."""
        return self._retrying(lambda: self.once(action))

    def once(self, action: Callable[[], _T]) -> _T:
        """Do it, with its errors translated."""
        try:
            return action()
        except HubError:
            raise
        except Exception as error:  # the libraries below raise OSError, asyncssh.Error, botocore's own and fsspec's timeouts
            raise self._translated(error) from None

    def _translated(self, error: Exception) -> HubError:
        kind, detail = type(error).__name__, {"department": self._department, "path": self._path}
        if isinstance(error, FileNotFoundError) or kind == "NoSuchBucket":
            return SourceUnavailable(
                f"{self._department}: {self._variable} 的 {self._path} 处没有文件或目录 · "
                f"there is no file or folder at {self._path} of {self._variable}",
                remedy=f"部门是否已交付？如已交付，更正 {self._variable} 中的目录，或契约中的 path: · "
                f"has the department delivered? if it has, correct the folder in {self._variable}, or path: in the contract",
                **detail,
            )
        if kind in ("HostKeyNotVerifiable", "KeyImportError"):
            remedy = (
                f'向部门索取服务器公钥，写入 {self._variable} 的 "known_host_key" · '
                f'put the server\'s public key into {self._variable} as "known_host_key", after asking the department for it'
            )
            return SourceRefused(
                f"{self._department}: 服务器的主机密钥与登记的不同 · the server's host key is not the known one", remedy=remedy, **detail
            )
        if isinstance(error, PermissionError) or kind in ("PermissionDenied", "NoCredentialsError"):
            remedy = f"核对 {self._variable} 中的凭据及其读取权限 · check the credentials in {self._variable}, and what they may read"
            return SourceRefused(f"{self._department}: 无权访问 {self._path} · access to {self._path} is refused", remedy=remedy, **detail)
        return SourceUnavailable(
            f"{self._department}: 文件服务器无法连接，或连接中断（{kind}） · the file server cannot be reached or broke off ({kind})",
            remedy="请稍后重试 · try again later",
            **detail,
        )


class _GuardedFiles:
    def __init__(self, inner: Files, guarded: _Guarded) -> None:
        self._inner, self._guarded = inner, guarded

    def find(self, pattern: str) -> list[str]:
        return self._guarded.call(lambda: self._inner.find(pattern))

    def open(self, path: str) -> BinaryIO:
        return cast(BinaryIO, _GuardedFile(self._guarded.call(lambda: self._inner.open(path)), self._guarded))


class _GuardedFile(io.RawIOBase):
    """A file whose reads fail in the hub's words."""

    def __init__(self, inner: BinaryIO, guarded: _Guarded) -> None:
        self._inner, self._guarded = inner, guarded

    def read(self, size: int = -1) -> bytes:
        return self._guarded.once(lambda: self._inner.read(size))

    def seek(self, offset: int, whence: int = 0) -> int:
        def sought() -> int | None:
            try:
                return self._inner.seek(offset, whence)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                return None

        place = self._guarded.once(sought)
        if place is None:  # before the beginning: no failure of the server's, and zipfile asks for it
            raise OSError(errno.EINVAL, "before the beginning")
        return place

    def tell(self) -> int:
        return self._guarded.once(self._inner.tell)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
        super().close()


def matches(name: str, pattern: str) -> bool:
    """Whether a zip member's name, or its last part, is meant."""
    return fnmatch.fnmatch(name, pattern) or fnmatch.fnmatch(name.rpartition("/")[2], pattern)
