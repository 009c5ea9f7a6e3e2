"""One file of a caller is read at a time: reading takes seconds of a processor, and his others would take everybody's threads."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from api.access import Caller
from hub.errors import TooManyRequests

RETRY_AFTER_S = 2

_reading: set[tuple[str, str]] = set()
_lock = threading.Lock()


@contextlib.contextmanager
def only_one(caller: Caller) -> Iterator[None]:
    """Hold the caller's one place while his file is read; each process counts for itself.

    Raises:
        TooManyRequests: another file of his is being read.
    """
    holder = (caller.kind, caller.name)
    with _lock:
        if holder in _reading:
            raise TooManyRequests(
                "本人的另一个文件正在读取 · another file of yours is being read",
                remedy=f"{RETRY_AFTER_S} 秒后再试 · try again in {RETRY_AFTER_S} s",
                retry_after_s=RETRY_AFTER_S,
            )
        _reading.add(holder)
    try:
        yield
    finally:
        with _lock:
            _reading.discard(holder)
