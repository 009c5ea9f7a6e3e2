"""What a record said before it was closed, the accounts of a policy's two people, and links that ended.

Row security keeps back what a record said before it was closed, too. A version that is no longer current is shown to a login only if
it may read the newest one that says anything: a tombstone says nothing of who may read what went before it. A current version is shown as
ever, without a look at any other. The change feed has to say once that something was closed, and so asks a function which nodes were closed
in a chunk; it tells ids that the login could read until then.
"""

from __future__ import annotations

import re

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

READER = "casehub_reader"

_IN_SCOPE = """(
    ((SELECT s.departments IS NULL FROM ops.my_scope s) OR r.department = ANY ((SELECT s.departments FROM ops.my_scope s)::text[])
     OR r.department = (SELECT s.own FROM ops.my_scope s))
    AND ((SELECT s.streets IS NULL AND s.communities IS NULL FROM ops.my_scope s)
         OR r.street = ANY ((SELECT s.streets FROM ops.my_scope s)::text[])
         OR r.community = ANY ((SELECT s.communities FROM ops.my_scope s)::text[]))
)"""
_OPENED = "(r.visibility = 'restricted' AND EXISTS (SELECT FROM ops.granted_record g WHERE g.record_id = r.record_id OFFSET 0))"
_READABLE = f"({_IN_SCOPE} AND (r.visibility = 'shared' OR r.department = (SELECT s.own FROM ops.my_scope s) OR {_OPENED}))"
_NEWEST = """(r.known_from IS NOT NULL AND NOT r.is_deleted AND NOT EXISTS (
    SELECT FROM store.source_record n
    WHERE n.record_id = r.record_id AND n.version > r.version AND n.known_from IS NOT NULL AND NOT n.is_deleted OFFSET 0
))"""


def _of(condition: str, alias: str) -> str:
    return re.sub(r"\br\.", f"{alias}.", condition)


_OPTIONS = "LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off"
# A function, for row security of the table could not ask the table itself. It is called for former versions alone: written out it would be
# planned with every statement that reads a record, and cost those that read current versions more than their own look-up.
_IS_OPEN = f"""
CREATE FUNCTION store.is_open(record bigint) RETURNS boolean {_OPTIONS} AS $$
    SELECT EXISTS (SELECT FROM store.source_record r WHERE r.record_id = $1 AND {_NEWEST} AND {_READABLE})
$$
"""
_STILL_OPEN = "(source_record.known_to IS NULL OR store.is_open(source_record.record_id))"
_BEFORE = _of(_READABLE, "source_record")
_AFTER = f"({_BEFORE} AND {_STILL_OPEN})"

# What is told where any version may be read: a current one is looked for first, so that none before it need be.
_ANY = {
    "case_member": "EXISTS (SELECT FROM store.known_record r WHERE r.record_id = case_member.record_id{which} OFFSET 0)",
    "person_member": "EXISTS (SELECT FROM store.party r WHERE r.party_id = person_member.party_id{which} OFFSET 0)",
    "organisation_member": "EXISTS (SELECT FROM store.party r WHERE r.party_id = organisation_member.party_id{which} OFFSET 0)",
}


def _any(table: str) -> str:
    current, former = (_ANY[table].format(which=f" AND r.known_to IS {which}") for which in ("NULL", "NOT NULL"))
    return f"({current} OR {former})"


_CLOSED = "CREATE FUNCTION store.closed_{name}(entities uuid[], starts bigint[]) RETURNS TABLE (entity_id uuid, start bigint, node bigint)"
_NODES = {
    "case": "SELECT record_id AS node FROM store.case_member WHERE case_id",
    "person": "SELECT party_id AS node FROM store.person_member WHERE person_id",
    "organisation": "SELECT party_id AS node FROM store.organisation_member WHERE organisation_id",
}
_VERSIONS = {
    "case": "(SELECT * FROM store.source_record WHERE record_id = m.node OFFSET 0) r",
    "party": "(SELECT record_id, version FROM store.party WHERE party_id = m.node OFFSET 0) p CROSS JOIN LATERAL "
    "(SELECT * FROM store.source_record WHERE record_id = p.record_id AND version = p.version OFFSET 0) r",
}


