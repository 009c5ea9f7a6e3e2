"""AUDIT: who asked what kind of thing, when, and how it ended."""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Identity,
    Integer,
    Table,
    Text,
    Uuid,
)

from schema.tables.base import metadata, now_column

access = Table(
    "access",
    metadata,
    Column("access_id", BigInteger, Identity(always=True), primary_key=True),
    now_column("at"),
    Column("caller", Text, nullable=False),
    Column("department", Text),
    Column("action", Text, nullable=False),
    Column("outcome", Integer, nullable=False),
    Column("entity_ids", ARRAY(Uuid)),
    schema="audit",
)
