"""Policies, scopes of logins, and row security.

A department's login sees of `store` what the policy gives it, whatever statement is sent: rows of `ops.row_scope` say so by
`session_user`, which no statement can change. Conditions are written out where they are wanted, for a function would be
called row by row; each `(SELECT … FROM ops.my_scope)` is worked out once a statement.
"""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

READER = "casehub_reader"  # what every department's login is a member of; it may read nothing that is not listed here

_IN_SCOPE = """(
    ((SELECT s.departments IS NULL FROM ops.my_scope s) OR r.department = ANY ((SELECT s.departments FROM ops.my_scope s)::text[])
     OR r.department = (SELECT s.own FROM ops.my_scope s))
    AND ((SELECT s.streets IS NULL AND s.communities IS NULL FROM ops.my_scope s)
         OR r.street = ANY ((SELECT s.streets FROM ops.my_scope s)::text[])
         OR r.community = ANY ((SELECT s.communities FROM ops.my_scope s)::text[]))
)"""
_OPENED = "(r.visibility = 'restricted' AND EXISTS (SELECT FROM ops.granted_record g WHERE g.record_id = r.record_id OFFSET 0))"
_READABLE = f"({_IN_SCOPE} AND (r.visibility = 'shared' OR r.department = (SELECT s.own FROM ops.my_scope s) OR {_OPENED}))"
_ACKNOWLEDGED = f"""({_IN_SCOPE} AND r.visibility = 'restricted' AND r.department IS DISTINCT FROM (SELECT s.own FROM ops.my_scope s)
    AND r.known_from IS NOT NULL AND r.known_to IS NULL AND NOT r.is_deleted AND NOT {_OPENED})"""
_KNOWN_COLUMNS = ("record_id", "version", "department", "known_from", "known_to", "is_deleted")
_HIDDEN_COLUMNS = {  # of a record that is only acknowledged these are null
    "source_record_id": "text", "case_number": "text", "title": "text", "text": "text", "reply": "text", "category": "text",
    "status": "text", "grade": "text", "channel": "text",
    "occurred_at": "timestamptz", "reported_at": "timestamptz", "found_at": "timestamptz",
    "accepted_at": "timestamptz", "resolved_at": "timestamptz", "confirmed_at": "timestamptz", "fed_back_at": "timestamptz",
    "ordered_at": "timestamptz", "reported_in_at": "timestamptz", "due_at": "timestamptz", "updated_at": "timestamptz",
    "people_involved": "integer", "amount": "numeric(18,2)", "address": "text", "street": "text", "community": "text",
    "longitude": "double precision", "latitude": "double precision", "handling_unit": "text", "confirmation_state": "text",
    "is_anonymous": "boolean", "tokens": "tsvector",
}  # fmt: skip
# OFFSET 0 keeps each EXISTS a look-up by index: the planner would otherwise hash a whole table where it expects many rows.
_POLICIES = {
    "source_record": re.sub(r"\br\.", "source_record.", _READABLE),
    "party": "EXISTS (SELECT FROM store.source_record r WHERE r.record_id = party.record_id AND r.version = party.version OFFSET 0)",
    "case_event": "EXISTS (SELECT FROM store.source_record r WHERE r.record_id = case_event.record_id "
    "AND r.version = case_event.version OFFSET 0)",
    "case_member": "EXISTS (SELECT FROM store.known_record r WHERE r.record_id = case_member.record_id OFFSET 0)",
    "person_member": "EXISTS (SELECT FROM store.party p WHERE p.party_id = person_member.party_id OFFSET 0)",
    "organisation_member": "EXISTS (SELECT FROM store.party p WHERE p.party_id = organisation_member.party_id OFFSET 0)",
    "unified_case": """(
        ((SELECT s.departments IS NULL AND s.streets IS NULL AND s.communities IS NULL FROM ops.my_scope s) AND departments <> '{}')
        OR EXISTS (SELECT FROM store.case_member m WHERE m.case_id = unified_case.case_id AND m.known_to IS NULL OFFSET 0)
    )""",
    "link": """(
        relation = 'case' AND EXISTS (SELECT FROM store.source_record r WHERE r.record_id = link.left_id OFFSET 0)
        AND EXISTS (SELECT FROM store.source_record r WHERE r.record_id = link.right_id OFFSET 0)
    )""",
    "redirect": "true",  # ids alone; what they lead to is protected
}
_VIEWS = f"""
CREATE VIEW ops.my_scope AS
    SELECT login, own, departments, streets, communities FROM ops.row_scope WHERE login = session_user;

-- Restricted records of others that were opened to the caller for a time: none, until somebody can ask for it.
CREATE VIEW ops.granted_record AS SELECT NULL::bigint AS record_id WHERE false;

-- Restricted records of others: that they exist, and at which department. Not an invoker's view: it sees past row security.
CREATE VIEW store.acknowledged_record WITH (security_barrier) AS
    SELECT {", ".join(f"r.{name}" for name in _KNOWN_COLUMNS)} FROM store.source_record r WHERE {_ACKNOWLEDGED};

-- What a caller may know of: records that row security shows, and those that are only acknowledged. One of another department that
-- is shown though it is restricted was opened to the caller: he reads it as he does a shared one.
CREATE VIEW store.known_record WITH (security_invoker) AS
    SELECT {", ".join([*_KNOWN_COLUMNS, *_HIDDEN_COLUMNS])},
           CASE WHEN visibility = 'restricted' AND department IS DISTINCT FROM (SELECT s.own FROM ops.my_scope s) THEN 'shared'
                ELSE visibility END AS visibility
    FROM store.source_record
    UNION ALL
    SELECT {", ".join([*_KNOWN_COLUMNS, *(f"NULL::{kind}" for kind in _HIDDEN_COLUMNS.values())])}, 'restricted'
    FROM store.acknowledged_record;
"""
_FUNCTIONS = f"""
-- Records that are only acknowledged and hold one of these identifiers: what a caller knows already, the desk is named to.
CREATE FUNCTION store.acknowledged_by(field text, wanted text[]) RETURNS TABLE (record_id bigint, version integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 5 AS $$
    WITH found AS (
        SELECT p.record_id, p.version FROM store.party p WHERE $1 = 'id_no' AND p.id_no = ANY ($2)
        UNION SELECT p.record_id, p.version FROM store.party p WHERE $1 = 'phone' AND p.phone = ANY ($2)
        UNION SELECT p.record_id, p.version FROM store.party p WHERE $1 = 'uscc' AND p.uscc = ANY ($2)
        UNION SELECT r.record_id, r.version FROM store.source_record r WHERE $1 = 'number' AND r.source_record_id = ANY ($2)
        UNION SELECT r.record_id, r.version FROM store.source_record r WHERE $1 = 'number' AND r.case_number = ANY ($2)
        UNION SELECT p.record_id, p.version FROM store.person_member m JOIN store.party p ON p.party_id = m.party_id
            WHERE $1 = 'person' AND m.person_id = ANY ($2::uuid[]) AND m.known_to IS NULL
        UNION SELECT p.record_id, p.version FROM store.organisation_member m JOIN store.party p ON p.party_id = m.party_id
            WHERE $1 = 'organisation' AND m.organisation_id = ANY ($2::uuid[]) AND m.known_to IS NULL
    )
    SELECT r.record_id, r.version FROM found f JOIN store.source_record r ON r.record_id = f.record_id AND r.version = f.version
    WHERE {_ACKNOWLEDGED}
$$;

-- Golden values of entities, each with those of its records that the caller may read; none where he may read none of them.
CREATE FUNCTION store.readable_values(entities uuid[]) RETURNS TABLE (
    entity_id uuid, field text, rank integer, known_from bigint, known_to bigint, value text, stated_by bigint[]
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 20 AS $$
    WITH valued AS MATERIALIZED (SELECT g.* FROM store.golden_value g WHERE g.entity_id = ANY ($1)),
    readable AS MATERIALIZED (
        SELECT DISTINCT r.record_id FROM store.source_record r
        WHERE r.record_id IN (SELECT unnest(v.stated_by) FROM valued v) AND {_READABLE}
    )
    SELECT v.entity_id, v.field, v.rank, v.known_from, v.known_to, v.value, s.ids FROM valued v
    CROSS JOIN LATERAL (
        SELECT array_agg(t.id ORDER BY t.place) AS ids FROM unnest(v.stated_by) WITH ORDINALITY AS t (id, place)
        WHERE t.id IN (SELECT record_id FROM readable)
    ) s
    WHERE s.ids IS NOT NULL
$$;
"""
_READS = (
    "ops.my_scope",
    "ops.granted_record",
    "store.acknowledged_record",
    "store.known_record",
    *(f"store.{table}" for table in _POLICIES),
)


