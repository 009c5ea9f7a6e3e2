"""Cases with closed records of a department's own are published for that department, in the order of time.

They are no part of what everybody is shown alike, and were summed up for each page anew, all of them: a page of twenty cases cost a
department with 900 closed records ten times what it cost one with three. `store.publish_own_cases` is what PUBLISH calls; what was
opened to a caller for a time is summed up for him, for it may tell of an earlier day.
"""

from __future__ import annotations

from importlib import import_module

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_before = import_module("schema.migrations.versions.0017_summed_up_at_once")
_READER = "casehub_reader"
_FIELDS = ("category", "status", "grade", "street", "community")
_SHOWN = ("reported_at", "departments", *_FIELDS)
_OWN = "(SELECT s.own FROM ops.my_scope s)"
_IS_WHOLE = "(SELECT s.departments IS NULL AND s.streets IS NULL AND s.communities IS NULL FROM ops.my_scope s)"
_POLICY = f"own_case.department = {_OWN} AND {_IS_WHOLE}"
_MEMBERS = """(SELECT record_id FROM store.case_member WHERE case_id = t.case_id AND known_to IS NULL OFFSET 0) m
        CROSS JOIN LATERAL (
            SELECT * FROM store.source_record
            WHERE record_id = m.record_id AND known_to IS NULL AND known_from IS NOT NULL AND NOT is_deleted OFFSET 0
        ) r"""
# Of each of the cases, for each department with a closed record in it: what that record and the shared ones come to.
_PUBLISH = f"""
CREATE FUNCTION store.publish_own_cases(cases uuid[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
    WITH now AS MATERIALIZED (
        SELECT t.case_id, d.department, {", ".join(f"k.{name}" for name in _SHOWN[:2])}, {", ".join(f"b.{name}" for name in _FIELDS)}
        FROM unnest($1) AS t (case_id)
        CROSS JOIN LATERAL (SELECT DISTINCT r.department FROM {_MEMBERS} WHERE r.visibility <> 'shared') d
        CROSS JOIN LATERAL (
            SELECT min(r.reported_at) AS reported_at, array_agg(DISTINCT r.department ORDER BY r.department) AS departments,
                   array_agg(r.record_id) AS record_ids
            FROM {_MEMBERS} WHERE r.visibility = 'shared' OR r.department = d.department
        ) k
        CROSS JOIN LATERAL (
            SELECT {", ".join(f"max(value) FILTER (WHERE field = '{name}') AS {name}" for name in _FIELDS)} FROM (
                SELECT DISTINCT ON (g.field) g.field, g.value FROM store.golden_value g
                WHERE g.entity_id = t.case_id AND g.known_to IS NULL AND g.stated_by && k.record_ids
                  AND g.field IN ({", ".join(f"'{name}'" for name in _FIELDS)})
                ORDER BY g.field, g.rank
            ) best
        ) b
    ),
    gone AS (
        DELETE FROM store.own_case o WHERE o.case_id = ANY ($1)
        AND NOT EXISTS (SELECT FROM now n WHERE n.case_id = o.case_id AND n.department = o.department)
    )
    INSERT INTO store.own_case AS o (case_id, department, {", ".join(_SHOWN)}) SELECT n.* FROM now n
    ON CONFLICT (case_id, department) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _SHOWN)}
    WHERE ({", ".join(f"o.{name}" for name in _SHOWN)}) IS DISTINCT FROM ({", ".join(f"excluded.{name}" for name in _SHOWN)})
$$
"""
# Of these, those with a restricted record of another department that was opened to the caller.
_OPENED = f"""
CREATE FUNCTION store.opened_own_cases() RETURNS TABLE (case_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 5 AS $$
    SELECT DISTINCT o.case_id FROM ops.granted_record g
    CROSS JOIN LATERAL (SELECT case_id FROM store.case_member WHERE record_id = g.record_id AND known_to IS NULL OFFSET 0) m
    CROSS JOIN LATERAL (SELECT case_id FROM store.own_case WHERE case_id = m.case_id AND department = {_OWN} OFFSET 0) o
    WHERE {_IS_WHOLE}
$$
"""
_PUBLISH_ALL = """
SELECT store.publish_own_cases(ARRAY(
    SELECT DISTINCT m.case_id FROM store.source_record r
    CROSS JOIN LATERAL (SELECT case_id FROM store.case_member WHERE record_id = r.record_id AND known_to IS NULL OFFSET 0) m
    WHERE r.visibility <> 'shared' AND r.known_to IS NULL AND r.known_from IS NOT NULL AND NOT r.is_deleted
))
"""


def upgrade() -> None:
    op.create_table(
        "own_case",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("departments", postgresql.ARRAY(sa.Text()), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=True) for name in _FIELDS),
        sa.PrimaryKeyConstraint("case_id", "department", name=op.f("pk_own_case")),
        schema="store",
    )
    by_time = sa.text("reported_at DESC NULLS LAST")
    op.create_index("ix_own_case_reported_at", "own_case", ["department", by_time, "case_id"], schema="store")
    op.execute("ALTER TABLE store.own_case ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE store.own_case FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY hub ON store.own_case TO CURRENT_USER USING (true) WITH CHECK (true)")
    op.execute(f"CREATE POLICY department ON store.own_case FOR SELECT TO {_READER} USING ({_POLICY})")
    op.execute(f"GRANT SELECT ON store.own_case TO {_READER}")
    op.execute(_PUBLISH)
    op.execute("REVOKE ALL ON FUNCTION store.publish_own_cases(uuid[]) FROM PUBLIC")
    op.execute(_OPENED)
    op.execute("REVOKE ALL ON FUNCTION store.opened_own_cases() FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION store.opened_own_cases() TO {_READER}")
    op.execute("DROP FUNCTION store.own_closed_cases(uuid[])")
    op.execute(_PUBLISH_ALL)


def downgrade() -> None:
    op.execute("DROP FUNCTION store.opened_own_cases(), store.publish_own_cases(uuid[])")
    op.drop_table("own_case", schema="store")
    op.execute(_before._OWN_CLOSED)
    op.execute("REVOKE ALL ON FUNCTION store.own_closed_cases(uuid[]) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION store.own_closed_cases(uuid[]) TO {_READER}")
