"""The `references:` part of a contract: other departments' numbers that a record cites."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from connectors.mapping import Reference
from pipeline.columns.payloads import Payloads, texts
from pipeline.columns.transforms.base import strip
from pipeline.columns.transforms.text import unblanked

_TYPE = pl.List(pl.Struct({"department": pl.String, "number": pl.String}))


def read_references(references: Sequence[Reference], source: Payloads) -> pl.Series:
    """A list of (department, number) a row, in the contract's order, without repeats; empty where nothing is cited."""
    rows = pl.DataFrame({"row": pl.int_range(len(source), dtype=pl.UInt32, eager=True)})
    columns = {name: _said(source.column(name)) for name in dict.fromkeys(each.from_ for each in references if each.from_ is not None)}
    cited = [frame for frame in (_cited(reference, source, columns) for reference in references) if len(frame)]
    if not cited:
        return pl.Series([[]], dtype=_TYPE).new_from_index(0, len(source))
    grouped = pl.concat(cited).unique(maintain_order=True).sort("row", maintain_order=True)
    grouped = grouped.group_by("row", maintain_order=True).agg(pl.struct("department", "number").alias("references"))
    return rows.join(grouped, on="row", how="left", maintain_order="left")["references"].fill_null([])


def _said(column: pl.Series) -> list[tuple[int, str]]:
    """(row, value) of a column where it has one: twelve references may look through the same texts."""
    return [(row, value) for row, value in enumerate(column) if value]


def _cited(reference: Reference, source: Payloads, columns: Mapping[str, list[tuple[int, str]]]) -> pl.DataFrame:
    numbers = _numbers(reference, source, columns)
    if not numbers:
        return pl.DataFrame()
    rows = pl.Series("row", [row for row, _ in numbers], dtype=pl.UInt32)
    found = unblanked(strip(pl.Series("number", [number for _, number in numbers], dtype=pl.String)))
    cleaned = pl.DataFrame([rows, found]).with_columns(department=pl.lit(reference.to)).drop_nulls("number")
    return cleaned.select("row", "department", "number")


def _numbers(reference: Reference, source: Payloads, columns: Mapping[str, list[tuple[int, str]]]) -> list[tuple[int, str]]:
    """(row, number): the value itself, each element of a list, or each match within a text."""
    if reference.path is not None:
        values_of_rows = enumerate(source.found(reference.path))
        found = [(row, item) for row, value in values_of_rows if value is not None and value != [] for item in _listed(value)]
        values = texts([item for _, item in found])
        given = [(row, value) for (row, _), value in zip(found, values, strict=True) if value is not None]
    else:
        given = columns[reference.from_ or ""]
    if reference.find is None:
        return given
    pattern = re.compile(reference.find)
    return [(row, match[1] if pattern.groups else match[0]) for row, value in given for match in pattern.finditer(value)]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
