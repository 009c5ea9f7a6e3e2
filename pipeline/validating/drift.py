"""DRIFT: what changed in the shape of a source, seen from the columns of a batch: columns that are new, gone, or of another type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from connectors.contract import Contract
from hub.wording import shown_name

_TYPES = {str: "string", int: "number", float: "number", bool: "boolean", dict: "object", list: "array"}
_OPTIONAL_KEYS = {"rest", "soap", "inbox"}  # kinds whose rows may leave a key out
_ROWS_TO_MISS_A_COLUMN = 50  # fewer rows than this may all lack an optional key by chance
_MOST_NAMED = 20  # columns; where more are new, an object is keyed by what it tells of, which may be persons


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


def named(contract: Contract, columns: Sequence[str]) -> dict[str, list[str]]:
    """Columns by the names under which they are told: one that the contract knows by its own, others without long numbers.

    Several may come under one name: columns named by numbers of one length, and all of them where there are very many.
    """
    if len(columns) > _MOST_NAMED:
        return {f"({len(columns)} columns)": list(columns)}
    known, found = contract.source_columns(), dict[str, list[str]]()
    for column in columns:
        found.setdefault(shown_name(column, known), []).append(column)
    return found


def missing_columns(contract: Contract, seen: Iterable[str], rows: int) -> list[str]:
    """Columns that the contract takes and no row of the batch has."""
    optional = contract.connector.kind in _OPTIONAL_KEYS or getattr(contract.connector, "format", "") in {"json", "jsonl", "xml"}
    if optional and rows < _ROWS_TO_MISS_A_COLUMN:
        return []
    return contract.missing_columns(set(seen))


def retyped_columns(known: Mapping[str, list[str]], shape: Shape) -> dict[str, set[str]]:
    """Column → the JSON types it has now and never had before."""
    fresh = {column: kinds - set(known[column]) for column, kinds in shape.types.items() if known.get(column)}
    return {column: kinds for column, kinds in fresh.items() if kinds}


def remembered(contract: Contract, known: Mapping[str, list[str]], shape: Shape, *, learns_types: bool) -> dict[str, list[str]]:
    """What to remember of the columns after this batch: types that were refused are not learnt, or tomorrow they would pass.

    A column that is named by a number is forgotten: what is remembered stands in the clear, and an erasure does not reach it.
    """
    found = {column: sorted(kinds) for column, kinds in shape.types.items() if kinds}
    merged = {column: sorted({*known[column], *found.get(column, ())}) if learns_types else known[column] for column in known}
    own = contract.source_columns()
    return {column: kinds for column, kinds in (found | merged).items() if shown_name(column, own) == column}


def has_type(value: object, kinds: set[str]) -> bool:
    """Whether a row's value is one of the types that are new to its column."""
    return _TYPES.get(type(value), "null") in kinds
