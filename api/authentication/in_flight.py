"""How much of one caller's is answered at a time, so that whoever asks a great deal at once takes no thread and connection of others.

Each process counts for itself, in memory; all of it lives in one event loop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from api.access import Caller
from hub.errors import TooManyRequests

RETRY_AFTER_S = 1
BATCH = "match.batch"
FEED = "changes.list"
WAITING = frozenset({FEED, "changes.stream"})  # most of their time they only wait, for which api/change_waiting.py has places
_ANY = ""


class InFlight:
    """Counts what is being answered, by caller.

    Args:
        calls: of one caller at a time, whatever they ask.
        batches: of these, batches that are matched.
    """

    def __init__(self, calls: int, batches: int) -> None:
        self._most = {_ANY: calls, BATCH: batches}
        self._taken: Counter[tuple[str, str]] = Counter()

    def enter(self, caller: Caller, endpoint: str) -> Callable[[], None] | None:
        """Take a place; what is returned gives it back, and is none where none was wanted.

        Raises:
            TooManyRequests: the caller has as many as he may.
        """
        return None if endpoint in WAITING else self.take(f"{caller.kind} {caller.name}", endpoint)

    def take(self, who: str, endpoint: str) -> Callable[[], None]:
        """`enter` for whoever is told apart otherwise: departments that push have no key and no token.

        Raises:
            TooManyRequests: he has as many as he may.
        """
        places = [(who, kind) for kind in (_ANY, endpoint) if kind in self._most]
        for place in places:
            if self._taken[place] >= self._most[place[1]]:
                raise too_many(self._most[place[1]])
        self._taken.update(places)
        return lambda: self._leave(places)

    def _leave(self, places: list[tuple[str, str]]) -> None:
        for place in places:
            self._taken[place] -= 1
            if not self._taken[place]:
                del self._taken[place]


def too_many(most: int) -> TooManyRequests:
    """The refusal of one more at this moment."""
    return TooManyRequests(
        f"您已有 {most} 个此类请求正在处理 · {most} such requests of yours are being answered at this moment",
        remedy="待其中之一返回后再试 · try again when one of them is answered",
        problem="too-many-at-once",
        retry_after_s=RETRY_AFTER_S,
    )
