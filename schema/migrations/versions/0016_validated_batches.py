"""When a batch's landed rows were judged: NORMALISE takes no row that became `landed` again since."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("batch", sa.Column("validated_at", sa.DateTime(timezone=True), nullable=True), schema="ops")


def downgrade() -> None:
    op.drop_column("batch", "validated_at", schema="ops")
