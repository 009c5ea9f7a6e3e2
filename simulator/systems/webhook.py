"""The sender of signed webhooks: bursts of events to the hub's inbox, some of them sent twice."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

BURST_EVENTS = 50
TRIES = 5


@dataclass(frozen=True)
class Burst:
    """One request: a body and the headers that sign it."""

    body: bytes
    headers: dict[str, str]


class WebhookSender:
    """Sends bursts of events to `{inbox_url}/v1/inbox/{department}` until each is taken.

    Args:
        department: whose inbox.
        inbox_url: the hub's API; None: nothing is sent, and `bursts` serves whoever delivers by other means.
    """

    def __init__(self, department: str, inbox_url: str | None) -> None:
        self.secret = secrets.token_urlsafe(32)
        self._path = f"/v1/inbox/{department}"
        self._inbox_url = inbox_url
        self._waiting: list[str] = []

    def enqueue(self, events: list[str]) -> None:
        """Add events, each as JSON text, in the order in which they are to go."""
        self._waiting.extend(events)

    def bursts(self) -> Iterator[Burst]:
        """Signed requests for all that waits; one waits no more once the next is asked for, so a failure loses none."""
        while self._waiting:
            yield self.sign(('{"events":[' + ",".join(self._waiting[:BURST_EVENTS]) + "]}").encode("utf-8"))
            del self._waiting[:BURST_EVENTS]

    def sign(self, body: bytes) -> Burst:
        """The headers that prove where a body comes from and when it was sent."""
        timestamp = str(int(time.time()))
        digest = hmac.new(self.secret.encode("utf-8"), timestamp.encode("ascii") + b"." + body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Timestamp": timestamp, "X-Signature-256": f"sha256={digest}"}
        return Burst(body, headers)

    def push(self) -> int:
        """Send all that waits.

        Returns:
            Number of requests that the inbox took; 0 without an inbox, and then all of it still waits.

        Raises:
            httpx.HTTPError: the inbox refused a request, or did not take it in several tries; it and all later ones still wait.
        """
        if self._inbox_url is None:
            return 0
        import httpx

        sent = 0
        with httpx.Client(base_url=self._inbox_url, timeout=30, trust_env=False) as client:
            for burst in self.bursts():
                self._deliver(client, burst)
                sent += 1
        return sent

    def _deliver(self, client: httpx.Client, burst: Burst) -> None:
        import httpx

        for attempt in range(1, TRIES + 1):
            try:
                answer = client.post(self._path, content=burst.body, headers=burst.headers)
            except httpx.TransportError:
                if attempt == TRIES:
                    raise
            else:
                if answer.status_code not in {429, 502, 503, 504} or attempt == TRIES:
                    answer.raise_for_status()
                    return
            time.sleep(0.2 * 2**attempt)
