"""How a command ends before its time: a SIGTERM, or a terminal that is closed, ends it as Ctrl-C does, with what it started."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn


@contextlib.contextmanager
def ending_in_order() -> Iterator[None]:
    """Take SIGTERM and SIGHUP as an order to clear up and go: by themselves they end a process on the spot.

    Then its PostgreSQL would run on, and the audit log would not say how it ended. What somebody has ignored (`nohup`) stays ignored.
    """
    taken = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, _leave)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _leave(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
