"""How often each caller may ask: as often as its role's policy says, counted by holder, whichever of its keys it uses.

Each process counts for itself: with several of them a caller has as many times as much.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from api.access import Caller, Rate
from api.authentication.throttle import Allowance, Throttle
from hub.errors import TooManyRequests

MAX_RATES = 64  # that differ; a policy has a handful


@dataclass(frozen=True)
class Quota:
    """What a caller has, and what is left of it."""

    rate: Rate
    allowance: Allowance

    def headers(self) -> dict[str, str]:
        """The fields of draft-ietf-httpapi-ratelimit-headers: `q` requests in a window of `w` seconds; `r` left, all again in `t`."""
        return {
            "RateLimit-Policy": f'"caller";q={self.rate.requests};w={self.rate.per_s}',
            "RateLimit": f'"caller";r={self.allowance.remaining};t={self.allowance.reset_s}',
        }


class CallerLimits:
    """Counts requests by caller."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._throttles: dict[Rate, Throttle] = {}

    def take(self, caller: Caller) -> Quota:
        """Count a request; one that is beyond the quota is not counted, and `require_quota` refuses it."""
        rate = caller.rights.rate
        with self._lock:
            if rate not in self._throttles and len(self._throttles) >= MAX_RATES:
                self._throttles.clear()
            throttle = self._throttles.setdefault(rate, Throttle(rate.requests, rate.per_s))
        return Quota(rate, throttle.take(f"{caller.kind} {caller.name}"))


def require_quota(quota: Quota) -> None:
    """Refuse a request beyond the caller's quota.

    Raises:
        TooManyRequests: says when to try again.
    """
    wait = quota.allowance.retry_after_s
    if wait:
        raise TooManyRequests(
            f"请求超过每 {quota.rate.per_s} 秒 {quota.rate.requests} 次 · more than {quota.rate.requests} requests in {quota.rate.per_s} s",
            remedy=f"{wait} 秒后再试 · try again in {wait} s",
            retry_after_s=wait,
        )
