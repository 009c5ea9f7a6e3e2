"""The schema's version: which one a database has, which one this program was written for, and the way from one to the other.

Alembic itself is imported by what migrates alone. Every command, every task and the API's readiness ask which version is there, and
importing it takes as long as all else that such a question needs.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from hub.database import store_errors
from hub.errors import SchemaError
from hub.fitness import require_fit

_MIGRATIONS = Path(__file__).parent.parent / "schema" / "migrations"


def migrate(engine: Engine) -> tuple[str | None, str]:
    """Bring the schema to this version; a second time does nothing.

    Returns:
        The revision before (None: empty database) and the one after.

    Raises:
        SchemaError: a later version of the hub has migrated it.
        SettingsError: the database is none that the hub can work on.
        StoreUnavailable: the server cannot be reached.
    """
    from alembic import command
    from alembic.config import Config

    with store_errors(), engine.connect() as connection:
        require_fit(connection)
        before = schema_revision(connection)
        _require_no_newer(before)
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))  # a lone % would begin an option's name
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
        after = schema_revision(connection)
    assert after is not None  # noqa: S101 - upgrade to head has just set it
    return before, after


def require_schema(engine: Engine) -> None:
    """Refuse to work on a schema of another version.

    Raises:
        SchemaError: names what to run.
        StoreUnavailable: the server cannot be reached.
    """
    with store_errors(), engine.connect() as connection:
        found = schema_revision(connection)
    _require_no_newer(found)
    if found != newest_revision():
        raise SchemaError(
            f"数据库结构为 {found or '空'}，本版本需要 {newest_revision()} · "
            f"the database's schema is {found or 'missing'}, this version wants {newest_revision()}",
            remedy="运行 `casehub migrate` · run `casehub migrate`",
        )


def newest_revision() -> str:
    """The schema's version that this program was written for."""
    return _revisions()[-1]


def schema_revision(connection: Connection) -> str | None:
    """The schema's version that a database has; None where nothing has been migrated.

    Raises:
        SchemaError: the tables are another login's, as where a restore was made by the server's administrator.
    """
    table = "to_regclass('alembic_version')"
    found = connection.execute(text(f"SELECT {table} IS NOT NULL AS is_there, has_table_privilege({table}, 'SELECT') AS may_read")).one()
    if not found.is_there:
        return None
    if not found.may_read:
        raise SchemaError(
            "库中的表属于另一登录 · the tables of this database belong to another login",
            remedy="以 CASEHUB_DATABASE_URL 中的登录重新恢复：pg_restore -U casehub --no-owner · "
            "restore it again as the login of CASEHUB_DATABASE_URL: pg_restore -U casehub --no-owner (docs/operations.md)",
        )
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def _require_no_newer(revision: str | None) -> None:
    """Refuse a store that a later version of the hub has migrated."""
    if revision is not None and revision not in _revisions():
        raise SchemaError(
            f"数据库结构 {revision} 来自更新的版本 · the database's schema is {revision}, which this version does not know",
            remedy="安装曾升级此结构的软件版本 · install the version that migrated it",
        )


@cache
def _revisions() -> list[str]:
    """Every revision in its order, by the names of the migrations' files: `0007_what_it_does.py` is 0007."""
    return sorted(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))
