"""What a page shows of its cases, and cases that are summed up for one caller, in one look-up a record.

A page has the cases that everybody sees alike, and those that are summed up for the caller: of his own department's closed records, or,
where he reads some departments or places alone, all. Behind row security each record of these was looked up again for its membership,
for the case, and for each value that it states: 108 cases took 18 of the 20 ms of a filtered page. These functions ask once a record
whether it may be read, by the condition that row security has for current versions; a login is told of nothing that it could not read.
"""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

READER = "casehub_reader"
_FIELDS = ("category", "status", "grade", "street", "community")
_A_HANDFUL = 100  # cases that are looked at each; more are met with all that the department holds closed
_OPTIONS = "LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off ROWS 50"

# As 0012 has them, of current versions.
_IS_WHOLE = "(SELECT s.departments IS NULL AND s.streets IS NULL AND s.communities IS NULL FROM ops.my_scope s)"
_IN_SCOPE = """(s.departments IS NULL OR r.department = ANY (s.departments) OR r.department = s.own)
    AND (s.streets IS NULL AND s.communities IS NULL OR r.street = ANY (s.streets) OR r.community = ANY (s.communities))"""
_READABLE = f"""(r.visibility = 'shared' AND {_IS_WHOLE} OR EXISTS (
    SELECT FROM ops.my_scope s WHERE {_IN_SCOPE}
    AND (r.visibility = 'shared' OR r.department = s.own OR r.visibility = 'restricted' AND store.is_granted(r.record_id)) OFFSET 0
))"""
_ACKNOWLEDGED = f"""(r.visibility = 'restricted' AND EXISTS (
    SELECT FROM ops.my_scope s WHERE r.department IS DISTINCT FROM s.own AND {_IN_SCOPE} OFFSET 0
))"""
_CURRENT = "known_to IS NULL AND known_from IS NOT NULL AND NOT is_deleted"
_RECORD = f"(SELECT * FROM store.source_record WHERE record_id = {{id}} AND {_CURRENT} OFFSET 0) r"
_OWN = "(SELECT s.own FROM ops.my_scope s)"
# As store.known_record tells it: what was opened to the caller is shared.
_VISIBILITY = f"""CASE WHEN k.is_readable AND r.visibility = 'restricted' AND r.department IS DISTINCT FROM {_OWN}
                     THEN 'shared' ELSE r.visibility END"""
_MEMBERS = f"""(SELECT record_id FROM store.case_member WHERE case_id = {{case}} AND known_to IS NULL OFFSET 0) m
        CROSS JOIN LATERAL {_RECORD.format(id="m.record_id")}"""
_OWN_OF_ALL = f"""
    SELECT m.case_id FROM (SELECT s.own FROM ops.my_scope s) o
    CROSS JOIN LATERAL (SELECT * FROM store.source_record WHERE department = o.own AND visibility <> 'shared' AND {_CURRENT} OFFSET 0) r
    CROSS JOIN LATERAL (SELECT case_id FROM store.case_member WHERE record_id = r.record_id AND known_to IS NULL OFFSET 0) m
    WHERE {_READABLE}
"""
_KNOWN = f"""{_MEMBERS.format(case="t.case_id")}
        CROSS JOIN LATERAL (SELECT {_READABLE} AS is_readable OFFSET 0) k"""
