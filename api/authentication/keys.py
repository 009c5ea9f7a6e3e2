"""API keys: `casehub_<key id>_<secret>`. The store keeps the id and the SHA-256 of 256 random bits: who reads it becomes nobody.

A holder's next key names the one it replaces. So a name belongs to one holder for ever, and two keys can be good at once
while a system changes over.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import re
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, update

from api.access import Caller
from api.policy.store import in_force
from hub.database import store_errors
from hub.errors import AccessDenied, NotFound, RequestError, StoreError
from schema.tables import api_key

PREFIX = "casehub_"  # so that a secret scanner knows a key that was committed by mistake
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_UNIQUE_VIOLATION = "23505"
_ID_LETTERS = string.ascii_lowercase + string.digits
KEY_ID_LENGTH = 12
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,79}")
_DEPARTMENT = re.compile(r"[a-z][a-z0-9_]{1,39}")
_LISTED = ("key_id", "name", "role", "department", "networks", "created_at", "expires_at", "revoked_at", "last_used_at")


@dataclass(frozen=True)
class ApiKey:
    """A key as listed: everything but the secret."""

    key_id: str
    name: str
    role: str
    department: str | None
    networks: Sequence[str] | None
    created_at: dt.datetime
    expires_at: dt.datetime
    revoked_at: dt.datetime | None
    last_used_at: dt.datetime | None


def create_key(engine: Engine, caller: Caller, days: int, *, networks: Sequence[str] = (), replace: bool = False) -> str:
    """Make a key.

    Args:
        engine: the store's.
        caller: whom the key speaks for; a clerk needs a department.
        days: how long it is good for.
        networks: addresses (CIDR) that it may be used from; none: from anywhere.
        replace: end every key of the same name at once, as if they had been lost.

    Returns:
        The key, which nobody can show again.

    Raises:
        RequestError: the name is taken or malformed, the policy has no such role for the department, or a network is none.
    """
    _require_sound(engine, caller)
    row = _row(caller, [str(network) for network in read_networks(networks)], days)
    try:
        with store_errors(), engine.begin() as connection:
            held = _held(connection, caller.name) if replace else []
            if held:
                _revoke(connection, [each.key_id for each in held])
            return _insert(connection, row, held[0].key_id if held else None)
    except StoreError as error:
        if error.detail.get("sqlstate") != _UNIQUE_VIOLATION:
            raise
        raise RequestError(
            f"名称 {caller.name} 已被占用 · the name {caller.name} is taken",
            remedy="用 `casehub keys rotate` 换发，或加 --replace 先吊销其全部密钥，或另取名称 · "
            "`casehub keys rotate` makes the holder's next key, --replace ends every key of this name first; or choose another name",
            name=caller.name,
        ) from None


def rotate_key(engine: Engine, name: str, days: int, *, overlap: dt.timedelta) -> str:
    """Make a holder's next key, with the same rights and networks; the one before goes on for a while.

    Returns:
        The new key.

    Raises:
        NotFound: nobody of this name holds a key that is not revoked.
        RequestError: somebody else rotated it at the same time.
    """
    try:
        with store_errors(), engine.begin() as connection:
            held = _held(connection, name)
            if not held or held[0].revoked_at is not None:
                raise NotFound(
                    "此名称没有密钥，或密钥已吊销 · nobody of this name holds a key, or it is revoked",
                    remedy="用 `casehub keys list` 查看全部；吊销后用 `casehub keys create NAME --replace` 重新发放 · "
                    "`casehub keys list` shows them all; `casehub keys create NAME --replace` makes another after a revocation",
                )
            last = held[0]
            end = func.least(api_key.c.expires_at, func.now() + overlap)
            connection.execute(update(api_key).where(api_key.c.name == name, api_key.c.revoked_at.is_(None)).values(expires_at=end))
            return _insert(connection, _row(Caller(last.name, last.role, last.department), last.networks, days), last.key_id)
    except StoreError as error:
        if error.detail.get("sqlstate") != _UNIQUE_VIOLATION:
            raise
        raise RequestError(
            "此持有者的新密钥刚由他人生成 · somebody else made this holder's next key just now",
            remedy="用 `casehub keys list` 查看 · `casehub keys list` shows it",
            name=name,
        ) from None


def list_keys(engine: Engine) -> Sequence[ApiKey]:
    """Every key ever made, by holder, the newest first."""
    columns = [api_key.c[name] for name in _LISTED]
    with store_errors(), engine.connect() as connection:
        return [ApiKey(*row) for row in connection.execute(select(*columns).order_by(api_key.c.name, api_key.c.created_at.desc()))]


def revoke_key(engine: Engine, word: str) -> int:
    """End one key by its id, or every key of a holder by name.

    Returns:
        How many were ended.

    Raises:
        NotFound: there is no such key, or it is revoked already.
    """
    chosen = select(api_key.c.key_id).where((api_key.c.key_id == word) | (api_key.c.name == word), api_key.c.revoked_at.is_(None))
    with store_errors(), engine.begin() as connection:
        found = list(connection.execute(chosen).scalars())
        if not found or not _revoke(connection, found):
            raise NotFound(
                "没有此密钥，或已吊销 · no such key, or it is revoked already",
                remedy="用 `casehub keys list` 查看全部 · `casehub keys list` shows them all",
            )
    return len(found)


def is_live(connection: Connection, caller: Caller) -> bool:
    """Whether the key by which a caller came, a while ago, is still good, and for the same role and department."""
    key = api_key.c
    statement = select(func.count()).where(
        key.key_id == caller.key_id,
        key.name == caller.name,
        key.role == caller.role,
        key.department.is_not_distinct_from(caller.department),
        key.revoked_at.is_(None),
        key.expires_at > func.now(),
    )
    return bool(connection.execute(statement).scalar_one())


def split_key(credential: str) -> tuple[str, bytes]:
    """A key's id and its secret's hash; of what is no key an id that no key has, so that it is looked up all the same."""
    whole = credential.removeprefix(PREFIX)
    key_id, mark, secret = whole.partition("_")
    is_one = len(whole) < len(credential) and bool(mark) and len(key_id) == KEY_ID_LENGTH and key_id.isascii() and key_id.isalnum()
    return key_id if is_one else "", _hash(secret)


def read_networks(words: Sequence[str]) -> tuple[Network, ...]:
    """Networks from CIDR notation; an address alone is a network of one.

    Raises:
        RequestError: one is none.
    """
    try:
        return tuple(ipaddress.ip_network(word.strip()) for word in words)
    except ValueError:
        raise RequestError(
            "不是有效的网段 · that is no network",
            remedy="写作 10.20.0.0/16，前缀之外的位须为 0 · write it as 10.20.0.0/16, without bits beyond the prefix",
        ) from None


def _require_sound(engine: Engine, caller: Caller) -> None:
    if not _NAME.fullmatch(caller.name):
        raise RequestError(
            "密钥名称须为 1 至 80 个字母、数字或 . _ @ - · a key's name is 1 to 80 letters, digits and . _ @ -",
            remedy="写明持有者，即人或系统 · name the person or system that will hold it",
        )
    if caller.department is not None and not _DEPARTMENT.fullmatch(caller.department):
        raise RequestError(
            "不是部门代码 · that is no department's code",
            remedy="用 `casehub sources list` 查看各部门 · `casehub sources list` shows the departments",
        )
    try:
        with store_errors(), engine.connect() as connection:
            in_force(connection).rights(caller.department, caller.role)
    except AccessDenied as error:
        raise RequestError(error.message, remedy=error.remedy) from None


def _row(caller: Caller, networks: Sequence[str] | None, days: int) -> dict[str, Any]:
    return {
        "name": caller.name,
        "role": caller.role,
        "department": caller.department,
        "networks": networks or None,
        "expires_at": func.now() + dt.timedelta(days=days),
    }


def _insert(connection: Connection, row: dict[str, Any], replaces: str | None) -> str:
    key_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(KEY_ID_LENGTH))
    secret = secrets.token_urlsafe(32)
    connection.execute(insert(api_key).values(key_id=key_id, secret_hash=_hash(secret), replaces=replaces, **row))
    return f"{PREFIX}{key_id}_{secret}"


def _held(connection: Connection, name: str) -> Sequence[Any]:
    """A holder's keys, the one that none replaces first."""
    later = api_key.alias()
    is_last = ~select(later.c.key_id).where(later.c.replaces == api_key.c.key_id).exists()
    statement = select(api_key, is_last.label("is_last")).where(api_key.c.name == name)
    return connection.execute(statement.order_by(is_last.desc())).all()


def _revoke(connection: Connection, key_ids: Sequence[str]) -> int:
    still_good = api_key.c.key_id.in_(key_ids), api_key.c.revoked_at.is_(None)
    return connection.execute(update(api_key).where(*still_good).values(revoked_at=func.now())).rowcount


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
