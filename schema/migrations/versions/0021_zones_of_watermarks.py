"""The zone in which the watermark was read that a batch began from: discarded, it takes the watermark back there in that zone alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

# As the newest contract says, by which they were read most likely; one that says none has the default.
_FILL = """
UPDATE ops.source s SET watermark_timezone = coalesce((
    SELECT c.document ->> 'timezone' FROM ops.contract c WHERE c.department = s.department ORDER BY c.first_used_at DESC LIMIT 1
), 'Asia/Shanghai') WHERE s.watermark IS NOT NULL AND s.watermark_timezone IS NULL
"""


def upgrade() -> None:
    op.add_column("batch", sa.Column("watermark_timezone", sa.Text(), nullable=True), schema="ops")
    op.execute(_FILL)


def downgrade() -> None:
    op.drop_column("batch", "watermark_timezone", schema="ops")
