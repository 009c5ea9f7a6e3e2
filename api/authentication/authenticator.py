"""The one place where a caller is told from a stranger: by an API key, or by a token of a trusted issuer.

Failures are counted by client address. Where there were too many, unproven credentials are answered 429 unread; a key that
was good lately, and a token with a genuine signature, are not held up by a neighbour's guessing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass

import httpx
from sqlalchemy import Engine

from api.access import Caller
from api.authentication.addresses import neighbourhood, read_address
from api.authentication.claims import ClaimNames, Known
from api.authentication.issuers import TIMEOUT, Issuer
from api.authentication.key_check import KeyCheck, Reading
from api.authentication.refusals import refusal
from api.authentication.throttle import Throttle
from api.authentication.tokens import TokenCheck, TokenRules
from api.policy.document import Policy
from hub.errors import AccessDenied, SettingsError, TooManyRequests
from hub.settings import Settings

MAX_CREDENTIAL_BYTES = 8 * 1024
GUESS_PERIOD_S = 60.0
MAX_ADDRESSES = 20_000

_log = logging.getLogger("api.authentication")


@dataclass(frozen=True)
class Authenticator:
    """Who asks."""

    keys: KeyCheck
    tokens: TokenCheck | None
    guesses: Throttle

    def close(self) -> None:
        """Close what is open to issuers."""
        if self.tokens is not None:
            self.tokens.close()

    def known(self, credential: str | None, host: str | None) -> Caller | None:
        """Who asks, if that was checked a moment ago; waits for nothing."""
        if not credential or len(credential) > MAX_CREDENTIAL_BYTES:
            return None
        if self.tokens is not None and _is_token(credential):
            return self.tokens.known(credential)
        return self.keys.known(credential, read_address(host))

    def authenticate(self, credential: str | None, host: str | None, request_id: str) -> Caller:
        """Who asks.

        Args:
            credential: what was sent as a bearer.
            host: the client's address.
            request_id: for the log, which alone says why somebody was refused.

        Raises:
            AccessDenied: nobody that is known.
            TooManyRequests: this address failed too often.
            IssuerUnavailable: the token's issuer cannot be reached.
            StoreUnavailable: the store cannot be reached.
        """
        try:
            return self._check(credential, host)
        except AccessDenied as error:
            _log.info("refused, request %s: %s", request_id, error.detail.get("reason", "role or department"))
            raise

    def _check(self, credential: str | None, host: str | None) -> Caller:
        if not credential:
            raise refusal("nothing was sent", challenge="invalid_request")
        address = read_address(host)
        neighbours = neighbourhood(address)
        try:
            if len(credential) > MAX_CREDENTIAL_BYTES:
                raise refusal("a credential that is too long", is_guess=True)
            if self.tokens is not None and _is_token(credential):
                return self.tokens.check(credential)
            if not self.keys.was_good(credential):
                _require_patience(self.guesses.look(neighbours).retry_after_s)
            return self.keys.check(credential, address)
        except AccessDenied as error:
            if error.detail.get("is_guess"):
                _require_patience(self.guesses.take(neighbours).retry_after_s)
            raise


def make_authenticator(
    settings: Settings, engine: Engine, reading: Reading, departments: Collection[str], policy: Callable[[], Policy]
) -> Authenticator:
    """The authenticator that the settings describe.

    Args:
        settings: the process's.
        engine: notes when keys were used.
        reading: a connection to look keys up by.
        departments: codes that there are, at any time.
        policy: the one in force.

    Raises:
        SettingsError: an issuer is bound to a department that there is not.
    """
    tokens = None
    if settings.oidc_issuers:
        rules = TokenRules(
            settings.oidc_audience,
            settings.oidc_max_hours * 3600.0,
            ClaimNames(settings.oidc_name_claim, settings.oidc_role_claim, settings.oidc_department_claim),
        )
        tokens = TokenCheck(_issuers(settings, departments), rules, lambda: Known(departments, policy()))
    return Authenticator(KeyCheck(reading, engine), tokens, Throttle(settings.failures_per_minute, GUESS_PERIOD_S, max_keys=MAX_ADDRESSES))


def _issuers(settings: Settings, departments: Collection[str]) -> list[Issuer]:
    for bound in settings.oidc_issuers.values():
        if bound is not None and bound not in departments:
            raise SettingsError(
                f"CASEHUB_OIDC_ISSUER 中的 {bound} 不是部门 · CASEHUB_OIDC_ISSUER binds an issuer to {bound}, which is no department",
                remedy="用 `casehub sources list` 查看各部门 · `casehub sources list` shows the departments",
                setting="CASEHUB_OIDC_ISSUER",
            )
    client = httpx.Client(timeout=TIMEOUT, trust_env=False, verify=httpx.create_ssl_context(), limits=httpx.Limits(max_connections=4))
    return [Issuer(url, bound, client, settings.oidc_grace_minutes * 60.0) for url, bound in settings.oidc_issuers.items()]


def _is_token(credential: str) -> bool:
    return credential.count(".") == 2  # a key has none, an encrypted token four


def _require_patience(retry_after_s: int) -> None:
    if retry_after_s:
        raise TooManyRequests(
            "此地址验证失败过多 · too many failures from this address",
            remedy=f"{retry_after_s} 秒后再试，并检查密钥 · try again in {retry_after_s} s, and check the key",
            retry_after_s=retry_after_s,
        )
