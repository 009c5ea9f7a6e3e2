"""Statements of the single entry: one keyset page of the cases that an entry and filters find, and why each was found.

A case is listed by its published summary, which PUBLISH makes of shared records alone, in the order of an index. A case that
holds a restricted or sealed record of the caller's own department is summed up for that department, from the golden values
that its readable records state; and so is every case for a caller who reads some departments or places alone. So a closed record
reaches no value, filter, order or count of anybody else's.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from api.cursor import CasePosition
from api.queries.found import Found, by_entity, by_entry, entry_parameters
from api.queries.rows import Row, fetch
from api.queries.visible import ACKNOWLEDGED, CURRENT, LIMITED, MEMBERS, READABLE
from api.recognise import Reading

MATCHES_PER_CASE = 5
FILTERS = ("category", "status", "grade", "street", "community")
FIELDS = ("title", *FILTERS)


@dataclass(frozen=True)
class Search:
    """What is asked for: an entry as read, filters, and where the page begins."""

    own: str | None  # the caller's department
    limit: int
    is_whole: bool = True  # whether shared records of every department and place are the caller's to read
    reading: Reading | None = None
    equal: Mapping[str, str] = field(default_factory=dict)  # category, status, grade, street, community → code
    department: str | None = None
    reported_from: dt.datetime | None = None
    reported_before: dt.datetime | None = None
    person_id: uuid.UUID | None = None
    organisation_id: uuid.UUID | None = None
    after: CasePosition | None = None

    @property
    def found(self) -> list[Found]:
        """What a case must hold."""
        wanted = [] if self.reading is None else [by_entry(self.reading)]
        entities = {"person": self.person_id, "organisation": self.organisation_id}
        return wanted + [by_entity(relation) for relation, entity_id in entities.items() if entity_id is not None]

    @property
    def parameters(self) -> dict[str, Any]:
        """Every value that a statement may want bound."""
        return {
            "own": self.own,
            "limit": self.limit + 1,
            "department": self.department,
            "reported_from": self.reported_from,
            "reported_before": self.reported_before,
            "person_id": self.person_id,
            "organisation_id": self.organisation_id,
            "after_time": self.after.reported_at if self.after else None,
            "after_id": self.after.case_id if self.after else None,
            **self.equal,
            **entry_parameters(self.reading),
        }


_SUMMARY = f"case_id, reported_at, {', '.join(FILTERS)}"
_ORDER = "ORDER BY reported_at DESC NULLS LAST, case_id"
_ANY = "EXISTS (SELECT FROM {members} WHERE m.case_id = c.case_id AND {condition} OFFSET 0)"  # OFFSET 0: case by case, never as a join
_IS_READABLE = _ANY.format(members=MEMBERS, condition=READABLE)
_IS_OWN = f"r.department = :own AND {LIMITED}"
_HAS_OWN = _ANY.format(members=MEMBERS, condition=_IS_OWN)

# Cases with restricted or sealed records of the caller's own department.
_OWN = f"SELECT DISTINCT m.case_id FROM {MEMBERS} WHERE {_IS_OWN}"
# Cases of a caller who reads some departments or places alone: what is published of them may tell of others.
_READABLE_CASES = f"SELECT DISTINCT m.case_id FROM {MEMBERS} WHERE {READABLE}"
_SUMMED_UP = f"""
SELECT c.case_id, readable.reported_at, readable.departments, {{values}}
FROM own JOIN store.unified_case c USING (case_id)
CROSS JOIN LATERAL (
    SELECT min(r.reported_at) AS reported_at, array_agg(r.department) AS departments, array_agg(r.record_id) AS record_ids
    FROM {MEMBERS} WHERE m.case_id = c.case_id AND {READABLE}
) readable {{stated}}
WHERE c.known_to IS NULL
"""
_STATED = f"""
CROSS JOIN LATERAL (
    SELECT {", ".join(f"max(value) FILTER (WHERE field = '{name}') AS {name}" for name in FILTERS)}
    FROM (
        SELECT DISTINCT ON (g.field) g.field, g.value FROM store.readable_values(ARRAY[c.case_id]) g
        WHERE g.known_to IS NULL AND g.stated_by && readable.record_ids
          AND g.field IN ({", ".join(f"'{name}'" for name in FILTERS)})
        ORDER BY g.field, g.rank
    ) best
) stated
"""


def page(connection: Connection, search: Search) -> list[Row]:
    """One page of case summaries; one row more than `search.limit` if there is another page."""
    parameters = search.parameters
    found = search.found
    few = [each for each in found if each.is_few(connection, parameters)]
    many = [each for each in found if each not in few]
    heads = [f"few_{index} AS MATERIALIZED ({each.cases()})" for index, each in enumerate(few)]
    joins = " ".join(f"JOIN few_{index} USING (case_id)" for index in range(len(few)))
    holds = [each.holds() for each in many]
    conditions = _conditions(search)
    published = [*conditions, *holds, *_permitted(found, conditions)]
    if search.own is not None:
        published.append(f"NOT {_HAS_OWN}")
    branches = (
        []
        if not search.is_whole
        else [
            f"(SELECT {_SUMMARY} FROM store.unified_case c {joins} WHERE {' AND '.join([after, 'c.known_to IS NULL', *published])} "
            f"{_ORDER} LIMIT :limit)"
            for after in _after(search.after)
        ]
    )
    if search.own is not None or not search.is_whole:
        has_own, every = (f" c WHERE {_HAS_OWN}", _OWN) if search.is_whole else ("", _READABLE_CASES)
        own = f"SELECT case_id FROM few_0{has_own}" if few else every
        heads.append(f"own AS MATERIALIZED ({own})")
        rest = " AND ".join([f"({' OR '.join(_after(search.after))})", *conditions, *holds])
        branches.append(f"(SELECT {_SUMMARY} FROM ({_summed_up(search)}) c {joins} WHERE {rest} {_ORDER} LIMIT :limit)")
    head = f"WITH {', '.join(heads)} " if heads else ""
    return fetch(connection, f"{head}SELECT * FROM ({' UNION ALL '.join(branches)}) cases {_ORDER} LIMIT :limit", parameters)


def _permitted(found: Sequence[Found], conditions: Sequence[str]) -> list[str]:
    """The condition that the caller can read a record of the case, where nothing else says so.

    A case of which the caller can read none is made known by an identifier alone, without filters: they would tell its values.
    """
    if any(not each.tells_of_closed for each in found) or (found and not conditions):
        return []
    return [_IS_READABLE]


def _summed_up(search: Search) -> str:
    """Summaries of cases with closed records of the caller's own; values only where a filter looks at them."""
    values = ", ".join(f"stated.{name}" if search.equal else f"c.{name}" for name in FILTERS)
    return _SUMMED_UP.replace("{values}", values).replace("{stated}", _STATED if search.equal else "")


