"""DRIFT: what changed in the shape of a source, seen from the columns of a batch: columns that are new, gone, or of another type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from connectors.contract import Contract

_TYPES = {str: "string", int: "number", float: "number", bool: "boolean", dict: "object", list: "array"}
_OPTIONAL_KEYS = {"rest", "soap", "inbox"}  # kinds whose rows may leave a key out
_ROWS_TO_MISS_A_COLUMN = 50  # fewer rows than this may all lack an optional key by chance


@dataclass
class Shape:
    """Columns seen so far, with the JSON types of their values."""

    types: dict[str, set[str]] = field(default_factory=dict)
    rows: int = 0

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, object]]) -> Shape:
        """The shape of a chunk's rows."""
        types: dict[str, set[str]] = {}
        # Thousands of rows have a handful of shapes between them.
        for columns, kinds in dict.fromkeys((tuple(row), tuple(map(type, row.values()))) for row in rows):
            for column, kind in zip(columns, kinds, strict=True):
                types.setdefault(column, set()).update({_TYPES.get(kind, "null")} - {"null"})
        return cls(types, len(rows))

    def merge(self, other: Shape) -> None:
        """Take in another chunk's."""
        self.rows += other.rows
        for column, kinds in other.types.items():
            self.types.setdefault(column, set()).update(kinds)


def new_columns(contract: Contract, shape: Shape) -> list[str]:
    """Columns that the contract does not know."""
    return sorted(set(shape.types) - contract.source_columns())


def missing_columns(contract: Contract, seen: Iterable[str], rows: int) -> list[str]:
    """Columns that the contract takes and no row of the batch has."""
    optional = contract.connector.kind in _OPTIONAL_KEYS or getattr(contract.connector, "format", "") in {"json", "jsonl", "xml"}
    if optional and rows < _ROWS_TO_MISS_A_COLUMN:
        return []
    return sorted(contract.required_columns() - set(seen))


def retyped_columns(known: Mapping[str, list[str]], shape: Shape) -> dict[str, set[str]]:
    """Column → the JSON types it has now and never had before."""
    fresh = {column: kinds - set(known[column]) for column, kinds in shape.types.items() if known.get(column)}
    return {column: kinds for column, kinds in fresh.items() if kinds}


def remembered(known: Mapping[str, list[str]], shape: Shape, *, learns_types: bool) -> dict[str, list[str]]:
    """What to remember of the columns after this batch: types that were refused are not learnt, or tomorrow they would pass."""
    found = {column: sorted(kinds) for column, kinds in shape.types.items() if kinds}
    merged = {column: sorted({*known[column], *found.get(column, ())}) if learns_types else known[column] for column in known}
    return {**found, **merged}


def has_type(value: object, kinds: set[str]) -> bool:
    """Whether a row's value is one of the types that are new to its column."""
    return _TYPES.get(type(value), "null") in kinds
