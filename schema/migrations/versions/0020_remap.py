"""Batches that map accepted rows anew, and the zone in which a watermark was read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_BEFORE = ("ingest", "reconcile", "backfill")


def upgrade() -> None:
    _kinds(*_BEFORE, "remap")
    op.add_column("source", sa.Column("watermark_timezone", sa.Text(), nullable=True), schema="ops")


def downgrade() -> None:
    op.drop_column("source", "watermark_timezone", schema="ops")
    op.execute("UPDATE ops.batch SET kind = 'ingest' WHERE kind = 'remap'")
    _kinds(*_BEFORE)


def _kinds(*kinds: str) -> None:
    op.drop_constraint(op.f("ck_batch_kind"), "batch", schema="ops", type_="check")
    op.create_check_constraint(op.f("ck_batch_kind"), "batch", f"kind IN ({', '.join(map(repr, kinds))})", schema="ops")
