"""Files whose failures are told in the hub's words, whatever library reads them, and asked for again while their server is away."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable
from typing import BinaryIO, Protocol, TypeVar, cast

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from connectors.connections import variable
from connectors.connector import FileConnector
from hub.errors import HubError, SourceRefused, SourceUnavailable

_T = TypeVar("_T")


class Files(Protocol):
    """Files below one root."""

    def find(self, pattern: str) -> list[str]:
        """Paths of the files that match, in order; hidden ones and folders left out."""

    def open(self, path: str) -> BinaryIO:
        """A file's bytes, readable and seekable."""


class Guarded:
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
            remedy="核对连接中的主机与端口、对方是否在运行，再运行一次 · "
            "check host and port in the connection, and that it is up; then run again",
            **detail,
        )


class GuardedFiles:
    """Files whose listing is tried again, and whose reads are not: a file that broke off in the middle is no file."""

    def __init__(self, inner: Files, guarded: Guarded) -> None:
        self._inner, self._guarded = inner, guarded

    def find(self, pattern: str) -> list[str]:
        """As the files within find them."""
        return self._guarded.call(lambda: self._inner.find(pattern))

    def open(self, path: str) -> BinaryIO:
        """As the files within open it."""
        return cast(BinaryIO, _GuardedFile(self._guarded.call(lambda: self._inner.open(path)), self._guarded))


class _GuardedFile(io.RawIOBase):
    """A file whose reads fail in the hub's words."""

    def __init__(self, inner: BinaryIO, guarded: Guarded) -> None:
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
