"""OPS: which keys the store's values are or were encrypted under; never a key."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from schema.tables.base import metadata, now_column, time_column

encryption_key = Table(
    "encryption_key",
    metadata,
    Column("key_id", Text, primary_key=True),  # as in the key document; `lookup` is the one that hashes of numbers are keyed with
    Column("cipher", Text, nullable=False),
    Column("check_value", Text, nullable=False),  # tells another key under the same id, and nothing of the key
    now_column("first_used_at"),
    time_column("retired_at"),  # since when no value is under it: it may be taken out of the key document
    schema="ops",
)
