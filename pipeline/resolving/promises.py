"""What the contracts that the store was fed by promise of their departments' records."""

from __future__ import annotations

from sqlalchemy import Connection, text

_UNIQUE = """
SELECT department FROM (
    SELECT DISTINCT ON (department) department, document FROM ops.contract ORDER BY department, last_used_at DESC, version DESC
) c WHERE document ->> 'unique_within' = 'true'
"""


def unique_departments(connection: Connection) -> frozenset[str]:
    """Departments whose contract, the one that was used last, promises no duplicate cases within themselves."""
    return frozenset(connection.execute(text(_UNIQUE)).scalars())
