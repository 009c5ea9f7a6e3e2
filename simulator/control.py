"""The small endpoint that moves the systems on: advance, push, truth, shutdown. Its address holds a secret of this run."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable

from simulator.serve import Systems
from simulator.systems.http import Request, Response, Service, as_json

logger = logging.getLogger(__name__)


class Control:
    """Answers below `url` until it is stopped; one request at a time changes anything.

    Args:
        systems: what is moved on.
        port: 0 takes a free one.

    Raises:
        SettingsError: the port is taken.
    """

    def __init__(self, systems: Systems, port: int = 0) -> None:
        self.ended = threading.Event()
        self._systems = systems
        self._lock = threading.Lock()
        self._prefix = f"/{secrets.token_urlsafe(18)}"
        self._service = Service(self._answer, port)
        self.url = f"{self._service.url}{self._prefix}"

    def stop(self) -> None:
        """Stop listening."""
        self._service.stop()

    def _answer(self, request: Request) -> Response:
        actions: dict[str, Callable[[Request], Response]] = {
            "/advance": self._advance,
            "/push": self._push,
            "/truth": self._truth,
            "/shutdown": self._shutdown,
        }
        prefix, action = request.path[: len(self._prefix)], request.path[len(self._prefix) :]
        if not secrets.compare_digest(prefix.encode(), self._prefix.encode()) or action not in actions:
            return as_json({"error": "not found", "actions": sorted(actions)}, 404)
        with self._lock:
            return actions[action](request)

    def _advance(self, request: Request) -> Response:
        """`?tick=2`; without it, one tick on."""
        text = request.query.get("tick", str(self._systems.tick + 1))
        if not text.isdigit():
            return as_json({"error": "tick is a whole number"}, 400)
        self._systems.advance(int(text))
        return as_json({"tick": self._systems.tick})

    def _push(self, request: Request) -> Response:
        import httpx  # only those who push pay for it

        try:
            return as_json({"requests": self._systems.push_events()})
        except httpx.HTTPError as error:
            logger.warning("the inbox did not take the events: %s", type(error).__name__)
            return as_json({"error": f"the inbox did not take the events ({type(error).__name__}); they still wait"}, 502)

    def _truth(self, request: Request) -> Response:
        """Writes the truth as it is now, and says where."""
        return as_json(self._systems.write_truth())

    def _shutdown(self, request: Request) -> Response:
        self.ended.set()
        return as_json({"state": "ending"})
