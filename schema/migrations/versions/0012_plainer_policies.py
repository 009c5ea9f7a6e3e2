"""Row security of fewer parts: what a statement sets up each time it runs, whether it comes to it or not.

A condition asked each part of the scope by a subquery of its own, six of them for each table of a statement and those of each table that
a condition looked at: a page of cases set up several hundred, which took longer than the look-ups that they were for. Now a caller
who reads shared records of every department and place is asked for once a table, and what is left, closed records and callers of some
departments or places, is asked record by record. What hardly any row comes to is a function, which sets up nothing until it is called.
"""

from __future__ import annotations

import re

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

READER = "casehub_reader"
_OPTIONS = "LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off"

_IS_WHOLE = "(SELECT s.departments IS NULL AND s.streets IS NULL AND s.communities IS NULL FROM ops.my_scope s)"
_IN_SCOPE = """(s.departments IS NULL OR r.department = ANY (s.departments) OR r.department = s.own)
    AND (s.streets IS NULL AND s.communities IS NULL OR r.street = ANY (s.streets) OR r.community = ANY (s.communities))"""
# OFFSET 0 keeps each EXISTS a look-up of its own: see 0004.
_READABLE = f"""(r.visibility = 'shared' AND {_IS_WHOLE} OR EXISTS (
    SELECT FROM ops.my_scope s WHERE {_IN_SCOPE}
    AND (r.visibility = 'shared' OR r.department = s.own OR r.visibility = 'restricted' AND store.is_granted(r.record_id)) OFFSET 0
))"""
_STILL_OPEN = "(r.known_to IS NULL OR store.is_open(r.record_id))"
_CURRENT_PARTY = "EXISTS (SELECT FROM store.party r WHERE r.party_id = {table}.party_id AND r.known_to IS NULL OFFSET 0)"
_IN_CASE = "EXISTS (SELECT FROM store.case_member m WHERE m.case_id = unified_case.case_id AND m.known_to IS NULL OFFSET 0)"
# A current version that may be read, one that is acknowledged, a former one: each is looked for where the one before is not.
_MEMBERSHIPS = (
    ("source_record", "r.known_to IS NULL"),
    ("acknowledged_record", "r.known_to IS NULL"),
    ("source_record", "r.known_to IS NOT NULL"),
)
_POLICIES = {
    "source_record": re.sub(r"\br\.", "source_record.", f"{_READABLE} AND {_STILL_OPEN}"),
    "case_member": " OR ".join(
        f"EXISTS (SELECT FROM store.{of} r WHERE r.record_id = case_member.record_id AND {which} OFFSET 0)" for of, which in _MEMBERSHIPS
    ),
    **{
        table: f"{_CURRENT_PARTY.format(table=table)} OR store.may_know_party({table}.party_id)"
        for table in ("person_member", "organisation_member")
    },
    "unified_case": f"{_IS_WHOLE} AND unified_case.departments <> '{{}}' OR {_IN_CASE}",
}
_ACKNOWLEDGED = f"""
CREATE OR REPLACE VIEW store.acknowledged_record WITH (security_barrier) AS
    SELECT r.record_id, r.version, r.department, r.known_from, r.known_to, r.is_deleted FROM store.source_record r
    WHERE r.visibility = 'restricted' AND r.known_from IS NOT NULL AND r.known_to IS NULL AND NOT r.is_deleted
      AND EXISTS (SELECT FROM ops.my_scope s WHERE r.department IS DISTINCT FROM s.own AND {_IN_SCOPE} OFFSET 0)
      AND NOT store.is_granted(r.record_id)
"""
_IS_GRANTED = f"""
CREATE FUNCTION store.is_granted(record bigint) RETURNS boolean {_OPTIONS} AS $$
    SELECT EXISTS (SELECT FROM ops.granted_record g WHERE g.record_id = $1)
$$
"""
# Whether a former version of a party may be read: for members of persons and organisations of which no current one may.
_MAY_KNOW_PARTY = f"""
CREATE FUNCTION store.may_know_party(party bigint) RETURNS boolean {_OPTIONS} AS $$
    SELECT EXISTS (
        SELECT FROM store.party p CROSS JOIN LATERAL (
            SELECT r.* FROM store.source_record r WHERE r.record_id = p.record_id AND r.version = p.version OFFSET 0
        ) r
        WHERE p.party_id = $1 AND {_READABLE} AND {_STILL_OPEN}
    )
$$
"""
_NEWEST = """(r.known_from IS NOT NULL AND NOT r.is_deleted AND NOT EXISTS (
    SELECT FROM store.source_record n
    WHERE n.record_id = r.record_id AND n.version > r.version AND n.known_from IS NOT NULL AND NOT n.is_deleted OFFSET 0
))"""
# Each value with those of its records that the caller may read. An array is gone through in no time, where a join of many cases' values
# with all their records would go through these as rows, for each value.
_VALUES = """
CREATE OR REPLACE FUNCTION store.readable_values(entities uuid[]) RETURNS TABLE (
    entity_id uuid, field text, rank integer, known_from bigint, known_to bigint, value text, stated_by bigint[]
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 20 AS $$
    WITH valued AS MATERIALIZED (SELECT g.* FROM store.golden_value g WHERE g.entity_id = ANY ($1)),
    readable AS MATERIALIZED (
        SELECT DISTINCT r.record_id FROM store.source_record r
        WHERE r.record_id IN (SELECT unnest(v.stated_by) FROM valued v) AND {condition}
    )
    SELECT v.entity_id, v.field, v.rank, v.known_from, v.known_to, v.value, s.ids FROM valued v
    CROSS JOIN LATERAL (
        SELECT array_agg(t.id ORDER BY t.place) AS ids FROM unnest(v.stated_by) WITH ORDINALITY AS t (id, place)
        WHERE t.id {among}
    ) s
    WHERE s.ids IS NOT NULL
$$
"""
_READABLE_VALUES = _VALUES.format(
    condition=f"{_READABLE} AND {_NEWEST}", among="= ANY ((SELECT array_agg(record_id) FROM readable)::bigint[])"
)
_FUNCTIONS = {
    "store.is_granted(bigint)": _IS_GRANTED,
    "store.may_know_party(bigint)": _MAY_KNOW_PARTY,
}

