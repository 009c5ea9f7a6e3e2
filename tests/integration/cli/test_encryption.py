"""`casehub encryption`: keys made, a store brought under them, and commands refused that have other keys."""

from __future__ import annotations

import base64
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from cli.main import app
from hub.encryption import process, using
from hub.encryption.key_document import read_file
from hub.errors import SettingsError
from hub.settings import get_settings
from tests.integration.encryption.builders import places_of
from tests.integration.pipeline.resolving import id_number, person, record, settle

PHONE = "13912345678"


@pytest.fixture
def keys_file(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where keys are to stand; nothing is there yet, and no setting names it."""
    monkeypatch.setenv("CASEHUB_DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "keys.json"


@pytest.fixture
def as_new(keys_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each command is a new process, as far as keys and settings go."""
    get_settings.cache_clear()
    with using(None):
        yield
    get_settings.cache_clear()


def run(*words: str, keys: Path | None, monkeypatch: pytest.MonkeyPatch, code: int = 0) -> str:
    get_settings.cache_clear()
    monkeypatch.setattr(process._Process, "is_read", False)
    if keys is None:
        monkeypatch.delenv("CASEHUB_ENCRYPTION_KEYS_FILE", raising=False)
    else:
        monkeypatch.setenv("CASEHUB_ENCRYPTION_KEYS_FILE", str(keys))
    try:
        result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    finally:
        monkeypatch.setattr(process._Process, "is_read", True)
        monkeypatch.setattr(process._Process, "ring", None)
    assert result.exit_code == code, result.output
    return result.output


def test_from_no_keys_to_the_second_one(database: Engine, keys_file: Path, as_new: None, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(database, record("court", "1", person("王建国", id_no=id_number(1), phone=PHONE)))
    told = run("encryption", "new-key", str(keys_file), "--id", "one", keys=None, monkeypatch=monkeypatch)
    secrets = [base64.b64encode(secret).decode() for secret in (read_file(keys_file).lookup, read_file(keys_file).keys["one"].key)]
    assert not any(secret in told for secret in secrets)
    assert stat.S_IMODE(keys_file.stat().st_mode) == 0o600
    with pytest.raises(SettingsError, match="before there were keys"):
        run("resolve", keys=keys_file, monkeypatch=monkeypatch)
    assert "明文" in run("encryption", "status", keys=keys_file, monkeypatch=monkeypatch)
    assert "under key one" in run("encryption", "rotate", keys=keys_file, monkeypatch=monkeypatch)
    assert places_of(database, [PHONE, id_number(1)]) == {}
    run("resolve", keys=keys_file, monkeypatch=monkeypatch)
    with pytest.raises(SettingsError, match="key one"):
        run("resolve", keys=None, monkeypatch=monkeypatch)
    run("encryption", "new-key", str(keys_file), "--id", "two", "--cipher", "SM4-GCM", keys=keys_file, monkeypatch=monkeypatch)
    told = run("encryption", "rotate", keys=keys_file, monkeypatch=monkeypatch)
    assert "taken out of the key document: one" in told
    told = run("encryption", "status", keys=keys_file, monkeypatch=monkeypatch)
    assert "current key: two" in told
    assert "taken out of the key document: one" in told
    assert "明文" not in told
    with database.connect() as connection:
        actions = set(connection.execute(text("SELECT action FROM audit.access")).scalars())
    assert actions >= {"encryption.status", "encryption.rotate", "resolve"}


def test_a_key_is_shown_only_to_who_asks_for_it(keys_file: Path, as_new: None, monkeypatch: pytest.MonkeyPatch) -> None:
    told = run("encryption", "new-key", "--print", "--id", "one", keys=None, monkeypatch=monkeypatch)
    keys_file.write_text(told)
    keys_file.chmod(0o600)
    assert read_file(keys_file).current == "one"
    for words, said in (
        (["new-key"], "a file, or to the terminal"),
        (["new-key", str(keys_file), "--print"], "a file, or to the terminal"),
        (["new-key", str(keys_file), "--cipher", "DES"], "no cipher DES"),
        (["new-key", str(keys_file), "--id", "one"], "a key one already"),
        (["rotate"], "no keys are set"),
    ):
        with pytest.raises(SettingsError, match=said):
            run("encryption", *words, keys=None, monkeypatch=monkeypatch)


def test_a_key_is_said_to_go_only_when_the_hub_starts_without_it(
    database: Engine, keys_file: Path, as_new: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was current and under which nothing came to be: it is in use until a rotation has looked."""
    for name in ("one", "two"):
        run("encryption", "new-key", str(keys_file), "--id", name, keys=None if name == "one" else keys_file, monkeypatch=monkeypatch)
        run("resolve", keys=keys_file, monkeypatch=monkeypatch)
    told = run("encryption", "status", keys=keys_file, monkeypatch=monkeypatch)
    assert "taken out" not in told and "casehub encryption rotate" in told
    assert "taken out of the key document: one" in run("encryption", "rotate", keys=keys_file, monkeypatch=monkeypatch)
    assert "taken out of the key document: one" in run("encryption", "status", keys=keys_file, monkeypatch=monkeypatch)
