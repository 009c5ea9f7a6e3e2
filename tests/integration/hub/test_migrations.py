"""The schema: migrations make exactly what the tables say, and a second run does nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine

import schema
from hub import migrations
from hub.database import store_errors
from hub.errors import SchemaError, StoreError, StoreUnavailable
from hub.migrations import migrate, newest_revision, require_schema
from hub.postgres import Server
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


def test_a_refused_statement_is_told_without_its_values(database: Engine) -> None:
    statement = "INSERT INTO ops.api_key (key_id, secret_hash, name, role, expires_at) VALUES ('x', 'x', '张伟', 'clerk', now())"
    with pytest.raises(StoreError, match="SQLSTATE 23505") as caught, store_errors(), database.begin() as connection:
        connection.exec_driver_sql(statement)
        connection.exec_driver_sql(statement)
    assert "张伟" not in str(caught.value)
