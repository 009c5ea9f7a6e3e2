"""API tokens: 256 random bits, of which the store keeps the SHA-256 alone. Whoever reads the table cannot become anybody."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from api.access import Caller, Role
from hub.database import store_errors
from hub.errors import AccessDenied, NotFound, RequestError, StoreError
from schema.tables import api_token

ROLES: tuple[Role, ...] = ("clerk", "engineer", "admin")
PREFIX = "casehub_"  # so that a secret scanner knows a token that was committed by mistake
_UNIQUE_VIOLATION = "23505"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,79}")
_DEPARTMENT = re.compile(r"[a-z][a-z0-9_]{1,39}")


@dataclass(frozen=True)
class Token:
    """A token as listed: everything but the secret."""

    name: str
    role: Role
    department: str | None
    created_at: dt.datetime
    expires_at: dt.datetime
    revoked_at: dt.datetime | None


def create_token(engine: Engine, caller: Caller, days: int, *, replace: bool = False) -> str:
    """Make a token.

    Args:
        engine: the store's.
        caller: whom the token speaks for; a clerk needs a department.
        days: how long it is good for.
        replace: forget a token of the same name first, as if it had been lost.

    Returns:
        The token, which nobody can show again.

    Raises:
        RequestError: the name is taken or malformed, the role unknown, or a clerk has no department.
    """
    _require_sound(caller)
    token = PREFIX + secrets.token_urlsafe(32)
    row = {"token_hash": _hash(token), "name": caller.name, "role": caller.role, "department": caller.department}
    try:
        with store_errors(), engine.begin() as connection:
            if replace:
                connection.execute(delete(api_token).where(api_token.c.name == caller.name))
            connection.execute(insert(api_token).values(**row, expires_at=func.now() + dt.timedelta(days=days)))
    except StoreError as error:
        if error.detail.get("sqlstate") != _UNIQUE_VIOLATION:
            raise
        raise RequestError(
            f"there is already a token named {caller.name}", remedy="choose another name; a revoked token keeps its name", name=caller.name
        ) from None
    return token


def _require_sound(caller: Caller) -> None:
    if not _NAME.fullmatch(caller.name):
        raise RequestError("a token's name is 1 to 80 letters, digits and . _ @ -", remedy="name the person or system that will hold it")
    if caller.role not in ROLES:
        raise RequestError(f"there is no role {caller.role}", remedy=f"choose one of {', '.join(ROLES)}", allowed=ROLES)
    if caller.role == "clerk" and caller.department is None:
        raise RequestError("a clerk's token needs a department", remedy="add --department, e.g. --department labour")
    if caller.department is not None and not _DEPARTMENT.fullmatch(caller.department):
        raise RequestError("that is no department's code", remedy="`casehub sources list` shows the departments")


def list_tokens(engine: Engine) -> Sequence[Token]:
    """Every token ever made, by name."""
    columns = [api_token.c[name] for name in ("name", "role", "department", "created_at", "expires_at", "revoked_at")]
    with store_errors(), engine.connect() as connection:
        return [Token(*row) for row in connection.execute(select(*columns).order_by(api_token.c.name))]


def revoke_token(engine: Engine, name: str) -> None:
    """End a token at once.

    Raises:
        NotFound: there is no such token, or it is revoked already.
    """
    statement = update(api_token).where(api_token.c.name == name, api_token.c.revoked_at.is_(None)).values(revoked_at=func.now())
    with store_errors(), engine.begin() as connection:
        if connection.execute(statement).rowcount == 0:
            raise NotFound("no such token, or it is revoked already", remedy="`casehub tokens list` shows them all")


def authenticate(connection: Connection, token: str | None) -> Caller:
    """Who holds this token.

    The look-up goes by the token's hash, so its time tells nothing of a token that nearly fits.

    Raises:
        AccessDenied: there is none, or it is unknown, expired or revoked; which of these is not said.
    """
    if not token:
        raise _not_authenticated("invalid_request")
    digest = _hash(token)
    row = connection.execute(
        select(api_token.c.token_hash, api_token.c.name, api_token.c.role, api_token.c.department).where(
            api_token.c.token_hash == digest, api_token.c.revoked_at.is_(None), api_token.c.expires_at > func.now()
        )
    ).one_or_none()
    if row is None or not hmac.compare_digest(bytes(row.token_hash), digest):
        raise _not_authenticated("invalid_token")
    return Caller(row.name, row.role, row.department)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _not_authenticated(challenge: str) -> AccessDenied:
    return AccessDenied(
        "需要有效的访问令牌 · a valid bearer token is needed",
        remedy="请求头加 Authorization: Bearer <令牌> · send Authorization: Bearer <token>; `casehub tokens create` makes one",
        problem="not-authenticated",
        challenge=challenge,
    )
