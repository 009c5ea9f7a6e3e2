"""Files that hold secrets, or what concerns persons: nobody but their owner ever reads them."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from hub.errors import RequestError


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


@contextlib.contextmanager
def private_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that somebody asked for; it takes its name once it is whole, and until then what had that name stays.

    Raises:
        RequestError: its folder cannot be written into, the disk is full, or what has that name is no file.
    """
    whole = path.resolve()
    if whole.exists() and not whole.is_file():  # a folder; or a device, in whose place no file is to come
        raise unwritable(path, FileExistsError(0, "what is there is no file"))
    try:
        file = tempfile.NamedTemporaryFile(prefix=f".{whole.name}.", dir=whole.parent, delete=False)  # noqa: SIM115 - closed below
    except OSError as error:
        raise unwritable(path, error) from None
    try:
        with file:
            yield file.file
            file.flush()
            os.fsync(file.fileno())
        os.replace(file.name, whole)  # noqa: PTH105 - its name is text
    except BaseException as error:
        Path(file.name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise unwritable(path, error) from None
        raise


def write_private_file(path: Path, text: str) -> None:
    """The same of a text; raises as `private_file` does."""
    with private_file(path) as file:
        file.write(text.encode())


def unwritable(path: Path, error: OSError) -> RequestError:
    """Why a file that somebody asked for cannot be written, and what to do."""
    return RequestError(
        f"无法写入 {path.name} · {path.name} cannot be written ({error.strerror})",
        remedy="指定有写入权限的文件夹中的文件 · name a file in a folder of yours",
    )
