"""What `make clean` removes of the hub's home, and what it leaves alone."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from rich.console import Console
from sqlalchemy import text

from cli import demo_clean
from cli.demo_world import WorldNote, prepare_store
from hub.database import opened
from hub.migrations import migrate
from hub.settings import Settings, get_settings

_BATCH = "INSERT INTO ops.batch (department, kind, state, contract_version) VALUES ('court', 'ingest', 'done', 1)"


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home that is also somebody else's folder; the server's unprivileged user can enter it."""
    with TemporaryDirectory(prefix="case hub ", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        (Path(name) / "letter.txt").write_text("mine")
        monkeypatch.setenv("CASEHUB_HOME", name)
        monkeypatch.setenv("CASEHUB_POSTGRES_PORT", "0")
        monkeypatch.delenv("CASEHUB_DATABASE_URL", raising=False)
        monkeypatch.chdir(name)
        get_settings.cache_clear()
        yield Path(name)
        get_settings.cache_clear()


def fill(home: Path, *, is_a_demo: bool) -> None:
    with opened(Settings(home=home, postgres_port=0)) as engine:
        prepare_store(engine, Settings(home=home), WorldNote(1232, 1), Console(file=io.StringIO()))
        with engine.begin() as connection:
            connection.execute(text(_BATCH))
            if not is_a_demo:
                connection.execute(text("UPDATE ops.batch SET run_id = 'process 7', landed = 1"))


def test_a_demos_store_goes_and_what_others_put_there_stays(home: Path) -> None:
    fill(home, is_a_demo=True)
    (home / "airflow" / "logs").mkdir(parents=True)
    (home / "logins.secret.5d41402abc4b2a76").touch()  # of a server that was killed while it made its secret
    assert demo_clean.main() == 0
    assert [path.name for path in home.iterdir()] == ["letter.txt"]
    (home / "letter.txt").unlink()
    (home / "run").mkdir()
    assert demo_clean.main() == 0
    assert not home.exists()


def test_records_that_no_demo_put_there_stay(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(home, is_a_demo=False)
    assert demo_clean.main() == 1
    assert "no demo's: nothing was removed" in capsys.readouterr().err
    with opened(Settings(home=home, postgres_port=0)) as engine, engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM ops.batch")).scalar_one() == 1


def test_what_was_pushed_and_has_not_landed_stays(home: Path) -> None:
    """It was answered 202, and is nowhere else."""
    with opened(Settings(home=home, postgres_port=0)) as engine:
        migrate(engine)
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO ops.inbox (department, event_id, body) VALUES ('emergency_management', 'e1', 'x')"))
    assert demo_clean.main() == 1
    with opened(Settings(home=home, postgres_port=0)) as engine, engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM ops.inbox")).scalar_one() == 1


def test_a_home_around_the_program_is_left_alone(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The program is said to be in a folder of the test's own: whatever deletes too much finds nothing else there."""
    (home / "run").mkdir()
    monkeypatch.setattr(demo_clean, "ROOT", home / "checkout", raising=False)
    assert demo_clean.main() == 1
    assert "the program itself" in capsys.readouterr().err
    assert {path.name for path in home.iterdir()} == {"letter.txt", "run"}