# Those of some cases, or of all (null), that hold a closed record of the login's own department.
_OWN_CLOSED = f"""
CREATE FUNCTION store.own_closed_cases(among uuid[]) RETURNS TABLE (case_id uuid) {_OPTIONS} AS $$
    SELECT f.case_id FROM ({_OWN_OF_ALL}) f
    WHERE coalesce(cardinality($1) > {_A_HANDFUL}, true) AND ($1 IS NULL OR f.case_id = ANY ($1))
    UNION SELECT t.case_id FROM unnest($1) AS t (case_id) WHERE cardinality($1) <= {_A_HANDFUL} AND EXISTS (
        SELECT FROM {_MEMBERS.format(case="t.case_id")}
        WHERE r.visibility <> 'shared' AND r.department = {_OWN} AND {_READABLE} OFFSET 0
    )
$$
"""
# Of each case of which the login reads or may know a record: what its readable records come to, and its values. Where these are stated,
# each is the best that a readable record states; else what is published, and nothing of a caller to whom that would tell of others.
_SUMMED_UP = f"""
CREATE FUNCTION store.summed_up(cases uuid[], is_stated boolean) RETURNS TABLE (
    case_id uuid, reported_at timestamptz, departments text[], {", ".join(f"{name} text" for name in _FIELDS)}
) {_OPTIONS} AS $$
    SELECT t.case_id, k.reported_at, k.departments,
           {", ".join(f"CASE WHEN $2 THEN b.{name} WHEN {_IS_WHOLE} THEN c.{name} END" for name in _FIELDS)}
    FROM unnest($1) AS t (case_id)
    CROSS JOIN LATERAL (
        SELECT min(r.reported_at) FILTER (WHERE r.is_readable) AS reported_at,
               array_agg(r.department) FILTER (WHERE r.is_readable) AS departments,
               array_agg(r.record_id) FILTER (WHERE r.is_readable) AS record_ids
        FROM (
            SELECT r.record_id, r.department, r.reported_at, k.is_readable FROM {_KNOWN} WHERE k.is_readable OR {_ACKNOWLEDGED}
        ) r HAVING count(*) > 0
    ) k
    CROSS JOIN LATERAL (SELECT * FROM store.unified_case WHERE case_id = t.case_id AND known_to IS NULL OFFSET 0) c
    LEFT JOIN LATERAL (
        SELECT {", ".join(f"max(value) FILTER (WHERE field = '{name}') AS {name}" for name in _FIELDS)} FROM (
            SELECT DISTINCT ON (g.field) g.field, g.value FROM store.golden_value g
            WHERE $2 AND g.entity_id = t.case_id AND g.known_to IS NULL AND g.stated_by && k.record_ids
              AND g.field IN ({", ".join(f"'{name}'" for name in _FIELDS)})
            ORDER BY g.field, g.rank
        ) best
    ) b ON true
$$
"""
# Of each case what a page shows: what its readable records come to, who else is to be asked, the persons that a title may name, and of each
# field the best value that a readable record states, with whether one of the caller's own department does.
_SUMMARIES = f"""
CREATE FUNCTION store.case_summaries(cases uuid[], wanted text[]) RETURNS TABLE (
    case_id uuid, records bigint, is_limited boolean, reported_at timestamptz, departments text[], acknowledged text[], names text[],
    fields text[], "values" text[], owns boolean[]
) {_OPTIONS} AS $$
    SELECT t.case_id, k.records, k.is_limited, k.reported_at, k.departments, k.acknowledged, n.names, b.fields, b.stated, b.owns
    FROM unnest($1) AS t (case_id)
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE r.is_readable) AS records, bool_or(r.visibility <> 'shared') AS is_limited,
               min(r.reported_at) FILTER (WHERE r.is_readable) AS reported_at,
               array_agg(DISTINCT r.department) FILTER (WHERE r.is_readable) AS departments,
               array_agg(DISTINCT r.department) FILTER (WHERE NOT r.is_readable) AS acknowledged,
               array_agg(r.record_id) FILTER (WHERE r.is_readable) AS record_ids,
               array_agg(r.version) FILTER (WHERE r.is_readable) AS versions,
               array_agg(r.record_id) FILTER (WHERE r.is_readable AND r.department = {_OWN}) AS own_ids
        FROM (
            SELECT r.record_id, r.version, r.department, r.reported_at, k.is_readable, {_VISIBILITY} AS visibility FROM {_KNOWN}
            WHERE k.is_readable OR {_ACKNOWLEDGED}
        ) r HAVING count(*) > 0
    ) k
    CROSS JOIN LATERAL (
        SELECT array_agg(DISTINCT p.name) AS names FROM unnest(k.record_ids, k.versions) AS u (record_id, version)
        CROSS JOIN LATERAL (
            SELECT name FROM store.party
            WHERE record_id = u.record_id AND version = u.version AND kind = 'person' AND name IS NOT NULL OFFSET 0
        ) p
    ) n
    CROSS JOIN LATERAL (
        SELECT array_agg(g.field) AS fields, array_agg(g.value) AS stated, array_agg(g.is_own) AS owns FROM (
            SELECT DISTINCT ON (g.field) g.field, g.value, coalesce(g.stated_by && k.own_ids, false) AS is_own FROM store.golden_value g
            WHERE g.entity_id = t.case_id AND g.known_to IS NULL AND g.stated_by && k.record_ids AND g.field = ANY ($2)
            ORDER BY g.field, g.rank
        ) g
    ) b
$$
"""
# Records of cases that the login reads or may know of, with the names of their parties in order; of those it may only know of, no values.
_TOLD = ("source_record_id", "case_number", "title", "text", "address", "tokens")
_KNOWN_MEMBERS = f"""
CREATE FUNCTION store.known_members(cases uuid[]) RETURNS TABLE (
    case_id uuid, record_id bigint, version integer, department text, visibility text, source_record_id text, case_number text, title text,
    text text, address text, tokens tsvector, names text[]
) {_OPTIONS} AS $$
    SELECT t.case_id, r.record_id, r.version, r.department, {_VISIBILITY},
           {", ".join(f"CASE WHEN k.is_readable THEN r.{name} END" for name in _TOLD)},
           CASE WHEN k.is_readable THEN (
               SELECT array_agg(name ORDER BY ordinal) FROM store.party WHERE record_id = r.record_id AND version = r.version
           ) END
    FROM unnest($1) AS t (case_id) CROSS JOIN LATERAL {_KNOWN} WHERE k.is_readable OR {_ACKNOWLEDGED}
$$
"""
_FUNCTIONS = {
    "store.own_closed_cases(uuid[])": _OWN_CLOSED,
    "store.summed_up(uuid[], boolean)": _SUMMED_UP,
    "store.case_summaries(uuid[], text[])": _SUMMARIES,
    "store.known_members(uuid[])": _KNOWN_MEMBERS,
}


def upgrade() -> None:
    for signature, statement in _FUNCTIONS.items():
        op.execute(statement)
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {READER}")


def downgrade() -> None:
    for signature in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