def matches(connection: Connection, search: Search, case_ids: Sequence[uuid.UUID]) -> list[Row]:
    """Why each of these cases was found: the records that hold the entry, with the texts to say where."""
    if search.reading is None or not case_ids:
        return []
    entry = by_entry(search.reading)
    texts = ", ".join(f"CASE WHEN f.field = 'words' THEN r.{name} END AS {name}" for name in ("title", "text", "address", "case_number"))
    names = "(SELECT array_agg(p.name ORDER BY p.ordinal) FROM store.party p WHERE p.record_id = r.record_id AND p.version = r.version)"
    statement = f"""
    SELECT * FROM (
        SELECT m.case_id, r.department, r.source_record_id, r.visibility, f.field, f.role, {texts},
               CASE WHEN f.field = 'words' THEN {names} END AS names,
               row_number() OVER (PARTITION BY m.case_id ORDER BY r.record_id, f.field, f.role) AS turn
        FROM {MEMBERS} CROSS JOIN LATERAL (
            SELECT f.field, f.role FROM ({entry.sql}) f WHERE f.record_id = r.record_id AND f.version = r.version OFFSET 0
        ) f
        WHERE m.case_id = ANY(:case_ids) AND {entry.reach}
    ) found WHERE turn <= {MATCHES_PER_CASE} ORDER BY case_id, turn
    """
    return fetch(connection, statement, {**search.parameters, "case_ids": list(case_ids)})


def surroundings(connection: Connection, case_ids: Sequence[uuid.UUID], own: str | None) -> dict[uuid.UUID, Row]:
    """Per case: how many records of which departments can be read, who else is to be asked, and the persons a title may name."""
    statement = f"""
    SELECT m.case_id, count(DISTINCT r.record_id) FILTER (WHERE {READABLE}) AS records, bool_or({LIMITED}) AS is_limited,
           array_agg(DISTINCT r.department) FILTER (WHERE {READABLE}) AS departments,
           array_agg(DISTINCT r.department) FILTER (WHERE {ACKNOWLEDGED}) AS acknowledged,
           array_agg(DISTINCT p.name) FILTER (WHERE {READABLE} AND p.kind = 'person' AND p.name IS NOT NULL) AS names
    FROM {MEMBERS} LEFT JOIN store.party p ON p.record_id = r.record_id AND p.version = r.version
    WHERE m.case_id = ANY(:case_ids) GROUP BY m.case_id
    """
    return {row["case_id"]: row for row in fetch(connection, statement, {"case_ids": list(case_ids), "own": own})}


def best_values(connection: Connection, case_ids: Sequence[uuid.UUID], own: str | None) -> dict[tuple[uuid.UUID, str], Row]:
    """Per case and field of `FIELDS` the best value that a readable record states, and whether one of the caller's own states it."""
    statement = f"""
    SELECT DISTINCT ON (g.entity_id, g.field) g.entity_id, g.field, g.value, s.is_own FROM store.readable_values(:case_ids) g
    CROSS JOIN LATERAL (
        SELECT coalesce(bool_or(r.department = :own), false) AS is_own FROM store.source_record r
        WHERE r.record_id = ANY(g.stated_by) AND {CURRENT} AND {READABLE} HAVING count(*) > 0
    ) s
    WHERE g.field = ANY(:fields) AND g.known_to IS NULL
    ORDER BY g.entity_id, g.field, g.rank
    """
    rows = fetch(connection, statement, {"case_ids": list(case_ids), "own": own, "fields": list(FIELDS)})
    return {(row["entity_id"], row["field"]): row for row in rows}


def _conditions(search: Search) -> list[str]:
    conditions = [f"{name} = :{name}" for name in FILTERS if name in search.equal]
    if search.department is not None:
        conditions.append("CAST(:department AS text) = ANY(departments)")
    if search.reported_from is not None:
        conditions.append("reported_at >= :reported_from")
    if search.reported_before is not None:
        conditions.append("reported_at < :reported_before")
    return conditions


def _after(position: CasePosition | None) -> list[str]:
    """Conditions whose union is what comes after a position; each is a range of the index."""
    if position is None:
        return ["true"]
    if position.reported_at is None:
        return ["reported_at IS NULL AND case_id > CAST(:after_id AS uuid)"]
    return [
        "reported_at = :after_time AND case_id > CAST(:after_id AS uuid)",
        "reported_at < :after_time",
        "reported_at IS NULL",
    ]