def upgrade() -> None:
    op.create_table(
        "policy",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.Text(), server_default="proposed", nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('proposed', 'in_force', 'replaced', 'withdrawn')", name=op.f("ck_policy_state")),
        sa.CheckConstraint("approved_by IS DISTINCT FROM proposed_by", name=op.f("ck_policy_two_people")),
        sa.CheckConstraint("state NOT IN ('in_force', 'replaced') OR approved_by IS NOT NULL", name=op.f("ck_policy_approved")),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_policy")),
        schema="ops",
    )
    op.create_index("uq_policy_in_force", "policy", ["state"], unique=True, schema="ops", postgresql_where=sa.text("state = 'in_force'"))
    op.create_table(
        "row_scope",
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("own", sa.Text(), nullable=True),
        sa.Column("departments", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("streets", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("communities", sa.ARRAY(sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("login", name=op.f("pk_row_scope")),
        schema="ops",
    )
    op.execute(f"""
        DO $$ BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{READER}') THEN CREATE ROLE {READER} NOLOGIN; END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- made meanwhile for another database of this server
        END $$
    """)
    op.execute(_VIEWS)
    for table, condition in _POLICIES.items():
        op.execute(f"ALTER TABLE store.{table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE store.{table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY hub ON store.{table} TO CURRENT_USER USING (true) WITH CHECK (true)")
        op.execute(f"CREATE POLICY department ON store.{table} FOR SELECT TO {READER} USING ({condition})")
    op.execute(_FUNCTIONS)
    op.execute(f"GRANT USAGE ON SCHEMA store, ops TO {READER}")
    op.execute(f"GRANT SELECT ON {', '.join(_READS)} TO {READER}")
    for function in ("store.acknowledged_by(text, text[])", "store.readable_values(uuid[])"):
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {READER}")


def downgrade() -> None:
    op.execute("DROP FUNCTION store.readable_values(uuid[]), store.acknowledged_by(text, text[])")
    for table in _POLICIES:
        op.execute(f"DROP POLICY department ON store.{table}")
        op.execute(f"DROP POLICY hub ON store.{table}")
        op.execute(f"ALTER TABLE store.{table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE store.{table} DISABLE ROW LEVEL SECURITY")
    op.execute("DROP VIEW store.known_record, store.acknowledged_record, ops.granted_record, ops.my_scope")
    op.execute(f"REVOKE ALL ON ALL TABLES IN SCHEMA store FROM {READER}")
    op.execute(f"REVOKE USAGE ON SCHEMA store, ops FROM {READER}")
    op.drop_table("row_scope", schema="ops")
    op.drop_table("policy", schema="ops")
