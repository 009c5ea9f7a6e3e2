"""Statements of the single entry: which cases an entry and filters find, one keyset page of them, and why each was found.

A case of shared records alone is listed by its published summary, in the order of an index. A case that holds a restricted or
sealed record is summed up for the caller, from the golden values that readable records state: so a closed record reaches no
value, filter, order or count of others, and all of them for its own department.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from api.cursor import CasePosition
from api.queries.rows import Row, fetch
from api.queries.visible import ACKNOWLEDGED, CURRENT, LIMITED, MEMBERS, READABLE, follow
from api.recognise import IDENTIFIERS, Kind, Reading
from schema.search import tsquery

MATCHES_PER_CASE = 5


@dataclass(frozen=True)
class Search:
    """What is asked for: an entry as read, filters, and where the page begins."""

    own: str | None  # the caller's department
    limit: int
    reading: Reading | None = None
    equal: Mapping[str, str] = field(default_factory=dict)  # category, status, grade, street, community → code
    department: str | None = None
    reported_from: dt.datetime | None = None
    reported_before: dt.datetime | None = None
    person_id: uuid.UUID | None = None
    organisation_id: uuid.UUID | None = None
    after: CasePosition | None = None


FILTERS = ("category", "status", "grade", "street", "community")

# Where each kind of entry is looked for: rows of (record_id, version, field, role).
_OF_PARTIES = "SELECT p.record_id, p.version, '{column}' AS field, p.role FROM store.party p WHERE p.{column} = ANY(:values)"
_WORDS = (
    "SELECT r.record_id, r.version, 'words' AS field, NULL AS role FROM store.source_record r WHERE r.tokens @@ CAST(:tokens AS tsquery)"
)
_NUMBER = (
    "SELECT r.record_id, r.version, 'case_number' AS field, NULL AS role FROM store.source_record r WHERE r.case_number = ANY(:numbers) "
    "UNION ALL SELECT r.record_id, r.version, 'source_record_id', NULL FROM store.source_record r WHERE r.source_record_id = ANY(:numbers)"
)
_FOUND: dict[Kind, str] = {
    Kind.CASE_ID: "SELECT r.record_id, r.version, 'case_id' AS field, NULL AS role "
    f"FROM {MEMBERS} WHERE m.case_id IN {follow('case', 'case_id')}",
    Kind.CASE_NUMBER: _NUMBER,
    Kind.ID_NUMBER: f"{_OF_PARTIES.format(column='id_no')} UNION ALL {_WORDS}",
    Kind.PHONE: f"{_OF_PARTIES.format(column='phone')} UNION ALL {_WORDS}",
    Kind.CREDIT_CODE: f"{_OF_PARTIES.format(column='uscc')} UNION ALL {_WORDS}",
}
_ENTITY = (
    "SELECT p.record_id, p.version FROM store.{relation}_member e JOIN store.party p ON p.party_id = e.party_id "
    "WHERE e.known_to IS NULL AND e.{relation}_id IN {ids}"
)
_SUMMARY = "case_id, category, status, grade, street, community, reported_at, departments, records"
_ORDER = "ORDER BY reported_at DESC NULLS LAST, case_id"
_HAS_LIMITED = f"EXISTS (SELECT FROM {MEMBERS} WHERE m.case_id = c.case_id AND {LIMITED})"

# A case with restricted or sealed records, as the caller may know it.
_SUMMED_UP = f"""
SELECT c.case_id, best.category, best.status, best.grade, best.street, best.community, readable.reported_at,
       coalesce(readable.departments, '{{}}') AS departments, readable.records
