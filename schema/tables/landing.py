"""LANDING and QUARANTINE: what departments sent, in versions; and what was refused, with reasons.

Nothing of a landed row is changed but its `state`, and the number of an event that comes in after older ones
(pipeline/normalising/versions.py).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from schema.tables.base import RECORD_STATES, metadata, now_column, one_of, time_column

landing_record = Table(
    "record",
    metadata,
    Column("department", Text, primary_key=True),
    Column("source_record_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("batch_id", BigInteger, nullable=False),
    Column("ordinal", BigInteger, nullable=False),  # position in the batch
    Column("operation", Text, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),  # SHA-256 of the payload without volatile fields
    Column("has_key", Boolean, nullable=False),  # false: source_record_id is batch:ordinal
    Column("payload", JSONB),
    Column("raw", LargeBinary),
    Column("fault", Text),
    Column("event_id", Text),
    Column("source_cursor", Text),
    now_column("landed_at"),
    Column("state", Text, nullable=False),
    one_of("operation", ("upsert", "delete")),
    one_of("state", RECORD_STATES),
    Index("ix_record_batch_id_ordinal", "batch_id", "ordinal"),
    Index("ix_record_keyless", "department", "content_hash", postgresql_where=text("NOT has_key")),
    Index("ix_record_event_id", "department", "event_id", postgresql_where=text("event_id IS NOT NULL")),
    Index("ix_record_unfinished", "department", "batch_id", postgresql_where=text("state IN ('landed', 'held')")),
    schema="landing",
    postgresql_partition_by="HASH (department)",
)

# --- quarantine -------------------------------------------------------------------------------------------------------

quarantine_item = Table(
    "item",
    metadata,
    Column("item_id", BigInteger, Identity(always=True), primary_key=True),
    Column("department", Text, nullable=False),
    Column("source_record_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("batch_id", BigInteger, nullable=False),
    Column("rule", Text, nullable=False),  # transform:<field>, code:<field>, expect_…, drift:…, fault, key
    Column("column_name", Text),
    Column("reason", Text, nullable=False),  # in words, without the value
    Column("state", Text, nullable=False, server_default="open"),
    now_column("created_at"),
    time_column("resolved_at"),
    Column("resolved_by", Text),
    one_of("state", ("open", "replayed", "discarded", "superseded")),
    Index("ix_item_record", "department", "source_record_id", "version"),
    Index("ix_item_open", "department", "item_id", postgresql_where=text("state = 'open'")),
    schema="quarantine",
)
