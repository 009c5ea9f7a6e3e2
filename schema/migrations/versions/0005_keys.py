"""API keys in place of tokens. The tokens that were made before end: their ids cannot be told from their hashes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_table("api_token", schema="ops")
    op.create_table(
        "api_key",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("networks", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("replaces", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("role ~ '^[a-z][a-z0-9_]{1,59}$'", name=op.f("ck_api_key_role")),
        sa.ForeignKeyConstraint(["replaces"], ["ops.api_key.key_id"], name="fk_api_key_replaces"),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("replaces", name=op.f("uq_api_key_replaces")),
        schema="ops",
    )
    op.create_index(
        "uq_api_key_first_of_name",
        "api_key",
        ["name"],
        unique=True,
        schema="ops",
        postgresql_where=sa.text("replaces IS NULL"),
    )


def downgrade() -> None:
    op.drop_table("api_key", schema="ops")
    op.create_table(
        "api_token",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("role IN ('clerk', 'engineer', 'admin')", name=op.f("ck_api_token_role")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_api_token")),
        sa.UniqueConstraint("name", name=op.f("uq_api_token_name")),
        schema="ops",
    )
