"""Times that PostgreSQL holds and Python does not: the year 20226, one before Christ, 24:00. They stay as the server writes them.

One typo in one row would otherwise end every pull of its department; as text it goes on to the rules, which refuse that row alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psycopg2 import extensions

_TYPES = ("PYDATE", "PYDATETIME", "PYDATETIMETZ", "PYTIME", "PYINTERVAL")
_LISTS = ("PYDATEARRAY", "PYDATETIMEARRAY", "PYDATETIMETZARRAY", "PYTIMEARRAY", "PYINTERVALARRAY")


def keep_times_as_written(connection: Any) -> None:
    """Have a psycopg2 connection give times that Python cannot hold as text."""
    for name, several in zip(_TYPES, _LISTS, strict=True):
        read, read_list = getattr(extensions, name), getattr(extensions, several)
        kept = extensions.new_type(read.values, name, _or_text(read))
        extensions.register_type(kept, connection)
        extensions.register_type(extensions.new_array_type(read_list.values, several, kept), connection)


def _or_text(read: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def reading(value: str | None, cursor: Any) -> Any:
        if read is extensions.PYTIME and value is not None and value.startswith("24:"):
            return value  # psycopg2 makes it the beginning of the day of which it is the end
        try:
            return read(value, cursor)
        except (ValueError, OverflowError):
            return value

    return reading
