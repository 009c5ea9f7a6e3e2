"""`casehub sources check` on a file that is named: a draft anywhere, judged by its own mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

import connectors
from cli.main import app
from hub.errors import NotFound
from hub.settings import get_settings

LABOUR = (Path(connectors.__file__).parent / "departments" / "labour.yml").read_text(encoding="utf-8")


def draft(folder: Path, text: str) -> Path:
    path = folder / "water.yml"
    path.write_text(text.replace("department: labour", "department: water"), encoding="utf-8")
    return path


def test_a_mistake_in_a_draft_outside_the_folders_is_told(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["sources", "check", str(draft(tmp_path, LABOUR.replace("freshness:", "freshnes:")))])
    assert result.exit_code == 1
    assert "freshnes 此处没有这个键 · is not a word of the contract here" in result.output
    assert "did you mean 'freshness'" in result.output


def test_a_mistake_in_a_folder_in_brackets_is_told_with_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "[red]drafts"
    folder.mkdir()
    result = CliRunner().invoke(app, ["sources", "check", str(draft(folder, LABOUR.replace("freshness:", "'[/x]':")))])
    assert "[red]drafts/water.yml" in result.output
    assert "[/x]" in result.output


def test_a_draft_without_mistake_counts_as_one(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["sources", "check", str(draft(tmp_path, LABOUR))])
    assert result.exit_code == 0, result.output
    assert "1 份契约无误" in result.output


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["sources", "check", str(tmp_path / "nowhere.yml")])
    assert isinstance(result.exception, NotFound)
    with pytest.raises(NotFound, match="no contract file"):
        raise result.exception


@pytest.mark.parametrize("more", ["", "freshnes: PT1H\n"], ids=["alone", "beside a mistake of the contract"])
def test_a_mistake_in_a_list_that_a_draft_uses_is_told_and_the_list_is_not_missing(tmp_path: Path, more: str) -> None:
    lists = tmp_path / "codes"
    lists.mkdir()
    (lists / "water_status.yml").write_text("list: water_status\ncodes:\n  a: received\n  a: accepted\n", encoding="utf-8")
    (lists / "others_status.yml").write_text("list: others_status\ncods: {}\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["sources", "check", str(draft(tmp_path, LABOUR.replace("labour_status", "water_status") + more))])
    assert result.exit_code == 1
    assert "codes/water_status.yml:4" in result.output
    assert "stands twice" in result.output
    assert "there is no code list" not in result.output
    assert "others_status" not in result.output
    assert ("freshnes 此处没有这个键 · is not a word" in result.output) == bool(more)


@pytest.mark.parametrize("more", ["", "freshnes: PT1H\n"], ids=["alone", "beside a mistake that keeps it from being read"])
def test_a_draft_of_a_connected_department_is_checked_as_what_replaces_its_contract(tmp_path: Path, more: str) -> None:
    lists = tmp_path / "codes"
    lists.mkdir()
    (lists / "labour_status.yml").write_text("list: labour_status\ncods: {a: received}\n", encoding="utf-8")
    path = tmp_path / "labour_2.yml"
    path.write_text(LABOUR.replace("labour_grade", "labour_grad") + more, encoding="utf-8")
    result = CliRunner().invoke(app, ["sources", "check", str(path)])
    assert result.exit_code == 1
    assert "cods 此处没有这个键 · is not a word of the contract here" in result.output
    assert "is already in" not in result.output
    if more:
        assert "freshnes 此处没有这个键 · is not a word" in result.output
    else:
        assert "there is no code list 'labour_grad'" in result.output
        assert "what replaces connectors/departments/labour.yml" in result.output


def test_a_draft_without_mistake_of_a_connected_department_says_what_it_replaces(tmp_path: Path) -> None:
    path = tmp_path / "labour.yml"
    path.write_text(LABOUR, encoding="utf-8")
    result = CliRunner().invoke(app, ["sources", "check", str(path)])
    assert result.exit_code == 0, result.output
    assert "what replaces connectors/departments/labour.yml" in result.output
    assert "1 份契约无误" in result.output


def test_a_contract_that_stands_twice_in_the_folders_is_told_with_its_other_mistakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASEHUB_CONTRACTS", str(tmp_path))
    get_settings.cache_clear()
    path = tmp_path / "labour.yml"
    path.write_text(LABOUR.replace("labour_grade", "labour_grad"), encoding="utf-8")
    result = CliRunner().invoke(app, ["sources", "check", str(path)])
    get_settings.cache_clear()
    assert "labour is already in" in result.output
    assert "there is no code list 'labour_grad'" in result.output