# What they were before, in 0004 and 0011.
_OWN = "(SELECT s.own FROM ops.my_scope s)"
_OLD_IN_SCOPE = f"""(
    ((SELECT s.departments IS NULL FROM ops.my_scope s) OR r.department = ANY ((SELECT s.departments FROM ops.my_scope s)::text[])
     OR r.department = {_OWN})
    AND ((SELECT s.streets IS NULL AND s.communities IS NULL FROM ops.my_scope s)
         OR r.street = ANY ((SELECT s.streets FROM ops.my_scope s)::text[])
         OR r.community = ANY ((SELECT s.communities FROM ops.my_scope s)::text[]))
)"""
_OPENED = "(r.visibility = 'restricted' AND EXISTS (SELECT FROM ops.granted_record g WHERE g.record_id = r.record_id OFFSET 0))"
_OLD_READABLE = f"({_OLD_IN_SCOPE} AND (r.visibility = 'shared' OR r.department = {_OWN} OR {_OPENED}))"
_OLD_MEMBER = (
    """(EXISTS (SELECT FROM {of} AND r.known_to IS NULL OFFSET 0) OR EXISTS (SELECT FROM {of} AND r.known_to IS NOT NULL OFFSET 0))"""
)
_OLD_POLICIES = {
    "source_record": re.sub(r"\br\.", "source_record.", f"({_OLD_READABLE} AND {_STILL_OPEN})"),
    "case_member": _OLD_MEMBER.format(of="store.known_record r WHERE r.record_id = case_member.record_id"),
    **{
        table: _OLD_MEMBER.format(of=f"store.party r WHERE r.party_id = {table}.party_id")
        for table in ("person_member", "organisation_member")
    },
    "unified_case": f"({_IS_WHOLE} AND departments <> '{{}}') OR {_IN_CASE}",
}
_OLD_ACKNOWLEDGED = f"""
CREATE OR REPLACE VIEW store.acknowledged_record WITH (security_barrier) AS
    SELECT r.record_id, r.version, r.department, r.known_from, r.known_to, r.is_deleted FROM store.source_record r
    WHERE {_OLD_IN_SCOPE} AND r.visibility = 'restricted' AND r.department IS DISTINCT FROM {_OWN}
      AND r.known_from IS NOT NULL AND r.known_to IS NULL AND NOT r.is_deleted AND NOT {_OPENED}
"""
_OLD_READABLE_VALUES = _VALUES.format(condition=f"{_OLD_READABLE} AND {_NEWEST}", among="IN (SELECT record_id FROM readable)")


def upgrade() -> None:
    for signature, statement in _FUNCTIONS.items():
        op.execute(statement)
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {READER}")
    op.execute(_ACKNOWLEDGED)
    op.execute(_READABLE_VALUES)
    _say(_POLICIES)


def downgrade() -> None:
    _say(_OLD_POLICIES)
    op.execute(_OLD_READABLE_VALUES)
    op.execute(_OLD_ACKNOWLEDGED)
    for signature in reversed(_FUNCTIONS):
        op.execute(f"DROP FUNCTION {signature}")


def _say(policies: dict[str, str]) -> None:
    for table, condition in policies.items():
        op.execute(f"ALTER POLICY department ON store.{table} USING ({condition})")
