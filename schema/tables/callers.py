"""OPS: who may ask the API."""

from __future__ import annotations

from sqlalchemy import ARRAY, CheckConstraint, Column, ForeignKey, Index, LargeBinary, Table, Text, UniqueConstraint, text

from schema.tables.base import metadata, now_column, time_column

api_key = Table(
    "api_key",
    metadata,
    Column("key_id", Text, primary_key=True),  # is in the key itself: look-up goes by it
    Column("secret_hash", LargeBinary, nullable=False),  # SHA-256 of 256 random bits
    Column("name", Text, nullable=False),  # of the holder
    Column("role", Text, nullable=False),
    Column("department", Text),  # null: of no one department
    Column("networks", ARRAY(Text)),  # CIDR; null: from anywhere
    Column("replaces", Text, ForeignKey("ops.api_key.key_id", name="fk_api_key_replaces")),  # the holder's key before
    now_column("created_at"),
    time_column("expires_at", nullable=False),
    time_column("revoked_at"),
    time_column("last_used_at"),  # to the minute
    CheckConstraint("role ~ '^[a-z][a-z0-9_]{1,59}$'", name="role"),
    UniqueConstraint("replaces"),
    Index("uq_api_key_first_of_name", "name", unique=True, postgresql_where=text("replaces IS NULL")),
    schema="ops",
)
