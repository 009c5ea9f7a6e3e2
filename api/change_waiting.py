"""How callers wait for changes: none has a thread or a connection while it waits.

One task a server looks at the change counter while anybody waits, and wakes all when it has moved. Pages of the feed are read by a
few threads of their own, so that however many wake at once, other requests find theirs; of these a caller has a share, and the task none.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar
from weakref import WeakValueDictionary

import anyio.to_thread
from anyio import CapacityLimiter

from api.authentication.in_flight import too_many
from api.opaque import Position
from hub.errors import HubError, TooBusy

POLL_S = 0.3
READERS = 4
EACH = 8  # a caller's share of the places to wait in
EACH_READS = 2  # and of the readers: his next page waits for one of his own

T = TypeVar("T")


@contextlib.contextmanager
def _counted(counter: Counter[str], caller: str) -> Iterator[None]:
    counter[caller] += 1
    try:
        yield
    finally:
        counter[caller] -= 1
        if not counter[caller]:
            del counter[caller]


class ChangeWaiting:
    """Places to wait in, and the bell that rings when something has changed. All of it lives in one event loop."""

    def __init__(self, read_head: Callable[[], Position], places: int, pages_at_once: int) -> None:
        """Begin with nobody waiting.

        Args:
            read_head: the last change number; called in a thread.
            places: how many may wait at once.
            pages_at_once: how many pages a caller may ask for at once without waiting.
        """
        self._read_head = read_head
        self._places = places
        self._pages_at_once = pages_at_once
        self._asked: Counter[str] = Counter()
        self._shares: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._taken: Counter[str] = Counter()
        self._bell = asyncio.Event()
        self._head: Position | None = None
        self._poller: asyncio.Task[None] | None = None
        self._readers, self._looker = CapacityLimiter(READERS), CapacityLimiter(1)
        self.is_closed = False

    @contextlib.contextmanager
    def place(self, caller: str) -> Iterator[None]:
        """A place for one who waits.

        Raises:
            TooBusy: all are taken, or the caller has his share.
        """
        if self._taken.total() >= self._places or self._taken[caller] >= EACH or self.is_closed:
            raise TooBusy(
                "等待变更的连接已满 · too many wait for changes at once",
                remedy="稍后再试，或不带 wait 查询 · try again shortly, or ask without wait",
            )
        with _counted(self._taken, caller):
            yield

    @contextlib.contextmanager
    def turn(self, caller: str) -> Iterator[None]:
        """A turn for one who asks for a page and does not wait.

        Raises:
            TooManyRequests: the caller asks for as many already as he may.
        """
        if self._asked[caller] >= self._pages_at_once:
            raise too_many(self._pages_at_once)
        with _counted(self._asked, caller):
            yield

    async def read(self, function: Callable[[], T], caller: str | None = None) -> T:
        """Run something that reads the store in one of a few threads.

        Args:
            function: what reads.
            caller: whose share of the threads it takes; None: it takes no time worth counting.
        """
        if caller is None:
            return await anyio.to_thread.run_sync(function, limiter=self._readers)
        share = self._shares.get(caller)
        if share is None:
            self._shares[caller] = share = asyncio.Semaphore(EACH_READS)
        async with share:
            return await anyio.to_thread.run_sync(function, limiter=self._readers)

    async def beyond(self, seen: Position, timeout_s: float) -> bool:
        """Wait until there is a change after a position, the time is over, or the server ends; whether there is a change."""
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not self.is_closed and (self._head is None or self._head <= seen):
                    await self._bell.wait()
        return self._head is not None and self._head > seen

    async def _poll(self) -> None:
        while self._taken and not self.is_closed:
            with contextlib.suppress(HubError):  # a store that is away for a moment: those who wait go on waiting
                head = await anyio.to_thread.run_sync(self._read_head, limiter=self._looker)
                if head != self._head:
                    self._head = head
                    self._ring()
            await asyncio.sleep(POLL_S)

    def _ring(self) -> None:
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    def close(self) -> None:
        """Let everybody go: the server ends."""
        self.is_closed = True
        self._ring()
