"""A file's bytes after decompression, counted: nothing grows beyond the contract's limit, however small it was packed."""

from __future__ import annotations

import gzip
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import BinaryIO, Protocol

from connectors.connector import FileConnector
from connectors.transports.filesystems import matches
from hub.errors import SourceFormatError, SourceLimitError

BLOCK = 1 << 20
_ENDING = re.compile(r"\.[A-Za-z]{1,5}")
_DAMAGED = (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile, NotImplementedError, RuntimeError)


class Readable(Protocol):
    """What is read from."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; none at the end."""


class Bounded:
    """A stream that ends in an error above its limit, and in another where its packing is damaged.

    Args:
        inner: what is read from.
        limit: most bytes.
        what: department and file, for messages.
    """

    def __init__(self, inner: Readable, limit: int, what: str) -> None:
        self._inner, self._limit, self.what = inner, limit, what
        self.length = 0  # so far

    def read(self, size: int = BLOCK) -> bytes:
        """At most `size` bytes; none at the end.

        Raises:
            SourceLimitError: more than the limit in all.
            SourceFormatError: the compressed data is truncated or damaged.
        """
        try:
            block = self._inner.read(size)
        except _DAMAGED:
            raise damaged(self.what) from None
        self.length += len(block)
        if self.length > self._limit:
            raise SourceLimitError(
                f"{self.what} 解压后超过 {self._limit} 字节 · {self.what} is longer than {self._limit} bytes after decompression",
                remedy="请部门拆分文件，或提高契约中的 max_response_bytes · "
                "ask for smaller files, or raise max_response_bytes in the contract",
                limit=self._limit,
            )
        return block

    def read_all(self) -> bytes:
        """Everything, within the limit."""
        return b"".join(iter(self.read, b""))


def damaged(what: str) -> SourceFormatError:
    """A packed file that cannot be unpacked to its end."""
    return SourceFormatError(
        f"{what} 不完整或已损坏 · {what} is truncated or damaged",
        remedy="待部门完整交付后再拉取 · pull again once the department has delivered it whole",
    )


def unpacked(file: BinaryIO, connector: FileConnector, what: str) -> Iterator[Bounded]:
    """The stream or streams in a file: itself, what gzip holds, or the wanted members of a zip.

    Raises:
        SourceFormatError: not the compression that the contract says, damaged, encrypted, or without the wanted member.
    """
    compression: str = connector.compression
    if compression == "auto":
        compression = "none" if connector.format == "xlsx" else _recognised(file)
    if compression == "zip":
        yield from _members(file, connector, what)
    elif compression == "gzip":
        with gzip.GzipFile(fileobj=file) as inner:
            yield Bounded(inner, connector.max_response_bytes, what)
    else:
        yield Bounded(file, connector.max_response_bytes, what)


def _recognised(file: BinaryIO) -> str:
    head = file.read(4)
    file.seek(0)
    return "gzip" if head[:2] == b"\x1f\x8b" else "zip" if head == b"PK\x03\x04" else "none"


def _members(file: BinaryIO, connector: FileConnector, what: str) -> Iterator[Bounded]:
    try:
        archive = zipfile.ZipFile(file)
    except _DAMAGED:
        raise damaged(what) from None
    with archive:
        # A zip that was added to may hold a name twice: the last one is meant.
        named = {info.filename: info for info in archive.infolist()}
        every = [info for info in named.values() if not info.is_dir() and not info.filename.startswith("__MACOSX/")]
        wanted = [info for info in every if connector.member is None or matches(member_name(info), connector.member)]
        if not wanted:
            raise SourceFormatError(
                f"{what} 中没有成员 {connector.member!r}，现有 {_endings(every)} · "
                f"has no member {connector.member!r}; it holds {_endings(every)}",
                remedy="更正契约中的 member: · correct member: in the contract",
            )
        for place, info in enumerate(sorted(wanted, key=member_name), start=1):
            if info.flag_bits & 0x1:
                raise SourceFormatError(
                    f"{what} 已加密 · {what} is encrypted",
                    remedy="请部门提供不加密的 zip · ask the department for a zip without a password",
                )
            try:
                with archive.open(info) as inner:
                    told = told_file(member_name(info), connector.member or "*", place, len(wanted))
                    yield Bounded(inner, connector.max_response_bytes, f"{what}:{told}")
            except _DAMAGED:
                raise damaged(what) from None


def _endings(members: Sequence[zipfile.ZipInfo]) -> str:
    """What a zip holds, by the endings of its names: these may be persons'."""
    endings = [PurePosixPath(member_name(info)).suffix for info in members]
    counted = Counter(ending if _ENDING.fullmatch(ending) else "?" for ending in endings)
    return ", ".join(f"{ending} × {count}" for ending, count in sorted(counted.items())) or "0"


def is_pattern(path: str) -> bool:
    """Whether a path may mean several files, none of which the contract names."""
    return any(mark in path for mark in "*?[")


def told_file(name: str, wanted: str, place: int, count: int) -> str:
    """A file as it may be told: by the name that the contract gives it, else by the pattern and its place among those that match.

    Departments name files by whom they are about.

    Args:
        name: its path.
        wanted: the contract's path, or pattern.
        place: which of the files that match it is, in the order of their names, from 1.
        count: how many match.
    """
    return f"{wanted} ({place}/{count})" if is_pattern(wanted) else name.rpartition("/")[2]


def member_name(info: zipfile.ZipInfo) -> str:
    """A member's name; where the zip does not say it is UTF-8, a Chinese Windows wrote it in GBK and not in cp437."""
    if info.flag_bits & 0x800:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("gbk")
    except UnicodeError:
        return info.filename
