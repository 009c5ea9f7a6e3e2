"""Slips of the pen on the command line: each is told with what was meant, and none is an empty result."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from api.policy.document import DEFAULT
from cli.main import app
from hub.errors import ContractError, HubError, NotFound, RequestError
from hub.settings import get_settings
from tests.unit.connectors.builders import write_contract

_BATCH = "INSERT INTO ops.batch (department, kind, state, contract_version) VALUES (:department, 'ingest', 'done', 1)"
_ITEM = (
    "INSERT INTO quarantine.item (department, source_record_id, version, batch_id, rule, reason, state) "
    "VALUES ('works', '1', 1, 1, 'transform:occurred_at', 'cannot be read as datetime', :state)"
)


@pytest.fixture(autouse=True)
def opened(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The store that commands open, and contracts of the departments `works` (a snapshot) and `water` (a cursor feed)."""
    (tmp_path / "cases.csv").write_text("id,name,at\nA1,a,2026-03-01\n", encoding="utf-8")
    csv = {"kind": "file", "connection": "source", "path": "cases.csv", "format": "csv"}
    more = {"connector": csv, "key": ["id"], "record": {"title": {"from": "name"}}, "ignore": ["at"]}
    write_contract(tmp_path, "works", department="works", feed={"mode": "snapshot"}, **more)
    write_contract(tmp_path, "water", department="water", feed={"mode": "cursor", "field": "at"}, **more)
    monkeypatch.setenv("CASEHUB_CONNECTION_SOURCE", tmp_path.as_uri())
    monkeypatch.setenv("CASEHUB_CONTRACTS", str(tmp_path))
    monkeypatch.setenv("CASEHUB_DATABASE_URL", database_url)
    monkeypatch.setenv("CASEHUB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "300")
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def refused(*words: str) -> HubError:
    """The error of a command."""
    with pytest.raises(HubError) as caught:
        CliRunner().invoke(app, list(words), catch_exceptions=False)
    return caught.value


def run(*words: str, code: int = 0) -> str:
    """What a command writes."""
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def put(engine: Engine, statement: str, **values: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement), values)


@pytest.mark.parametrize(
    "words",
    [
        ("quarantine", "list", "--department", "urban_managment"),
        ("quarantine", "replay", "urban_managment"),
        ("quarantine", "discard", "urban_managment"),
        ("batches", "list", "--department", "urban_managment"),
        ("run", "urban_managment"),
    ],
    ids=" ".join,
)
def test_a_department_that_there_is_not(words: tuple[str, ...]) -> None:
    error = refused(*words)
    assert isinstance(error, NotFound)
    assert "there is no department urban_managment" in error.message
    assert "did you mean urban_management?" in error.remedy


def test_a_department_without_a_contract_may_have_rows(database: Engine) -> None:
    put(database, _BATCH, department="gone")
    run("batches", "list", "--department", "gone")
    run("quarantine", "list", "--department", "gone")
    assert "did you mean gone?" in refused("batches", "list", "--department", "gonn").remedy


def test_a_department_whose_contract_has_a_mistake_is_one(tmp_path: Path) -> None:
    (tmp_path / "broken.yml").write_text("department: broken\nno_such_key: 1\n", encoding="utf-8")
    run("batches", "list", "--department", "broken")


def test_a_state_that_there_is_not() -> None:
    error = refused("batches", "list", "--state", "hled")
    assert isinstance(error, RequestError)
    assert "did you mean 'held'? 可用值 · allowed: open, landed, validated, done, held, failed, discarded" in error.remedy


@pytest.mark.parametrize("words", [("list", "--department", "works"), ("list",), ("replay", "works"), ("discard", "works")], ids=" ".join)
def test_a_rule_that_refused_nothing(database: Engine, words: tuple[str, ...]) -> None:
    put(database, _ITEM, state="open")
    error = refused("quarantine", *words, "--rule", "transfrm:occurred_at")
    assert isinstance(error, NotFound)
    assert "did you mean 'transform:occurred_at'" in error.remedy


