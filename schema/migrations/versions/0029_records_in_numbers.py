"""Which records hold an entry's words, and when each was reported, goes to the search in numbers, not as text.

Of 1,400 records ids, versions and times were written as figures here and read from figures there: a tenth of a millisecond at either
end. What else comes with a record stays as it is; the function runs as its owner, see 0007.
"""

from __future__ import annotations

from functools import reduce
from importlib import import_module

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_before = import_module("schema.migrations.versions.0024_words_read_once")
_SECONDS = "coalesce(CAST(extract(epoch FROM f.reported_at) AS double precision), 'NaN')"
_AS_TEXT = f"string_agg(CAST({_SECONDS} AS text), chr(10))"
_IN_NUMBERS = {
    _AS_TEXT: f"string_agg(float8send({_SECONDS}), '')",
    "string_agg(f.record_id || ',' || f.version, chr(10))": "string_agg(int8send(f.record_id) || int4send(f.version), '')",
    "records text": "records bytea",
    "reported_at text": "reported_at bytea",
}
_FIND_CASES = reduce(lambda made, change: made.replace(*change), _IN_NUMBERS.items(), _before._FIND_CASES)


def upgrade() -> None:
    op.execute(f"DROP FUNCTION {_before._CASES}")
    _before._make({_before._CASES: _FIND_CASES})


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {_before._CASES}")
    _before._make({_before._CASES: _before._FIND_CASES})
