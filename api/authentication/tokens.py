"""Checks bearer tokens (JWT, RFC 7519) of the issuers that the settings name; joserfc does the cryptography.

The algorithms are fixed, and the keys come from the issuer's own list alone: whatever the token's header says of where a key
is to be found (`jku`, `x5u`, `jwk`, `x5c`) is not read.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cachetools import TTLCache
from joserfc import jws, jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError

from api.access import Caller
from api.authentication.claims import ClaimNames, Known, caller_from, name_of
from api.authentication.issuers import Issuer
from api.authentication.refusals import refusal
from hub.errors import AccessDenied

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA", "Ed25519")
TYPES = ("", "jwt", "at+jwt", "application/at+jwt")  # access tokens; some issuers say nothing
LEEWAY_S = 30  # between the issuer's clock and ours
KNOWN_S = 10.0  # for which a token that was checked is not checked again
MAX_KNOWN = 4096
_REFUSED_HEADERS = ("crit", "b64", "enc", "zip", "cty")  # an extension, an unencoded payload, an encrypted or a nested token
_REFUSED_CLAIMS = ("at_hash", "c_hash", "s_hash", "events", "cnf")  # an ID token, a logout token, one bound to a sender's own key
_UNREADABLE = (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError)  # whatever comes of made-up bytes


class _Registry(jws.JWSRegistry):
    """Ours instead of the library's list of algorithms, without its warning that EdDSA has a newer name."""

    max_header_length = 4096
    max_payload_length = 16 * 1024

    def __init__(self) -> None:
        super().__init__(algorithms=ALGORITHMS, strict_check_header=False)

    def get_alg(self, name: str) -> Any:
        if name not in ALGORITHMS:
            raise UnsupportedAlgorithmError("not allowed")
        return self.algorithms[name]


_REGISTRY = _Registry()


@dataclass(frozen=True)
class TokenRules:
    """What tokens must say."""

    audience: str
    max_lifetime_s: float
    names: ClaimNames


class TokenCheck:
    """Who holds a token.

    Args:
        issuers: whom to believe.
        rules: what tokens must say.
        nameable: what they may name, now.
    """

    def __init__(self, issuers: Sequence[Issuer], rules: TokenRules, nameable: Callable[[], Known]) -> None:
        self._issuers = {issuer.url: issuer for issuer in issuers}
        self._rules, self._nameable = rules, nameable
        self._lock = threading.Lock()
        self._known: TTLCache[bytes, Caller] = TTLCache(MAX_KNOWN, ttl=KNOWN_S)

    def close(self) -> None:
        """Close what is open to issuers."""
        for issuer in self._issuers.values():
            issuer.close()

    def known(self, credential: str) -> Caller | None:
        """Who holds this token, if it was checked a moment ago."""
        with self._lock:
            found = self._known.get(_digest(credential))
        return found if found is not None and is_unexpired(found) else None

    def check(self, credential: str) -> Caller:
        """Who holds this token.

        Raises:
            AccessDenied: it is forged, for others, expired, or of a kind that is not taken; or it is genuine and its role or
                department is not known here.
            IssuerUnavailable: its issuer's keys cannot be had.
        """
        token, claims = _read(credential)
        issuer = self._issuers.get(str(claims.get("iss")))
        if issuer is None:
            raise refusal("of an issuer that is not named in CASEHUB_OIDC_ISSUER", is_guess=True)
        _require_signature(token, issuer)
        try:
            self._require_times_and_audience(claims)
        except AccessDenied as error:  # it is somebody's all the same
            whose = name_of(claims, issuer.url, self._rules.names)
            if whose is not None:
                error.detail["caller"] = whose
            raise
        caller = caller_from(claims, issuer.url, issuer.department, self._rules.names, self._nameable())
        caller = dataclasses.replace(caller, expires_at=float(claims["exp"]) + LEEWAY_S)
        with self._lock:
            self._known[_digest(credential)] = caller
        return caller

    def _require_times_and_audience(self, claims: Mapping[str, Any]) -> None:
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S, exp={"essential": True}, iat={"essential": True}, aud={"essential": True, "value": self._rules.audience}
        )
        try:
            registry.validate(dict(claims))
            lifetime_s = claims["exp"] - claims["iat"]
        except (JoseError, ValueError, OverflowError) as error:
            raise refusal(f"token not valid ({type(error).__name__}: {getattr(error, 'description', '')})") from None
        if lifetime_s > self._rules.max_lifetime_s:
            raise refusal("token good for longer than CASEHUB_OIDC_MAX_HOURS")
        if any(name in claims for name in _REFUSED_CLAIMS) or str(claims.get("typ", "Bearer")).lower() != "bearer":
            raise refusal("an ID, logout, refresh or sender-bound token, not a bearer access token")


def is_unexpired(caller: Caller) -> bool:
    """Whether the token by which a caller came, if it was one, has not ended."""
    return caller.expires_at is None or time.time() < caller.expires_at


def _read(credential: str) -> tuple[jws.CompactSignature, dict[str, Any]]:
    """A token's parts, of which nothing is proven yet."""
    try:
        token = jws.extract_compact(credential.encode("ascii"), registry=_REGISTRY)
        header, claims = token.headers(), json.loads(token.payload or b"")
        is_taken = isinstance(claims, dict) and header["alg"] in ALGORITHMS and not any(name in header for name in _REFUSED_HEADERS)
        is_access_token = str(header.get("typ", "")).lower() in TYPES
    except _UNREADABLE:
        raise refusal("a token that cannot be read", is_guess=True) from None
    if not (is_taken and is_access_token):
        raise refusal("a token whose algorithm, type or extension is not taken", is_guess=True)
    return token, claims


def _require_signature(token: jws.CompactSignature, issuer: Issuer) -> None:
    key_id = token.headers().get("kid")
    key = issuer.key(key_id) if key_id is None or isinstance(key_id, str) else None
    if key is None:
        raise refusal("a token signed by a key that its issuer does not publish", is_guess=True)
    try:
        is_genuine = jws.validate_compact(token, key, registry=_REGISTRY)
    except _UNREADABLE:  # the header asks for another algorithm than the key is for
        is_genuine = False
    if not is_genuine:
        raise refusal("a token whose signature is wrong", is_guess=True)


def _digest(credential: str) -> bytes:
    return hashlib.sha256(credential.encode("utf-8", "surrogatepass")).digest()
