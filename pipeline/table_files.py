"""Tables that `casehub match` reads and writes: CSV or Parquet, by the ending."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from hub.errors import NotFound, RequestError
from hub.private_files import private_file

ENDINGS = (".csv", ".parquet")
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # XLSX (any zip) and XLS


def read_table(paths: Sequence[Path]) -> pl.DataFrame:
    """Files as one table, CSV's cells as the text that they are, blanks around names and cells taken away; an empty cell is null.

    Columns that one file alone has are null in the others. Where several files are read and none has a column `source`,
    it is made of their names, with their folders where files of two have one name.

    Raises:
        NotFound: no such file.
        RequestError: it is neither CSV nor Parquet, a workbook under such an ending, or cannot be read as what its ending says; it names a
            column twice, or has an empty row amid others; a file is named twice; a column is of one type in one file and of another, that
            goes with it nowhere, in the next.
    """
    frames = [_read(path) for path in paths]
    if len(frames) > 1 and not any("source" in frame.columns for frame in frames):
        frames = [frame.with_columns(source=pl.lit(name)) for frame, name in zip(frames, _names(paths), strict=True)]
    try:
        return pl.concat(frames, how="diagonal_relaxed")
    except pl.exceptions.PolarsError as error:
        names = ", ".join(path.name for path in paths)
        raise RequestError(
            f"{names}: 同名列的类型不同 · columns of one name are of different kinds",
            remedy="改存为 CSV，或统一类型 · write them as CSV, or alike",
        ) from error


def _names(paths: Sequence[Path]) -> list[str]:
    """A name for each file, by which it can be told from the others."""
    names = [path.stem for path in paths]
    if len(set(names)) < len(names):
        whole = [path.resolve() for path in paths]
        folder = os.path.commonpath([path.parent for path in whole])
        names = [path.relative_to(folder).as_posix() for path in whole]
    if len(set(names)) < len(names):
        raise RequestError("文件重复 · a file is named twice", remedy="每个文件只写一次 · name each file once")
    return names


def require_writable(path: Path, read: Sequence[Path] = ()) -> None:
    """Say before the work is done that its result cannot be written.

    Args:
        path: of the result.
        read: files that are read, none of which may be written over.

    Raises:
        RequestError: the ending is neither .csv nor .parquet, the folder is not there, or the file is one of those read.
    """
    if path.resolve() in [one.resolve() for one in read]:
        raise RequestError(
            f"{path.name} 是输入文件，写入会丢失 · {path.name} is what is read and would be lost", remedy="换一个文件 · name another file"
        )
    if path.suffix not in ENDINGS or not path.parent.is_dir():
        raise RequestError(
            f"无法写入 {path.name} · {path.name} cannot be written",
            remedy="指定已有文件夹中的 .csv 或 .parquet 文件 · name a .csv or .parquet file in a folder that is there",
        )


def write_table(frame: pl.DataFrame, path: Path) -> None:
    """Write CSV or Parquet, for its owner alone: which rows are one tells of persons.

    Raises:
        RequestError: see `require_writable`.
    """
    require_writable(path)
    with private_file(path) as file:
        if path.suffix == ".parquet":
            frame.write_parquet(file)
        else:
            frame.write_csv(file)


def _require_text(path: Path) -> None:
    """Refuse what is no text by its first bytes: the reader would take them for names of columns."""
    with path.open("rb") as file:
        start = file.read(4096)
    if start.startswith(_WORKBOOKS):
        raise RequestError(
            f"{path.name} 是工作簿，不是 CSV · {path.name} is a workbook and no CSV",
            remedy="打开后将工作表另存为 UTF-8 的 CSV，只改后缀无效 · "
            "open it and save the sheet as CSV in UTF-8: another ending is not enough",
        )
    if b"\0" in start:
        raise RequestError(
            f"{path.name} 不是 UTF-8 文本 · {path.name} is no text in UTF-8",
            remedy="存为带表头的 UTF-8 编码 CSV，或后缀为 .parquet 的 Parquet · "
            "write it as UTF-8 with a header line, or as Parquet with that ending",
        )


def _read(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise NotFound(
            f"没有文件 {path} · there is no file {path}", remedy="写明已有的 CSV 或 Parquet 文件 · name an existing CSV or Parquet file"
        )
    if path.suffix not in ENDINGS:
        raise RequestError(
            f"{path.name} 不是 CSV 或 Parquet · {path.name} is neither CSV nor Parquet",
            remedy="后缀用 .csv 或 .parquet · give it with the ending .csv or .parquet",
        )
    if path.suffix == ".csv":
        _require_text(path)
    try:
        if path.suffix == ".parquet":
            return _without_empty(pl.read_parquet(path, glob=False), path)
        read = pl.read_csv(path, infer_schema=False, encoding="utf8", glob=False)
    except (pl.exceptions.PolarsError, OSError):
        raise RequestError(
            f"无法读取 {path.name} · {path.name} cannot be read",
            remedy="存为带表头的 UTF-8 编码 CSV，或 Parquet · write it as UTF-8 with a header line, or as Parquet",
        ) from None  # the reader's own words quote cells
    names = {name: name.strip().removeprefix("\ufeff") for name in read.columns}
    seen: dict[str, int] = {}
    for place, name in enumerate(names.values(), start=1):
        first = seen.setdefault(name, place)
        if first != place:  # told by places: in a table without a header the names are a person's values
            raise RequestError(
                f"{path.name} 的表头有重复的列名，在第 {first} 列和第 {place} 列 · "
                f"{path.name} names a column twice, at columns {first} and {place}",
                remedy="每列用不同的列名 · give each column a name of its own",
            )
    return _without_empty(read.rename(names), path)


def _without_empty(rows: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Blanks around texts taken away, nothing where nothing is left; no empty rows at the end.

    Raises:
        RequestError: an empty row has others after it: left out it would change their numbers, by which rows without an id are named.
    """
    text = pl.col(pl.String).str.strip_chars()
    rows = rows.with_columns(pl.when(text != "").then(text))
    filled = rows.select(pl.any_horizontal(pl.all().is_not_null())).to_series() if rows.width else pl.Series([], dtype=pl.Boolean)
    last = int(filled.arg_true().max() or 0) + 1 if filled.any() else 0  # type: ignore[arg-type]
    if last < len(rows):
        rows = rows.head(last)
    empty = (~filled.head(last)).arg_true()
    if len(empty):
        raise RequestError(
            f"{path.name} 有空行 {len(empty):,} 行，首个是第 {empty[0] + 1:,} 行数据 · "
            f"{path.name}: empty rows: {len(empty):,}, the first is row {empty[0] + 1:,} below the header",
            remedy="删去空行 · take the empty rows out",
        )
    return rows
