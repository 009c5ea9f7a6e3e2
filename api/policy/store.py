"""Policies in the store: one person proposes, another approves, and the newest that was approved is in force."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, insert, select, update

from api.policy.document import DEFAULT, HIDING_REMEDY, Policy, policy_of, read_policy, told_half_hidden
from hub.database import store_errors
from hub.errors import AccessDenied, NotFound, RequestError
from schema.tables import policy as table

_MOST_AHEAD = 1_000  # of the newest version: after the largest number that there is no policy could follow

FRESH_S = 1.0  # a policy is in force everywhere within this time of its approval


@dataclass(frozen=True)
class Proposal:
    """A policy as listed."""

    version: int
    state: str
    proposed_by: str
    proposed_at: dt.datetime
    approved_by: str | None
    approved_at: dt.datetime | None


class Policies:
    """The policy in force, read from the store at most once in `FRESH_S`."""

    def __init__(self, engine: Engine) -> None:
        """Read nothing yet.

        Args:
            engine: the store's.
        """
        self._engine = engine
        self._lock = threading.Lock()
        self._default = read_policy(DEFAULT)
        self._current: Policy | None = None
        self._looked_at = float("-inf")

    def known(self) -> Policy | None:
        """The policy in force, if that was looked at a moment ago; waits for nothing."""
        return self._current if time.monotonic() - self._looked_at <= FRESH_S else None

    def current(self) -> Policy:
        """The policy in force.

        Raises:
            StoreUnavailable: it cannot be read.
        """
        with self._lock:
            if self._current is None or time.monotonic() - self._looked_at > FRESH_S:
                with store_errors(), self._engine.connect() as connection:
                    version = connection.execute(select(table.c.version).where(table.c.state == "in_force")).scalar_one_or_none()
                    if self._current is None or version != (self._current.version or None):
                        self._current = self._default if version is None else in_force(connection)
                self._looked_at = time.monotonic()
            return self._current


def in_force(connection: Connection) -> Policy:
    """The policy that was approved last, or the hub's own where none was."""
    document = connection.execute(select(table.c.document).where(table.c.state == "in_force")).scalar_one_or_none()
    return read_policy(DEFAULT) if document is None else policy_of(document)


def propose(engine: Engine, policy: Policy, by: str, account: str | None = None) -> None:
    """Put a policy up for a second person to approve.

    Args:
        engine: the store's.
        policy: that is proposed.
        by: the holder of the key.
        account: of the operating system, from which it is proposed.

    Raises:
        RequestError: its version is not above every one before, or it hides what would be told all the same.
    """
    _require_whole_hiding(policy)
    with store_errors(), engine.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE ops.policy IN EXCLUSIVE MODE")
        newest = connection.execute(select(func.coalesce(func.max(table.c.version), 0))).scalar_one()
        if policy.version <= newest:
            raise RequestError(
                f"版本 {policy.version} 不高于现有最新版本 {newest} · version {policy.version} is not above {newest}, the newest there is",
                remedy=f"写 version: {newest + 1} · write version: {newest + 1}",
                newest=newest,
            )
        if policy.version > newest + _MOST_AHEAD:
            raise RequestError(
                f"版本 {policy.version} 远高于现有最新版本 {newest}，此后将无法再写新版本 · "
                f"version {policy.version} is far above {newest}, the newest there is: no later one could be written",
                remedy=f"写 version: {newest + 1} · write version: {newest + 1}",
                newest=newest,
            )
        document = policy.model_dump(mode="json")
        connection.execute(insert(table).values(version=policy.version, document=document, proposed_by=by, proposed_account=account))


