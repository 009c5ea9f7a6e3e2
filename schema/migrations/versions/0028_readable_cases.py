"""Cases of a caller who reads some departments or places alone, told by one look at each record that he may read.

Each of his cases was summed up, from its members and its values, before a filter was asked: 30 µs a case, for each page that a rare
filter does not fill, and for each count. `store.readable_cases` goes over his records once, 3 µs each, and tells of each case when it was
reported, where of each value that is asked for some record states it. A value of a case is stated by a record that he reads, so that
no other case can have it.

And the windows before and after all weeks that are published, with which each list begins, ask the index for place and week: by place alone
all of his records were read for them, of which hardly one is of such a week. One end is asked of it; of two it would gather each by itself,
and with one of them all records that there are.
"""

from __future__ import annotations

from importlib import import_module

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_before = import_module("schema.migrations.versions.0009_search_speed")
_READER = "casehub_reader"
_SIGNATURE = "store.readable_cases(text, text, text, text, text, text)"
_FIELDS = ("category", "status", "grade", "street", "community", "department")
_COLUMNS = f"r.record_id, r.reported_at, {', '.join(f'r.{name}' for name in _FIELDS)}"
_OF = f"(SELECT {_COLUMNS} FROM store.source_record r WHERE {{wanted}} AND {_before._VISIBLE} OFFSET 0) r"
_WEEKS = f"store.week_of(r.reported_at) BETWEEN {-(2**31)} AND {2**31 - 1}"  # all of them: by it the index is read, not the table
# A record of one of his streets and one of his communities comes twice, which changes nothing here.
_READABLE_CASES = f"""
CREATE FUNCTION store.readable_cases({", ".join(f"wanted_{name} text" for name in _FIELDS)})
RETURNS TABLE (case_id uuid, reported_at timestamptz)
LANGUAGE sql {_before._OPTIONS} ROWS 1000 AS $$
    SELECT m.case_id, min(r.reported_at) FROM (SELECT * FROM ops.my_scope OFFSET 0) s
    CROSS JOIN LATERAL (
        SELECT r.* FROM unnest(s.communities) AS p (place) CROSS JOIN LATERAL {_OF.format(wanted="r.community = p.place")}
        UNION ALL SELECT r.* FROM unnest(s.streets) AS p (place) CROSS JOIN LATERAL {_OF.format(wanted="r.street = p.place")}
        UNION ALL SELECT r.* FROM {_OF.format(wanted=_WEEKS)} WHERE s.streets IS NULL AND s.communities IS NULL
    ) r
    CROSS JOIN LATERAL (SELECT m.case_id FROM store.case_member m WHERE m.record_id = r.record_id AND m.known_to IS NULL OFFSET 0) m
    GROUP BY m.case_id
    HAVING {" AND ".join(f"(${place} IS NULL OR bool_or(r.{name} = ${place}))" for place, name in enumerate(_FIELDS, start=1))}
$$
"""
_CASES_IN_WEEKS = _before._CASES_IN_WEEKS.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
_ONE_END = f"""IF last = {2**31 - 1} THEN
            {_before._BY_PLACES.format(weeks=">= first")}
        ELSE
            {_before._BY_PLACES.format(weeks="<= last AND store.week_of(r.reported_at) + 0 >= first")}
        END IF;
"""


def upgrade() -> None:
    op.execute(_CASES_IN_WEEKS.replace(_before._BY_PLACES.format(weeks="+ 0 BETWEEN first AND last"), _ONE_END))
    op.execute(_READABLE_CASES)
    op.execute(f"REVOKE ALL ON FUNCTION {_SIGNATURE} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {_SIGNATURE} TO {_READER}")


def downgrade() -> None:
    op.execute(_CASES_IN_WEEKS)
    op.execute(f"DROP FUNCTION {_SIGNATURE}")
