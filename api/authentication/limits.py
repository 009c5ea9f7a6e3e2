"""How often each caller may ask: as often as its role's policy says, counted by holder, whichever of its keys it uses.

Numbers asked about are counted as well, however many a request names, unless it says what for: who may ask of any whole number whether
the hub knows it could else fill in what a mask leaves out, try by try.
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
        self._throttles: dict[tuple[str, Rate], Throttle] = {}

    def take(self, caller: Caller) -> Quota:
        """Count a request; one that is beyond the quota is not counted, and `require_quota` refuses it."""
        rate = caller.rights.rate
        return Quota(rate, self._throttle("requests", rate).take(f"{caller.kind} {caller.name}"))

    def take_numbers(self, caller: Caller, count: int) -> None:
        """Count phones, ID numbers, birth dates and houses that a request asks about.

        Raises:
            TooManyRequests: it says nothing of what for, and they are more than the caller has left; none of them was counted.
        """
        rate = caller.rights.numbers
        if not count or rate is None or caller.purpose is not None:
            return
        allowance = self._throttle("numbers", rate).take(f"{caller.kind} {caller.name}", count)
        if allowance.retry_after_s:
            raise TooManyRequests(
                f"未注明查看目的时，每 {rate.per_s} 秒至多查询 {rate.requests} 个电话、证件号码、出生日期或门牌地址 · "
                f"without a purpose at most {rate.requests} phones, ID numbers, birth dates or houses may be asked about in {rate.per_s} s",
                remedy="用 X-Purpose 与 X-Case-Reference 注明查看目的与案号 · say what for, in X-Purpose and X-Case-Reference",
                retry_after_s=allowance.retry_after_s,
            )

    def _throttle(self, what: str, rate: Rate) -> Throttle:
        with self._lock:
            if (what, rate) not in self._throttles:
                if len(self._throttles) >= MAX_RATES:
                    self._throttles.clear()
                self._throttles[what, rate] = Throttle(rate.requests, rate.per_s)
            return self._throttles[what, rate]


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