def test_a_rule_whose_rows_are_dealt_with_is_no_slip(database: Engine) -> None:
    put(database, _ITEM, state="replayed")
    assert "replayed 0 rows" in run("quarantine", "replay", "works", "--rule", "transform:occurred_at")


@pytest.mark.parametrize("command", ["replay", "discard"])
def test_an_item_that_there_is_not(command: str) -> None:
    assert "no item 7 of works" in refused("quarantine", command, "works", "--item", "7").message


@pytest.mark.parametrize(
    ("words", "is_told"),
    [
        (("water", "--accept-deletions"), True),
        (("water", "--accept-deletions", "--backfill"), True),
        (("water", "--accept-deletions", "--reconcile"), False),
        (("works", "--accept-deletions"), False),
        (("water",), False),
    ],
    ids=str,
)
def test_deletions_that_nobody_looks_for(words: tuple[str, ...], is_told: bool) -> None:
    assert ("water: 不是快照" in run("run", *words, "--no-resolve")) == is_told


@pytest.mark.parametrize(
    ("words", "active", "code", "ran"),
    [
        pytest.param(("works",), "", 0, ("works",), id="a good one named"),
        pytest.param(("works", "broken"), "", 1, ("works",), id="a good and the broken one named"),
        pytest.param((), "works, water", 0, ("works", "water"), id="good ones active"),
        pytest.param((), "works, broken", 1, ("works",), id="a good and the broken one active"),
    ],
)
def test_a_broken_contract_is_told_and_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], active: str, code: int, ran: tuple[str, ...]
) -> None:
    (tmp_path / "br.yml").write_text("department: broken\nno_such_key: 1\n", encoding="utf-8")
    monkeypatch.setenv("CASEHUB_DEPARTMENTS", active)
    get_settings.cache_clear()
    output = run("run", *words, "--no-resolve", code=code)
    assert "br.yml:2 no_such_key 此处没有这个键 · is not a word of the contract here" in output
    assert all(f"{department}: 完成 done" in output for department in ran)


def test_a_broken_contract_alone_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "br.yml").write_text("department: broken\nno_such_key: 1\n", encoding="utf-8")
    error = refused("run", "broken")
    assert isinstance(error, ContractError)
    assert "br.yml:1" in error.message
    assert isinstance(refused("sources", "preview", "broken"), ContractError)
    assert "A1" in run("sources", "preview", "works")


def test_deletions_that_are_pushed() -> None:
    assert "what is pushed tells of its deletions itself" in run("run", "emergency_management", "--accept-deletions", "--no-resolve")


def test_a_folder_of_contracts_that_is_not_there_is_told_and_not_its_departments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEHUB_CONTRACTS", str(tmp_path / "contract"))
    get_settings.cache_clear()
    error = refused("quarantine", "replay", "works")
    assert isinstance(error, ContractError)
    assert "there is no such folder" in str(error)


@pytest.mark.parametrize(
    ("words", "told", "remedy"),
    [
        pytest.param(("policy", "propose"), "your key", "CASEHUB_KEY", id="key"),
        pytest.param(("audit", "subject"), "ID number or id", "--file", id="number"),
    ],
)
def test_what_is_asked_for_where_nobody_sits_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], told: str, remedy: str
) -> None:
    """As from a timer; it ended with "Aborted.", and said nothing."""
    monkeypatch.delenv("CASEHUB_KEY", raising=False)
    if words[0] == "policy":
        file = tmp_path / "policies" / "policy.yml"  # beside the contracts it would be read as one
        file.parent.mkdir()
        file.write_text(DEFAULT.read_text(encoding="utf-8").replace("version: 0", "version: 1"), encoding="utf-8")
        words = (*words, str(file))
    error = refused(*words)
    assert f"nothing was given for: {told}" in error.message
    assert remedy in error.remedy


def test_a_policy_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "name a file that is there" in run("policy", "check", str(tmp_path / "absent.yml"), code=1)
    assert "name a file that is there" in refused("policy", "propose", str(tmp_path / "absent.yml")).remedy
