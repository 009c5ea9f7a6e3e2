"""What encryption at rest keeps beside the values, and how encrypted numbers are found by their ends."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

READER = "casehub_reader"
_OWN = "(SELECT s.own FROM ops.my_scope s)"
# What row security of store.source_record says, of the login that asks.
_VISIBLE = f"""(
    r.known_from IS NOT NULL AND r.known_to IS NULL AND NOT r.is_deleted
    AND (r.visibility = 'shared' OR r.department = {_OWN}
         OR (r.visibility = 'restricted' AND EXISTS (SELECT FROM ops.granted_record g WHERE g.record_id = r.record_id OFFSET 0)))
    AND ((SELECT s.departments IS NULL FROM ops.my_scope s) OR r.department = ANY ((SELECT s.departments FROM ops.my_scope s)::text[])
         OR r.department = {_OWN})
    AND ((SELECT s.streets IS NULL AND s.communities IS NULL FROM ops.my_scope s)
         OR r.street = ANY ((SELECT s.streets FROM ops.my_scope s)::text[])
         OR r.community = ANY ((SELECT s.communities FROM ops.my_scope s)::text[]))
)"""
# Candidates alone: a number that ends so in its stored form. What the number is, and how much of it the caller is shown, is for
# whoever has the keys to say.
_FIND_ENDS = f"""
CREATE FUNCTION store.find_ends(phones text[], id_nos text[], most integer)
RETURNS TABLE (record_id bigint, version integer, field text, ordinal integer, is_own boolean)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off ROWS 100 AS $$
    SELECT r.record_id, r.version, t.field, t.ordinal, coalesce(r.department = {_OWN}, false)
    FROM (
        SELECT p.record_id, p.version, 'phone' AS field, p.ordinal FROM store.party p WHERE "right"(p.phone, 4) = ANY (phones)
        UNION ALL
        SELECT p.record_id, p.version, 'id_no', p.ordinal FROM store.party p WHERE "right"(p.id_no, 4) = ANY (id_nos)
    ) t
    JOIN store.source_record r ON r.record_id = t.record_id AND r.version = t.version
    WHERE {_VISIBLE}
    ORDER BY r.reported_at DESC NULLS LAST, r.record_id LIMIT most
$$
"""
_SIGNATURE = "store.find_ends(text[], text[], integer)"


def upgrade() -> None:
    op.create_table(
        "encryption_key",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("cipher", sa.Text(), nullable=False),
        sa.Column("check_value", sa.Text(), nullable=False),
        sa.Column("first_used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_encryption_key")),
        schema="ops",
    )
    op.execute(_FIND_ENDS)
    op.execute(f"REVOKE ALL ON FUNCTION {_SIGNATURE} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {_SIGNATURE} TO {READER}")


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {_SIGNATURE}")
    op.drop_table("encryption_key", schema="ops")
