"""Rings of keys, and stores beside each other: one in the clear, one encrypted."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Engine, text

from hub.encryption import KeyRing
from hub.encryption.key_document import KeyDocument, with_new_key

#: Columns in which people write freely: encryption at rest does not reach them, and docs/security.md says so.
FREE_TEXT = {("store", "source_record", column) for column in ("title", "text", "reply", "address", "handling_unit", "tokens")} | {
    ("store", "unified_case", "title")
}
_COLUMNS = """
SELECT n.nspname, c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('landing', 'quarantine', 'store', 'ops', 'audit') AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY 1, 2, a.attnum
"""


@cache
def document(*key_ids: str, cipher: Any = "AES-256-GCM") -> KeyDocument:
    """A key document with these keys, the last one current."""
    made: KeyDocument | None = None
    for key_id in key_ids or ("k1",):
        made = with_new_key(made, key_id, cipher)
    assert made is not None
    return made


def ring(*key_ids: str, cipher: Any = "AES-256-GCM") -> KeyRing:
    """A ring of them: the same keys each time."""
    return KeyRing(document(*key_ids, cipher=cipher))


def places_of(engine: Engine, values: list[str]) -> dict[str, int]:
    """Columns outside of free text in which one of these values stands, each with in how many rows; bytes and arrays are searched too."""
    found: dict[str, int] = {}
    with engine.connect() as connection:
        for schema, table, column in connection.execute(text(_COLUMNS)).all():
            if (schema, table, column) in FREE_TEXT:
                continue
            bytes_too = "CASE WHEN pg_typeof(t.{c})::text = 'bytea' THEN encode(t.{c}::text::bytea, 'escape') ELSE t.{c}::text END"
            shown = bytes_too.format(c=f'"{column}"')
            statement = (
                f'SELECT count(*) FROM {schema}."{table}" t WHERE EXISTS (SELECT FROM unnest(:values) v (v) WHERE strpos({shown}, v.v) > 0)'
            )
            count = connection.execute(text(statement), {"values": values}).scalar_one()
            if count:
                found[f"{schema}.{table}.{column}"] = count
    return found
