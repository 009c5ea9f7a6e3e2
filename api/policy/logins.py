"""Logins of the database: one for each department and role, whose row security reads no more than the policy gives.

A caller enters; an engine leaves that is logged in for him. The login and its row in `ops.row_scope` are made when they are
first wanted, and brought up to a newer policy then. Passwords are derived from one secret file, so that none is kept anywhere.

PostgreSQL lets every role change its own password and settings, and has no means against it: a password runs out after `PASSWORD_S`,
which no login can put off, and is set anew each `RENEW_S`, and at once where the login is refused; settings of its own go with it.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as PsycopgConnection
from psycopg2.extensions import encrypt_password
from sqlalchemy import Engine, event
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine import URL

from api.access import Caller
from api.policy.places import KeptPool, Places, let_in, share_of
from hub.database import store_errors
from hub.errors import SettingsError
from hub.reader import READER
from hub.settings import Settings
from schema.tables import row_scope

OWNER = "owner"  # execution option of a login's engine: the store's own, for what is of no record
MAX_ENGINES = 32  # logins whose connections are kept, two of sixteen departments; the one that was not asked for longest goes
PLACE_TIMEOUT_S = 3.0  # for which somebody waits for one of the connections that all logins share
RENEW_S = 3600.0  # after which a login that is asked by gets its password again
PASSWORD_S = 2 * RENEW_S  # for which it is good: whoever was given the engine before may still connect
REFUSED_S = 10.0  # a login that was made this lately, and is refused, is not made again: that would not help
_NAME_BYTES = 63  # of a role in PostgreSQL
_MARK = "casehub, by secret "  # begins the comment of a role, which says by which secret it was made last, without telling it
_MORE_RIGHTS = "rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolreplication"
_SECRET_FILE = "logins.secret"  # noqa: S105 - a file's name

MakeEngine = Callable[[URL], Engine]
_log = logging.getLogger("api")


class Logins:
    """Engines by caller's department and role."""

    def __init__(self, engine: Engine, settings: Settings, make: MakeEngine) -> None:
        """Make no login yet.

        Args:
            engine: the store's, of somebody who may create roles.
            settings: where the secret stands.
            make: an engine for reading, of a URL, on a `KeptPool`.
        """
        self._engine, self._settings, self._make = engine, settings, make
        self._lock = threading.Lock()
        self._places = Places(lambda: settings.login_connections or let_in(engine), self._pools, PLACE_TIMEOUT_S)
        self._engines: OrderedDict[str, tuple[int, Engine]] = OrderedDict()
        # login → the policy that it was made for, and when: who comes back needs no more than a connection
        self._made: dict[str, tuple[int, float]] = {}
        self._making: dict[str, threading.Lock] = {}  # nobody waits for a login that is another's

    def engine(self, caller: Caller) -> Engine:
        """The engine on which this caller's statements are run.

        Raises:
            StoreError: the login cannot be made.
            SettingsError: the secret cannot be read.
        """
        login = login_of(caller, self._engine.url.database or "")
        known = self._known(login, caller)
        if known is not None:
            return known
        with self._lock:
            making = self._making.setdefault(login, threading.Lock())
        with making:
            known = self._known(login, caller)
            if known is not None:
                return known
            password = hmac.new(_secret(self._settings), login.encode(), hashlib.sha256).hexdigest()
            if self._is_due(login, caller):
                self._renew(login, password, caller)
            with self._lock:
                version, engine = self._engines.get(login, (-1, None))
            if engine is not None and version >= caller.rights.version:
                return engine
            engine = self._make(self._engine.url.set(username=login, password=password))
            engine.update_execution_options(**{OWNER: self._engine})
            event.listen(engine, "do_connect", partial(self._connect, login, password, caller))
            return self._kept(login, engine)

    def _known(self, login: str, caller: Caller) -> Engine | None:
        with self._lock:
            version, engine = self._engines.get(login, (0, None))
            # Who came under a former policy reads by the newer one's scope, too.
            if engine is None or version < caller.rights.version or self._is_due(login, caller):
                return None
            self._engines.move_to_end(login)
            return engine

    def _is_due(self, login: str, caller: Caller) -> bool:
        version, made_at = self._made.get(login, (-1, 0.0))
        return version < caller.rights.version or time.monotonic() - made_at > RENEW_S

    def _renew(self, login: str, password: str, caller: Caller) -> None:
        mark = f"{_MARK}{derived_key(self._settings, 'mark')[:8].hex()}"
        former = self._ensure(login, password, caller, mark)
        if login in self._made and former not in (None, mark):  # it was this server's, and is made by turns
            _log.error(
                "login %s was made by a server with another login secret: two that work on one store lock each other out of it, and refuse "
                "each other's cursors; name one file to both in CASEHUB_LOGIN_SECRET_FILE",
                login,
            )
        self._made[login] = (max(caller.rights.version, self._made.get(login, (-1, 0.0))[0]), time.monotonic())

    def _connect(self, login: str, password: str, caller: Caller, *how: Any) -> PsycopgConnection:
        """Connect, as an engine's `do_connect`; a login that is refused is made anew first, once."""
        before, is_mine = self._made[login], False
        try:
            return self._places.connect(*how)
        except psycopg2.OperationalError:  # a refusal has no SQLSTATE, and words in the server's language
            with self._making[login]:
                if self._made[login] == before:  # else somebody was refused at the same time, and has made it
                    if time.monotonic() - before[1] < REFUSED_S:
                        raise
                    self._renew(login, password, caller)
                    is_mine = True
        made = self._places.connect(*how)
        if is_mine:  # and that helped: a database that has no room for another connection refuses this one, too
            _log.warning("login %s was refused and was made anew: were its password or the role changed by somebody else?", login)
        return made

    def _kept(self, login: str, engine: Engine) -> Engine:
        with self._lock:
            _, former = self._engines.pop(login, (0, None))
            self._engines[login] = (self._made[login][0], engine)
            gone = [self._engines.popitem(last=False)[1][1] for _ in range(len(self._engines) - MAX_ENGINES)]
        for one in (*gone, *((former,) if former is not None else ())):
            _pool(one).retire()
        return engine

    def _pools(self) -> list[KeptPool]:
        with self._lock:
            return [_pool(engine) for _, engine in self._engines.values()]

    def dispose(self) -> None:
        """Close every connection."""
        with self._lock:
            while self._engines:
                _pool(self._engines.popitem()[1][1]).retire()

    def _ensure(self, login: str, password: str, caller: Caller, mark: str) -> str | None:
        """Make the login and say in `ops.row_scope` what it may read; a scope of a newer policy is left as it is.

        Returns:
            The mark of the secret by which it was made before; None where it was not, or nobody said.
        """
        rights = caller.rights
        scope = {
            "login": login,
            "policy_version": rights.version,
            "own": caller.department,
            "departments": None if rights.departments is None else sorted(rights.departments),
            "streets": None if rights.streets is None else sorted(rights.streets),
            "communities": None if rights.communities is None else sorted(rights.communities),
        }
        statement = insert(row_scope).values(**scope)
        statement = statement.on_conflict_do_update(
            index_elements=["login"], set_=scope, where=row_scope.c.policy_version <= rights.version
        )
        with store_errors(), self._engine.begin() as connection:
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(470313)")  # two servers that make it at once
            _create_role(connection.connection.driver_connection, login, password, share_of(connection))  # type: ignore[arg-type]
            # A temporary table or function would be a place to gather what is read, and to plan with.
            connection.exec_driver_sql(f'REVOKE TEMPORARY ON DATABASE "{self._engine.url.database}" FROM PUBLIC')
            connection.execute(statement)
            return _marked(connection.connection.driver_connection, login, mark)  # type: ignore[arg-type]


