"""OpenID Connect issuers: whom the hub believes, and the public keys they sign with, fetched and kept.

Only issuers that the settings name are ever asked. Keys are fetched anew every quarter of an hour, and at a token whose
key is not known yet, so that a rotation needs no restart; both seldom enough that made-up key ids are no burden to anybody.
"""

from __future__ import annotations

import json
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from api.authentication.throttle import Throttle
from hub.errors import IssuerUnavailable
from hub.urls import is_safe_on_the_way

REFRESH_S = 900.0  # after which keys are fetched anew
WAIT_S = 1.0  # for another request's fetch
MAX_WAITING = 16  # of the threads that recognise callers: a slow issuer holds up no API key
FETCHES, FETCH_PERIOD_S = 3, 30.0  # most that are tried
TIMEOUT = httpx.Timeout(5.0, connect=3.0)
DEADLINE_S = 6.0  # for an answer that comes in drips
MAX_ANSWER_BYTES = 512 * 1024
MAX_KEYS = 64
MIN_RSA_LETTERS = 342  # of base64url, after leading zeroes: a modulus of 2048 bits

PublicKey = RSAKey | ECKey | OKPKey
_log = logging.getLogger("api.authentication")


@dataclass(frozen=True)
class _Keys:
    by_id: Mapping[str | None, PublicKey]
    fetched_at: float


class Issuer:
    """One issuer and its keys.

    Args:
        url: exactly as its tokens name it.
        department: the only department it may speak for; None: any.
        client: asks it; follows no redirects.
        grace_s: for which its keys are good after they were last fetched.
        clock: seconds that only grow.
    """

    def __init__(
        self, url: str, department: str | None, client: httpx.Client, grace_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.url, self.department = url, department
        self._client, self._grace_s, self._clock = client, grace_s, clock
        self._fetches = Throttle(FETCHES, FETCH_PERIOD_S, clock=clock)
        self._fetching = threading.Lock()
        self._waiting = threading.BoundedSemaphore(MAX_WAITING)
        self._keys = _Keys({}, -math.inf)
        self._is_down = False

    def close(self) -> None:
        """Close what is open to it."""
        self._client.close()

    def key(self, key_id: str | None) -> PublicKey | None:
        """The public key of this id; without an id, the only one there is.

        Returns:
            None if the issuer has no such key, or it was asked too often to ask again now.

        Raises:
            IssuerUnavailable: its keys are not known, or were for too long, and it cannot be reached.
        """
        found = self._find(key_id)
        age = self._clock() - self._keys.fetched_at
        if found is None or age > self._grace_s:
            if self._waiting.acquire(blocking=False):
                try:
                    self._refresh(WAIT_S)
                finally:
                    self._waiting.release()
            found = self._find(key_id)
        elif age > REFRESH_S:  # nobody has to wait for it
            threading.Thread(target=self._refresh, args=(0,), name="casehub-jwks", daemon=True).start()
        is_too_old = self._clock() - self._keys.fetched_at > self._grace_s
        if is_too_old or (found is None and self._is_down):
            raise IssuerUnavailable(
                "身份认证服务暂不可用，无法校验令牌 · the identity provider cannot be reached, so that its tokens cannot be checked",
                remedy="稍后再试，或改用 API 密钥 · try again shortly, or use an API key",
            )
        return found

    def _find(self, key_id: str | None) -> PublicKey | None:
        by_id = self._keys.by_id
        if key_id is None:
            return next(iter(by_id.values())) if len(by_id) == 1 else None
        return by_id.get(key_id)

    def _refresh(self, wait_s: float) -> None:
        """Fetch the keys, one thread at a time; a failure is logged and leaves those that are known."""
        seen = self._keys
        if not (self._fetching.acquire(timeout=wait_s) if wait_s else self._fetching.acquire(blocking=False)):
            return
        try:
            if self._keys is not seen or self._fetches.take("").retry_after_s:
                return
            began = self._clock()
            self._keys, self._is_down = _Keys(self._fetch(), began), False
        except IssuerUnavailable as error:
            self._is_down = True
            _log.warning("%s", error)
        finally:
            self._fetching.release()

    def _fetch(self) -> dict[str | None, PublicKey]:
        described = self._get(self.url.rstrip("/") + "/.well-known/openid-configuration")
        if described.get("issuer") != self.url:
            raise self._unavailable(
                "calls itself by another name",
                "CASEHUB_OIDC_ISSUER 须与签发方自身声明的 issuer 完全一致 · write CASEHUB_OIDC_ISSUER exactly as the issuer names itself",
            )
        place = described.get("jwks_uri")
        if not isinstance(place, str) or not is_safe_on_the_way(place):
            raise self._unavailable("names no https address of its keys")
        listed = self._get(place).get("keys")
        found = read_keys(listed if isinstance(listed, list) else [])
        if not found:
            raise self._unavailable(
                "publishes no key that can be used",
                "请签发方使用 2048 位 RSA、P-256 或 Ed25519 签名 · have it sign with RSA of 2048 bits, P-256 or Ed25519",
            )
        return found

    def _get(self, url: str) -> dict[str, Any]:
        deadline, body = time.monotonic() + DEADLINE_S, bytearray()
        try:
            with self._client.stream("GET", url, headers={"Accept": "application/json"}) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise self._unavailable(f"answered {answer.status_code}")
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > MAX_ANSWER_BYTES or time.monotonic() > deadline:
                        raise self._unavailable("answered too much, or too slowly")
            document = json.loads(body)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
            raise self._unavailable(f"did not answer ({type(error).__name__})") from None
        if not isinstance(document, dict):
            raise self._unavailable("answered what is no JSON object")
        return document

    def _unavailable(self, what: str, remedy: str = "检查身份认证服务及网络 · check the issuer and the way to it") -> IssuerUnavailable:
        return IssuerUnavailable(
            f"身份认证服务 {self.url} 无法连接或应答异常 · the OpenID Connect issuer {self.url} {what}", remedy=remedy, issuer=self.url
        )


def read_keys(listed: Sequence[object]) -> dict[str | None, PublicKey]:
    """The keys of a JWKS that sign; those of other kinds, for encryption, secret, or too short are passed over."""
    found: dict[str | None, PublicKey] = {}
    for each in listed[:MAX_KEYS]:
        if not isinstance(each, dict) or (each.get("kty") == "RSA" and len(str(each.get("n", "")).lstrip("A")) < MIN_RSA_LETTERS):
            continue
        try:
            key = JWKRegistry.import_key(each)
            key.check_use("sig")
        except (JoseError, ValueError, TypeError, KeyError):  # an unknown kind, or a key that is broken
            continue
        if isinstance(key, RSAKey | ECKey | OKPKey):
            found[key.kid] = key
    return found
