"""Which keys a store's values are under, as the store itself has it written down: enough to refuse the wrong ones at once."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, text

from hub.database import store_errors
from hub.encryption.key_document import FILE_SETTING
from hub.encryption.key_document import RESERVED as LOOKUP
from hub.encryption.key_ring import KeyRing
from hub.encryption.process import read_ring, use
from hub.errors import SettingsError
from hub.wording import Words

_IN_USE = "SELECT key_id, check_value FROM ops.encryption_key WHERE retired_at IS NULL ORDER BY key_id"
_WRITE_DOWN = """
INSERT INTO ops.encryption_key (key_id, cipher, check_value) VALUES (:key_id, :cipher, :check_value)
ON CONFLICT (key_id) DO UPDATE SET retired_at = NULL WHERE encryption_key.check_value = excluded.check_value
"""
_HAS_NODES = " OR ".join(
    f"EXISTS (SELECT FROM store.{table})" for table in ("person_key", "organisation_key", "case_key", "person", "organisation")
)


def require_keys(engine: Engine, ring: KeyRing | None) -> None:
    """Refuse to work on a store with keys that are not its own; write down the current one.

    Args:
        engine: of the store.
        ring: of this process.

    Raises:
        SettingsError: a key that values are under is missing or another, or the store is not encrypted yet.
        StoreUnavailable: the database cannot be reached.
    """
    with store_errors(), engine.begin() as connection:
        in_use = keys_in_use(connection)
        if ring is None:
            if in_use:
                raise _missing(next(name for name in in_use if name != LOOKUP or len(in_use) == 1))
            return
        require_same(connection, ring)
        if LOOKUP not in in_use and connection.execute(text(f"SELECT {_HAS_NODES}")).scalar_one():
            raise SettingsError(
                "本库中有启用密钥之前的值 · the store holds values from before there were keys",
                remedy="停止使用本库的程序，运行一次 `casehub encryption rotate` · "
                "stop what works on it, and run `casehub encryption rotate` once",
                setting=FILE_SETTING,
            )
        write_down(connection, ring)


def missing_key(connection: Connection, ring: KeyRing | None) -> str | None:
    """Id of a key that values are under and that a ring lacks; None: it lacks none."""
    known = {LOOKUP, *(() if ring is None else ring.key_ids)}
    return next((name for name in keys_in_use(connection) if name not in known), None)


def renew_ring(engine: Engine) -> None:
    """Read the key document again, and work with it from now on.

    Raises:
        SettingsError: it cannot be had, or does not go with the store; the process goes on with the keys that it had.
        StoreUnavailable: the database cannot be reached.
    """
    ring = read_ring()
    require_keys(engine, ring)
    use(ring)


def keys_in_use(connection: Connection) -> dict[str, str]:
    """Ids of keys that values are under, each with its check value; the lookup key among them."""
    return {row.key_id: row.check_value for row in connection.execute(text(_IN_USE))}


def require_same(connection: Connection, ring: KeyRing) -> None:
    """Refuse a ring that lacks a key which values are under, or has another under its id.

    Raises:
        SettingsError: names the key's id, and what to do.
    """
    lacking = missing_key(connection, ring)
    if lacking is not None:
        raise _missing(lacking)
    known = connection.execute(text("SELECT key_id, check_value FROM ops.encryption_key"))
    for name, check_value in ((row.key_id, row.check_value) for row in known):
        if (name == LOOKUP or name in ring.key_ids) and ring.check_value(name) != check_value:
            what = Words("查找密钥", "the lookup key") if name == LOOKUP else Words(f"密钥 {name}", f"key {name}")
            raise SettingsError(
                f"密钥文件的{what.zh}与加密本库时所用的不同 · "
                f"{what.en} of the key document is not the one that this store was encrypted with",
                remedy="从密钥文件的备份中恢复原密钥；新密钥另取标识 · "
                "put the right one back from the backup of the key document; give a new key a new id",
                setting=FILE_SETTING,
                key_id=name,
            )


def write_down(connection: Connection, ring: KeyRing) -> None:
    """Write down that values are under the current key and the lookup key from now on."""
    known = keys_in_use(connection)
    for name, cipher in ((LOOKUP, "HMAC-SHA256"), (ring.current, ring.ciphers[ring.current])):
        if name not in known:
            connection.execute(text(_WRITE_DOWN), {"key_id": name, "cipher": cipher, "check_value": ring.check_value(name)})


def _missing(name: str) -> SettingsError:
    return SettingsError(
        f"本库的值用密钥 {name} 加密，而密钥文件中没有它 · "
        f"values of this store are encrypted under key {name}, which is not in the key document",
        remedy=f"把 {FILE_SETTING} 设为含有它的密钥文件；何时可以去掉，见 `casehub encryption status` · "
        f"set {FILE_SETTING} to a key document that has it; `casehub encryption status` says when it may go",
        setting=FILE_SETTING,
        key_id=name,
    )
