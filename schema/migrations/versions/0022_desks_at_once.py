"""Desks of restricted records that bear a number: of all numbers of a question at once.

`store.acknowledged_by` is asked a field at a time, and each call sets out the ways to every field: for a record that is matched, with its
parties' numbers, that was most of what the question cost.
"""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_READER = "casehub_reader"
_SIGNATURE = "store.desks_of(integer[], text[], text[])"
# Whom `store.acknowledged_record` shows the caller. LATERAL with OFFSET 0 keeps the planner to one index look-up a number.
_FUNCTION = """
CREATE FUNCTION store.desks_of(places integer[], fields text[], wanted text[]) RETURNS TABLE (place integer, department text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 5 AS $$
    WITH asked AS MATERIALIZED (SELECT t.* FROM unnest($1, $2, $3) AS t (place, field, value)),
    found AS (
        SELECT a.place, p.record_id, p.version FROM asked a
        CROSS JOIN LATERAL (SELECT * FROM store.party WHERE id_no = a.value OFFSET 0) p WHERE a.field = 'id_no'
        UNION ALL SELECT a.place, p.record_id, p.version FROM asked a
        CROSS JOIN LATERAL (SELECT * FROM store.party WHERE phone = a.value OFFSET 0) p WHERE a.field = 'phone'
        UNION ALL SELECT a.place, p.record_id, p.version FROM asked a
        CROSS JOIN LATERAL (SELECT * FROM store.party WHERE uscc = a.value OFFSET 0) p WHERE a.field = 'uscc'
        UNION ALL SELECT a.place, r.record_id, r.version FROM asked a
        CROSS JOIN LATERAL (SELECT * FROM store.source_record WHERE source_record_id = a.value OFFSET 0) r WHERE a.field = 'number'
        UNION ALL SELECT a.place, r.record_id, r.version FROM asked a
        CROSS JOIN LATERAL (SELECT * FROM store.source_record WHERE case_number = a.value OFFSET 0) r WHERE a.field = 'number'
    )
    SELECT DISTINCT f.place, r.department FROM found f
    CROSS JOIN LATERAL (
        SELECT department FROM store.acknowledged_record WHERE record_id = f.record_id AND version = f.version OFFSET 0
    ) r
$$
"""


def upgrade() -> None:
    op.execute(_FUNCTION)
    op.execute(f"REVOKE ALL ON FUNCTION {_SIGNATURE} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {_SIGNATURE} TO {_READER}")


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {_SIGNATURE}")
