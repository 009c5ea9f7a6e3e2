"""Founders of closed entities are indexed: one that comes back elsewhere takes its former id along."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_TABLES = ("person", "organisation", "unified_case")


def upgrade() -> None:
    for table in _TABLES:
        op.create_index(f"ix_{table}_founder_id", table, ["founder_id"], schema="store", postgresql_where=sa.text("known_to IS NOT NULL"))


def downgrade() -> None:
    for table in _TABLES:
        op.drop_index(f"ix_{table}_founder_id", table, schema="store")
