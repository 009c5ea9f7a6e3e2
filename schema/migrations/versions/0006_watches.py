"""Watches and their deliveries."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "watch",
        sa.Column("watch_id", sa.Uuid(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("owner_kind", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("watched", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.Uuid(), nullable=True),
        sa.Column("question", sa.LargeBinary(), nullable=True),
        sa.Column("webhook", sa.LargeBinary(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("watched IN ('case', 'person', 'organisation', 'query')", name=op.f("ck_watch_watched")),
        sa.CheckConstraint(
            "(watched = 'query') = (question IS NOT NULL) AND (watched = 'query') = (entity_id IS NULL)", name=op.f("ck_watch_subject")
        ),
        sa.PrimaryKeyConstraint("watch_id", name=op.f("pk_watch")),
        schema="ops",
    )
    op.create_index("ix_watch_owner", "watch", ["owner", "watch_id"], schema="ops")
    op.create_index("ix_watch_position", "watch", ["epoch", "position"], schema="ops")
    op.create_table(
        "watch_event",
        sa.Column("watch_id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("change_number", sa.BigInteger(), nullable=False),
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("into_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("found_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["watch_id"], ["ops.watch.watch_id"], name="fk_watch_event_watch", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("watch_id", "epoch", "change_number", name=op.f("pk_watch_event")),
        schema="ops",
    )
    op.create_index("ix_watch_event_found_at", "watch_event", ["found_at"], schema="ops")
    op.create_table(
        "watch_delivery",
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("watch_id", sa.Uuid(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("change_number", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("last_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'delivered', 'dead')", name=op.f("ck_watch_delivery_state")),
        sa.ForeignKeyConstraint(
            ["watch_id", "epoch", "change_number"],
            ["ops.watch_event.watch_id", "ops.watch_event.epoch", "ops.watch_event.change_number"],
            name="fk_watch_delivery_event",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_watch_delivery")),
        schema="ops",
    )
    op.create_index("ix_watch_delivery_event", "watch_delivery", ["watch_id", "epoch", "change_number"], unique=True, schema="ops")
    op.create_index(
        "ix_watch_delivery_open",
        "watch_delivery",
        ["state", "watch_id", "epoch", "change_number"],
        schema="ops",
        postgresql_where=sa.text("state <> 'delivered'"),
    )


def downgrade() -> None:
    op.drop_table("watch_delivery", schema="ops")
    op.drop_table("watch_event", schema="ops")
    op.drop_table("watch", schema="ops")