def approve(engine: Engine, version: int, by: str, account: str | None = None) -> None:
    """Bring a proposed policy into force.

    Args:
        engine: the store's.
        version: of the policy.
        by: the holder of the key.
        account: of the operating system, from which it is approved.

    Raises:
        NotFound: no policy of this version waits.
        AccessDenied: who approves is who proposed it, by his key or by his account.
        RequestError: a newer one is in force already, or it hides what would be told all the same.
    """
    with store_errors(), engine.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE ops.policy IN EXCLUSIVE MODE")
        waiting = _waiting(connection, version)
        _require_another(waiting, by, account)
        _require_whole_hiding(policy_of(waiting.document))
        newer = connection.execute(
            select(table.c.version).where(table.c.state == "in_force", table.c.version > version)
        ).scalar_one_or_none()
        if newer is not None:
            raise RequestError(
                f"版本 {newer} 已生效 · version {newer} is in force already",
                remedy=f"以版本 {newer + 1} 重新提出 · propose it anew as version {newer + 1}",
            )
        connection.execute(update(table).where(table.c.state == "in_force").values(state="replaced"))
        approved = {"state": "in_force", "approved_by": by, "approved_at": func.now(), "approved_account": account}
        connection.execute(update(table).where(table.c.version == version).values(**approved))


def _waiting(connection: Connection, version: int) -> Row[Any, Any, Any]:
    waiting = connection.execute(
        select(table.c.proposed_by, table.c.proposed_account, table.c.document).where(
            table.c.version == version, table.c.state == "proposed"
        )
    ).one_or_none()
    if waiting is None:
        raise NotFound(
            f"没有待批准的版本 {version} · no policy of version {version} waits for approval",
            remedy="用 `casehub policy list` 查看全部 · `casehub policy list` shows them all",
        )
    return waiting


def _require_another(waiting: Row[Any, Any, Any], by: str, account: str | None) -> None:
    """Two people make a policy, by their keys and by their accounts."""
    if waiting.proposed_by == by:
        raise AccessDenied(
            "策略须由两人分别提出和批准，提出者不能批准 · a policy wants two people: who proposed it cannot approve it",
            remedy="请另一位管理员批准 · ask another administrator",
        )
    if account is not None and waiting.proposed_account == account:
        raise AccessDenied(
            "同一系统账户不能既提出又批准 · one account of the operating system cannot propose a policy and approve it",
            remedy="由另一位管理员登录自己的账户后批准 · another administrator approves it from an account of his own",
        )


def _require_whole_hiding(policy: Policy) -> None:
    for found in policy.half_hidden():
        zh, en = told_half_hidden(*found)
        raise RequestError(f"版本 {policy.version} {zh} · version {policy.version} {en}", remedy=HIDING_REMEDY)


def withdraw(engine: Engine, version: int) -> None:
    """Take a proposal back.

    Raises:
        NotFound: no policy of this version waits.
    """
    statement = update(table).where(table.c.version == version, table.c.state == "proposed").values(state="withdrawn")
    with store_errors(), engine.begin() as connection:
        if connection.execute(statement).rowcount == 0:
            raise NotFound(
                f"没有待批准的版本 {version} · no policy of version {version} waits for approval",
                remedy="用 `casehub policy list` 查看全部 · `casehub policy list` shows them all",
            )


def list_policies(engine: Engine) -> Sequence[Proposal]:
    """Every policy that was proposed, the newest first."""
    columns = [table.c[name] for name in ("version", "state", "proposed_by", "proposed_at", "approved_by", "approved_at")]
    with store_errors(), engine.connect() as connection:
        return [Proposal(*row) for row in connection.execute(select(*columns).order_by(table.c.version.desc()))]


def policy_version(engine: Engine, version: int) -> Policy:
    """A policy by its version; 0 is the hub's own.

    Raises:
        NotFound: there is none.
    """
    if version == 0:
        return read_policy(DEFAULT)
    with store_errors(), engine.connect() as connection:
        document = connection.execute(select(table.c.document).where(table.c.version == version)).scalar_one_or_none()
    if document is None:
        raise NotFound(
            f"没有版本 {version} 的策略 · there is no policy of version {version}",
            remedy="用 `casehub policy list` 查看全部 · `casehub policy list` shows them all",
        )
    return policy_of(document)
