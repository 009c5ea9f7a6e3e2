"""Which case, person or firm a node is of, and where a name stands, is told by an index alone; records by name come with their cases.

A search asks of a thousand records and more of which case each is: by the index each was looked for in the table besides, one page of it
a record. So were the parties of a name, which lie together in the index and apart in the table. And of records by name each was looked up
a second time, for its case. The function runs as its owner; see 0007.
"""

from __future__ import annotations

from importlib import import_module

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_before = import_module("schema.migrations.versions.0009_search_speed")
_READER = "casehub_reader"
_MEMBERS = {"case": ("record_id", "case_id"), "person": ("party_id", "person_id"), "organisation": ("party_id", "organisation_id")}
# As store.find_names finds them, with their cases and when they were reported.
_FIND_CASES = f"""
CREATE FUNCTION store.find_cases_with_names(wanted bigint[], ranks integer[], most integer)
RETURNS TABLE (record_id bigint, version integer, ordinal integer, rank integer, case_id uuid, reported_at timestamptz)
LANGUAGE sql {_before._OPTIONS} ROWS 100 AS $$
    SELECT f.record_id, f.version, f.ordinal, f.rank, m.case_id, f.reported_at FROM (
        SELECT p.record_id, p.version, p.ordinal, n.rank, r.reported_at
        FROM (
            SELECT f.name, (SELECT min(k.rank) FROM unnest(wanted, ranks) AS k (key, rank) WHERE k.key = ANY (f.keys)) AS rank
            FROM store.name_form f WHERE f.keys && wanted ORDER BY 2
        ) n
        CROSS JOIN LATERAL (
            SELECT p.record_id, p.version, p.ordinal FROM store.party p WHERE p.name = n.name AND length(p.name) <= 100
            ORDER BY p.record_id DESC OFFSET 0
        ) p
        CROSS JOIN LATERAL (
            SELECT r.reported_at FROM store.source_record r
            WHERE r.record_id = p.record_id AND r.version = p.version AND {_before._VISIBLE} OFFSET 0
        ) r
        LIMIT most
    ) f
    CROSS JOIN LATERAL (SELECT m.case_id FROM store.case_member m WHERE m.record_id = f.record_id AND m.known_to IS NULL OFFSET 0) m
    ORDER BY f.rank
$$
"""
_CASES = "store.find_cases_with_names(bigint[], integer[], integer)"


def upgrade() -> None:
    for relation, (node, entity) in _MEMBERS.items():
        _index_members(relation, node, [entity])
    _index_names(["version", "ordinal"])
    op.execute(_FIND_CASES)
    op.execute(f"REVOKE ALL ON FUNCTION {_CASES} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {_CASES} TO {_READER}")


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {_CASES}")
    _index_names(None)
    for relation, (node, _) in _MEMBERS.items():
        _index_members(relation, node, None)


def _index_members(relation: str, node: str, told: list[str] | None) -> None:
    name, table = f"ix_{relation}_member_current", f"{relation}_member"
    op.drop_index(name, table_name=table, schema="store")
    where = sa.text("known_to IS NULL")
    op.create_index(name, table, [node], unique=True, schema="store", postgresql_where=where, postgresql_include=told)


def _index_names(told: list[str] | None) -> None:
    op.drop_index("ix_party_name", table_name="party", schema="store")
    where = sa.text("length(name) <= 100")
    op.create_index("ix_party_name", "party", ["name", "record_id"], schema="store", postgresql_where=where, postgresql_include=told)
