"""What a running API knows of the departments: contracts as they are now, and no mistake in one that hides the others."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from api import departments
from api.departments import Department, Directory, load_directory
from api.inbox import Push, require_signed
from api.problems import problem_of
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
    assert found.get("water") == Department("water", "water", "water", is_broken=True)
    assert found.get("court").zh == "法院"
    assert len(found) == 17


def test_a_folder_that_is_away_takes_no_department_with_it(directory: Directory, tmp_path: Path) -> None:
    (tmp_path / "water.yml").write_text(contract(), encoding="utf-8")
    assert directory.get("water").inbox is not None
    tmp_path.rename(tmp_path.with_name("elsewhere"))
    assert directory.get("water").inbox is not None


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter, for this test's own must be there for nobody else."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        (Path(name) / "contracts").mkdir()
        yield Path(name)


@contextlib.contextmanager
def closed(folder: Path) -> Iterator[None]:
    """Nobody may look into a folder; root, who may look into all, is somebody else for so long."""
    user = os.geteuid()
    folder.chmod(0)
    try:
        if user == 0:
            os.seteuid(65534)
        yield
    finally:
        os.seteuid(user)
        folder.chmod(0o755)


@pytest.mark.parametrize("which", [".", "contracts"])
def test_a_folder_that_cannot_be_read_takes_no_department_with_it(open_folder: Path, monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    monkeypatch.setattr(departments, "LOOK_S", 0.0)
    (open_folder / "contracts" / "water.yml").write_text(contract(), encoding="utf-8")
    directory = load_directory(Settings(contracts=str(open_folder / "contracts")))
    with closed(open_folder / which):
        assert directory.get("water").inbox is not None
        assert directory.get("court").zh == "法院"
    (open_folder / "contracts" / "water.yml").unlink()
    assert directory.get("water").inbox is None


def test_a_push_to_a_department_whose_contract_has_a_mistake_is_to_be_sent_again(tmp_path: Path) -> None:
    """Who is told that it pushes nothing (404) drops what it sent."""
    (tmp_path / "water.yml").write_text(MISTAKE, encoding="utf-8")
    with pytest.raises(ContractError) as refused:
        require_signed(load_directory(Settings(contracts=str(tmp_path))).get("water"), Push(b"{}", {}))
    assert problem_of(refused.value).status == 500


def test_a_folder_that_there_is_not_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="there is no such folder"):
        load_directory(Settings(contracts=str(tmp_path / "nowhere")))
