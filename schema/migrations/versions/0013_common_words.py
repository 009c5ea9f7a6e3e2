"""Words that stand in many records, as a sample of them tells: what an index takes longest to go through, and what spares the least."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

READER = "casehub_reader"
_SAMPLED = 2_000  # records
_LEAST = 10  # of them that a word stands in, to be told
# The statistics that PostgreSQL keeps are shown to nobody whom row security binds, and so not to an owner who is no superuser.
_COMMON_WORDS = f"""
CREATE FUNCTION store.common_words() RETURNS TABLE (word text, share double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 500 AS $$
DECLARE
    stored real := (SELECT greatest(c.reltuples, 1) FROM pg_class c WHERE c.oid = 'store.source_record'::regclass);
BEGIN
    RETURN QUERY
    WITH sampled AS MATERIALIZED (
        SELECT r.tokens FROM store.source_record r TABLESAMPLE SYSTEM (least(100, 100 * {_SAMPLED} / stored)) REPEATABLE (1)
        WHERE r.visibility = 'shared' AND r.known_to IS NULL AND r.tokens IS NOT NULL
    )
    SELECT t.word, count(*) / greatest((SELECT count(*) FROM sampled), 1)::double precision
    FROM sampled CROSS JOIN LATERAL unnest(tsvector_to_array(tokens)) AS t (word) GROUP BY t.word HAVING count(*) >= {_LEAST};
END $$
"""


def upgrade() -> None:
    op.execute(_COMMON_WORDS)
    op.execute("REVOKE ALL ON FUNCTION store.common_words() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION store.common_words() TO {READER}")


def downgrade() -> None:
    op.execute("DROP FUNCTION store.common_words()")
