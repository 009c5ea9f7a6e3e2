"""OPS: what callers watch, what happened to it, and what of that was delivered."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Index, Integer, LargeBinary, Table, Text, Uuid, text

from schema.states import DELIVERY_STATES, WATCHED
from schema.tables.base import metadata, now_column, one_of, time_column

watch = Table(
    "watch",
    metadata,
    Column("watch_id", Uuid, primary_key=True),
    Column("owner", Text, nullable=False),  # the caller's name; kind, role and department as they were when it was made
    Column("owner_kind", Text, nullable=False),  # key, or token: of an issuer that says nothing when it ends somebody
    Column("role", Text, nullable=False),
    Column("department", Text),
    Column("watched", Text, nullable=False),
    Column("entity_id", Uuid),  # follows where a merge leads
    Column("question", LargeBinary),  # of a query, encrypted: it may hold a name or a number
    Column("webhook", LargeBinary),  # where to and the secret, encrypted
    Column("epoch", Integer, nullable=False),  # what of the feed has been looked at
    Column("position", BigInteger, nullable=False),
    now_column("created_at"),
    now_column("seen_at"),  # when its owner was last here himself
    one_of("watched", WATCHED),
    CheckConstraint("(watched = 'query') = (question IS NOT NULL) AND (watched = 'query') = (entity_id IS NULL)", name="subject"),
    Index("ix_watch_owner", "owner", "watch_id"),
    Index("ix_watch_position", "epoch", "position"),
    schema="ops",
)

watch_event = Table(
    "watch_event",
    metadata,
    Column("watch_id", Uuid, primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("change_number", BigInteger, primary_key=True),
    Column("relation", Text, nullable=False),
    Column("entity_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("into_id", Uuid),
    time_column("at", nullable=False),
    now_column("found_at"),
    ForeignKeyConstraint(["watch_id"], ["ops.watch.watch_id"], name="fk_watch_event_watch", ondelete="CASCADE"),
    Index("ix_watch_event_found_at", "found_at"),
    schema="ops",
)

watch_delivery = Table(
    "watch_delivery",
    metadata,
    Column("delivery_id", Uuid, primary_key=True),
    Column("watch_id", Uuid, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("change_number", BigInteger, nullable=False),
    Column("state", Text, nullable=False, server_default="waiting"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    now_column("next_attempt_at"),
    Column("outcome", Text),  # of the last attempt, in one word: delivered, status, timeout, …
    Column("status", Integer),  # that the receiver answered
    time_column("last_attempt_at"),
    one_of("state", DELIVERY_STATES),
    ForeignKeyConstraint(
        ["watch_id", "epoch", "change_number"],
        ["ops.watch_event.watch_id", "ops.watch_event.epoch", "ops.watch_event.change_number"],
        name="fk_watch_delivery_event",
        ondelete="CASCADE",
    ),
    Index("ix_watch_delivery_event", "watch_id", "epoch", "change_number", unique=True),
    Index("ix_watch_delivery_open", "state", "watch_id", "epoch", "change_number", postgresql_where=text("state <> 'delivered'")),
    schema="ops",
)