def _pool(engine: Engine) -> KeptPool:
    return cast(KeptPool, engine.pool)


def login_of(caller: Caller, database: str) -> str:
    """The login's name, of this database alone: two hubs on one server share none."""
    name = f"{database}.{caller.department or ''}.{caller.role}"
    if len(name.encode()) <= _NAME_BYTES:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{name.encode()[: _NAME_BYTES - 17].decode(errors='ignore')}.{digest}"


def _create_role(connection: PsycopgConnection, login: str, password: str, connections: int) -> None:
    """A role that can log in and is a member of the readers; nothing else of it counts.

    The servers' own bounds hold for the servers: whoever else has a login's password takes so many connections of it at most. The server
    is sent what it keeps of a password, for statements stand in logs.
    """
    role, verifier = sql.Identifier(login), encrypt_password(password, login, connection, "scram-sha-256")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_MORE_RIGHTS} FROM pg_roles WHERE rolname = %s", (login,))
        known = cursor.fetchone()
        cursor.execute("SELECT (now() + make_interval(secs => %s))::text, current_database()", (PASSWORD_S,))
        until, database = cast(tuple[str, str], cursor.fetchone())
        verb = sql.SQL("CREATE" if known is None else "ALTER")
        # Of a role that is there only a superuser may say even NOSUPERUSER, and the owner need not be one: it is said where there is
        # something to take away.
        attributes = "" if known == (False,) else "NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION "
        options = f"LOGIN {attributes}CONNECTION LIMIT {connections:d} VALID UNTIL {{until}} PASSWORD {{verifier}}"
        statement = sql.SQL(f"{{verb}} ROLE {{role}} WITH {options}")
        cursor.execute(statement.format(verb=verb, role=role, until=sql.Literal(until), verifier=sql.Literal(verifier)))
        cursor.execute(sql.SQL("ALTER ROLE {role} RESET ALL").format(role=role))
        cursor.execute(sql.SQL("ALTER ROLE {role} IN DATABASE {here} RESET ALL").format(role=role, here=sql.Identifier(database)))
        cursor.execute(sql.SQL("GRANT {reader} TO {role}").format(reader=sql.Identifier(READER), role=role))


