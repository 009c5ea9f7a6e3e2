"""Names → addresses within a deadline. The system's own look-up has none: a name server that is silent holds it for half a minute.

So it runs in a few threads of its own, however many ask, and of these one who asks has his share: a look-up that outlasts its deadline
keeps its thread until the system gives it up, and one name server alone must not take them all.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import Counter
from concurrent.futures import Future

_POLL_S = 0.02  # between two looks for a free place


class TooSlow(Exception):
    """No address was told within the deadline."""


class NoPlace(TooSlow):
    """No place was free within the deadline: nothing was asked."""


class Resolver:
    """Places to look names up in.

    Args:
        places: look-ups at a time.
        each: of one who asks.
    """

    def __init__(self, places: int, each: int) -> None:
        self._places, self._each = places, each
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def look_up(self, who: str, host: str, port: int, within_s: float) -> list[str]:
        """Addresses of a host, as the system tells them.

        Raises:
            NoPlace: there was no free place within the time.
            TooSlow: there was no answer.
            OSError, UnicodeError: there is no such name.
        """
        deadline = time.monotonic() + within_s
        while (found := self._begin(who, host, port)) is None:
            if time.monotonic() > deadline:
                raise NoPlace
            time.sleep(_POLL_S)
        try:
            return found.result(max(deadline - time.monotonic(), 0.0))
        except TimeoutError:
            if found.done():  # a look-up's own error, which is an OSError like any other
                raise
            raise TooSlow from None

    async def find(self, who: str, host: str, port: int, within_s: float) -> list[str]:
        """As `look_up`, for whoever waits without a thread."""
        found = None
        try:
            async with asyncio.timeout(within_s):
                while (found := self._begin(who, host, port)) is None:
                    await asyncio.sleep(_POLL_S)
                return await asyncio.wrap_future(found)
        except TimeoutError:
            if found is not None and found.done():
                raise
            raise TooSlow from None

    def _begin(self, who: str, host: str, port: int) -> Future[list[str]] | None:
        """Begin to look a name up; None where no place is free."""
        with self._lock:
            if self._taken.total() >= self._places or self._taken[who] >= self._each:
                return None
            self._taken[who] += 1
        found: Future[list[str]] = Future()
        found.set_running_or_notify_cancel()  # whoever gives it up leaves it running
        # A daemon: a pool's threads would keep the server from ending.
        threading.Thread(target=self._run, args=(found, who, host, port), name="resolve", daemon=True).start()
        return found

    def _run(self, found: Future[list[str]], who: str, host: str, port: int) -> None:
        try:
            told = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            result, error = [str(entry[4][0]) for entry in told], None
        except Exception as raised:  # handed to whoever waits
            result, error = [], raised
        with self._lock:
            self._taken[who] -= 1
            if not self._taken[who]:
                del self._taken[who]
        if error is None:
            found.set_result(result)
        else:
            found.set_exception(error)
