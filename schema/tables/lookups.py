"""OPS: batch look-ups: the jobs, and each row of a job with what was found for it. Both hold personal data and go at `expires_at`."""

from __future__ import annotations

from sqlalchemy import ARRAY, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from schema.states import LOOKUP_STATES
from schema.tables.base import metadata, now_column, one_of, time_column

lookup = Table(
    "lookup",
    metadata,
    Column("lookup_id", Uuid, primary_key=True),  # random: who does not know it cannot ask for it
    Column("caller", Text, nullable=False),
    Column("key_id", Text),  # null: handed in with a token of an issuer
    Column("role", Text, nullable=False),
    Column("department", Text),
    Column("purpose", Text),  # as the caller said: without it nothing is shown in the clear
    Column("case_reference", Text),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("reason", Text),  # of stopped and failed: revoked, internal
    Column("format", Text, nullable=False),
    Column("columns", ARRAY(Text), nullable=False),  # as the file names them
    Column("kinds", ARRAY(Text), nullable=False),  # what each is looked up as; empty: it is only carried along
    Column("rows", Integer, nullable=False),
    Column("rows_done", Integer, nullable=False, server_default="0"),
    Column("result", LargeBinary),
    now_column("created_at"),
    time_column("started_at"),
    time_column("worked_at"),  # jobs take turns: the one that waited longest comes first
    time_column("finished_at"),
    time_column("expires_at", nullable=False),
    one_of("state", LOOKUP_STATES),
    one_of("format", ("csv", "xlsx")),
    Index("ix_lookup_unfinished", "worked_at", postgresql_where=text("state IN ('waiting', 'running')")),
    Index("ix_lookup_caller", "caller", "created_at"),
    Index("ix_lookup_expires_at", "expires_at"),
    schema="ops",
)

lookup_row = Table(  # gone once the result is written
    "lookup_row",
    metadata,
    Column("lookup_id", Uuid, ForeignKey("ops.lookup.lookup_id", ondelete="CASCADE", name="fk_lookup_row_lookup"), primary_key=True),
    Column("ordinal", Integer, primary_key=True),  # 1-based place in the file
    Column("cells", JSONB),  # in the order of the columns; null: the line could not be read
    Column("answer", JSONB),  # null: not looked up yet
    schema="ops",
)
