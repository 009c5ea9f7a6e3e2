"""Lists on a terminal of eighty columns: what one must type again, or look for, is not cut off."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from rich.console import Console
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from cli import batches, quarantine, run
from cli.main import app

_BATCH = "INSERT INTO ops.batch (department, kind, state, contract_version, pulled) VALUES (:department, 'reconcile', 'failed', 1, 123456)"
_ITEM = (
    "INSERT INTO quarantine.item (department, source_record_id, version, batch_id, rule, column_name, reason, state) "
    "VALUES ('emergency_management', 'YJ20260301000123', 1, 1, 'transform:petitioner.birth_date', 'csrq', 'cannot be read as date', 'open')"
)


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch, database: Engine) -> None:
    @contextlib.contextmanager
    def store() -> Iterator[Engine]:
        yield database

    monkeypatch.setenv("COLUMNS", "80")
    for command in (batches, quarantine):
        monkeypatch.setattr(command, "store", store)


def test_batches_show_their_state(database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text(_BATCH), {"department": "labour"})
    output = CliRunner().invoke(app, ["batches", "list", "--state", "failed"]).output
    assert all(len(line) <= 80 for line in output.splitlines())
    for words in ("labour", "reconcile", "123,456", "失败", "failed"):
        assert words in output
    assert "…" not in output


def test_a_rule_in_quarantine_can_be_copied(database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text(_ITEM))
    output = CliRunner().invoke(app, ["quarantine", "list"]).output
    assert "transform:petitioner.birth_date" in output
    assert "…" not in output


def test_what_stands_in_brackets_is_shown_as_it_stands(database: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    item = _ITEM.replace("'YJ20260301000123'", "'[red]7'").replace("'csrq'", "'[/mg]'")
    with database.begin() as connection:
        connection.execute(text(item))
        connection.execute(text(_BATCH), {"department": "[/dim]"})
    output = CliRunner().invoke(app, ["quarantine", "list"]).output
    assert "[red]7" in output and "[/mg]" in output
    assert "[/dim]" in CliRunner().invoke(app, ["batches", "list"]).output
    with run.PassTable({"works": "[/works] works"}, Console()) as table:
        table.update("works", "done", None)
    assert "[/works] works" in capsys.readouterr().out


def test_no_picture_takes_the_place_of_letters(database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text(_BATCH), {"department": ":key:"})
    assert ":key:" in CliRunner().invoke(app, ["batches", "list"]).output


@pytest.mark.parametrize(
    ("kind", "command"),
    [("ingest", "`casehub run works`"), ("reconcile", "`casehub run works --reconcile`"), ("backfill", "`casehub run works --backfill`")],
)
def test_a_discard_says_which_pull_asks_for_the_rows_again(database: Engine, kind: str, command: str) -> None:
    with database.begin() as connection:
        held = "INSERT INTO ops.batch (department, kind, state, contract_version) VALUES ('works', :kind, 'held', 1)"
        connection.execute(text(held), {"kind": kind})
    assert command in CliRunner().invoke(app, ["batches", "discard", "1"]).output
