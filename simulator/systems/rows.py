"""The rows an HTTP system serves, in the order of their cursor.

A page costs the same wherever it starts: positions are found by binary search, and pages are slices. Rows are kept in a
memory-mapped Arrow file, so that a million of them do not live in the heap.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

#: What a department's module renders for an HTTP system: `cursor` is the time of the last change in epoch seconds.
ROWS = pl.Schema({"key": pl.String(), "cursor": pl.Int64(), "body": pl.String()})
MAPPED_ABOVE_ROWS = 20_000
SHENZHEN = ZoneInfo("Asia/Shanghai")


class Rows:
    """Rows by cursor and arrival, replaced as a whole at each step of time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._generation = 0
        self._lock = threading.Lock()
        self._frame = pl.DataFrame(schema=ROWS)

    def __len__(self) -> int:
        return self._frame.height

    def put(self, rows: pl.DataFrame, gone: Sequence[str] = ()) -> None:
        """Add rows, in place of those with the same key, and drop those that are gone."""
        with self._lock:
            rows = rows.select(ROWS.names()).cast(ROWS)
            replaced = pl.concat([rows["key"].drop_nulls(), pl.Series("key", gone, dtype=pl.String)])
            kept = without(self._frame, replaced)
            self._generation += 1
            self._frame = mapped(pl.concat([kept, rows]).sort("cursor", maintain_order=True), self._file(self._generation))
            self._file(self._generation - 1).unlink(missing_ok=True)  # a page that is being read from it stays good

    def _file(self, generation: int) -> Path:
        return self._folder / f"rows.{generation}.arrow"

    def page(self, start: int, size: int) -> list[str]:
        """Bodies of the rows at positions start … start + size."""
        bodies: list[str] = self._frame.slice(max(start, 0), max(size, 0))["body"].to_list()
        return bodies

    def start_of(self, since: int | None) -> int:
        """Position of the first row whose cursor is at or after `since`."""
        if since is None or self._frame.is_empty():
            return 0
        return int(self._frame["cursor"].search_sorted(since, "left"))

    def mark(self, position: int) -> tuple[int, int]:
        """A row's cursor and its place among the rows of that cursor: stays right when other rows change."""
        cursor = int(self._frame["cursor"][position])
        return cursor, position - int(self._frame["cursor"].search_sorted(cursor, "left"))

    def after(self, mark: tuple[int, int]) -> int:
        """Position of the row that follows a marked one."""
        cursor, place = mark
        first = int(self._frame["cursor"].search_sorted(cursor, "left"))
        last = int(self._frame["cursor"].search_sorted(cursor, "right"))
        return min(first + place + 1, last)


def mapped(rows: pl.DataFrame, path: Path) -> pl.DataFrame:
    """The rows, in a memory-mapped file if they are many."""
    if rows.height < MAPPED_ABOVE_ROWS:
        return rows.rechunk()
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.rechunk().write_ipc(path, compression="uncompressed")
    return pl.scan_ipc(path).collect()


def without(rows: pl.DataFrame, keys: pl.Series) -> pl.DataFrame:
    """Rows but those with one of the keys; rows without a key stay."""
    if rows.is_empty() or keys.is_empty():
        return rows
    return rows.filter(pl.col("key").is_in(keys.implode()).not_() | pl.col("key").is_null())


def epoch_seconds(text: str | None) -> int | None:
    """A time as a client sends it, ISO 8601 (Shenzhen's clock where no zone is given) or epoch seconds; None where there is none.

    Raises:
        ValueError: it is neither.
    """
    if not text:
        return None
    if text.lstrip("-").isdigit():
        return int(text)
    moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)  # a raw + in a query arrives as a blank
    return int((moment if moment.tzinfo else moment.replace(tzinfo=SHENZHEN)).timestamp())
