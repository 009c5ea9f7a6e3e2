"""What a record not yet filed is compared with, and what holds an identifier, read in one look-up.

Behind row security each candidate's record was looked up again for its membership, for each of its parties, and for the membership of
each of these: a quarter of what the database took for a question. The same went for each record that names a firm, of which there may be a
thousand. These functions ask once a record whether it may be read, by the condition that row security has; a login is told of nothing that
it could not read itself, or is told of as acknowledged. Of what is compared, the store's owner, whom row security does not bind, is
told all.
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

READER = "casehub_reader"
_FEW = 2_000
_OPTIONS = "LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off ROWS 50"

# As 0012 has them, of current versions.
_IS_WHOLE = "(SELECT s.departments IS NULL AND s.streets IS NULL AND s.communities IS NULL FROM ops.my_scope s)"
_IN_SCOPE = """(s.departments IS NULL OR r.department = ANY (s.departments) OR r.department = s.own)
    AND (s.streets IS NULL AND s.communities IS NULL OR r.street = ANY (s.streets) OR r.community = ANY (s.communities))"""
_READABLE = f"""(r.visibility = 'shared' AND {_IS_WHOLE} OR EXISTS (
    SELECT FROM ops.my_scope s WHERE {_IN_SCOPE}
    AND (r.visibility = 'shared' OR r.department = s.own OR r.visibility = 'restricted' AND store.is_granted(r.record_id)) OFFSET 0
))"""
_COMPARED = f"(session_user = current_user OR {_READABLE})"
_CURRENT = "known_to IS NULL AND known_from IS NOT NULL AND NOT is_deleted"
_RECORD = f"(SELECT * FROM store.source_record WHERE record_id = {{id}} AND {_CURRENT} OFFSET 0) r"
_ENTITY = "(SELECT {entity}::text AS entity FROM store.{members} WHERE {node} = n.id AND known_to IS NULL OFFSET 0) m"
# For each place the nodes that share one of its keys, those that share most first, of equals the older: so many of those that may be read,
# of the department alone ($5 true), of others alone (false) or of all (null). Of one key as many are looked at as are compared for it.
_COMPARABLE = f"""
CREATE FUNCTION store.comparable_{{name}}s(places integer[], keys bigint[], per_key integer, own text, is_own boolean, most integer)
RETURNS TABLE (place integer, {{columns}}) {_OPTIONS} AS $$
    WITH met AS MATERIALIZED (
        SELECT t.place, b.id, count(*) AS shared FROM unnest($1, $2) AS t (place, key)
        CROSS JOIN LATERAL (SELECT {{node}} AS id FROM store.{{name}}_key WHERE key = t.key ORDER BY {{node}} LIMIT $3) b
        GROUP BY t.place, b.id
    )
    SELECT c.* FROM (SELECT DISTINCT met.place FROM met) o CROSS JOIN LATERAL (
        SELECT o.place, {{values}} FROM (SELECT met.id, met.shared FROM met WHERE met.place = o.place ORDER BY met.shared DESC, met.id) n
        {{joined}}
        CROSS JOIN LATERAL {_ENTITY.format(entity="{entity}_id", members="{name}_member", node="{node}")}
        WHERE {_COMPARED} AND ($5 IS NULL OR (r.department IS NOT DISTINCT FROM $4) = $5)
        ORDER BY n.shared DESC, n.id LIMIT $6
    ) c
