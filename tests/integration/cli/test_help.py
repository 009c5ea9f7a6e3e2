"""Every command's help is shown: it is read as markup, and a word in brackets may end it."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
import typer.main
from typer.testing import CliRunner

from cli.main import app
from hub.settings import Settings, get_settings


def commands(group: click.Command, names: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield names
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*names, name))


@pytest.mark.parametrize("names", commands(typer.main.get_command(app)), ids=" ".join)
def test_the_help_of_every_command_is_shown(names: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*names, "--help"])
    assert result.exit_code == 0, result.exception
    assert "Usage" in result.output


@pytest.fixture
def settings_anew() -> Iterator[None]:
    """Settings are read once a process: whoever asked first decides, and is not to."""
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.mark.usefixtures("settings_anew")
def test_every_setting_can_be_copied_at_eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"/srv/{'folder/' * 20}audit-head.jsonl"
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("CASEHUB_AUDIT_HEAD", path)
    output = CliRunner().invoke(app, ["settings"]).output
    assert f"CASEHUB_AUDIT_HEAD  {path}\n" in output
    assert all(len(line) <= 80 for line in output.splitlines() if path not in line)
    first_words = {line.split()[0] for line in output.splitlines() if not line.startswith(" ")}
    assert first_words == {f"CASEHUB_{name.upper()}" for name in Settings.model_fields}
    assert "CASEHUB_MODELS  —（未设 unset）" in output and "None" not in output
