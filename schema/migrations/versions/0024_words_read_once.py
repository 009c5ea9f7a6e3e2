"""Records by words are read once: where they turn out to be few, by the statement that says so; what orders them comes with them.

Whether a word is rare was asked of three weeks, then of all records up to twelve thousand, and then these were read again. Where an
index answers every word the newest week says whether it is worth reading all that hold them, and that statement counts while it
reads. Cases and titles of what was found were looked up record by record behind it. The functions run as their owner; see 0007.
"""

from __future__ import annotations

from importlib import import_module

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_before = import_module("schema.migrations.versions.0009_search_speed")
_READER = "casehub_reader"
_VISIBLE = _before._VISIBLE  # what row security says, as the functions say it that stay
_NEWEST = _before._NEWEST
_OPTIONS = _before._OPTIONS
_DIRECT = 12_000  # records with words that are looked at whatever their week
_WEEKS = 3  # far apart, which tell how common words are
_HELD = 1_500  # records with words in these weeks that are counted
_PROBED = 1_300  # records of each that are looked at for words that no index answers at once
_COMMON = 7  # one word in so many records, or in fewer, is common enough to look for it in each
_GATHERED = 20_000  # records that could be looked at in the time in which the index gathers beginnings of words
_WITHOUT = 26  # weeks without any such record, after which all others are looked at at once
_PUBLISHED = "SELECT store.week_of(c.reported_at) FROM store.unified_case c WHERE c.known_to IS NULL AND c.reported_at IS NOT NULL"
_COLUMNS = ("record_id", "version", "reported_at", "title")
_ARRAYS = ("ids", "versions", "times", "titles")
_WANTED = ", ".join(f"r.{column}" for column in _COLUMNS)
_NEWEST_OF = "SELECT {wanted} FROM {source} r WHERE {condition} ORDER BY {newest} LIMIT {most}"
# All that hold the words, and the newest of them, if these are no more than can be looked at whatever their week.
_FEW = f"""
    WITH those AS MATERIALIZED (
        SELECT {_WANTED}, {{holds}} AND {_VISIBLE} AS is_wanted FROM store.source_record r
        WHERE r.tokens @@ {{sought}} LIMIT {_DIRECT} + 1
    )
    SELECT (SELECT count(*) FROM those), {", ".join(f"array_agg(f.{column})" for column in _COLUMNS)}
    INTO gathered, {", ".join(f"few_{array}" for array in _ARRAYS)}
    FROM ({_NEWEST_OF.format(wanted=_WANTED, source="those", condition="r.is_wanted", newest=_NEWEST, most="most")}) f;
    IF gathered <= {_DIRECT} THEN
        RETURN QUERY SELECT f.* FROM unnest({", ".join(f"few_{array}" for array in _ARRAYS)}) AS f;
        RETURN;
    END IF;
"""
# Of a week, or of others: what holds the words, as far as it is wanted. The first is for an index that is asked for the words, the
# second for words so common that nearly every record must be looked at anyhow.
_OF_WEEKS = "(SELECT r.* FROM store.source_record r WHERE {holds} AND (store.week_of(r.reported_at) {weeks}) OFFSET 0)"
_GATHER = f"""
    SELECT {", ".join(f"{array} || array_agg(f.{column})" for array, column in zip(_ARRAYS, _COLUMNS, strict=True))}
    INTO {", ".join(_ARRAYS)}
    FROM ({_NEWEST_OF.format(wanted=_WANTED, source=_OF_WEEKS, condition=_VISIBLE, newest=_NEWEST, most="most - cardinality(ids)")}) f;
"""
_ALL = _NEWEST_OF.format(
    wanted=_WANTED, source="store.source_record", condition=f"r.tokens @@ words AND {_VISIBLE}", newest=_NEWEST, most="most"
)
_BY_INDEX = "r.tokens @@ sought AND (sought = words OR r.tokens @@ words)"
_BY_SIGHT = "(r.tokens @@ words OR words IS NULL)"  # as it stands, no index can be asked
_EITHER = f"""
    IF sought IS NULL THEN {_GATHER.replace("{holds}", _BY_SIGHT)} ELSE {_GATHER.replace("{holds}", _BY_INDEX)} END IF;
"""
# All that hold the words where these are few, else the newest. `by_index` is the part of them that an index answers at once, none if
# there is no such part: beginnings of words, which it gathers from all words that begin so.
_FIND_WORDS = f"""
CREATE FUNCTION store.find_words(words tsquery, by_index tsquery, most integer)
RETURNS TABLE (record_id bigint, version integer, reported_at timestamptz, title text)
LANGUAGE plpgsql {_OPTIONS} ROWS 100 AS $$
DECLARE
    sought tsquery := by_index; -- what the index is asked for; null: nothing, the records of each week are looked through
    is_answered boolean := coalesce(by_index = words, false); -- by the index, every word
    ids bigint[] := '{{}}';
    versions integer[] := '{{}}';
    times timestamptz[] := '{{}}';
    titles text[] := '{{}}';
    few_ids bigint[];
    few_versions integer[];
    few_times timestamptz[];
    few_titles text[];
    newest integer := least(store.week_of(now()), ({_PUBLISHED} ORDER BY c.reported_at DESC NULLS LAST LIMIT 1));
    oldest integer := ({_PUBLISHED} ORDER BY c.reported_at ASC NULLS FIRST LIMIT 1);
    span bigint := newest - oldest + 1;
    weeks integer[] := ARRAY[newest, newest - (newest - oldest) / {_WEEKS}, newest - (newest - oldest) * 2 / {_WEEKS}];
    week integer;
    gathered integer;
    without integer := 0;
    held bigint := 0;
    looked_at bigint := 0;
    indexed bigint := 0;
    stored bigint := (SELECT greatest(c.reltuples, 0) FROM pg_class c WHERE c.oid = 'store.source_record'::regclass);
BEGIN
    IF NOT is_answered THEN
        FOREACH week IN ARRAY weeks LOOP
            EXIT WHEN by_index IS NULL;
            held := held + (SELECT count(*) FROM (
                SELECT FROM store.source_record r WHERE r.tokens @@ by_index AND store.week_of(r.reported_at) = week LIMIT {_HELD}
            ) f);
        END LOOP;
        IF by_index IS NOT NULL AND held * span <= {_WEEKS} * {_DIRECT} THEN
            {_FEW.format(holds="r.tokens @@ words", sought="by_index")}
        END IF;
        held := 0;
        FOREACH week IN ARRAY weeks LOOP
            SELECT looked_at + count(*), held + count(*) FILTER (WHERE f.is_held), indexed + count(*) FILTER (WHERE f.is_indexed)
            INTO looked_at, held, indexed FROM (
                SELECT r.tokens @@ words AS is_held, by_index IS NULL OR r.tokens @@ by_index AS is_indexed FROM store.source_record r
                WHERE store.week_of(r.reported_at) = week LIMIT {_PROBED}
            ) f;
        END LOOP;
        -- All that hold the words, or, week by week until these are enough, all that hold the part which the index knows: what is less.
        IF held * (held * stored + {_GATHERED} * looked_at) <= most * indexed * looked_at THEN
            RETURN QUERY
            {_ALL};
            RETURN;
        END IF;
        sought := CASE WHEN numnode(words) = 1 AND held * {_COMMON} < looked_at THEN words ELSE by_index END;
    END IF;
    week := newest;
    WHILE week >= oldest AND cardinality(ids) < most AND without < {_WITHOUT} LOOP
        IF is_answered AND week = newest - 1 AND cardinality(ids) * span <= {_DIRECT} THEN -- as the newest week has it
            {_FEW.format(holds="true", sought="words")}
        END IF;
        gathered := cardinality(ids);
        {_EITHER.format(weeks="= week")}
        week := week - 1;
        without := CASE WHEN cardinality(ids) = gathered THEN without + 1 ELSE 0 END;
    END LOOP;
    IF cardinality(ids) < most THEN -- all other weeks at once
        {_EITHER.format(weeks="<= coalesce(week, -1) OR store.week_of(r.reported_at) > coalesce(newest, -1)")}
    END IF;
    RETURN QUERY SELECT f.* FROM unnest({", ".join(_ARRAYS)}) AS f;
END $$
"""
# Records with words and their cases, in one row: how many are held, up to `most`; then of all of them, or of more than can be held of
# the newest, columns of a line a record, which are taken apart in a fifth of the time that as many rows of as many values take.
_FIND_CASES = f"""
CREATE FUNCTION store.find_cases_with_words(words tsquery, by_index tsquery, most integer, newest integer)
RETURNS TABLE (held bigint, records text, case_ids text, reported_at text, titles text)
LANGUAGE sql {_OPTIONS} ROWS 1 AS $$
    WITH found AS MATERIALIZED (
        SELECT f.*, row_number() OVER () AS place FROM store.find_words($1, $2, $3) f
    ),
    counted AS MATERIALIZED (SELECT count(*) AS held FROM found)
    SELECT (SELECT held FROM counted), string_agg(f.record_id || ',' || f.version, chr(10)), string_agg(CAST(m.case_id AS text), chr(10)),
           string_agg(CAST(coalesce(CAST(extract(epoch FROM f.reported_at) AS double precision), 'NaN') AS text), chr(10)),
           string_agg(coalesce(translate(f.title, chr(10), ' '), ''), chr(10))
    FROM found f
    JOIN LATERAL (SELECT m.case_id FROM store.case_member m WHERE m.record_id = f.record_id AND m.known_to IS NULL OFFSET 0) m ON true
    WHERE f.place <= $4 OR (SELECT held FROM counted) < $3
$$
"""
_WORDS = "store.find_words(tsquery, tsquery, integer)"
_CASES = "store.find_cases_with_words(tsquery, tsquery, integer, integer)"


def upgrade() -> None:
    op.execute(f"DROP FUNCTION {_WORDS}")
    _make({_WORDS: _FIND_WORDS, _CASES: _FIND_CASES})


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {_CASES}")
    op.execute(f"DROP FUNCTION {_WORDS}")
    _make({_WORDS: _before._FIND_WORDS})


def _make(functions: dict[str, str]) -> None:
    for signature, statement in functions.items():
        op.execute(statement)
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO {_READER}")
