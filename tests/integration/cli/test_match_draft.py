"""`casehub match draft`: from a table alone to clusters, in two commands."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from cli import main
from cli.match import app
from hub.errors import HubError, NotFound, RequestError
from tests.unit.matching.table_builders import firms, homes

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
    ("sources", "listed"),
    [
        pytest.param(["police", "court", "12345"], "unique_within: ['12345', court, police]", id="as a model names them"),
        pytest.param([f"s{number:02}" for number in range(15)], "s10, s11, …]", id="not all of many"),
        pytest.param([], "[crm, billing]", id="no column of sources"),
    ],
)
def test_a_draft_tells_how_sources_that_hold_nothing_twice_are_named(tmp_path: Path, sources: list[str], listed: str) -> None:
    model, rows = tmp_path / "homes.yml", homes(120)
    if sources:
        rows = rows.with_columns(pl.Series("source", [sources[number % len(sources)] for number in range(len(rows))]))
    rows.write_csv(tmp_path / "homes.csv")
    match("draft", "--input", tmp_path / "homes.csv", "--to", model, "--truth", "person")
    assert listed in model.read_text(encoding="utf-8")


def test_what_tells_things_of_a_group_apart_is_told_and_can_be_taken_back(tmp_path: Path) -> None:
    table, model, clusters = tmp_path / "homes.csv", tmp_path / "homes.yml", tmp_path / "clusters.csv"
    homes(120).write_csv(table)
    told = match("draft", "--input", table, "--to", model, "--truth", "person")
    assert "told_apart_by: given, born" in told
    told = match("run", "--model", model, "--input", table, "--to", clusters)
    assert "of one group, and two" in told and "given, born" in told
    model.write_text(model.read_text(encoding="utf-8").replace("[given, born]", "[]"), encoding="utf-8")
    assert "of one group" not in match("run", "--model", model, "--input", table, "--to", clusters)


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [(("--truth", "nobody"), NotFound, "no column nobody"), (("--to", "people.txt"), RequestError, "cannot be written")],
)
def test_what_cannot_be_drafted_is_told(table: Path, tmp_path: Path, words: tuple[str, str], error: type[HubError], says: str) -> None:
    given = {"--to": str(tmp_path / "people.yml"), "--input": str(table)} | dict([words])
    with pytest.raises(error, match=says):
        match("draft", *(word for pair in given.items() for word in pair))


def test_nothing_that_is_read_or_there_already_is_written_over(table: Path, tmp_path: Path) -> None:
    model = tmp_path / "people.yml"
    match("draft", "--input", table, "--to", model, "--truth", "who")
    before = table.read_bytes(), model.read_bytes()
    with pytest.raises(RequestError, match="is there already"):
        match("draft", "--input", table, "--to", model)
    with pytest.raises(RequestError, match="would be lost"):
        match("run", "--model", model, "--input", table, "--to", table)
    assert (table.read_bytes(), model.read_bytes()) == before


def test_an_id_that_tells_no_rows_apart_is_refused(table: Path, tmp_path: Path) -> None:
    model = tmp_path / "people.yml"
    match("draft", "--input", table, "--to", model, "--truth", "who")
    model.write_text(model.read_text(encoding="utf-8").replace("id: record_id", "id: surname"), encoding="utf-8")
    with pytest.raises(RequestError, match="does not tell rows apart"):
        match("run", "--model", model, "--input", table, "--to", tmp_path / "clusters.csv")


def refused(*words: str | Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What the whole command says of an error, on one line."""
    monkeypatch.setattr("sys.argv", ["casehub", *map(str, words)])
    monkeypatch.setattr(main, "configure_logging", lambda _: None)
    monkeypatch.setenv("COLUMNS", "500")
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 1
    return capsys.readouterr().err


def test_columns_in_brackets_are_told_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, model = tmp_path / "doses.csv", tmp_path / "[bold]doses.yml"
    path.write_text("[/mg],[dim]name,who\n" + "".join(f"{n % 40},{NAMES[n % 12]},{n // 2}\n" for n in range(80)), encoding="utf-8")
    words = ("match", "draft", "--input", path, "--to", model, "--truth", "foo")
    told = refused(*words, monkeypatch=monkeypatch, capsys=capsys)
    assert "no column foo" in told and "下一步 · next 现有列 [/mg], [dim]name, who · its columns are [/mg], [dim]name, who" in told
    told = match("draft", "--input", path, "--to", model, "--truth", "who")
    assert "[/mg]" in told and "[dim]name" in told and "[bold]doses.yml" in told.replace("\n", "")
    told = match("run", "--model", model, "--input", path, "--to", tmp_path / "[dim]clusters.csv")
    assert "[/mg]" in told and "[dim]clusters.csv" in told


def test_a_remedy_that_is_a_line_of_yaml_keeps_its_brackets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, model = tmp_path / "spots.csv", tmp_path / "spots.yml"
    path.write_text("lon,lat\n22.7,113.9\n", encoding="utf-8")
    model.write_text(
        "version: 1\nfields: {spot: {from: [lon, lat], as: place}}\nblocking: [{name: spot, fields: [cells]}]\n"
        "comparisons: [{name: spot, kind: kilometres, levels: [{name: near, at_most: 1}, {name: far}]}]\n",
        encoding="utf-8",
    )
    words = ("match", "run", "--model", model, "--input", path, "--to", tmp_path / "clusters.csv")
    assert "write from: [longitude, latitude], in that order" in refused(*words, monkeypatch=monkeypatch, capsys=capsys)


def test_training_that_takes_nearly_all_for_one_is_told(tmp_path: Path) -> None:
    path, model = tmp_path / "songs.csv", tmp_path / "songs.yml"
    pl.DataFrame({"album": [f"{NAMES[n % 4]} songs" for n in range(80)], "artist": [NAMES[n % 4] for n in range(80)]}).write_csv(path)
    model.write_text(
        "version: 1\nfields: {album: album, artist: artist}\nblocking: [{name: a, fields: [album]}, {name: b, fields: [artist]}]\n"
        "comparisons: [{name: album, kind: name}, {name: artist, kind: name}]\n",
        encoding="utf-8",
    )
    assert "many more pairs" in match("run", "--model", model, "--input", path, "--to", tmp_path / "c.csv")


def test_sources_that_hold_nothing_twice_are_told_and_can_be_taken_back(tmp_path: Path) -> None:
    table, model, clusters = tmp_path / "firms.csv", tmp_path / "firms.yml", tmp_path / "clusters.csv"
    firms().write_csv(table)
    told = match("draft", "--input", table, "--to", model, "--truth", "firm")
    stated = "unique_within: [guide, register, tax]"
    assert "unique_within: guide, register, tax" in told
    text = model.read_text(encoding="utf-8")
    assert stated in text
    model.write_text(text.replace(f"\n{stated}", ""), encoding="utf-8")
    assert "no repeats are seen in guide, register, tax" in match("run", "--model", model, "--input", table, "--to", clusters)
    first, second = firms().with_row_index("row").filter(pl.col("source") == "tax")["row"][:2]
    assert "both are of one source" in match("explain", "--model", model, "--input", table, first, second)
    model.write_text(text.replace(f"\n{stated}", "\nunique_within: []"), encoding="utf-8")
    assert "no repeats" not in match("run", "--model", model, "--input", table, "--to", clusters)
