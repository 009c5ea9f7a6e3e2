"""Calls, chained, with their purpose."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ADDED: dict[str, Any] = {
    "purpose": sa.Text(),
    "case_reference": sa.Text(),
    "request_id": sa.Text(),
    "shape": postgresql.JSONB(astext_type=sa.Text()),
    "person_ids": sa.ARRAY(sa.Uuid()),
    "record_ids": sa.ARRAY(sa.BigInteger()),
    "results": sa.BigInteger(),
    "receiver": sa.Text(),
}

# SECURITY DEFINER: whoever may add a row of access needs no right on the queue. 42501 is insufficient_privilege.
_FUNCTIONS = (
    """
    CREATE FUNCTION audit.queue() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
    BEGIN
        INSERT INTO audit.unsealed (access_id) SELECT access_id FROM fresh;
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION audit.refuse() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
    BEGIN
        RAISE EXCEPTION 'audit.% is append-only', TG_TABLE_NAME USING ERRCODE = '42501';
    END $$
    """,
    """
    CREATE FUNCTION audit.refuse_unpruned_access() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
    DECLARE before timestamptz := (
        SELECT s.pruned_before FROM audit.seal s WHERE s.pruned_number IS NOT NULL ORDER BY s.number DESC LIMIT 1
    );
    BEGIN
        IF EXISTS (SELECT FROM gone WHERE before IS NULL OR gone.at >= least(before, now() - interval '180 days')) THEN
            RAISE EXCEPTION 'audit.access is append-only' USING ERRCODE = '42501';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION audit.refuse_unpruned_seal() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
    DECLARE last bigint := (SELECT max(s.pruned_number) FROM audit.seal s);
    BEGIN
        IF EXISTS (SELECT FROM gone WHERE last IS NULL OR gone.number > last OR gone.sealed_at >= now() - interval '180 days') THEN
            RAISE EXCEPTION 'audit.seal is append-only' USING ERRCODE = '42501';
        END IF;
        RETURN NULL;
    END $$
    """,
)
_TRIGGERS = (
    "CREATE TRIGGER queue AFTER INSERT ON audit.access REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION audit.queue()",
    "CREATE TRIGGER refuse_delete AFTER DELETE ON audit.access REFERENCING OLD TABLE AS gone FOR EACH STATEMENT "
    "EXECUTE FUNCTION audit.refuse_unpruned_access()",
    "CREATE TRIGGER refuse_delete AFTER DELETE ON audit.seal REFERENCING OLD TABLE AS gone FOR EACH STATEMENT "
    "EXECUTE FUNCTION audit.refuse_unpruned_seal()",
    *(
        f"CREATE TRIGGER refuse_change BEFORE UPDATE OR TRUNCATE ON audit.{table} FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse()"
        for table in ("access", "seal", "unsealed")
    ),
)


def upgrade() -> None:
    for name, kind in _ADDED.items():
        op.add_column("access", sa.Column(name, kind, nullable=True), schema="audit")
    op.alter_column("access", "outcome", nullable=True, schema="audit")
    op.create_index(
        "ix_access_ids", "access", ["entity_ids", "person_ids", "record_ids"], unique=False, schema="audit", postgresql_using="gin"
    )
    op.create_index("ix_access_at", "access", ["at"], unique=False, schema="audit", postgresql_using="brin")
    op.create_table(
        "seal",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("first_place", sa.BigInteger(), nullable=False),
        sa.Column("last_place", sa.BigInteger(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("access_ids", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("row_hashes", sa.LargeBinary(), nullable=False),
        sa.Column("pruned_number", sa.BigInteger(), nullable=True),
        sa.Column("pruned_place", sa.BigInteger(), nullable=True),
        sa.Column("pruned_hash", sa.LargeBinary(), nullable=True),
        sa.Column("pruned_before", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_seal")),
        schema="audit",
    )
    op.create_table(
        "unsealed",
        sa.Column("access_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("access_id", name=op.f("pk_unsealed")),
        schema="audit",
    )
    op.execute("INSERT INTO audit.unsealed (access_id) SELECT access_id FROM audit.access")
    for statement in (*_FUNCTIONS, *_TRIGGERS):
        op.execute(statement)


def downgrade() -> None:
    for table in ("access", "seal", "unsealed"):
        op.execute(f"DROP TRIGGER refuse_change ON audit.{table}")
    op.execute("DROP TRIGGER refuse_delete ON audit.access")
    op.execute("DROP TRIGGER queue ON audit.access")
    op.drop_table("unsealed", schema="audit")
    op.drop_table("seal", schema="audit")
    for function in ("queue", "refuse", "refuse_unpruned_access", "refuse_unpruned_seal"):
        op.execute(f"DROP FUNCTION audit.{function}()")
    op.drop_index("ix_access_at", "access", schema="audit")
    op.drop_index("ix_access_ids", "access", schema="audit")
    op.execute("UPDATE audit.access SET outcome = 0 WHERE outcome IS NULL")
    op.alter_column("access", "outcome", nullable=False, schema="audit")
    for name in reversed(_ADDED):
        op.drop_column("access", name, schema="audit")