def _closed(name: str) -> str:
    """Nodes that were in an entity and that the login could read until a chunk, and no longer from it on."""
    return f"""
    {_CLOSED.format(name=name)} {_OPTIONS} ROWS 10 AS $$
        SELECT a.entity_id, a.start, m.node FROM unnest($1, $2) AS a (entity_id, start)
        CROSS JOIN LATERAL (
            {_NODES[name]} = a.entity_id AND known_from < a.start AND (known_to IS NULL OR known_to >= a.start) OFFSET 0
        ) m
        CROSS JOIN LATERAL {_VERSIONS["case" if name == "case" else "party"]}
        WHERE r.known_to = a.start AND r.known_from < a.start AND NOT r.is_deleted AND {_READABLE} AND NOT EXISTS (
            SELECT FROM store.source_record s WHERE s.record_id = r.record_id AND s.known_from = a.start AND {_of(_READABLE, "s")} OFFSET 0
        )
    $$
    """


# Records that were in a case after a change, were never sealed since, and are restricted now: whose desk is named to who asks as of then.
_ACKNOWLEDGED_THEN = f"""
CREATE FUNCTION store.acknowledged_then(in_case uuid, after_change bigint) RETURNS TABLE (record_id bigint) {_OPTIONS} ROWS 10 AS $$
    SELECT r.record_id FROM store.case_member m
    CROSS JOIN LATERAL (SELECT * FROM store.source_record WHERE record_id = m.record_id OFFSET 0) r
    WHERE m.case_id = $1 AND m.known_from <= $2 AND (m.known_to IS NULL OR m.known_to > $2)
      AND r.known_from <= $2 AND r.known_to > $2 AND NOT r.is_deleted AND r.visibility IN ('shared', 'restricted') AND {_IN_SCOPE}
      AND NOT EXISTS (
        SELECT FROM store.source_record n WHERE n.record_id = r.record_id AND n.version > r.version AND n.known_from IS NOT NULL
        AND NOT n.is_deleted AND n.visibility NOT IN ('shared', 'restricted') OFFSET 0
      )
      AND EXISTS (SELECT FROM store.acknowledged_record a WHERE a.record_id = r.record_id OFFSET 0)
$$
"""


# Any version that could be read once made a record's values readable, those of its closed version too.
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
        WHERE t.id IN (SELECT record_id FROM readable)
    ) s
    WHERE s.ids IS NOT NULL
$$
"""
_SIGNATURES = (
    "store.is_open(bigint)",
    "store.acknowledged_then(uuid, bigint)",
    *(f"store.closed_{name}(uuid[], bigint[])" for name in _NODES),
)


def upgrade() -> None:
    ended = sa.text("known_to IS NOT NULL AND relation = 'case'")  # few: a case's links as they were then
    op.create_index("ix_link_former_right", "link", ["right_id"], unique=False, schema="store", postgresql_where=ended)
    for name in ("proposed_account", "approved_account"):
        op.add_column("policy", sa.Column(name, sa.Text(), nullable=True), schema="ops")
    op.create_check_constraint(op.f("ck_policy_two_accounts"), "policy", "approved_account <> proposed_account", schema="ops")
    op.execute(_VALUES.format(condition=f"{_READABLE} AND {_NEWEST}"))
    for statement in (_IS_OPEN, _ACKNOWLEDGED_THEN, *map(_closed, _NODES)):
        op.execute(statement)
    for signature in _SIGNATURES:
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {READER}")
    op.execute(f"ALTER POLICY department ON store.source_record USING ({_AFTER})")
    for table in _ANY:
        op.execute(f"ALTER POLICY department ON store.{table} USING ({_any(table)})")


def downgrade() -> None:
    for table, condition in _ANY.items():
        op.execute(f"ALTER POLICY department ON store.{table} USING ({condition.format(which='')})")
    op.execute(f"ALTER POLICY department ON store.source_record USING ({_BEFORE})")
    for signature in _SIGNATURES:
        op.execute(f"DROP FUNCTION {signature}")
    op.execute(_VALUES.format(condition=_READABLE))
    op.drop_index("ix_link_former_right", table_name="link", schema="store")
    op.drop_constraint(op.f("ck_policy_two_accounts"), "policy", schema="ops")
    for name in ("approved_account", "proposed_account"):
        op.drop_column("policy", name, schema="ops")