$$
"""
_PARTY_COLUMNS = """id bigint, record_id bigint, version integer, ordinal integer, role text, kind text, name text, id_type text,
    id_no text, uscc text, phone text, own_address text, address text, gender text, birth_date date, department text, source_record_id text,
    visibility text, entity text"""
_PARTY_VALUES = """p.party_id, p.record_id, p.version, p.ordinal, p.role, p.kind, p.name, p.id_type, p.id_no, p.uscc, p.phone, p.address,
        {address}, p.gender, p.birth_date, r.department, r.source_record_id, r.visibility, m.entity"""
_PARTY = f"""CROSS JOIN LATERAL (
            SELECT * FROM store.party WHERE party_id = n.id AND known_to IS NULL AND known_from IS NOT NULL OFFSET 0
        ) p
        CROSS JOIN LATERAL {_RECORD.format(id="p.record_id")}"""
_CASE_COLUMNS = """id bigint, record_id bigint, version integer, department text, source_record_id text, visibility text,
    case_number text, title text, text text, category text, occurred_at timestamptz, reported_at timestamptz, amount double precision,
    people_involved integer, address text, street text, community text, longitude double precision, latitude double precision,
    "references" jsonb, entity text, party_ids bigint[], roles text[], kinds text[], entities text[]"""
_CASE_VALUES = """r.record_id, r.record_id, r.version, r.department, r.source_record_id, r.visibility, r.case_number, r.title, r.text,
        r.category, r.occurred_at, r.reported_at, r.amount::float8, r.people_involved, r.address, r.street, r.community, r.longitude,
        r.latitude, r."references", m.entity, s.party_ids, s.roles, s.kinds, s.entities"""
# Whom the parties of a record resolve to is told with it: who reads the record reads them.
_CASE = f"""CROSS JOIN LATERAL {_RECORD.format(id="n.id")}
        CROSS JOIN LATERAL (
            SELECT array_agg(p.party_id ORDER BY p.party_id) AS party_ids, array_agg(p.role ORDER BY p.party_id) AS roles,
                   array_agg(p.kind ORDER BY p.party_id) AS kinds,
                   array_agg(CASE p.kind
                       WHEN 'person' THEN (SELECT person_id::text FROM store.person_member WHERE party_id = p.party_id AND known_to IS NULL)
                       ELSE (SELECT organisation_id::text FROM store.organisation_member WHERE party_id = p.party_id AND known_to IS NULL)
                   END ORDER BY p.party_id) AS entities
            FROM store.party p WHERE p.record_id = r.record_id AND p.known_to IS NULL AND p.known_from IS NOT NULL
        ) s"""


def _of_parties(name: str, address: str) -> str:
    values = _PARTY_VALUES.format(address=address)
    return _COMPARABLE.format(name=name, entity=name, node="party_id", columns=_PARTY_COLUMNS, values=values, joined=_PARTY)


_CASES = _COMPARABLE.format(name="case", entity="case", node="record_id", columns=_CASE_COLUMNS, values=_CASE_VALUES, joined=_CASE)
_HELD = """
    SELECT p.record_id, p.version FROM store.party p WHERE $1 = 'id_no' AND p.id_no = ANY ($2)
    UNION ALL SELECT p.record_id, p.version FROM store.party p WHERE $1 = 'phone' AND p.phone = ANY ($2)
    UNION ALL SELECT p.record_id, p.version FROM store.party p WHERE $1 = 'uscc' AND p.uscc = ANY ($2)
    UNION ALL SELECT n.record_id, n.version FROM store.source_record n WHERE $1 = 'number' AND n.source_record_id = ANY ($2)
    UNION ALL SELECT n.record_id, n.version FROM store.source_record n WHERE $1 = 'number' AND n.case_number = ANY ($2)
    UNION ALL SELECT p.record_id, p.version FROM store.person_member e JOIN store.party p ON p.party_id = e.party_id
        WHERE $1 = 'person' AND e.person_id = ANY ($2::uuid[]) AND e.known_to IS NULL
    UNION ALL SELECT p.record_id, p.version FROM store.organisation_member e JOIN store.party p ON p.party_id = e.party_id
        WHERE $1 = 'organisation' AND e.organisation_id = ANY ($2::uuid[]) AND e.known_to IS NULL
"""
# Whether so many do that it is shorter to look through cases than to gather them: as api/queries/hits.py has it.
_IS_HELD_BY_MANY = f"""
CREATE FUNCTION store.is_held_by_many(field text, wanted text[]) RETURNS boolean {_OPTIONS.removesuffix(" ROWS 50")} AS $$
    SELECT count(*) > {_FEW} FROM (SELECT FROM ({_HELD}) held LIMIT {_FEW} + 1) counted
$$
"""
# Published records that hold an identifier, with their cases. As store.known_record tells them: what was opened to the caller is shared.
_HOLDERS = f"""
CREATE FUNCTION store.holders(field text, wanted text[]) RETURNS TABLE (
    record_id bigint, version integer, case_id uuid, department text, visibility text
) {_OPTIONS} AS $$
    SELECT r.record_id, r.version, m.case_id, r.department,
           CASE WHEN k.is_readable AND r.visibility = 'restricted' AND r.department IS DISTINCT FROM (SELECT s.own FROM ops.my_scope s)
                THEN 'shared' ELSE r.visibility END
    FROM ({_HELD}) f
    CROSS JOIN LATERAL (SELECT * FROM store.source_record WHERE record_id = f.record_id AND version = f.version AND {_CURRENT} OFFSET 0) r
    CROSS JOIN LATERAL (SELECT case_id FROM store.case_member WHERE record_id = f.record_id AND known_to IS NULL OFFSET 0) m
    CROSS JOIN LATERAL (SELECT {_READABLE} AS is_readable OFFSET 0) k
    WHERE k.is_readable OR r.visibility = 'restricted' AND EXISTS (
        SELECT FROM ops.my_scope s WHERE r.department IS DISTINCT FROM s.own AND {_IN_SCOPE} OFFSET 0
    )
$$
"""
_GIVEN = "(integer[], bigint[], integer, text, boolean, integer)"
_FUNCTIONS = {
    "store.is_held_by_many(text, text[])": _IS_HELD_BY_MANY,
    "store.holders(text, text[])": _HOLDERS,
    f"store.comparable_persons{_GIVEN}": _of_parties("person", "coalesce(p.address, r.address)"),
    f"store.comparable_organisations{_GIVEN}": _of_parties("organisation", "p.address"),
    f"store.comparable_cases{_GIVEN}": _CASES,
}


def upgrade() -> None:
    for signature, statement in _FUNCTIONS.items():
        op.execute(statement)
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {READER}")


def downgrade() -> None:
    for signature in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
