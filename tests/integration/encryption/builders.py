"""Rings of keys, and stores beside each other: one in the clear, one encrypted."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from sqlalchemy import Engine, text

from hub.encryption import NUMBERS, KeyRing, key_ring
from hub.encryption.key_document import KEY_BYTES, LOOKUP_BYTES, KeyDocument
from hub.encryption.store_keys import write_down

#: Columns in which people write freely: encryption at rest does not reach them, and docs/security.md says so.
FREE_TEXT = {("store", "source_record", column) for column in ("title", "text", "reply", "address", "handling_unit", "tokens")} | {
    ("store", "unified_case", "title"),
    ("ops", "model", "document"),  # the model's own lists of numbers that are nobody's
}
_COLUMNS = """
SELECT n.nspname, c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('landing', 'quarantine', 'store', 'ops', 'audit') AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY 1, 2, a.attnum
"""


def document(*key_ids: str, cipher: str = "AES-256-GCM") -> KeyDocument:
    """A key document with these keys, the last one current; of one id and cipher it is the same key each time."""
    names = key_ids or ("k1",)
    keys = {name: {"cipher": cipher, "key": _secret(f"{cipher} {name}", KEY_BYTES[cipher])} for name in names}
    return KeyDocument.model_validate({"current": names[-1], "lookup": _secret("lookup", LOOKUP_BYTES), "keys": keys})


def _secret(name: str, length: int) -> str:
    return base64.b64encode(hashlib.sha256(name.encode()).digest()[:length]).decode()


def ring(*key_ids: str, cipher: str = "AES-256-GCM") -> KeyRing:
    """A ring of them: the same keys each time."""
    return KeyRing(document(*key_ids, cipher=cipher))


def stored(party: dict[str, Any]) -> dict[str, Any]:
    """Values of a party as this process stores them."""
    keys = key_ring()
    if keys is None:
        return party
    return party | {name: keys.store_number(field, party[name]) for name, field in NUMBERS.items() if party.get(name)}


def write_keys_down(engine: Engine) -> None:
    """What a command that works on a new store does first."""
    keys = key_ring()
    if keys is not None:
        with engine.begin() as connection:
            write_down(connection, keys)


def places_of(engine: Engine, values: list[str]) -> dict[str, int]:
    """Columns outside of free text in which one of these values stands, each with in how many rows; bytes and arrays are searched too."""
    found: dict[str, int] = {}
    with engine.connect() as connection:
        for schema, table, column in connection.execute(text(_COLUMNS)).all():
            if (schema, table, column) in FREE_TEXT:
                continue
            bytes_too = "CASE WHEN pg_typeof(t.{c})::text = 'bytea' THEN encode(t.{c}::text::bytea, 'escape') ELSE t.{c}::text END"
            shown = bytes_too.format(c=f'"{column}"')
            # OFFSET 0: each is written out once, and not anew for each value that is looked for.
            statement = (
                f'SELECT count(*) FROM (SELECT {shown} AS shown FROM {schema}."{table}" t OFFSET 0) t'
                " WHERE EXISTS (SELECT FROM unnest(:values) v (v) WHERE strpos(t.shown, v.v) > 0)"
            )
            count = connection.execute(text(statement), {"values": values}).scalar_one()
            if count:
                found[f"{schema}.{table}.{column}"] = count
    return found
