"""OPS: batches, sources, contracts, models, what waits, what people decided, the change counter, the inbox."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from schema.states import RELATIONS
from schema.tables.base import BATCH_STATES, metadata, now_column, one_of, time_column

batch = Table(
    "batch",
    metadata,
    Column("batch_id", BigInteger, Identity(always=True), primary_key=True),
    Column("department", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("contract_version", Integer, nullable=False),
    Column("run_id", Text),  # the DAG run, or the process that ran it
    Column("watermark_from", Text),
    Column("watermark_timezone", Text),  # in which that was read
    Column("watermark_to", Text),
    Column("pulled", BigInteger, nullable=False, server_default="0"),  # counted by the transport
    Column("landed", BigInteger, nullable=False, server_default="0"),  # counted by the INSERT
    Column("already_known", BigInteger, nullable=False, server_default="0"),  # counted by the comparison
    Column("accepted", BigInteger, nullable=False, server_default="0"),
    Column("quarantined", BigInteger, nullable=False, server_default="0"),
    Column("held", BigInteger, nullable=False, server_default="0"),
    Column("superseded", BigInteger, nullable=False, server_default="0"),
    Column("deleted", BigInteger, nullable=False, server_default="0"),  # tombstones of rows absent from a complete snapshot; never pulled
    Column("columns", JSONB),  # top-level source columns seen in it
    Column("alerts", JSONB),  # drift, volume, vanished rows: what a person should know
    Column("error", Text),
    now_column("started_at"),
    time_column("landed_at"),
    time_column("validated_at"),  # since when every landed row of it has been judged; null where one was not, or not again
    time_column("finished_at"),
    one_of("kind", ("ingest", "reconcile", "backfill", "remap")),
    one_of("state", BATCH_STATES),
    Index("ix_batch_department", "department", "batch_id"),
    schema="ops",
)

source = Table(
    "source",
    metadata,
    Column("department", Text, primary_key=True),
    Column("watermark", Text),  # everything up to here has landed
    Column("watermark_timezone", Text),  # in which the source's times were read for it
    Column("columns", JSONB),  # top-level source columns → their JSON types as last seen; success, errors and counts stand in ops.batch
    schema="ops",
)

contract = Table(
    "contract",
    metadata,
    Column("department", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("content_hash", Text, primary_key=True),
    Column("document", JSONB, nullable=False),
    now_column("first_used_at"),
    now_column("last_used_at"),  # when it was used after another, or for the first time
    schema="ops",
)

model = Table(
    "model",
    metadata,
    Column("relation", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("document", JSONB, nullable=False),
    now_column("first_used_at"),
    schema="ops",
)

validation_result = Table(
    "validation_result",
    metadata,
    Column("batch_id", BigInteger, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("column_name", Text, primary_key=True),  # "" for a rule on the whole table
    Column("on_failure", Text, nullable=False),
    Column("evaluated", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    schema="ops",
)

pending = Table(
    "pending",
    metadata,
    Column("record_id", BigInteger, primary_key=True),  # one row a record: its newest version is what resolve takes
    Column("reason", Text, nullable=False),  # new, changed, deleted, party_changed, relink, values
    # The order of work: records of one case are reported near in time, and taken together they cost resolve least.
    Column("reported_epoch_s", BigInteger, nullable=False, server_default="0"),
    now_column("queued_at"),
    Index("ix_pending_order", "reported_epoch_s", "record_id"),
    schema="ops",
)

decision = Table(
    "decision",
    metadata,
    Column("decision_id", BigInteger, Identity(always=True), primary_key=True),
    Column("relation", Text, nullable=False),
    Column("left_id", BigInteger, nullable=False),  # party_id or record_id, left < right
    Column("right_id", BigInteger, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    now_column("decided_at"),
    Column("reason", Text),
    Column("applied_change", BigInteger),  # null: waits for the next chunk
    one_of("relation", RELATIONS),
    one_of("verdict", ("yes", "no", "unsure")),
    Index("ix_decision_pair", "relation", "left_id", "right_id"),
    Index("ix_decision_right", "relation", "right_id"),
    Index("ix_decision_waiting", "decision_id", postgresql_where=text("applied_change IS NULL")),
    schema="ops",
)

link_sample = Table(  # live links drawn at random, for people to judge: what the engine's precision is estimated from
    "link_sample",
    metadata,
    Column("relation", Text, primary_key=True),
    Column("left_id", BigInteger, primary_key=True),
    Column("right_id", BigInteger, primary_key=True),
    Column("model_version", Text, primary_key=True),  # that linked them
    Column("match_weight", Float, nullable=False),
    now_column("drawn_at"),
    one_of("relation", RELATIONS),
    schema="ops",
)

change_counter = Table(
    "change_counter",
    metadata,
    Column("epoch", Integer, primary_key=True),
    Column("last_change", BigInteger, nullable=False),
    schema="ops",
)

inbox = Table(
    "inbox",
    metadata,
    Column("inbox_id", BigInteger, Identity(always=True), primary_key=True),
    Column("department", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("times_received", Integer, nullable=False, server_default="1"),
    now_column("received_at"),
    Column("batch_id", BigInteger),  # null: not landed yet
    Index("ix_inbox_waiting", "department", "inbox_id", postgresql_where=text("batch_id IS NULL")),
    Index("ix_inbox_event", "department", "event_id", unique=True),  # the same event again is counted, not kept twice
    schema="ops",
)
