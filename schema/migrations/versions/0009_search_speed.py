"""Words by the week in which they were reported, names by what came last, records by week and place, cases of what was found, times of
changes.

A word that stands in a tenth of all records is read from the newest week on until enough are found: the index gives both the word and
the week, so that no record is looked at that is not wanted. The functions run as their owner; see 0007.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
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
_DIRECT = 12_000  # records with words that are looked at whatever their week
_WEEKS = 3  # far apart, which tell how common words are
_HELD = 1_500  # records with words in these weeks that are counted
_PROBED = 1_300  # records of each that are looked at for words that no index answers at once
_COMMON = 7  # one word in so many records, or in fewer, is common enough to look for it in each
_GATHERED = 20_000  # records that could be looked at in the time in which the index gathers beginnings of words
_WITHOUT = 26  # weeks without any such record, after which all others are looked at at once
_LOOPED = 100  # weeks that are asked for one by one
# Weeks since 1970, the first of them from a Thursday on; the least of all integers is no time.
_WEEK_OF = """
CREATE FUNCTION store.week_of(at timestamptz) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CAST(coalesce(floor(extract(epoch FROM at AT TIME ZONE 'UTC') / 604800), -2147483648) AS integer)
"""
_OPTIONS = "STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off"
_NEWEST = "r.reported_at > now(), r.reported_at DESC NULLS LAST, r.record_id"  # what is said to be reported in times to come is not new
_PUBLISHED = "SELECT store.week_of(reported_at) FROM store.unified_case WHERE known_to IS NULL AND reported_at IS NOT NULL"
# Of a week, or of others: what holds the words, as far as it is wanted. The first is for an index that is asked for the words, the
# second for words so common that nearly every record must be looked at anyhow.
_GATHER = f"""
    SELECT ids || array_agg(f.record_id), versions || array_agg(f.version) INTO ids, versions FROM (
        SELECT r.record_id, r.version FROM (
            SELECT r.* FROM store.source_record r WHERE {{holds}} AND (store.week_of(r.reported_at) {{weeks}}) OFFSET 0
        ) r WHERE {_VISIBLE}
        ORDER BY {_NEWEST} LIMIT most - cardinality(ids)
    ) f;
"""
_BY_INDEX = "r.tokens @@ sought AND (sought = words OR r.tokens @@ words)"
_BY_SIGHT = "(r.tokens @@ words OR words IS NULL)"  # as it stands, no index can be asked
_EITHER = f"""
    IF sought IS NULL THEN {_GATHER.replace("{holds}", _BY_SIGHT)} ELSE {_GATHER.replace("{holds}", _BY_INDEX)} END IF;
"""
# All that hold the words where these are few, else the newest. `by_index` is the part of them that an index answers at once, none if
# there is no such part: beginnings of words, which it gathers from all words that begin so.
_FIND_WORDS = f"""
CREATE FUNCTION store.find_words(words tsquery, by_index tsquery, most integer) RETURNS TABLE (record_id bigint, version integer)
LANGUAGE plpgsql {_OPTIONS} ROWS 100 AS $$
DECLARE
    sought tsquery := by_index; -- what the index is asked for; null: nothing, the records of each week are looked through
    ids bigint[] := '{{}}';
    versions integer[] := '{{}}';
    newest integer := least(store.week_of(now()), ({_PUBLISHED} ORDER BY reported_at DESC NULLS LAST LIMIT 1));
    oldest integer := ({_PUBLISHED} ORDER BY reported_at ASC NULLS FIRST LIMIT 1);
    weeks integer[] := ARRAY[newest, newest - (newest - oldest) / {_WEEKS}, newest - (newest - oldest) * 2 / {_WEEKS}];
    week integer;
    gathered integer;
    without integer := 0;
    is_few boolean;
    held bigint := 0;
    looked_at bigint := 0;
    indexed bigint := 0;
    stored bigint := (SELECT greatest(c.reltuples, 0) FROM pg_class c WHERE c.oid = 'store.source_record'::regclass);
