"""When a contract was used after another: one that was put back is the newest again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    used = sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()"))
    op.add_column("contract", used, schema="ops")
    op.execute("UPDATE ops.contract SET last_used_at = first_used_at")


def downgrade() -> None:
    op.drop_column("contract", "last_used_at", schema="ops")
