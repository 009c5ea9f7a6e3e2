"""Plain builders of model files and tables."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from matching.table_model import TableModel, read_table_model

DOCUMENT: dict[str, Any] = {
    "version": 1,
    "fields": {"given": "given", "surname": "surname", "born": {"from": "born", "as": "code"}},
    "blocking": [{"name": "born", "fields": ["born"]}, {"name": "names", "fields": ["given", "surname"]}],
    "comparisons": [
        {"name": "given", "kind": "name"},
        {"name": "surname", "kind": "name", "term_frequency": True},
        {"name": "born", "kind": "code"},
    ],
}


def write_model(folder: Path, change: Callable[[dict[str, Any]], object] = lambda _: None) -> Path:
    """A model file of three fields, changed."""
    document = copy.deepcopy(DOCUMENT)
    change(document)
    path = folder / "model.yml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def make_table(folder: Path, change: Callable[[dict[str, Any]], object] = lambda _: None) -> TableModel:
    """The same, read."""
    return read_table_model(write_model(folder, change))


def make_rows(*rows: tuple[str | None, str | None, str | None]) -> pl.DataFrame:
    """A table of given name, surname and birth."""
    return pl.DataFrame(list(rows), schema={"given": pl.String, "surname": pl.String, "born": pl.String}, orient="row")
