"""A row's key, its place among the events of its record, and whether it is a deletion, as a contract says to read them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from connectors.contract import Contract
from connectors.paths import compile_path, lookup
from connectors.values import cursor_text, flag_text, joined_key, key_text

INTEGER_LENGTH = 20  # of an integer as cursor text


def key_reader(key: tuple[str, ...]) -> Callable[[dict[str, Any]], str | None]:
    """What reads the key from a row: its parts joined by "|", None where one is missing."""
    if len(key) == 1 and "." not in key[0]:
        name = key[0]
        return lambda row: key_text(row.get(name))

    def joined(row: dict[str, Any]) -> str | None:
        parts = [key_text(lookup(row, name)) for name in key]
        return None if None in parts else joined_key([part for part in parts if part is not None])

    return joined


def order_reader(path: str, zone: ZoneInfo) -> Callable[[dict[str, Any]], str | None]:
    """What reads an event's number or time as text that sorts; the two are of different lengths, and never compared."""
    compiled = compile_path(path)

    def read(row: dict[str, Any]) -> str | None:
        value = compiled.search(row)
        number = None if isinstance(value, float) else cursor_text(value, "integer", zone)  # seconds, whole ones now and then
        return number if number is not None and len(number) == INTEGER_LENGTH else cursor_text(value, "time", zone)

    return read


def deletion_test(contract: Contract) -> Callable[[dict[str, Any]], bool] | None:
    """What tells a deletion; None where the source flags none."""
    deleted = contract.feed.deleted
    if deleted is None:
        return None
    words = frozenset(flag_text(value) for value in deleted.in_)
    if deleted.field is not None:
        name = deleted.field
        return lambda row: flag_text(lookup(row, name)) in words
    path = compile_path(deleted.path or "")
    return lambda row: flag_text(path.search(row)) in words
