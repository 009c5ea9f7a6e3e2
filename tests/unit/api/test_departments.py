"""What a running API knows of the departments: contracts as they are now, and no mistake in one that hides the others."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from api import departments
from api.departments import Department, Directory, load_directory
from connectors.contract_files import DEPARTMENTS
from hub.errors import ContractError
from hub.settings import Settings

MISTAKE = "department: water\nno_such_key: 1\n"


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Directory:
    """Of the hub's own contracts and those of a folder."""
    monkeypatch.setattr(departments, "LOOK_S", 0.0)
    return load_directory(Settings(contracts=str(tmp_path)))


def contract(*, title: str = "水务局") -> str:
    """Of a department that pushes."""
    own = (DEPARTMENTS / "emergency_management.yml").read_text(encoding="utf-8")
    return own.replace("department: emergency_management", "department: water").replace("应急管理局, en", f"{title}, en")


def test_a_new_department_is_known_while_the_api_runs(directory: Directory, tmp_path: Path) -> None:
    before = set(directory)
    assert directory.get("water") == Department("water", "water", "water")
    (tmp_path / "water.yml").write_text(contract(), encoding="utf-8")
    assert directory.get("water").zh == "水务局"
    assert directory.get("water").inbox is not None
    assert "water" in directory
    assert set(directory) == before | {"water"}
    (tmp_path / "water.yml").write_text(contract(title="水务和海洋局"), encoding="utf-8")
    assert directory.get("water").zh == "水务和海洋局"
    (tmp_path / "water.yml").unlink()
    assert set(directory) == before


def test_a_mistake_leaves_a_department_as_it_was_and_the_others_alone(
    directory: Directory, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "water.yml").write_text(contract(), encoding="utf-8")
    good = {code: directory.get(code) for code in directory}
    with caplog.at_level(logging.ERROR):
        (tmp_path / "water.yml").write_text(MISTAKE, encoding="utf-8")
        assert {code: directory.get(code) for code in directory} == good
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["water"]


def test_an_api_starts_with_a_mistake_in_a_contract(tmp_path: Path) -> None:
    (tmp_path / "water.yml").write_text(MISTAKE, encoding="utf-8")
    found = load_directory(Settings(contracts=str(tmp_path)))
    assert found.get("water") == Department("water", "water", "water")
    assert found.get("court").zh == "法院"
    assert len(found) == 17


def test_a_folder_that_is_away_takes_no_department_with_it(directory: Directory, tmp_path: Path) -> None:
    (tmp_path / "water.yml").write_text(contract(), encoding="utf-8")
    assert directory.get("water").inbox is not None
    tmp_path.rename(tmp_path.with_name("elsewhere"))
    assert directory.get("water").inbox is not None


def test_a_folder_that_there_is_not_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="there is no such folder"):
        load_directory(Settings(contracts=str(tmp_path / "nowhere")))
