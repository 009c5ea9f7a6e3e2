"""AUDIT: who asked what kind of thing, when, for what purpose, what was shown, and how it ended; and the chain over it.

Rows of `access` and `seal` are never changed: triggers refuse it, and the chain finds it where they were switched off.
"""

from __future__ import annotations

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from schema.tables.base import metadata, now_column, time_column

access = Table(  # one row a call; of commands one where it begins, one before each thing that it shows, one where it ends
    "access",
    metadata,
    Column("access_id", BigInteger, Identity(always=True), primary_key=True),
    now_column("at"),
    Column("caller", Text, nullable=False),  # of commands: cli:<user of the operating system>
    Column("department", Text),
    Column("action", Text, nullable=False),
    Column("outcome", Integer),  # HTTP status; of commands 0 done, 1 failed, null begun
    Column("entity_ids", ARRAY(Uuid)),  # cases that were shown or asked for
    Column("purpose", Text),
    Column("case_reference", Text),
    Column("request_id", Text),
    Column("shape", JSONB(none_as_null=True)),  # names of filters, includes, options: never values
    Column("person_ids", ARRAY(Uuid)),  # persons that were shown or asked for
    Column("record_ids", ARRAY(BigInteger)),  # records that were shown one by one
    Column("results", BigInteger),
    Column("receiver", Text),  # of what left the hub
    Index("ix_access_ids", "entity_ids", "person_ids", "record_ids", postgresql_using="gin"),
    Index("ix_access_at", "at", postgresql_using="brin"),
    schema="audit",
)

seal = Table(
    "seal",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("previous_hash", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("first_place", BigInteger, nullable=False),
    Column("last_place", BigInteger, nullable=False),  # first_place - 1: it chains no row
    time_column("sealed_at", nullable=False),
    Column("access_ids", ARRAY(BigInteger), nullable=False),  # in the order of their places
    Column("row_hashes", LargeBinary, nullable=False),  # 32 bytes each, in that order; zeros: the row was gone before it was sealed
    # Of a tombstone alone: seals up to this one, and their rows, were removed because they were old.
    Column("pruned_number", BigInteger),
    Column("pruned_place", BigInteger),
    Column("pruned_hash", LargeBinary),
    time_column("pruned_before"),
    schema="audit",
)

unsealed = Table(  # what waits for the sealer; a trigger of `access` fills it in the same transaction
    "unsealed",
    metadata,
    Column("access_id", BigInteger, primary_key=True, autoincrement=False),
    schema="audit",
)
