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
    columns = {name: _said(source.column(name)) for name in dict.fromkeys(each.from_ for each in references if each.from_ is not None)}
    cited = [(row, each.to, number) for each in references for row, number in _numbers(each, source, columns)]
    if not cited:
        return pl.Series([[]], dtype=_TYPE).new_from_index(0, len(source))
    rows, departments, numbers = zip(*cited, strict=True)
    found = unblanked(strip(pl.Series("number", numbers, dtype=pl.String)))
    frame = pl.DataFrame([pl.Series("row", rows, dtype=pl.UInt32), pl.Series("department", departments, dtype=pl.String), found])
    frame = frame.drop_nulls("number").unique(maintain_order=True)
    grouped = frame.group_by("row").agg(pl.struct("department", "number").alias("references"))
    every = pl.DataFrame({"row": pl.int_range(len(source), dtype=pl.UInt32, eager=True)})
    return every.join(grouped, on="row", how="left", maintain_order="left")["references"].fill_null([])


def _said(column: pl.Series) -> list[tuple[int, str]]:
    """(row, value) of a column where it has one: twelve references may look through the same texts."""
    return [(row, value) for row, value in enumerate(column) if value]


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
