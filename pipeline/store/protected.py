"""Protected values of frames: in the clear on this side, as they are stored on the other. Without keys nothing is done.

Each distinct number is worked on once. Only what stands here under a protected column's name is looked at.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from hub.encryption import NUMBERS, PREFIX, KeyRing, Protected, key_ring

#: Where the current form of numbers is noted that the store holds in another one, for statements that compare: none joins it.
RENEWED_TABLE = "CREATE TEMP TABLE IF NOT EXISTS renewed (stored text PRIMARY KEY, current text NOT NULL) ON COMMIT DELETE ROWS"
#: A number of a party `p` in the current form, by the name of its column.
RENEWED_NUMBERS = {name: f"coalesce((SELECT n.current FROM renewed n WHERE n.stored = p.{name}), p.{name})" for name in NUMBERS}


def store_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    """A frame whose columns `id_no` and `phone` are as they are to be stored."""
    ring = key_ring()
    return frame if ring is None else _each_column(frame, ring.store_number)


def clear_numbers(frame: pl.DataFrame) -> pl.DataFrame:
    """A frame read from the store, with its columns `id_no` and `phone` in the clear.

    Raises:
        DecryptionError: a value does not decrypt.
    """
    ring = key_ring()
    return frame if ring is None else _each_column(frame, ring.number)


def clear_column(name: str, values: pl.Series) -> pl.Series:
    """Values of a column of that name of store.party, in the clear."""
    ring = key_ring()
    return values if ring is None or name not in NUMBERS else _each(values, NUMBERS[name], ring.number)


def store_values(fields: pl.Series, values: pl.Series) -> pl.Series:
    """Golden values as they are to be stored: those of protected fields encrypted."""
    ring = key_ring()
    return values if ring is None else _by_field(fields, values, ring.store_number)


def clear_values(fields: pl.Series, values: pl.Series) -> pl.Series:
    """Golden values read from the store, in the clear."""
    ring = key_ring()
    return values if ring is None else _by_field(fields, values, ring.number)


def store_documents(field: Protected, documents: pl.Series) -> pl.Series:
    """Documents, text or bytes, as they are to be stored; null for null, and for all of them where there are no keys."""
    ring = key_ring()
    if ring is None:
        return pl.Series([None] * len(documents), dtype=pl.String)
    stored = [None if one is None else ring.store_document(field, _bytes(one)) for one in documents]
    return pl.Series(stored, dtype=pl.String)


def clear_payloads(payloads: pl.Series) -> pl.Series:
    """JSON text of landing.record.payload, each in the clear: an encrypted one is a JSON string."""
    ring = key_ring()
    if ring is None:
        return payloads
    opening = f'"{PREFIX}'
    return pl.Series(
        payloads.name,
        [ring.document(Protected.PAYLOAD, one[1:-1]).decode() if one is not None and one.startswith(opening) else one for one in payloads],
        dtype=pl.String,
    )


def renewed(ring: KeyRing, before: pl.DataFrame) -> pl.DataFrame:
    """Texts of columns of store.party that are in the clear or under an old key, and the same under the current one: (stored, current).

    Raises:
        DecryptionError: a value does not decrypt.
    """
    found = {
        text: ring.store_number(field, ring.number(field, text))
        for name, field in NUMBERS.items()
        for text in before[name].drop_nulls().unique()
        if not text.startswith(ring.current_prefix)
    }
    return pl.DataFrame({"stored": list(found), "current": list(found.values())}, {"stored": pl.String, "current": pl.String})


def _each_column(frame: pl.DataFrame, change: Callable[[Protected, str], str]) -> pl.DataFrame:
    found = [_each(frame[name], field, change) for name, field in NUMBERS.items() if name in frame.columns]
    return frame.with_columns(found)


def _each(values: pl.Series, field: Protected, change: Callable[[Protected, str], str]) -> pl.Series:
    distinct = values.drop_nulls().unique()
    if distinct.is_empty():
        return values
    changed = pl.Series([change(field, one) for one in distinct], dtype=pl.String)
    return values.replace_strict(distinct, changed, default=None, return_dtype=pl.String).alias(values.name)


def _by_field(fields: pl.Series, values: pl.Series, change: Callable[[Protected, str], str]) -> pl.Series:
    frame = pl.DataFrame({"field": fields, "value": values})
    for name, field in NUMBERS.items():
        is_it = frame["field"] == name
        changed = _each(frame["value"].zip_with(is_it, pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)), field, change)
        frame = frame.with_columns(value=pl.when(is_it).then(changed).otherwise("value"))
    return frame["value"]


def _bytes(document: str | bytes) -> bytes:
    return document.encode() if isinstance(document, str) else document
