"""Phones and ID numbers in texts are tokens as wholes alone, however they are cut: of records that hold one they are worked out anew.

What was written with blanks, dashes or the country's digits stood in `tokens` otherwise, and could be read out where it is masked.
Common words of all shared records are told to the store's owner alone, who asks for them on behalf of every login.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from schema.numbers import LONG_NUMBER

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_ROWS = 2_000  # records worked on at once
_PATTERN = LONG_NUMBER.replace(r"\d", "[0-9０-９]")
_HELD = """
SELECT record_id, version FROM store.source_record
WHERE tokens IS NOT NULL AND concat_ws(E'\\n', title, case_number, address, text) ~ :pattern
UNION SELECT record_id, version FROM store.party WHERE name ~ :pattern
"""
# As NORMALISE puts them together.
_WRITTEN = """
SELECT r.record_id, r.version, concat_ws(E'\\n', r.title, n.names, r.case_number, r.address, r.text) AS written
FROM unnest(CAST(:records AS bigint[]), CAST(:versions AS integer[])) AS k (record_id, version)
JOIN store.source_record r ON r.record_id = k.record_id AND r.version = k.version AND r.tokens IS NOT NULL
CROSS JOIN LATERAL (
    SELECT string_agg(p.name, E'\\n' ORDER BY p.ordinal) AS names FROM (
        SELECT name, min(ordinal) AS ordinal FROM store.party WHERE record_id = r.record_id AND version = r.version GROUP BY name
    ) p
) n
"""
_UPDATE = """
UPDATE store.source_record r SET tokens = CAST(k.tokens AS tsvector)
FROM unnest(CAST(:records AS bigint[]), CAST(:versions AS integer[]), CAST(:tokens AS text[])) AS k (record_id, version, tokens)
WHERE r.record_id = k.record_id AND r.version = k.version AND r.tokens IS DISTINCT FROM CAST(k.tokens AS tsvector)
"""


def upgrade() -> None:
    op.execute("REVOKE EXECUTE ON FUNCTION store.common_words() FROM casehub_reader")
    connection = op.get_bind()
    held = connection.execute(sa.text(_HELD), {"pattern": _PATTERN}).all()
    for start in range(0, len(held), _ROWS):
        _renew(connection, [tuple(row) for row in held[start : start + _ROWS]])


def _renew(connection: sa.Connection, ids: Sequence[tuple[int, int]]) -> None:
    import polars as pl

    from schema.search import search_tokens

    rows = connection.execute(sa.text(_WRITTEN), {"records": [each[0] for each in ids], "versions": [each[1] for each in ids]}).all()
    tokens = search_tokens(pl.Series([row.written for row in rows], dtype=pl.String))
    values = {"records": [row.record_id for row in rows], "versions": [row.version for row in rows], "tokens": tokens.to_list()}
    connection.execute(sa.text(_UPDATE), values)


def downgrade() -> None:  # the tokens serve the version before as well
    op.execute("GRANT EXECUTE ON FUNCTION store.common_words() TO casehub_reader")
