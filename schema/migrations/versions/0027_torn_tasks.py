"""Review tasks of what may be either of two are found by an index: each chunk of resolve asks for all of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("state = 'open' AND levels ? 'torn'")
    op.create_index("ix_review_task_torn", "review_task", ["relation"], schema="store", postgresql_where=where)


def downgrade() -> None:
    op.drop_index("ix_review_task_torn", table_name="review_task", schema="store")
