"""OPS: who may ask the API."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    LargeBinary,
    Table,
    Text,
)

from schema.tables.base import metadata, now_column, one_of, time_column

api_token = Table(
    "api_token",
    metadata,
    Column("token_hash", LargeBinary, primary_key=True),  # SHA-256 of 256 random bits
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("department", Text),  # null: of no one department
    now_column("created_at"),
    time_column("expires_at", nullable=False),
    time_column("revoked_at"),
    one_of("role", ("clerk", "engineer", "admin")),
    schema="ops",
)
