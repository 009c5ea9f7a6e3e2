"""The schema: migrations make exactly what the tables say, and a second run does nothing."""

from __future__ import annotations

import contextlib
import uuid
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, NullPool, create_engine

import schema
from hub import migrations, postgres
from hub.database import opened, store_errors
from hub.errors import SchemaError, SettingsError, StoreError, StoreUnavailable
from hub.migrations import migrate, newest_revision, require_schema
from hub.postgres import Server
from hub.settings import Settings
from schema.tables import SCHEMAS, metadata
from tests.integration.api.builders import Store


def _is_ours(name: str | None, type_: str, parent: object) -> bool:
    return name in SCHEMAS if type_ == "schema" else not (type_ == "table" and str(name).startswith("record_p"))


def test_migrations_make_what_the_tables_say(database: Engine) -> None:
    with database.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_schemas": True, "include_name": _is_ours, "target_metadata": metadata}
        )
        assert compare_metadata(context, metadata) == []


def test_migrate_twice_is_a_no_op(database: Engine) -> None:
    before, after = migrate(database)
    assert before == after


def test_the_program_may_lie_in_a_folder_of_any_name(database: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "100% case hub"
    elsewhere.symlink_to(migrations._MIGRATIONS)
    monkeypatch.setattr(migrations, "_MIGRATIONS", elsewhere)
    before, after = migrate(database)
    assert before == after == newest_revision()


def test_numbers_in_pieces_become_whole_ones(database: Engine) -> None:
    store = Store(database)
    pieces, whole = "'138' '4913' '5726' '电' '致电'", "'13857264913' '电' '致电'"
    numbered = [
        store.record("petition", "1", text="致电138-5726-4913"),
        store.record("petition", "2", text="致电１３８　5726－4913"),
        store.record("petition", "3", [{"name": "致电138 5726 4913"}, {"name": "致电138 5726 4913"}]),
        store.record("petition", "5", text="致电+8613857264913"),
        store.record("petition", "6", text="致电138.5726—4913"),
    ]
    ordinary = store.record("petition", "4", text="致电138室")
    store.run(
        f"UPDATE store.source_record SET case_number = NULL, tokens = $${pieces}$$::tsvector",
    )
    _back_to(database, "0017")
    migrate(database)
    found = {row["record_id"]: row["tokens"] for row in store.rows("SELECT record_id, tokens::text FROM store.source_record")}
    assert found == {**dict.fromkeys(numbered, whole), ordinary: pieces}


def _back_to(database: Engine, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__path__[0]) / "migrations"))
    with database.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
        connection.commit()


def test_the_newest_revision_is_told_without_alembic_as_alembic_tells_it() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__path__[0]) / "migrations"))
    assert newest_revision() == ScriptDirectory.from_config(config).get_current_head()


def test_a_schema_of_another_version_is_refused(database: Engine) -> None:
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(SchemaError, match="casehub migrate"):
        require_schema(database)
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    for refused in (require_schema, migrate):
        with pytest.raises(SchemaError, match="does not know → .* install the version that migrated it"):
            refused(database)


def test_a_server_that_is_not_there_is_store_unavailable(postgres_server: Server) -> None:
    engine = create_engine("postgresql+psycopg2://casehub:x@127.0.0.1:1/casehub")
    with pytest.raises(StoreUnavailable, match="CASEHUB_DATABASE_URL"):
        require_schema(engine)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        pytest.param({"password": "wr0ng-enough"}, "the user or the password is wrong", id="password"),
        pytest.param({"username": "nobody_of_this_name"}, "the user or the password is wrong", id="user"),
        pytest.param({"database": "nowhere"}, "there is no such database", id="database"),
        pytest.param({"port": 1}, "nothing listens there", id="port"),
        pytest.param({"host": "nowhere.invalid"}, "there is no such host", id="host"),
    ],
)
def test_a_server_of_ones_own_that_lets_nobody_in_is_told_with_why(postgres_server: Server, changed: dict[str, Any], told: str) -> None:
    url = postgres_server.url("template_casehub").set(**changed)
    settings = Settings(database_url=url.render_as_string(hide_password=False))
    with pytest.raises(StoreUnavailable, match=told) as caught, opened(settings):
        pass
    assert f"{url.host}:{url.port}/{url.database}" in caught.value.message
    assert "CASEHUB_DATABASE_URL" in caught.value.remedy and str(url.password) not in str(caught.value)


@pytest.mark.parametrize(
    ("role", "made", "told", "remedy"),
    [
        pytest.param("", "OWNER {login}", "may make no logins", "ALTER ROLE {login} CREATEROLE", id="no roles"),
        pytest.param("CREATEROLE", "", "does not own the database", "ALTER DATABASE {login} OWNER TO {login}", id="not the owner"),
        pytest.param("CREATEROLE", "OWNER {login} TEMPLATE template0 LOCALE 'C'", "cannot be searched", "BUILTIN_LOCALE", id="locale"),
        pytest.param(
            "CREATEROLE", "OWNER {login} TEMPLATE template0 LOCALE 'C' ENCODING 'SQL_ASCII'", "cannot be searched", "'UTF8'", id="encoding"
        ),
    ],
)
def test_a_database_that_is_not_made_as_it_should_be_is_told_before_anything_is_in_it(
    postgres_server: Server, role: str, made: str, told: str, remedy: str
) -> None:
    login = f"unfit-{uuid.uuid4().hex[:12]}"
    quoted = f'"{login}"'
    with contextlib.closing(postgres.connect(postgres_server, "postgres")) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(f"CREATE ROLE {quoted} LOGIN {role} PASSWORD '{login}'")
        cursor.execute(f"CREATE DATABASE {quoted} {made.format(login=quoted)}")
        engine = create_engine(postgres_server.url(login).set(username=login, password=login), poolclass=NullPool)
        try:
            with pytest.raises(SettingsError, match=told) as caught:
                migrate(engine)
            assert remedy.format(login=quoted) in caught.value.remedy
            if "ALTER" in remedy:  # what it says helps
                cursor.execute(remedy.format(login=quoted))
                with contextlib.suppress(SettingsError):
                    migrate(engine)
        finally:
            cursor.execute(f"DROP DATABASE {quoted}")
            cursor.execute(f"DROP ROLE {quoted}")


def test_a_refused_statement_is_told_without_its_values(database: Engine) -> None:
    statement = "INSERT INTO ops.api_key (key_id, secret_hash, name, role, expires_at) VALUES ('x', 'x', '张伟', 'clerk', now())"
    with pytest.raises(StoreError, match="SQLSTATE 23505") as caught, store_errors(), database.begin() as connection:
        connection.exec_driver_sql(statement)
        connection.exec_driver_sql(statement)
    assert "张伟" not in str(caught.value)
