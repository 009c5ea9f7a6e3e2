"""`casehub match`: any table through the command itself."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from cli.match import app
from hub.errors import ContractError, HubError, NotFound, RequestError
from matching.model_file import document_of
from tests.unit.matching.table_builders import write_model

ROWS = "no,given,surname,born\n" + "".join(
    f"{place}a,{given},{surname},{1950 + place}0101\n{place}b,{given},{surname}{'e' * (place % 3 == 0)},{1950 + place}0101\n"
    for place, (given, surname) in enumerate(
        zip(
            ["ada", "ben", "cleo", "dan", "eva", "finn", "gwen", "hugo"],
            ["stone", "river", "forest", "valley", "meadow", "canyon", "island", "desert"],
            strict=True,
        )
    )
)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text("\ufeff" + ROWS, encoding="utf-8")
    return path


def _model(folder: Path, **more: Any) -> Path:
    return write_model(folder, lambda d: d.update(id="no", truth={"from": "no", "pattern": r"(\d+)"}, **more))


def _run(*words: str | Path) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "200"}, catch_exceptions=False)
    return result.output


def test_run_writes_a_cluster_for_every_row_and_tells_how_good_they_are(tmp_path: Path, table: Path) -> None:
    to, links = tmp_path / "clusters.csv", tmp_path / "links.parquet"
    told = _run("run", "--model", _model(tmp_path), "--input", table, "--to", to, "--links", links)
    with to.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == [line.split(",")[0] for line in ROWS.splitlines()[1:]]
    assert all(row["cluster"] == f"{row['id'][:-1]}a" for row in rows)
    assert "1.0000" in told
    edges = pl.read_parquet(links)
    assert set(edges.columns) == {"left", "right", "match_weight", "decision", "levels"}
    assert (edges["decision"] == "link").sum() == 8


def test_what_it_writes_is_its_owners_alone(tmp_path: Path, table: Path) -> None:
    """Ids of persons, common values of a table: whatever the umask lets others read."""
    names = ["clusters.csv", "links.parquet", "trained.yml", "drafted.yml"]
    to, links, trained, drafted = written = [tmp_path / name for name in names]
    before = os.umask(0o022)
    try:
        to.write_text("read by others")
        _run("run", "--model", _model(tmp_path), "--input", table, "--to", to, "--links", links)
        _run("train", "--model", _model(tmp_path), "--input", table, "--to", trained)
        _run("draft", "--input", table, "--to", drafted)
    finally:
        os.umask(before)
    assert {path.name: path.stat().st_mode & 0o777 for path in written} == dict.fromkeys(names, 0o600)


def test_a_truth_column_that_the_table_lacks_is_told(tmp_path: Path, table: Path) -> None:
    model = write_model(tmp_path, lambda d: d.update(id="no", truth={"from": "entty"}))
    told = _run("run", "--model", model, "--input", table, "--to", tmp_path / "clusters.csv")
    assert "the table lacks entty, which truth: of the model names: nothing is evaluated" in told
    assert "1.0000" not in told


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_is_read_whose_name_has_brackets(tmp_path: Path, table: Path, ending: str) -> None:
    folder, to = tmp_path / "[old]*", tmp_path / "clusters.csv"
    folder.mkdir()
    path = folder / f"people[1].{ending}"
    rows = pl.read_csv(table, infer_schema=False)
    rows.write_csv(path) if ending == "csv" else rows.write_parquet(path)
    _run("run", "--model", _model(tmp_path), "--input", path, "--to", to)
    assert pl.read_csv(to).height == len(ROWS.splitlines()) - 1


def test_several_files_are_one_table_and_name_their_source(tmp_path: Path, table: Path) -> None:
    other = tmp_path / "others.parquet"
    pl.read_csv(table, infer_schema=False).with_columns(pl.col("no") + "x").write_parquet(other)
    to = tmp_path / "clusters.parquet"
    _run("run", "--model", _model(tmp_path, source="source", unique_within=["others"]), "--input", table, "--input", other, "--to", to)
    clusters = pl.read_parquet(to)
    assert len(clusters) == 32
    of_others = clusters.filter(pl.col("id").str.ends_with("x"))
    assert of_others["cluster"].n_unique() == len(of_others)


def test_a_trained_model_gives_the_same_clusters(tmp_path: Path, table: Path) -> None:
    model, trained = _model(tmp_path), tmp_path / "trained.yml"
    assert "surname" in _run("train", "--model", model, "--input", table, "--to", trained)
    once, again = tmp_path / "once.csv", tmp_path / "again.csv"
    _run("run", "--model", model, "--input", table, "--to", once)
    told = _run("run", "--model", trained, "--input", table, "--to", again)
    assert once.read_text() == again.read_text()
    assert "trained in" not in told
    assert isinstance(document_of(trained), dict)


def test_blocking_tells_what_each_rule_finds_and_what_all_miss(tmp_path: Path, table: Path) -> None:
    told = _run("blocking", "--model", _model(tmp_path, blocking=[{"name": "born", "fields": ["born"]}]), "--input", table)
    assert "born" in told
    assert "100.00%" in told
    missed = _run("blocking", "--model", _model(tmp_path, blocking=[{"name": "names", "fields": ["surname"]}]), "--input", table)
    assert "62.50%" in missed


def test_explain_adds_up(tmp_path: Path, table: Path) -> None:
    trained = tmp_path / "trained.yml"
    _run("train", "--model", _model(tmp_path), "--input", table, "--to", trained)
    told = _run("explain", "--model", trained, "--input", table, "0a", "0b")
    assert "link" in told
    steps = [line.split() for line in told.splitlines() if line.strip()[:5] in ("prior", "given", "surna", "born ")]
    total = next(line.split()[0] for line in told.splitlines() if "≥" in line)
    assert float(steps[-1][-1]) == pytest.approx(float(total), abs=0.06)


def test_explain_tells_whether_run_compares_two_rows_and_what_keeps_them_apart(tmp_path: Path, table: Path) -> None:
    trained, names = tmp_path / "trained.yml", ("0a", "0b")
    _run("train", "--model", _model(tmp_path), "--input", table, "--to", trained)
    assert "they meet by born" in _run("explain", "--model", trained, "--input", table, *names)
    assert "no blocking rule brings them together" in _run("explain", "--model", trained, "--input", table, "0a", "1a")
    told = yaml.safe_load(trained.read_text(encoding="utf-8")) | {"identifier": "surname", "block_limit": 1}
    trained.write_text(yaml.safe_dump(told, sort_keys=False), encoding="utf-8")
    kept_apart = _run("explain", "--model", trained, "--input", table, *names)
    assert "their identifiers differ: they are never one" in kept_apart
    assert "the block of born has 2 rows, more than block_limit 1" in kept_apart


def test_training_a_trained_model_writes_it_again(tmp_path: Path, table: Path) -> None:
    trained, again = tmp_path / "trained.yml", tmp_path / "again.yml"
    _run("train", "--model", _model(tmp_path), "--input", table, "--to", trained)
    _run("train", "--model", trained, "--input", table, "--to", again)
    assert again.read_text(encoding="utf-8") == trained.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "kind", "word"),
    [
        pytest.param({"--input": "none.csv"}, NotFound, "none.csv", id="no such table"),
        pytest.param({"--input": "people.txt"}, RequestError, "people.txt", id="a table of another ending"),
        pytest.param({"--input": "broken.parquet"}, RequestError, "broken.parquet", id="no Parquet inside"),
        pytest.param({"--input": "workbook.csv"}, RequestError, "workbook", id="a workbook renamed"),
        pytest.param({"--input": "old_workbook.csv"}, RequestError, "workbook", id="an old workbook renamed"),
        pytest.param({"--input": "wide.csv"}, RequestError, "UTF-8", id="two bytes a character"),
        pytest.param({"--input": "latin.csv"}, RequestError, "UTF-8", id="another encoding"),
        pytest.param({"--to": "clusters.xlsx"}, RequestError, "clusters.xlsx", id="a result of another ending"),
        pytest.param({"--to": "nowhere/clusters.csv"}, RequestError, "folder", id="a result in no folder"),
        pytest.param({"--links": "../{folder}/clusters.csv"}, RequestError, "one file", id="links over the clusters"),
        pytest.param({"--truth": "who"}, NotFound, "born", id="no such truth: its columns are told"),
    ],
)
def test_what_cannot_be_done_is_told(
    tmp_path: Path, table: Path, change: dict[str, str], kind: type[HubError], word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.txt").write_text(ROWS)
    (tmp_path / "broken.parquet").write_text(ROWS)
    (tmp_path / "workbook.csv").write_bytes(b"PK\x03\x04\x14\x00\x06\x00,xl/workbook.xml\n")
    (tmp_path / "old_workbook.csv").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\n")
    (tmp_path / "wide.csv").write_bytes("no,given\n1,a\n".encode("utf-16-le"))
    (tmp_path / "latin.csv").write_bytes("no,given,surname,born\n1,rené,x,1\n".encode("latin-1"))
    words = {"--model": str(_model(tmp_path)), "--input": str(table), "--to": "clusters.csv", **change}
    with pytest.raises(kind) as refused:
        _run("run", *(part.format(folder=tmp_path.name) for pair in words.items() for part in pair))
    assert word in str(refused.value)
    assert not (tmp_path / "clusters.csv").exists()
    assert "PK" not in str(refused.value)


@pytest.mark.parametrize("command", ["run", "explain"])
@pytest.mark.parametrize(
    ("change", "says", "remedy"),
    [
        pytest.param({"id": "nr"}, "model.yml: 表中没有列 nr（id） · the table has no column nr (id)", "no, given, surname, born", id="id"),
        pytest.param({"id": False}, "the table has no column False (id)", 'did you mean no? write it in quotes, "no"', id="YAML's no"),
        pytest.param({"source": "sirname"}, "no column sirname (source)", "did you mean surname?", id="source"),
        pytest.param({"identifier": "born_on"}, "identifier: there is no field born_on", "did you mean born?", id="identifier"),
    ],
)
def test_a_misspelt_name_is_told_with_the_nearest(
    tmp_path: Path, table: Path, command: str, change: dict[str, Any], says: str, remedy: str
) -> None:
    def misspelt(document: dict[str, Any]) -> None:
        document["fields"]["where"] = {"from": "born", "as": "address"}  # its columns are known only when they are made
        document.update({"id": "no", **change})

    words = ["--to", tmp_path / "clusters.csv"] if command == "run" else ["0a", "0b"]
    with pytest.raises(ContractError) as refused:
        _run(command, "--model", write_model(tmp_path, misspelt), "--input", table, *words)
    assert says in str(refused.value)
    assert remedy in refused.value.remedy


def test_explain_takes_a_row_by_its_number_too(tmp_path: Path, table: Path) -> None:
    trained = tmp_path / "trained.yml"
    _run("train", "--model", _model(tmp_path), "--input", table, "--to", trained)
    by_number = _run("explain", "--model", trained, "--input", table, "0", "1")
    assert by_number == _run("explain", "--model", trained, "--input", table, "0a", "0b")
    with pytest.raises(NotFound, match="no row that B names"):
        _run("explain", "--model", trained, "--input", table, "0", "16")


def test_explain_says_which_row_is_not_there_without_what_was_typed(tmp_path: Path, table: Path) -> None:
    for which, names in (("A", ("440301199001011234", "0a")), ("B", ("0a", "440301199001011234"))):
        with pytest.raises(NotFound, match=f"no row that {which} names") as refused:
            _run("explain", "--model", _model(tmp_path), "--input", table, *names)
        assert "4403" not in str(refused.value)


def test_a_table_without_a_header_is_told_without_its_first_row(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("张伟,440301199001011234\n李娜,440301199001011235\n", encoding="utf-8")
    commands: list[tuple[str | Path, ...]] = [
        ("draft", "--to", tmp_path / "draft.yml", "--truth", "who"),
        ("blocking", "--model", _model(tmp_path)),
    ]
    for command, *words in commands:
        with pytest.raises((NotFound, ContractError), match="looks like a row of data \\(2 columns\\): give it a header") as refused:
            _run(str(command), "--input", path, *words)
        assert "张伟" not in str(refused.value) and "4403" not in str(refused.value)
