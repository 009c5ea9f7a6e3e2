"""How a command ends before its time: a SIGTERM, or a terminal that is closed, ends it as Ctrl-C does, with what it started."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from types import FrameType

AT_ONCE_S = 5.0  # in which a further order is the same; what comes later is obeyed anew, for the first may have got stuck


@contextlib.contextmanager
def ending_in_order() -> Iterator[None]:
    """Take SIGTERM and SIGHUP as an order to clear up and go: by themselves they end a process on the spot.

    Then its PostgreSQL would run on, and the audit log would not say how it ended. What somebody has ignored (`nohup`) stays ignored.
    A closed terminal, as `timeout`, sends two at once: what comes while the first is being obeyed does not break the clearing up off.
    """
    taken = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    told_at = float("-inf")

    def leave(number: int, _: FrameType | None) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= AT_ONCE_S:
            told_at = time.monotonic()
            raise SystemExit(128 + number)

    for number in taken:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
