"""Every command's help is shown: it is read as markup, and a word in brackets may end it."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
import typer.main
from typer.testing import CliRunner

from cli.main import app


def commands(group: click.Command, names: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield names
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*names, name))


@pytest.mark.parametrize("names", commands(typer.main.get_command(app)), ids=" ".join)
def test_the_help_of_every_command_is_shown(names: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*names, "--help"])
    assert result.exit_code == 0, result.exception
    assert "Usage" in result.output
