"""What every statement about cases says the same way: which version is current, and what the asking department may read.

`r` is store.known_record: what row security shows to the login of store.source_record, and what is only acknowledged; `m` is
store.case_member; `:own` is the caller's department, null for a caller of no one department. These fragments, row security and
`api.access.clearance` must agree; tests hold them together.
"""

from __future__ import annotations

CURRENT = "r.known_from IS NOT NULL AND r.known_to IS NULL AND NOT r.is_deleted"
READABLE = "(r.visibility = 'shared' OR r.department = :own)"
ACKNOWLEDGED = "(r.visibility = 'restricted' AND r.department IS DISTINCT FROM :own)"
LIMITED = "r.visibility <> 'shared'"  # not for everybody: restricted, sealed, or a word unknown

#: Current members of cases with their published versions.
MEMBERS = f"store.case_member m JOIN store.known_record r ON r.record_id = m.record_id AND m.known_to IS NULL AND {CURRENT}"


def follow(relation: str, parameter: str, holds: str = "d.known_to IS NULL") -> str:
    """A subquery of ids: the one asked for, and those it was merged into; `holds` says of a redirect `d` whether it counts."""
    return (
        f"(WITH RECURSIVE chain (id) AS (SELECT CAST(:{parameter} AS uuid) UNION SELECT d.to_id FROM store.redirect d "
        f"JOIN chain ON d.relation = '{relation}' AND d.from_id = chain.id AND {holds}) SELECT id FROM chain)"
    )
