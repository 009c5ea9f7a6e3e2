"""How every statement is run: text with bound values in, plain dictionaries out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

Row = dict[str, Any]


def fetch(connection: Connection, statement: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
    """All rows of a statement."""
    return [dict(row) for row in connection.execute(text(statement), dict(parameters or {})).mappings()]