FROM store.unified_case c {{found}}
CROSS JOIN LATERAL (
    SELECT CAST(count(*) AS integer) AS records, array_agg(DISTINCT r.department ORDER BY r.department) AS departments,
           array_agg(r.record_id) AS record_ids, min(r.reported_at) AS reported_at
    FROM {MEMBERS} WHERE m.case_id = c.case_id AND {READABLE}
) readable
CROSS JOIN LATERAL (
    SELECT {", ".join(f"max(value) FILTER (WHERE field = '{name}') AS {name}" for name in FILTERS)}
    FROM (
        SELECT DISTINCT ON (g.field) g.field, g.value FROM store.golden_value g
        WHERE g.entity_id = c.case_id AND g.known_to IS NULL AND g.stated_by && readable.record_ids
          AND g.field IN ({", ".join(f"'{name}'" for name in FILTERS)})
        ORDER BY g.field, g.rank
    ) stated
) best
WHERE c.known_to IS NULL AND {_HAS_LIMITED}
"""


def is_case_number(connection: Connection, numbers: Sequence[str], own: str | None) -> bool:
    """Whether any department's record that the caller may know of has one of these numbers."""
    statement = (
        f"SELECT EXISTS (SELECT FROM ({_NUMBER}) f JOIN store.source_record r ON r.record_id = f.record_id AND r.version = f.version "
        f"WHERE {CURRENT} AND ({READABLE} OR {ACKNOWLEDGED}))"
    )
    return bool(connection.execute(text(statement), {"numbers": list(numbers), "own": own}).scalar_one())


def page(connection: Connection, search: Search) -> list[Row]:
    """One page of case summaries; one row more than `search.limit` if there is another page."""
    parameters = _parameters(search)
    found = {f"found_{index}": sql for index, sql in enumerate(_found(search))}
    joins = " ".join(f"JOIN {name} USING (case_id)" for name in found)
    heads = [f"{name} AS MATERIALIZED ({sql})" for name, sql in found.items()]
    conditions = " ".join(f"AND {condition}" for condition in _conditions(search))
    plain = " UNION ALL ".join(
        f"(SELECT {_SUMMARY} FROM store.unified_case c {joins} WHERE c.known_to IS NULL AND NOT {_HAS_LIMITED} {conditions} AND {after} "
        f"{_ORDER} LIMIT :limit)"
        for after in _after(search.after)
    )
    summed = _SUMMED_UP.replace("{found}", joins)
    known = "true" if _may_be_acknowledged(search) else "records > 0"
    mixed = f"(SELECT * FROM ({summed}) s WHERE {known} {conditions} AND ({' OR '.join(_after(search.after))}) {_ORDER} LIMIT :limit)"
    statement = f"WITH {', '.join(heads)} " if heads else ""
    statement += f"SELECT * FROM ({plain} UNION ALL {mixed}) cases {_ORDER} LIMIT :limit"
    return fetch(connection, statement, parameters)


def matches(connection: Connection, search: Search, case_ids: Sequence[uuid.UUID]) -> list[Row]:
    """Why each of these cases was found: the records that hold the entry, with the texts to say where."""
    if search.reading is None or not case_ids:
        return []
    texts = ", ".join(f"CASE WHEN f.field = 'words' THEN r.{name} END AS {name}" for name in ("title", "text", "address", "case_number"))
    names = "(SELECT array_agg(p.name ORDER BY p.ordinal) FROM store.party p WHERE p.record_id = r.record_id AND p.version = r.version)"
    statement = f"""
    SELECT * FROM (
        SELECT m.case_id, r.department, r.source_record_id, r.visibility, f.field, f.role, {texts},
               CASE WHEN f.field = 'words' THEN {names} END AS names,
               row_number() OVER (PARTITION BY m.case_id ORDER BY r.record_id, f.field, f.role) AS turn
        FROM ({_found_by_entry(search.reading)}) f JOIN {MEMBERS} ON r.record_id = f.record_id AND r.version = f.version
        WHERE m.case_id = ANY(:case_ids) AND {_reach(search.reading)}
    ) found WHERE turn <= {MATCHES_PER_CASE} ORDER BY case_id, turn
    """
    return fetch(connection, statement, {**_parameters(search), "case_ids": list(case_ids)})


