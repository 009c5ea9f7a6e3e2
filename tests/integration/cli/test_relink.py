"""`casehub relink` through the command itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from cli import relink
from cli.main import app
from hub.errors import RequestError
from hub.settings import Settings
from pipeline.resolving.decisions import decide
from pipeline.resolving.resolve import resolve
from tests.integration.pipeline.resolving import SETTINGS, clusters, id_number, parties, party_ids, person, record, settle

BY_NUMBER = person("欧阳震华", id_no=id_number(1), phone="13912340001")


@pytest.fixture(autouse=True)
def parted(monkeypatch: pytest.MonkeyPatch, database: Engine, tmp_path: Path) -> None:
    """A store in which one person lives as two: what a person said of them is no longer there."""

    @contextlib.contextmanager
    def store() -> Iterator[Engine]:
        yield database

    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(relink, "store", store)
    monkeypatch.setattr(relink, "get_settings", lambda: Settings(home=tmp_path / "var"))
    settle(database, record("police", "1", BY_NUMBER), record("court", "2", BY_NUMBER))
    decide(database, "person", tuple(party_ids(database).values()), "no", decided_by="clerk")  # type: ignore[arg-type]
    resolve(database, SETTINGS)
    with database.begin() as connection:
        connection.execute(text("DELETE FROM ops.decision"))


def casehub(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    if result.exception is not None:
        raise result.exception
    return result.output


def test_the_difference_is_shown_and_written_and_the_store_left_as_it_is(database: Engine, tmp_path: Path) -> None:
    for ending in ("csv", "parquet"):
        told = casehub("relink", "--to", str(tmp_path / f"nodes.{ending}"))
        assert "2 → 1" in told and "casehub relink --swap" in told
        assert "the same as the live result" not in told
        assert "欧阳" not in told and id_number(1) not in told
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("nodes.*")} == {0o600}  # ids of persons
    nodes = pl.read_parquet(tmp_path / "nodes.parquet")
    assert pl.read_csv(tmp_path / "nodes.csv").height == nodes.height == 4
    persons = nodes.filter(pl.col("relation") == "person")
    assert persons["entity"].n_unique() == 2 and persons["cluster"].n_unique() == 1
    assert persons["change"].to_list() == ["joined", "joined"]
    assert len(clusters(parties(database))) == 2


def test_a_swap_brings_it_in_and_compares_again(database: Engine) -> None:
    told = casehub("relink", "--swap")
    assert "resolved again: 2" in told
    assert told.index("2 → 1") < told.index("what remains") < told.index("the same as the live result")
    assert len(clusters(parties(database))) == 1
    assert "the same as the live result" in casehub("relink", "--swap")


def test_what_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"nodes\.txt cannot be written"):
        casehub("relink", "--to", str(tmp_path / "nodes.txt"))
