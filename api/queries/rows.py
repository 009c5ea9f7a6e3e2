"""How every statement is run: text with bound values in, plain dictionaries out.

Behind row security planning costs more than running, so that a statement is prepared on each connection when that first runs it,
and planned once. Plans of a connection hold for its login alone.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import xxhash
from sqlalchemy import Connection

Row = dict[str, Any]

KEPT = 150  # statements that a connection keeps: each shape of a question is one
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)\b")


def fetch(connection: Connection, statement: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
    """All rows of a statement.

    Args:
        connection: of a login; the statement is prepared on it.
        statement: one SELECT with `:name` for each value, the same type wherever it stands.
        parameters: values by name; others than the statement's are left aside.
    """
    names = list(dict.fromkeys(_PARAMETER.findall(statement)))
    marks = ", ".join(f"%({name})s" for name in names)
    call = f"EXECUTE {_prepared(connection, statement, names)}{f' ({marks})' if marks else ''}"
    given = parameters or {}
    return [dict(row) for row in connection.exec_driver_sql(call, {name: given[name] for name in names}).mappings()]


def _prepared(connection: Connection, statement: str, names: list[str]) -> str:
    """The name under which the connection knows the statement; the one that it did not run for longest makes room."""
    known: OrderedDict[str, str] = connection.info.setdefault("statements", OrderedDict())
    if statement in known:
        known.move_to_end(statement)
        return known[statement]
    places = {name: f"${place}" for place, name in enumerate(names, 1)}
    sql = _PARAMETER.sub(lambda found: places[found[1]], statement).replace("%", "%%")
    name = f"api_{xxhash.xxh3_64_hexdigest(statement.encode())}"
    connection.exec_driver_sql(f"PREPARE {name} AS {sql}")
    known[statement] = name
    while len(known) > KEPT:
        connection.exec_driver_sql(f"DEALLOCATE {known.popitem(last=False)[1]}")
    return name
