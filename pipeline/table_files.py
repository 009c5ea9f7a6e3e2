"""Tables that `casehub match` reads and writes: CSV or Parquet, by the ending."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from hub.errors import NotFound, RequestError

ENDINGS = (".csv", ".parquet")


def read_table(paths: Sequence[Path]) -> pl.DataFrame:
    """Files as one table, CSV's cells as the text that they are, blanks around names and cells taken away.

    Columns that one file alone has are null in the others. Where several files are read and none has a column `source`,
    it is made of their names.

    Raises:
        NotFound: no such file.
        RequestError: it is neither CSV nor Parquet, or cannot be read as what its ending says.
    """
    frames = [_read(path) for path in paths]
    if len(frames) > 1 and not any("source" in frame.columns for frame in frames):
        frames = [frame.with_columns(source=pl.lit(path.stem)) for frame, path in zip(frames, paths, strict=True)]
    return pl.concat(frames, how="diagonal_relaxed")


def require_writable(path: Path) -> None:
    """Say before the work is done that its result cannot be written.

    Raises:
        RequestError: the ending is neither .csv nor .parquet, or the folder is not there.
    """
    if path.suffix not in ENDINGS or not path.parent.is_dir():
        raise RequestError(f"{path.name} cannot be written", remedy="name a .csv or .parquet file in a folder that is there")


def write_table(frame: pl.DataFrame, path: Path) -> None:
    """Write CSV or Parquet.

    Raises:
        RequestError: see `require_writable`.
    """
    require_writable(path)
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_csv(path)


def _read(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise NotFound(f"there is no file {path}", remedy="name an existing CSV or Parquet file")
    if path.suffix not in ENDINGS:
        raise RequestError(f"{path.name} is neither CSV nor Parquet", remedy="give it with the ending .csv or .parquet")
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        read = pl.read_csv(path, infer_schema=False, encoding="utf8")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise RequestError(f"{path.name} cannot be read", remedy="write it as UTF-8 with a header line, or as Parquet") from error
    names = {name: name.strip().removeprefix("\ufeff") for name in read.columns}
    return read.rename(names).with_columns(pl.all().str.strip_chars())
