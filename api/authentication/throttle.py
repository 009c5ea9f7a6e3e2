"""How often something may happen: so many times at once, and as many again over a period, counted for each key apart.

The generic cell rate algorithm keeps one number a key. Memory is bounded: of more than `max_keys` the oldest is forgotten.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from cachetools import TTLCache


@dataclass(frozen=True)
class Allowance:
    """What is left to one key."""

    remaining: int  # that may still happen now
    reset_s: int  # until all of it may happen again
    retry_after_s: int  # until as many may happen as were asked for, the next as a rule; 0 if they may now


class Throttle:
    """Counts events by key.

    Args:
        events: that may happen at once, and again over each period.
        period_s: the period in seconds.
        max_keys: keys that are remembered.
        clock: seconds that only grow.
    """

    def __init__(self, events: int, period_s: float, *, max_keys: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self.events, self.period_s = events, period_s
        self._interval = period_s / events
        self._clock = clock
        self._lock = threading.Lock()
        self._due: TTLCache[str, float] = TTLCache(max_keys, ttl=period_s, timer=clock)  # until when a key's events are used up

    def look(self, key: str) -> Allowance:
        """What is left to this key; takes nothing of it."""
        with self._lock:
            now = self._clock()
            return self._allowance(max(self._due.get(key, now), now), now)

    def take(self, key: str, events: int = 1) -> Allowance:
        """Count events, if so many are left.

        Returns:
            What is left after them; `retry_after_s` is above 0 if there were not so many left, and then nothing was counted. More
            than there ever are can never be counted.
        """
        with self._lock:
            now = self._clock()
            due = max(self._due.get(key, now), now)
            before = self._allowance(due, now, events)
            if before.retry_after_s:
                return before
            self._due[key] = due + events * self._interval
            after = self._allowance(self._due[key], now)
            return Allowance(after.remaining, after.reset_s, 0)

    def _allowance(self, due: float, now: float, events: int = 1) -> Allowance:
        used = due - now
        left = math.floor((self.period_s - used) / self._interval + 1e-9)
        wait = 0 if left >= events else max(1, math.ceil(used - self.period_s + events * self._interval))
        return Allowance(left, math.ceil(used), wait)