def surroundings(connection: Connection, case_ids: Sequence[uuid.UUID], own: str | None) -> dict[uuid.UUID, Row]:
    """Per case: departments whose records are only acknowledged, and the persons' names that a title may hold."""
    statement = f"""
    SELECT m.case_id, array_agg(DISTINCT r.department) FILTER (WHERE {ACKNOWLEDGED}) AS acknowledged,
           array_agg(DISTINCT p.name) FILTER (WHERE {READABLE} AND p.kind = 'person' AND p.name IS NOT NULL) AS names
    FROM {MEMBERS} LEFT JOIN store.party p ON p.record_id = r.record_id AND p.version = r.version
    WHERE m.case_id = ANY(:case_ids) GROUP BY m.case_id
    """
    rows = fetch(connection, statement, {"case_ids": list(case_ids), "own": own})
    return {row["case_id"]: row for row in rows}


def titles(connection: Connection, case_ids: Sequence[uuid.UUID], own: str | None) -> dict[uuid.UUID, Row]:
    """Per case the best title that a readable record states, and whether one of the caller's own states it."""
    statement = f"""
    SELECT DISTINCT ON (g.entity_id) g.entity_id, g.value, s.is_own FROM store.golden_value g
    CROSS JOIN LATERAL (
        SELECT coalesce(bool_or(r.department = :own), false) AS is_own FROM store.source_record r
        WHERE r.record_id = ANY(g.stated_by) AND {CURRENT} AND {READABLE} HAVING count(*) > 0
    ) s
    WHERE g.entity_id = ANY(:case_ids) AND g.field = 'title' AND g.known_to IS NULL
    ORDER BY g.entity_id, g.rank
    """
    rows = fetch(connection, statement, {"case_ids": list(case_ids), "own": own})
    return {row["entity_id"]: row for row in rows}


def _found_by_entry(reading: Reading) -> str:
    return _FOUND.get(reading.kind, _WORDS)


def _found(search: Search) -> list[str]:
    """Subqueries of case ids, all of which a case must be in."""
    sources = []
    if search.reading is not None:
        sources.append((_found_by_entry(search.reading), _reach(search.reading)))
    for relation, wanted in (("person", search.person_id), ("organisation", search.organisation_id)):
        if wanted is not None:
            ids = follow(relation, f"{relation}_id")
            sources.append((_ENTITY.format(relation=relation, ids=ids), f"({READABLE} OR {ACKNOWLEDGED})"))
    return [
        f"SELECT DISTINCT m.case_id FROM ({sql}) f JOIN {MEMBERS} ON r.record_id = f.record_id AND r.version = f.version WHERE {reach}"
        for sql, reach in sources
    ]


def _reach(reading: Reading) -> str:
    """Identifiers and numbers reach records that are only acknowledged; words do not: word by word they would tell their text."""
    if reading.kind in IDENTIFIERS:
        return f"({READABLE} OR ({ACKNOWLEDGED} AND f.field <> 'words'))"
    return f"({READABLE} OR {ACKNOWLEDGED})" if reading.kind in _FOUND else READABLE


def _may_be_acknowledged(search: Search) -> bool:
    """Whether a case may be shown of which the caller can read no record: asked for by an identifier, and by nothing else."""
    values = search.equal or search.department or search.reported_from or search.reported_before
    by_entry = search.reading is not None and search.reading.kind in _FOUND
    return not values and (by_entry or search.person_id is not None or search.organisation_id is not None)


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


def _parameters(search: Search) -> dict[str, Any]:
    reading = search.reading
    return {
        "own": search.own,
        "limit": search.limit + 1,
        **search.equal,
        "department": search.department,
        "reported_from": search.reported_from,
        "reported_before": search.reported_before,
        "person_id": search.person_id,
        "organisation_id": search.organisation_id,
        "after_time": search.after.reported_at if search.after else None,
        "after_id": search.after.case_id if search.after else None,
        "values": list(reading.values) if reading else None,
        "numbers": list(reading.numbers) if reading else None,
        "case_id": reading.values[0] if reading and reading.kind is Kind.CASE_ID else None,
        "tokens": _tokens(reading) if reading else None,
    }


def _tokens(reading: Reading) -> str:
    """The entry as a tsquery; of an identifier each of its forms. Empty, it finds nothing."""
    texts = reading.values if reading.kind in IDENTIFIERS else (reading.text,)
    return " | ".join(query for query in map(tsquery, texts) if query)
