"""Rows that must not be accepted, made from good ones: each department sends a few, and which ones is kept as truth."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import polars as pl

#: At most one garbage row for so many good ones, so that small worlds are not held for their share of failures.
ROWS_PER_GARBAGE = 8


@dataclass(frozen=True)
class Garbage:
    """A row that must not be accepted.

    Args:
        kind: what is wrong with it.
        key: its source_record_id, where it has one that can be read.
        outcome: "quarantined" by a rule, or "raw" where its fields cannot be read or kept at all.
        row: its fields, in the columns of the department's rows.
        raw: its bytes as they stand in the file, where fields cannot say it.
    """

    kind: str
    key: str | None
    outcome: str
    row: dict[str, object] = field(default_factory=dict)
    raw: bytes = b""


@dataclass(frozen=True)
class Spoiler:
    """What makes a good row bad: new values by column (dotted where nested); None takes the value away."""

    kind: str
    changes: Mapping[str, object]
    has_key: bool = True
    outcome: str = "quarantined"


NUL = "前后不一\x00文本截断"


def spoilt(rows: pl.DataFrame, key_column: str, spoilers: Sequence[Spoiler]) -> list[Garbage]:
    """Bad copies of good rows, each under a number of its own."""
    affordable = rows.height // ROWS_PER_GARBAGE
    return [_spoil(rows.row(index, named=True), key_column, spoiler, index + 1) for index, spoiler in enumerate(spoilers[:affordable])]


def raw_lines(rows: pl.DataFrame, kinds: Mapping[str, bytes], already: int) -> list[Garbage]:
    """Lines that no reader of the format can read."""
    affordable = max(rows.height // ROWS_PER_GARBAGE - already, 0)
    return [Garbage(kind, None, "raw", raw=line) for kind, line in list(kinds.items())[:affordable]]


def as_rows(garbage: Sequence[Garbage], schema: pl.Schema) -> pl.DataFrame:
    """Those that fields can say, as rows of the department's columns."""
    return pl.DataFrame([item.row for item in garbage if item.row], schema=schema)


def _spoil(good: dict[str, Any], key_column: str, spoiler: Spoiler, number: int) -> Garbage:
    key = f"{good['key'][:-2]}G{number}"
    changes = {key_column: key if spoiler.has_key else None, **spoiler.changes}
    row = {**good, "key": key if spoiler.has_key else None}
    if "body" not in good:
        row.update(changes)
    elif good["body"].startswith("<"):
        row["body"] = _changed_xml(good["body"], changes)
    else:
        row["body"] = _changed_json(good["body"], changes)
    return Garbage(spoiler.kind, row["key"], spoiler.outcome, row)


def _changed_json(body: str, changes: Mapping[str, object]) -> str:
    document = orjson.loads(body)
    for path, value in changes.items():
        *parents, name = path.split(".")
        inner = document
        for parent in parents:
            inner = inner[parent]
        inner[name] = value
    return orjson.dumps(document).decode("utf-8")


def _changed_xml(body: str, changes: Mapping[str, object]) -> str:
    for name, value in changes.items():
        body = re.sub(rf"<{name}>[^<]*</{name}>", f"<{name}>{value}</{name}>" if value is not None else "", body, count=1)
    return body
