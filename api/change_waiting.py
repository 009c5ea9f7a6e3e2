"""How callers wait for changes: none has a thread or a connection while it waits.

One task a server looks at the change counter while anybody waits, and wakes all when it has moved. Pages of the feed are read by a
few threads of their own, so that however many wake at once, other requests find theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

import anyio.to_thread
from anyio import CapacityLimiter

from api.opaque import Position
from hub.errors import HubError, TooBusy

POLL_S = 0.3
READERS = 4
EACH = 8  # a caller's share of the places to wait in

T = TypeVar("T")


class ChangeWaiting:
    """Places to wait in, and the bell that rings when something has changed. All of it lives in one event loop."""

    def __init__(self, read_head: Callable[[], Position], places: int) -> None:
        """Begin with nobody waiting.

        Args:
            read_head: the last change number; called in a thread.
            places: how many may wait at once.
        """
        self._read_head = read_head
        self._places = places
        self._taken: Counter[str] = Counter()
        self._bell = asyncio.Event()
        self._head: Position | None = None
        self._poller: asyncio.Task[None] | None = None
        self._readers: CapacityLimiter | None = None
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
        self._taken[caller] += 1
        try:
            yield
        finally:
            self._taken[caller] -= 1
            if not self._taken[caller]:
                del self._taken[caller]

    async def read(self, function: Callable[[], T]) -> T:
        """Run something that reads the store in one of a few threads."""
        if self._readers is None:
            self._readers = CapacityLimiter(READERS)
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
                head = await self.read(self._read_head)
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
