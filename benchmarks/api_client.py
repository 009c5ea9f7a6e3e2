"""A client that costs little: HTTP/1.1 over kept connections, as much of it as the benchmarks of the API need.

Enter requests as bytes, leave how long each took. Client and server share the machine's cores: what the client itself costs is
measured beside them. Three ways to ask: one after the other, as fast as so many askers can, and at a fixed rate, where a
request's time runs from when it was due and not from when its turn came.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

OK = 200
NOT_FOUND = 404
_MOST = 64  # connections at a time
_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Place:
    """Where to ask, and as whom."""

    host: str
    port: int
    token: str

    def raw(self, method: str, path: str, body: object = None) -> bytes:
        """A request as it goes over the wire."""
        content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nAuthorization: Bearer {self.token}\r\n"
        if content:
            head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        return f"{head}\r\n".encode() + content


@dataclass
class Measured:
    """What asking gave.

    Args:
        seconds: of each request, from when it was sent, or due.
        statuses: of each request; 0 where no answer came.
        bodies: of each request, where they were kept.
        wall_s: from the first to the last.
        client_cpu_s: what the client itself took of a core.
    """

    seconds: list[float] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    wall_s: float = 0.0
    client_cpu_s: float = 0.0

    @property
    def errors(self) -> int:
        """Answers that are none."""
        return sum(status != OK for status in self.statuses)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return (len(self.statuses) - self.errors) / self.wall_s

    @property
    def client_share(self) -> float:
        """Of one core, what the client took."""
        return self.client_cpu_s / self.wall_s

    @property
    def median_ms(self) -> float:
        """The middle one."""
        return 1000 * statistics.median(self.seconds)

    @property
    def p95_ms(self) -> float:
        """What nineteen of twenty stay under."""
        return 1000 * statistics.quantiles(self.seconds, n=20)[-1]

    def answered(self, what: str) -> Measured:
        """This, where every request was answered: an error is soon told, and a time that counts errors says nothing.

        Raises:
            SystemExit: some were not; their statuses are told.
        """
        if self.errors:
            told = ", ".join(f"{status}: {count}" for status, count in sorted(Counter(self.statuses).items()))
            sys.exit(f"{what}: {self.errors} of {len(self.statuses)} requests were not answered (by status, 0 for no answer: {told})")
        return self

    def add(self, seconds: float, status: int) -> None:
        """Count a request."""
        self.seconds.append(seconds)
        self.statuses.append(status)


class _Connection:
    """One kept connection; opened again where the server closed it."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, raw: bytes) -> tuple[int, bytes]:
        """Send a request and read its answer; status 0 where none came."""
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                return await self._ask(raw)
        except (OSError, EOFError, TimeoutError):
            self.close()
            return 0, b""

    async def _ask(self, raw: bytes) -> tuple[int, bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._place.host, self._place.port, limit=1 << 22)
        reader, writer = self._streams
        writer.write(raw)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.find(b"content-length:")
        body = await (_chunks(reader) if length < 0 else reader.readexactly(int(head[length + 15 : head.index(b"\r", length)])))
        if b"connection: close" in head:
            self.close()
        return int(head[9:12]), body

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int(await reader.readline(), 16):
        parts.append((await reader.readexactly(size + 2))[:-2])
    await reader.readline()
    return b"".join(parts)


@contextlib.asynccontextmanager
async def _measuring(place: Place, connections: int) -> AsyncIterator[tuple[Measured, list[_Connection]]]:
    found, opened = Measured(), [_Connection(place) for _ in range(connections)]
    began, cpu = time.perf_counter(), time.process_time()
    try:
        yield found, opened
    finally:
        found.wall_s, found.client_cpu_s = time.perf_counter() - began, time.process_time() - cpu
        for each in opened:
            each.close()


def in_turn(place: Place, requests: Sequence[bytes], *, keeps: bool = False) -> Measured:
    """Ask one after the other."""

    async def run() -> Measured:
        async with _measuring(place, 1) as (found, (connection,)):
            for raw in requests:
                began = time.perf_counter()
                status, body = await connection.ask(raw)
                found.add(time.perf_counter() - began, status)
                if keeps:
                    found.bodies.append(body)
        return found

    return asyncio.run(run())


def as_fast_as(place: Place, requests: Sequence[bytes], askers: int, seconds: float) -> Measured:
    """So many askers, each with its next request as soon as its last is answered, for so long."""

    async def run() -> Measured:
        async with _measuring(place, askers) as (found, connections):
            turns, until = itertools.cycle(requests), time.perf_counter() + seconds

            async def asker(connection: _Connection) -> None:
                while (began := time.perf_counter()) < until:
                    status, _ = await connection.ask(next(turns))
                    found.add(time.perf_counter() - began, status)

            await asyncio.gather(*map(asker, connections))
        return found

    return asyncio.run(run())


def at_rate(place: Place, requests: Sequence[bytes], rate: float, seconds: float) -> Measured:
    """So many requests a second, whether earlier ones are answered or not: whoever waits for a connection waits in the figure."""

    async def run() -> Measured:
        async with _measuring(place, _MOST) as (found, connections):
            free: asyncio.Queue[_Connection] = asyncio.Queue()
            for each in connections:
                free.put_nowait(each)
            turns, began = itertools.cycle(requests), time.perf_counter()

            async def one(due: float) -> None:
                connection = await free.get()
                status, _ = await connection.ask(next(turns))
                free.put_nowait(connection)
                found.add(time.perf_counter() - due, status)

            waiting: set[asyncio.Task[Any]] = set()
            for turn in range(int(rate * seconds)):
                due = began + turn / rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                task = asyncio.create_task(one(due))
                waiting.add(task)
                task.add_done_callback(waiting.discard)
            await asyncio.gather(*waiting)
        return found

    return asyncio.run(run())
