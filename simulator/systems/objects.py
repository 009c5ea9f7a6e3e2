"""A folder of files, and object storage: S3 where a URL is given, a folder otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit


class Store(Protocol):
    """Where a department puts its files."""

    def write(self, name: str, content: bytes) -> None:
        """Put a file, in place of the former one at once and whole."""

    def remove(self, name: str) -> None:
        """Take a file away."""

    def connection(self) -> str | dict[str, str]:
        """What the hub needs to reach it."""


class FolderStore:
    """A folder on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self.folder.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, content: bytes) -> None:
        """Put a file; a reader sees the former one or the new one, never a part."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        part.write_bytes(content)
        part.replace(path)

    def remove(self, name: str) -> None:
        """Take a file away."""
        (self.folder / name).unlink(missing_ok=True)

    def connection(self) -> str | dict[str, str]:
        """A file URL."""
        return self.folder.as_uri()


class S3Store:
    """A bucket, from a URL such as `http://key:secret@127.0.0.1:9000/bucket/prefix`; the bucket is made if it is missing."""

    def __init__(self, url: str) -> None:
        import s3fs

        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        self._endpoint = f"{parts.scheme}://{parts.hostname}{port}"
        self._key, self._secret = parts.username or "", parts.password or ""
        self._root = parts.path.strip("/") or "justice"
        self._files: Any = s3fs.S3FileSystem(
            key=self._key, secret=self._secret, client_kwargs={"endpoint_url": self._endpoint}, skip_instance_cache=True
        )
        bucket = self._root.split("/")[0]
        if not self._files.exists(bucket):
            self._files.mkdir(bucket)

    def write(self, name: str, content: bytes) -> None:
        """Put an object."""
        self._files.pipe_file(f"{self._root}/{name}", content)

    def remove(self, name: str) -> None:
        """Take an object away."""
        self._files.rm_file(f"{self._root}/{name}")

    def connection(self) -> str | dict[str, str]:
        """The URL of the prefix, the endpoint and the keys."""
        return {"url": f"s3://{self._root}", "endpoint_url": self._endpoint, "key": self._key, "secret": self._secret}
