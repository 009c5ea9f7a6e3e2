"""ID numbers and phones of rows, and those that are looked for. Without keys nothing is done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hub.encryption.key_ring import NUMBERS
from hub.encryption.process import key_ring

Row = dict[str, Any]


def clear_rows(rows: list[Row]) -> list[Row]:
    """Rows read from the store, with `id_no` and `phone` in the clear.

    Raises:
        DecryptionError: a value does not decrypt.
    """
    ring = key_ring()
    if ring is None or not rows:
        return rows
    columns = [(name, field) for name, field in NUMBERS.items() if name in rows[0]]
    for row in rows if columns else ():
        for name, field in columns:
            if row[name] is not None:
                row[name] = ring.number(field, row[name])
    return rows


def number_forms(column: str, numbers: Iterable[str]) -> list[str]:
    """Texts by which a column of store.party may hold these numbers: what is to be asked for."""
    ring = key_ring()
    return list(numbers) if ring is None or column not in NUMBERS else ring.number_forms(NUMBERS[column], numbers)


def clear_number(column: str, stored: str) -> str:
    """A value of a column of store.party in the clear.

    Raises:
        DecryptionError: it does not decrypt.
    """
    ring = key_ring()
    return stored if ring is None or column not in NUMBERS else ring.number(NUMBERS[column], stored)
