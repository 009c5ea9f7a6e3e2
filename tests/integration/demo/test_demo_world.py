"""Which store a demo may use, which it may empty, and which it must leave alone."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pydantic import SecretStr
from rich.console import Console
from sqlalchemy import Engine, text

from cli.demo_world import WorldNote, prepare_store, world_in
from hub.errors import SettingsError
from hub.settings import Settings

WORLD, OTHER = WorldNote(1232, 1), WorldNote(1232, 2)
URL = "postgresql+psycopg2://hub:t0psecret@db.example/casehub"
_BATCH = "INSERT INTO ops.batch (department, kind, state, contract_version) VALUES (:department, 'ingest', 'done', 1)"


def prepare(engine: Engine, home: Path, world: WorldNote, url: str | None = None) -> str:
    console = Console(file=io.StringIO())
    settings = Settings(home=home, database_url=SecretStr(url) if url else None)
    assert prepare_store(engine, settings, world, console) == home / "demo"
    return console.file.getvalue()  # type: ignore[attr-defined]


def add_batch(engine: Engine, department: str = "court") -> None:
    with engine.begin() as connection:
        connection.execute(text(_BATCH), {"department": department})


def batches(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM ops.batch")).scalar_one())


def test_the_same_world_goes_on(database: Engine, tmp_path: Path) -> None:
    prepare(database, tmp_path, WORLD)
    add_batch(database)
    assert prepare(database, tmp_path, WORLD) == ""
    assert batches(database) == 1


def test_another_world_begins_afresh_and_says_so(database: Engine, tmp_path: Path) -> None:
    prepare(database, tmp_path, WORLD)
    add_batch(database)
    assert "dropped" in prepare(database, tmp_path, OTHER)
    assert batches(database) == 0
    add_batch(database)
    assert prepare(database, tmp_path, OTHER) == ""


def test_records_that_are_not_the_demos_stay(database: Engine, tmp_path: Path) -> None:
    add_batch(database)
    with pytest.raises(SettingsError, match="CASEHUB_HOME"):
        prepare(database, tmp_path, WORLD)
    assert batches(database) == 1


def test_a_department_of_ones_own_stays(database: Engine, tmp_path: Path) -> None:
    prepare(database, tmp_path, WORLD)
    add_batch(database)
    add_batch(database, "river_complaints")
    with pytest.raises(SettingsError):
        prepare(database, tmp_path, OTHER)
    assert batches(database) == 2


def test_a_server_of_ones_own_is_never_emptied(database: Engine, tmp_path: Path) -> None:
    prepare(database, tmp_path, WORLD, URL)
    add_batch(database)
    assert prepare(database, tmp_path, WORLD, URL) == ""
    with pytest.raises(SettingsError):
        prepare(database, tmp_path, OTHER, URL)
    assert batches(database) == 1


def test_a_note_in_the_home_is_not_of_a_server_of_ones_own(database: Engine, tmp_path: Path) -> None:
    prepare(database, tmp_path, WORLD)
    with database.begin() as connection:  # as in another store
        connection.execute(text("COMMENT ON SCHEMA landing IS NULL"))
    add_batch(database)
    with pytest.raises(SettingsError):
        prepare(database, tmp_path, WORLD, URL)
    assert prepare(database, tmp_path, WORLD) == ""  # an embedded store of an earlier build, which has the note alone


def test_a_store_says_itself_which_world_is_in_it(database: Engine, tmp_path: Path) -> None:
    prepare(database, tmp_path / "here", WORLD)
    add_batch(database)
    assert "dropped" in prepare(database, tmp_path / "there", OTHER)
    assert world_in(database, Settings(home=tmp_path)) == OTHER


def test_what_was_pulled_by_hand_stays(database: Engine, tmp_path: Path) -> None:
    prepare(database, tmp_path, WORLD)
    add_batch(database)
    with database.begin() as connection:
        connection.execute(text("UPDATE ops.batch SET run_id = 'process 7', landed = 3"))
    with pytest.raises(SettingsError):
        prepare(database, tmp_path, OTHER)
    assert batches(database) == 1


def test_the_heads_of_a_dropped_store_are_put_aside(database: Engine, tmp_path: Path) -> None:
    prepare(database, tmp_path, WORLD)
    add_batch(database)
    heads = Settings(home=tmp_path).audit_head_file
    heads.write_text("a head\n", encoding="ascii")
    prepare(database, tmp_path, WORLD)
    assert heads.exists()
    prepare(database, tmp_path, OTHER)
    assert not heads.exists()
    assert heads.with_name(f"{heads.name}.former").read_text(encoding="ascii") == "a head\n"
