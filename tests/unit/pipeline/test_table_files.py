"""Files that `casehub match` reads: as one table, each row with the file that it is of."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from hub.errors import RequestError
from pipeline.table_files import read_table


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("names", "sources"),
    [
        pytest.param(["a.csv", "b.csv"], ["a", "b"], id="by their names"),
        pytest.param(["a/x.csv", "b/x.csv"], ["a/x.csv", "b/x.csv"], id="by their folders"),
        pytest.param(["x.csv", "b/c/x.csv"], ["x.csv", "b/c/x.csv"], id="one within the other's folder"),
    ],
)
def test_rows_are_told_apart_by_their_files(tmp_path: Path, names: list[str], sources: list[str]) -> None:
    paths = [written(tmp_path / name, "id,name\n1,张伟\n") for name in names]
    assert read_table(paths)["source"].to_list() == sources


def test_a_table_and_a_parquet_of_one_name_are_two(tmp_path: Path) -> None:
    pl.DataFrame({"id": ["1"], "name": ["张伟"]}).write_parquet(tmp_path / "x.parquet")
    paths = [written(tmp_path / "x.csv", "id,name\n1,张伟\n"), tmp_path / "x.parquet"]
    assert read_table(paths)["source"].to_list() == ["x.csv", "x.parquet"]


def test_a_column_source_of_ones_own_stays(tmp_path: Path) -> None:
    paths = [written(tmp_path / folder / "x.csv", f"id,source\n1,{folder}\n") for folder in ("one", "two")]
    assert read_table(paths)["source"].to_list() == ["one", "two"]


def test_a_file_named_twice_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", "id\n1\n")
    with pytest.raises(RequestError, match="named twice"):
        read_table([path, path])


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    words = r"x.csv names a column twice, at columns 1 and 3 → .*give each column a name of its own"
    with pytest.raises(RequestError, match=words) as refused:
        read_table([written(tmp_path / "x.csv", "13912345678,张伟, 13912345678\n1,2,3\n")])  # without a header
    assert "139" not in str(refused.value) and "张伟" not in str(refused.value)


def test_columns_that_go_nowhere_together_are_refused(tmp_path: Path) -> None:
    pl.DataFrame({"id": ["1"], "name": [["张伟", "张三"]]}).write_parquet(tmp_path / "y.parquet")
    with pytest.raises(RequestError, match=r"x.csv, y.parquet: .* · columns of one name are of different kinds"):
        read_table([written(tmp_path / "x.csv", "id,name\n1,张伟\n"), tmp_path / "y.parquet"])


def test_a_cell_with_nothing_but_blanks_is_empty(tmp_path: Path) -> None:
    read = read_table([written(tmp_path / "x.csv", 'id,source,year\n1,"",1987\n2," ",""\n3, a ,""\n')])
    assert read.rows() == [("1", None, "1987"), ("2", None, None), ("3", "a", None)]
    pl.DataFrame({"id": [1, 2], "year": ["1987 ", " "]}).write_parquet(tmp_path / "x.parquet")
    assert read_table([tmp_path / "x.parquet"]).rows() == [(1, "1987"), (2, None)]
    pl.DataFrame({"id": [1, 2]}).write_parquet(tmp_path / "y.parquet")
    assert read_table([tmp_path / "y.parquet"]).rows() == [(1,), (2,)]


def test_empty_rows_at_the_end_are_none_and_others_are_told(tmp_path: Path) -> None:
    assert read_table([written(tmp_path / "x.csv", 'id,name\n1,张伟\n,\n"", \n')]).rows() == [("1", "张伟")]
    with pytest.raises(RequestError, match="x.csv: empty rows: 2, the first is row 2 below the header"):
        read_table([written(tmp_path / "x.csv", 'id,name\n1,张伟\n"",\n,\n2,张三\n')])
