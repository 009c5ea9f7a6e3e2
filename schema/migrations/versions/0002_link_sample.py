"""Links drawn at random for people to judge."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "link_sample",
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("left_id", sa.BigInteger(), nullable=False),
        sa.Column("right_id", sa.BigInteger(), nullable=False),
        sa.Column("model_version", sa.Text(), nullable=False),
        sa.Column("match_weight", sa.Float(), nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("relation IN ('person', 'organisation', 'case')", name=op.f("ck_link_sample_relation")),
        sa.PrimaryKeyConstraint("relation", "left_id", "right_id", "model_version", name=op.f("pk_link_sample")),
        schema="ops",
    )


def downgrade() -> None:
    op.drop_table("link_sample", schema="ops")