BEGIN
    FOREACH week IN ARRAY weeks LOOP
        EXIT WHEN by_index IS NULL;
        held := held + (SELECT count(*) FROM (
            SELECT FROM store.source_record r WHERE r.tokens @@ by_index AND store.week_of(r.reported_at) = week LIMIT {_HELD}
        ) f);
    END LOOP;
    is_few := by_index IS NOT NULL AND held * (newest - oldest + 1) <= {_WEEKS} * {_DIRECT} AND (
        SELECT count(*) FROM (SELECT FROM store.source_record r WHERE r.tokens @@ by_index LIMIT {_DIRECT} + 1) f
    ) <= {_DIRECT};
    IF NOT is_few AND by_index IS DISTINCT FROM words THEN
        held := 0;
        FOREACH week IN ARRAY weeks LOOP
            SELECT looked_at + count(*), held + count(*) FILTER (WHERE f.is_held), indexed + count(*) FILTER (WHERE f.is_indexed)
            INTO looked_at, held, indexed FROM (
                SELECT r.tokens @@ words AS is_held, by_index IS NULL OR r.tokens @@ by_index AS is_indexed FROM store.source_record r
                WHERE store.week_of(r.reported_at) = week LIMIT {_PROBED}
            ) f;
        END LOOP;
        -- All that hold the words, or, week by week until these are enough, all that hold the part which the index knows: what is less.
        is_few := held * (held * stored + {_GATHERED} * looked_at) <= most * indexed * looked_at;
        sought := CASE WHEN is_few OR (numnode(words) = 1 AND held * {_COMMON} < looked_at) THEN words ELSE by_index END;
    END IF;
    IF is_few THEN
        RETURN QUERY
        SELECT r.record_id, r.version FROM store.source_record r WHERE {_BY_INDEX} AND {_VISIBLE} ORDER BY {_NEWEST} LIMIT most;
        RETURN;
    END IF;
    week := newest;
    WHILE week >= oldest AND cardinality(ids) < most AND without < {_WITHOUT} LOOP
        gathered := cardinality(ids);
        {_EITHER.format(weeks="= week")}
        week := week - 1;
        without := CASE WHEN cardinality(ids) = gathered THEN without + 1 ELSE 0 END;
    END LOOP;
    IF cardinality(ids) < most THEN -- all other weeks at once
        {_EITHER.format(weeks="<= coalesce(week, -1) OR store.week_of(r.reported_at) > coalesce(newest, -1)")}
    END IF;
    RETURN QUERY SELECT f.id, f.number FROM unnest(ids, versions) AS f (id, number);
END $$
"""
# Records with a party of such a name: the closest first, and of one name those that came last.
_FIND_NAMES = f"""
CREATE OR REPLACE FUNCTION store.find_names(wanted bigint[], ranks integer[], most integer)
RETURNS TABLE (record_id bigint, version integer, ordinal integer, rank integer)
LANGUAGE sql {_OPTIONS} ROWS 100 AS $$
    SELECT p.record_id, p.version, p.ordinal, n.rank
    FROM (
        SELECT f.name, (SELECT min(k.rank) FROM unnest(wanted, ranks) AS k (key, rank) WHERE k.key = ANY (f.keys)) AS rank
        FROM store.name_form f WHERE f.keys && wanted ORDER BY 2
    ) n
    CROSS JOIN LATERAL (
        SELECT p.record_id, p.version, p.ordinal FROM store.party p WHERE p.name = n.name AND length(p.name) <= 100
        ORDER BY p.record_id DESC OFFSET 0
    ) p
    CROSS JOIN LATERAL (
        SELECT FROM store.source_record r WHERE r.record_id = p.record_id AND r.version = p.version AND {_VISIBLE} OFFSET 0
    ) r
    LIMIT most
$$
"""
# Cases of records that were found, of those alone that row security shows to the login that asks.
_CASES_OF = f"""
CREATE FUNCTION store.cases_of(records bigint[], versions integer[])
RETURNS TABLE (record_id bigint, version integer, case_id uuid, reported_at timestamptz, title text)
LANGUAGE sql {_OPTIONS} ROWS 100 AS $$
    SELECT r.record_id, r.version, m.case_id, r.reported_at, r.title
    FROM unnest(records, versions) AS f (record_id, version)
    JOIN store.source_record r ON r.record_id = f.record_id AND r.version = f.version
    JOIN store.case_member m ON m.record_id = r.record_id AND m.known_to IS NULL
    WHERE {_VISIBLE}
$$
"""
# The weeks of which cases are published.
_PUBLISHED_WEEKS = f"""
CREATE FUNCTION store.published_weeks(OUT oldest integer, OUT newest integer)
LANGUAGE sql {_OPTIONS} AS $$
    SELECT ({_PUBLISHED} ORDER BY reported_at ASC NULLS FIRST LIMIT 1), ({_PUBLISHED} ORDER BY reported_at DESC NULLS LAST LIMIT 1)
$$
"""
# Cases with a record of these weeks that the login may read, one it may be more than once: for one who reads some departments or places
# alone. Of places the index is asked for each together with each week, or by itself where there are very many weeks.
_OF_WEEK = f"""RETURN QUERY
            SELECT m.case_id FROM store.source_record r JOIN store.case_member m ON m.record_id = r.record_id AND m.known_to IS NULL
            WHERE {{wanted}} AND {_VISIBLE};
"""
_BY_PLACES = f"""
        FOREACH place IN ARRAY coalesce(scope.communities, '{{{{}}}}') LOOP
            {_OF_WEEK.format(wanted="r.community = place AND store.week_of(r.reported_at) {weeks}")}
        END LOOP;
        FOREACH place IN ARRAY coalesce(scope.streets, '{{{{}}}}') LOOP
            {_OF_WEEK.format(wanted="r.street = place AND store.week_of(r.reported_at) {weeks}")}
        END LOOP;
