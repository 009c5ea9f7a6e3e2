"""EXPORT of the log: whole seals with their rows, with every hash, to a file that can be verified where there is no database.

JSON Lines: a line a seal, `{"hash": …, "seal": {…}}`, then a line for each of its rows, `{"access_id": …, "place": …, "row": {…}}`; a row
that is gone has `"row": null`. CSV: a line a row, with its seal's columns beside it and the hashed text in the last one.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, Engine, text

from api.audit.canonical import FIELDS, Seal, canonical, seal_document
from api.audit.verify import Rows, read_rows, read_seals
from api.spreadsheets import is_formula
from hub.database import store_errors
from hub.errors import RequestError
from hub.private_files import private_file

SEAL_COLUMNS = ("seal", "seal_hash", "previous_hash", "first_place", "last_place", "sealed_at", "pruned")
COLUMNS = (*SEAL_COLUMNS, "place", "access_id", "row_hash", *FIELDS, "canonical")
_COUNT = "SELECT coalesce(sum(cardinality(access_ids)), 0) FROM audit.seal WHERE {range}"
_RANGE = "(CAST(:since AS timestamptz) IS NULL OR sealed_at >= :since) AND (CAST(:before AS timestamptz) IS NULL OR sealed_at < :before)"


@dataclass(frozen=True)
class Period:
    """From when (included) to when (not included) seals were made; None: without end."""

    since: dt.datetime | None = None
    before: dt.datetime | None = None

    @property
    def values(self) -> dict[str, Any]:
        """As statements want them."""
        return {"since": self.since, "before": self.before}


def count(engine: Engine, period: Period) -> int:
    """How many rows the seals of a period have."""
    with store_errors(), engine.connect() as connection:
        return int(connection.execute(text(_COUNT.format(range=_RANGE)), period.values).scalar_one())


def require_exportable(path: Path) -> None:
    """Refuse a file that cannot be written.

    Raises:
        RequestError: it is there already, has no folder, or is neither .jsonl nor .csv.
    """
    if path.suffix not in _WRITERS:
        raise RequestError(
            f"{path.name} 不是 .jsonl 或 .csv · {path.name} is neither .jsonl nor .csv",
            remedy="文件名以 .jsonl 或 .csv 结尾 · name a file that ends in .jsonl or .csv",
        )
    if path.exists() or not path.parent.is_dir():
        raise RequestError(
            f"{path.name} 无法写入 · {path.name} cannot be written",
            remedy="目标文件须尚不存在，所在文件夹须已存在 · name a file that is not there yet, in a folder that is",
        )


def export(engine: Engine, path: Path, period: Period) -> int:
    """Write the seals of a period with their rows; only the owner may read the file, which is there once it is whole.

    Returns:
        Rows written.

    Raises:
        RequestError: the file cannot be written.
    """
    require_exportable(path)
    with private_file(path) as whole, store_errors(), engine.connect() as connection:
        connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        file = io.TextIOWrapper(whole, encoding="utf-8", newline="")
        try:
            return _WRITERS[path.suffix](file, _period(connection, period))
        finally:
            file.detach()  # what is written; the file itself is closed by whoever opened it


def _period(connection: Connection, period: Period) -> Iterator[tuple[Seal, Rows]]:
    for seal in read_seals(connection, _RANGE, period.values):
        yield seal, read_rows(connection, seal)


def _write_lines(file: IO[str], seals: Iterable[tuple[Seal, Rows]]) -> int:
    written = 0
    for seal, rows in seals:
        file.write(canonical({"hash": seal.hash.hex(), "seal": seal_document(seal)}) + "\n")
        for place, access_id in enumerate(seal.access_ids, seal.first_place):
            row = json.loads(rows[access_id][0]) if access_id in rows else None
            file.write(canonical({"access_id": access_id, "place": place, "row": row}) + "\n")
            written += 1
    return written


def _write_table(file: IO[str], seals: Iterable[tuple[Seal, Rows]]) -> int:
    table, written = csv.writer(file), 0
    table.writerow(COLUMNS)
    for seal, rows in seals:
        document = seal_document(seal)
        told = canonical(document["pruned"]) if "pruned" in document else ""
        of_seal = [seal.number, seal.hash.hex(), *(document[name] for name in SEAL_COLUMNS[2:6]), told]
        if not seal.access_ids:
            table.writerow([*of_seal, *[""] * (len(COLUMNS) - len(SEAL_COLUMNS))])
        for place, (access_id, digest) in enumerate(zip(seal.access_ids, seal.row_hashes, strict=True), seal.first_place):
            content = rows[access_id][0] if access_id in rows else ""
            row = json.loads(content) if content else {}
            table.writerow([*of_seal, place, access_id, digest.hex(), *(cell(row.get(name)) for name in FIELDS), content])
            written += 1
    return written


def cell(value: object) -> str:
    """A value for a spreadsheet, which would take a text that begins like a formula for one."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return canonical(value)
    return f"'{value}" if is_formula(value) else value


def former_cell(value: object) -> str:
    """The same as files of an earlier build have it, which knew fewer ways in which a formula begins."""
    if not isinstance(value, str):
        return cell(value)
    return f"'{value}" if value[:1] in ("=", "+", "-", "@", "\t") else value


_WRITERS: dict[str, Callable[[IO[str], Iterable[tuple[Seal, Rows]]], int]] = {".jsonl": _write_lines, ".csv": _write_table}
