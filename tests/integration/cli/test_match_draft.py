"""`casehub match draft`: from a table alone to clusters, in two commands."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from cli.match import app
from hub.errors import HubError, NotFound, RequestError

NAMES = ("stone", "river", "forest", "valley", "meadow", "canyon", "island", "desert", "harbour", "garden", "bridge", "castle")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [
        (f"r{number}{copy}", f"{NAMES[number % 12]}{NAMES[number // 12 % 12]}", f"{1950 + number % 50}-0{1 + number % 9}-11", str(number))
        for number in range(120)
        for copy in "ab"
    ]
    path = tmp_path / "people.csv"
    pl.DataFrame(rows, schema=["record_id", "surname", "birth_date", "who"], orient="row").write_csv(path)
    return path


def match(*words: str | Path) -> str:
    result = CliRunner().invoke(app, list(map(str, words)))
    if result.exception is not None:
        raise result.exception
    return result.output


def test_a_drafted_model_runs_as_it_is(table: Path, tmp_path: Path) -> None:
    model, clusters = tmp_path / "people.yml", tmp_path / "clusters.csv"
    told = match("draft", "--input", table, "--to", model, "--truth", "who")
    assert "birth_date" in told and "surname" in told
    assert "casehub match run" in model.read_text(encoding="utf-8")
    told = match("run", "--model", model, "--input", table, "--to", clusters)
    assert "120 簇" in told and "1.0000" in told
    assert pl.read_csv(clusters)["cluster"].n_unique() == 120


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [(("--truth", "nobody"), NotFound, "no column nobody"), (("--to", "people.txt"), RequestError, "cannot be written")],
)
def test_what_cannot_be_drafted_is_told(table: Path, tmp_path: Path, words: tuple[str, str], error: type[HubError], says: str) -> None:
    given = {"--to": str(tmp_path / "people.yml"), "--input": str(table)} | dict([words])
    with pytest.raises(error, match=says):
        match("draft", *(word for pair in given.items() for word in pair))