def _marked(connection: PsycopgConnection, login: str, mark: str) -> str | None:
    """Mark a role as made by one secret, and say by which it was before; a comment of somebody's own is left as it is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = %s", (login,))
        (former,) = cast(tuple[str | None], cursor.fetchone())
        if former is not None and not former.startswith(_MARK):
            return None
        cursor.execute(sql.SQL("COMMENT ON ROLE {role} IS {mark}").format(role=sql.Identifier(login), mark=sql.Literal(mark)))
        return former


def derived_key(settings: Settings, purpose: str) -> bytes:
    """32 bytes for one purpose, from the secret that passwords are derived from.

    Raises:
        SettingsError: the secret cannot be read.
    """
    return hmac.new(_secret(settings), b"key:" + purpose.encode(), hashlib.sha256).digest()


def _secret(settings: Settings) -> bytes:
    """The secret that passwords are derived from; made once where the settings name no file."""
    path: Path = settings.login_secret_file or settings.home / _SECRET_FILE
    try:
        if settings.login_secret_file is None and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
            partial.touch(mode=0o600)
            partial.write_bytes(secrets.token_hex(32).encode())
            try:
                path.hardlink_to(partial)  # whoever comes second keeps the first one's
            except FileExistsError:
                pass
            finally:
                partial.unlink()
        secret = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(
            f"无法读取数据库登录口令的密钥文件 · the secret of the database's logins cannot be read ({error.strerror})",
            remedy="将 CASEHUB_LOGIN_SECRET_FILE 设为不少于 32 随机字节的文件 · "
            "set CASEHUB_LOGIN_SECRET_FILE to a file of 32 random bytes or more",
            setting="CASEHUB_LOGIN_SECRET_FILE",
        ) from None
    if len(secret) < 32:
        raise SettingsError(
            "数据库登录口令的密钥短于 32 字节 · the secret of the database's logins is shorter than 32 bytes",
            remedy="将 `openssl rand -hex 32` 的输出写入 CASEHUB_LOGIN_SECRET_FILE 所指文件 · "
            "write `openssl rand -hex 32` into the file that CASEHUB_LOGIN_SECRET_FILE names",
            setting="CASEHUB_LOGIN_SECRET_FILE",
        )
    return secret
