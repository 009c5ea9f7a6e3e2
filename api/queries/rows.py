"""How every statement is run: text with bound values in, plain dictionaries out; planned once a connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from hub.encryption import clear_rows
from pipeline.store.prepared import run, run_tuples

Row = dict[str, Any]


def fetch(connection: Connection, statement: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
    """All rows of a statement: one SELECT with `:name` for each value; values of other names are left aside.

    Columns `id_no` and `phone` come in the clear, however they are stored.
    """
    return clear_rows(run(connection, statement, parameters or {}))


def fetch_tuples(connection: Connection, statement: str, parameters: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
    """The same as tuples, for very many rows of few columns; none of them is an ID number or a phone."""
    return run_tuples(connection, statement, parameters or {})[1]