"""
_CASES_IN_WEEKS = f"""
CREATE FUNCTION store.cases_in_weeks(first integer, last integer) RETURNS TABLE (case_id uuid)
LANGUAGE plpgsql {_OPTIONS} ROWS 100 AS $$
DECLARE
    scope record;
    place text;
BEGIN
    SELECT s.streets, s.communities, s.streets IS NOT NULL OR s.communities IS NOT NULL AS has_places INTO scope FROM ops.my_scope s;
    IF last::bigint - first > {_LOOPED} AND scope.has_places THEN
        {_BY_PLACES.format(weeks="+ 0 BETWEEN first AND last")}
    ELSIF last::bigint - first > {_LOOPED} THEN
        {_OF_WEEK.format(wanted="store.week_of(r.reported_at) BETWEEN first AND last")}
    ELSE
        FOR week IN first .. last LOOP
            IF scope.has_places THEN
                {_BY_PLACES.format(weeks="= week")}
            ELSE
                {_OF_WEEK.format(wanted="store.week_of(r.reported_at) = week")}
            END IF;
        END LOOP;
    END IF;
END $$
"""
# When changes were made: of no record, and so for whoever reads.
_TIMES_OF = f"""
CREATE FUNCTION store.times_of(numbers bigint[]) RETURNS TABLE (change_number bigint, at timestamptz)
LANGUAGE sql {_OPTIONS} ROWS 10 AS $$
    SELECT h.change_number, h.at FROM ops.change_counter c JOIN store.change h ON h.epoch = c.epoch AND h.change_number = ANY (numbers)
$$
"""
_FUNCTIONS = {
    "store.times_of(bigint[])": _TIMES_OF,
    "store.find_words(tsquery, tsquery, integer)": _FIND_WORDS,
    "store.cases_of(bigint[], integer[])": _CASES_OF,
    "store.published_weeks()": _PUBLISHED_WEEKS,
    "store.cases_in_weeks(integer, integer)": _CASES_IN_WEEKS,
}
_NAMES = "store.find_names(bigint[], integer[], integer)"
# What it was before.
_OLD_FIND_WORDS = f"""
CREATE FUNCTION store.find_words(words tsquery, most integer, looked_at integer)
RETURNS TABLE (record_id bigint, version integer, held bigint)
LANGUAGE sql {_OPTIONS} ROWS 100 AS $$
    SELECT w.record_id, w.version, count(*) OVER ()
    FROM (
        SELECT r.record_id, r.version, r.reported_at FROM store.source_record r WHERE r.tokens @@ words AND {_VISIBLE} LIMIT looked_at
    ) w
    ORDER BY w.reported_at DESC NULLS LAST, w.record_id LIMIT most
$$
"""
_OLD_FIND_NAMES = f"""
CREATE OR REPLACE FUNCTION store.find_names(wanted bigint[], ranks integer[], most integer)
RETURNS TABLE (record_id bigint, version integer, ordinal integer, rank integer)
LANGUAGE sql {_OPTIONS} ROWS 100 AS $$
    SELECT r.record_id, r.version, p.ordinal, n.rank
    FROM (
        SELECT f.name, (SELECT min(k.rank) FROM unnest(wanted, ranks) AS k (key, rank) WHERE k.key = ANY (f.keys)) AS rank
        FROM store.name_form f WHERE f.keys && wanted
    ) n
    JOIN store.party p ON p.name = n.name AND length(p.name) <= 100
    JOIN store.source_record r ON r.record_id = p.record_id AND r.version = p.version
    WHERE {_VISIBLE}
    ORDER BY n.rank, r.reported_at DESC NULLS LAST, r.record_id LIMIT most
$$
"""
_OLD = "store.find_words(tsquery, integer, integer)"


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gin")
    op.execute(f"DROP FUNCTION {_OLD}")
    op.execute(_WEEK_OF)
    op.drop_index("ix_source_record_tokens", table_name="source_record", schema="store")
    op.create_index(
        "ix_source_record_tokens",
        "source_record",
        ["tokens", sa.literal_column("store.week_of(reported_at)").label("week"), "community", "street"],
        schema="store",
        postgresql_using="gin",
    )
    _index_names("name", "record_id")
    _make(_FUNCTIONS | {_NAMES: _FIND_NAMES})


def downgrade() -> None:
    for signature in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {signature}")
    op.drop_index("ix_source_record_tokens", table_name="source_record", schema="store")
    op.create_index("ix_source_record_tokens", "source_record", ["tokens"], schema="store", postgresql_using="gin")
    op.execute("DROP FUNCTION store.week_of(timestamptz)")
    _index_names("name")
    _make({_OLD: _OLD_FIND_WORDS, _NAMES: _OLD_FIND_NAMES})


def _index_names(*columns: str) -> None:
    op.drop_index("ix_party_name", table_name="party", schema="store")
    op.create_index("ix_party_name", "party", list(columns), schema="store", postgresql_where=sa.text("length(name) <= 100"))


def _make(functions: dict[str, str]) -> None:
    for signature, statement in functions.items():
        op.execute(statement)
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {READER}")
