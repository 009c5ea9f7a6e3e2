"""An exported file enters; what was changed in it leaves. It takes no database, and the same checks as the log itself.

A file is a stretch of the chain: it says of itself whether anything in it was changed. Whether it is the stretch that was sealed, only
the published heads say.
"""

from __future__ import annotations

import csv
import datetime as dt
import itertools
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from api.audit.canonical import FIELDS, Seal, Tombstone, canonical
from api.audit.export import SEAL_COLUMNS, cell, former_cell
from api.audit.findings import Report
from api.audit.heads import read_heads
from api.audit.verify import Checker, Rows
from hub.errors import RequestError


def verify_file(path: Path, head_file: Path | None) -> Report:
    """Verify an exported file.

    Args:
        path: it, .jsonl or .csv.
        head_file: published heads; None: they are not looked at.

    Raises:
        RequestError: it is no such file, or holds nothing, or there is no file of heads.
    """
    if head_file is not None and not head_file.is_file():
        raise RequestError(
            f"没有已公布链头的文件 {head_file.name} · there is no file {head_file.name} of published heads",
            remedy="用 --head 指明，或省略 --head · name it with --head, or leave --head out",
        )
    checker = Checker(None if head_file is None else read_heads(head_file), is_whole=False)
    try:
        for seal, rows in _read_table(path) if path.suffix == ".csv" else _read_lines(path):
            checker.take(seal, rows)
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        raise RequestError(
            f"{path.name} 不是导出的访问记录 · {path.name} is no exported audit log",
            remedy="指定由 `casehub audit export` 导出的文件 · name a file that `casehub audit export` wrote",
        ) from None
    if not checker.report.seals:
        raise RequestError(
            f"{path.name} 中没有签封，无可核对 · {path.name} holds no seal: there is nothing to verify",
            remedy="指定由 `casehub audit export` 导出的文件 · name a file that `casehub audit export` wrote",
        )
    return checker.finish()


def _read_lines(path: Path) -> Iterator[tuple[Seal, Rows]]:
    with path.open(encoding="utf-8") as lines:
        documents = (json.loads(line) for line in lines)
        for document in documents:
            seal = _seal(document["seal"], document["hash"])
            rows: dict[int, tuple[str, str]] = {}
            for found in itertools.islice(documents, len(seal.access_ids)):
                if found["row"] is not None:
                    rows[found["access_id"]] = (canonical(found["row"]), found["row"]["at"])
            yield seal, rows


def _read_table(path: Path) -> Iterator[tuple[Seal, Rows]]:
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding="utf-8", newline="") as file:
        for number, group in itertools.groupby(csv.DictReader(file), lambda row: row["seal"]):
            found = list(group)
            first, chained = found[0], [row for row in found if row["access_id"]]
            _require_of_one(found, chained)
            document = {
                "number": int(number),
                "previous_hash": first["previous_hash"],
                "first_place": int(first["first_place"]),
                "last_place": int(first["last_place"]),
                "sealed_at": first["sealed_at"],
                "rows": [[int(row["access_id"]), row["row_hash"]] for row in chained],
            }
            if first["pruned"]:
                document["pruned"] = json.loads(first["pruned"])
            yield _seal(document, first["seal_hash"]), {int(row["access_id"]): _content(row) for row in chained if row["canonical"]}


def _require_of_one(found: Sequence[Mapping[str, str]], chained: Sequence[Mapping[str, str]]) -> None:
    """Rows of one seal say the same of it, each stands at its place, and none stands there that is not chained."""
    first = found[0]
    is_one = all(row[name] == first[name] for row in found for name in SEAL_COLUMNS)
    places = [int(row["place"]) for row in chained]
    is_in_place = places == list(range(int(first["first_place"]), int(first["first_place"]) + len(chained)))
    if not is_one or not is_in_place or (len(chained) < len(found) and len(found) > 1):
        raise ValueError(first["seal"])


def _content(row: Mapping[str, str]) -> tuple[str, str]:
    """The hashed text and its time; cells that say something else than the text make it another."""
    content = json.loads(row["canonical"])
    is_same = all(row[name] in (cell(content.get(name)), former_cell(content.get(name))) for name in FIELDS)
    return row["canonical"] if is_same else "", content["at"]


def _seal(document: Mapping[str, Any], digest: str) -> Seal:
    told = document.get("pruned")
    return Seal(
        number=document["number"],
        previous_hash=bytes.fromhex(document["previous_hash"]),
        first_place=document["first_place"],
        last_place=document["last_place"],
        sealed_at=dt.datetime.fromisoformat(document["sealed_at"]),
        access_ids=[access_id for access_id, _ in document["rows"]],
        row_hashes=[bytes.fromhex(found) for _, found in document["rows"]],
        tombstone=None
        if told is None
        else Tombstone(told["number"], told["place"], bytes.fromhex(told["hash"]), dt.datetime.fromisoformat(told["before"])),
        hash=bytes.fromhex(digest),
    )
