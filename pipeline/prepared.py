"""Statements that a connection plans once: for questions asked again and again, planning is most of what they cost.

A statement is prepared on each of the pool's connections when that one first runs it, and stays so as long as it lives. Row
security holds as ever: PostgreSQL plans anew when the role is another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import xxhash
from sqlalchemy import Connection

_PARAMETER = re.compile(r"(?<!:):([a-z_]+)\b")


@dataclass(frozen=True)
class Prepared:
    """A statement with named parameters.

    Args:
        sql: one SELECT, `:name` for each parameter; it holds no values of its own.
        types: parameter → its PostgreSQL type.
    """

    sql: str
    types: Mapping[str, str] = field(hash=False, default_factory=dict)

    def rows(self, connection: Connection, **values: Any) -> list[dict[str, Any]]:
        """All rows, for these values."""
        name = self._ready(connection)
        marks = ", ".join(f"%({parameter})s::{kind}" for parameter, kind in self.types.items())
        call = f"EXECUTE {name} ({marks})" if marks else f"EXECUTE {name}"
        return [dict(row) for row in connection.exec_driver_sql(call, values).mappings()]

    def _ready(self, connection: Connection) -> str:
        """The name under which the connection knows the statement."""
        known: dict[Prepared, str] = connection.info.setdefault("prepared", {})
        if self not in known:
            places = {parameter: f"${place}" for place, parameter in enumerate(self.types, 1)}
            sql = _PARAMETER.sub(lambda found: places[found[1]], self.sql).replace("%", "%%")
            name = f"hub_{xxhash.xxh3_64_hexdigest(self.sql.encode())}"
            connection.exec_driver_sql(f"PREPARE {name} ({', '.join(self.types.values())}) AS {sql}")
            known[self] = name
        return known[self]
