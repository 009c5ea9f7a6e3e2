"""What every statement about cases says the same way: which version is current, and what the asking department may read.

`r` is store.known_record: what row security shows to the login of store.source_record, and what is only acknowledged; `m` is
store.case_member; `:own` is the caller's department, null for a caller of no one department. These fragments, row security and
`api.access.clearance` must agree; tests hold them together.
"""

from __future__ import annotations

CURRENT = "r.known_from IS NOT NULL AND r.known_to IS NULL AND NOT r.is_deleted"
READABLE = "(r.visibility = 'shared' OR r.department = :own)"
ACKNOWLEDGED = "(r.visibility = 'restricted' AND r.department IS DISTINCT FROM :own)"

#: Current members of cases with their published versions: of cases that are given. The record is looked up member by member (OFFSET 0),
#: for a condition of a join does not reach into the view of what is acknowledged, which would be read whole.
MEMBERS = (
    "store.case_member m JOIN LATERAL "
    f"(SELECT r.* FROM store.known_record r WHERE r.record_id = m.record_id AND {CURRENT} OFFSET 0) r ON m.known_to IS NULL"
)


#: The same one look-up by index after another, for a case `{case}`. A planner that expects row security to be dear, or many rows,
#: would rather read a whole table once; OFFSET 0 leaves it no choice.
_MEMBER = "(SELECT m.case_id, m.record_id FROM store.case_member m WHERE m.{column} = {value} AND m.known_to IS NULL OFFSET 0) m"
_KNOWN = "(SELECT r.* FROM store.known_record r WHERE r.record_id = {record} AND " + CURRENT + "{more} OFFSET 0) r"


def members_of(cases: str) -> str:
    """FROM of the records `r` of cases, with `m`.

    Args:
        cases: parameter that holds their ids.
    """
    member, known = _MEMBER.format(column="case_id", value="t.case_id"), _KNOWN.format(record="m.record_id", more="")
    return f"unnest(CAST(:{cases} AS uuid[])) AS t (case_id) CROSS JOIN LATERAL {member} CROSS JOIN LATERAL {known}"


def known_records(found: str) -> str:
    """FROM of the published records `r` that a subquery finds, with `f` its rows."""
    known = _KNOWN.format(record="f.record_id", more=" AND r.version = f.version")
    return f"({found}) f CROSS JOIN LATERAL {known}"


def records_with_cases(found: str) -> str:
    """The same with `m`, their cases."""
    return f"{known_records(found)} CROSS JOIN LATERAL {_MEMBER.format(column='record_id', value='f.record_id')}"


def current_records(ids: str) -> str:
    """FROM of the published records `r` that are given.

    Args:
        ids: parameter that holds their ids.
    """
    return f"unnest(CAST(:{ids} AS bigint[])) AS t (record_id) CROSS JOIN LATERAL {_KNOWN.format(record='t.record_id', more='')}"


def follow(relation: str, parameter: str, holds: str = "d.known_to IS NULL") -> str:
    """A subquery of ids: the one asked for, and those it was merged into; `holds` says of a redirect `d` whether it counts."""
    return (
        f"(WITH RECURSIVE chain (id) AS (SELECT CAST(:{parameter} AS uuid) UNION SELECT d.to_id FROM store.redirect d "
        f"JOIN chain ON d.relation = '{relation}' AND d.from_id = chain.id AND {holds}) SELECT id FROM chain)"
    )
