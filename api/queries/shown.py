"""Statements of what a page shows of its cases: why each was found, what can be read of it and at whom to ask, its best values."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Connection

from api.queries.found import by_entry
from api.queries.rows import Row, fetch
from api.queries.search import FIELDS, FILTERS, Search
from api.queries.visible import ACKNOWLEDGED, CURRENT, LIMITED, READABLE, members_of

MATCHES_PER_CASE = 5


def titles(connection: Connection, search: Search, case_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
    """Of each case the titles of readable records that hold the entry's words."""
    statement = f"""
    SELECT m.case_id, array_agg(DISTINCT r.title) AS titles FROM {members_of("case_ids")}
    WHERE {READABLE} AND r.title IS NOT NULL AND r.tokens @@ CAST(:tokens AS tsquery) GROUP BY m.case_id
    """
    rows = fetch(connection, statement, {**search.parameters, "case_ids": list(case_ids)})
    return {row["case_id"]: row["titles"] for row in rows}


def matches(connection: Connection, search: Search, case_ids: Sequence[uuid.UUID]) -> list[Row]:
    """Why each of these cases was found: the records that hold the entry, the closest first, with the texts to say where."""
    if search.reading is None or not case_ids:
        return []
    hits = None if search.hits is None else search.hits.only(set(case_ids))
    entry, search = by_entry(search.reading, hits), replace(search, hits=hits)
    texts = ", ".join(f"CASE WHEN f.field = 'words' THEN r.{name} END AS {name}" for name in ("title", "text", "address"))
    names = "(SELECT array_agg(p.name ORDER BY p.ordinal) FROM store.party p WHERE p.record_id = r.record_id AND p.version = r.version)"
    statement = f"""
    SELECT found.*, p.role, p.kind, p.name, p.id_no, p.phone FROM (
        SELECT m.case_id, r.record_id, r.version, r.department, r.source_record_id, r.visibility, f.field, f.ordinal, f.rank, {texts},
               r.case_number, CASE WHEN f.field = 'words' THEN {names} END AS names,
               row_number() OVER (PARTITION BY m.case_id ORDER BY f.rank, r.record_id, f.field, f.ordinal) AS turn
        FROM {members_of("case_ids")} CROSS JOIN LATERAL ({entry.at_record()} OFFSET 0) f
        WHERE {entry.reach}
    ) found LEFT JOIN store.party p ON p.record_id = found.record_id AND p.version = found.version AND p.ordinal = found.ordinal
    WHERE turn <= {MATCHES_PER_CASE} ORDER BY case_id, turn
    """
    return fetch(connection, statement, {**search.parameters, "case_ids": list(case_ids)})


class Stated(NamedTuple):
    """The best value of a field that a readable record states."""

    value: str
    is_own: bool  # whether a record of the caller's own department states it


_AROUND = f"""
SELECT m.case_id, count(DISTINCT r.record_id) FILTER (WHERE {READABLE}) AS records, bool_or({LIMITED}) AS is_limited,
       min(r.reported_at) FILTER (WHERE {READABLE}) AS reported_at,
       array_agg(DISTINCT r.department) FILTER (WHERE {READABLE}) AS departments,
       array_agg(DISTINCT r.department) FILTER (WHERE {ACKNOWLEDGED}) AS acknowledged,
       array_agg(DISTINCT p.name) FILTER (WHERE {READABLE} AND p.kind = 'person' AND p.name IS NOT NULL) AS names
FROM {members_of("case_ids")} LEFT JOIN LATERAL (
    SELECT p.name, p.kind FROM store.party p WHERE p.record_id = r.record_id AND p.version = r.version OFFSET 0
) p ON true
GROUP BY m.case_id
"""
_BEST = f"""
SELECT DISTINCT ON (g.entity_id, g.field) g.entity_id, g.field, g.value, s.is_own FROM store.readable_values(:case_ids) g
CROSS JOIN LATERAL (
    SELECT coalesce(bool_or(r.department = :own), false) AS is_own FROM store.source_record r
    WHERE r.record_id = ANY(g.stated_by) AND {CURRENT} AND {READABLE} HAVING count(*) > 0
) s
WHERE g.field = ANY(:fields) AND g.known_to IS NULL
ORDER BY g.entity_id, g.field, g.rank
"""
# One statement and a row a case: the way to the database and back takes as long as either half does.
_SUMMARIES = f"""
WITH around AS MATERIALIZED ({_AROUND}), best AS MATERIALIZED (
    SELECT b.entity_id, array_agg(b.field) AS fields, array_agg(b.value) AS values, array_agg(b.is_own) AS owns FROM ({_BEST}) b
    GROUP BY b.entity_id
)
SELECT around.*, best.fields, best.values, best.owns FROM around LEFT JOIN best ON best.entity_id = around.case_id
"""


def summaries(connection: Connection, case_ids: Sequence[uuid.UUID], own: str | None) -> dict[uuid.UUID, Row]:
    """Per case what its readable records come to, who else is to be asked, the persons a title may name, and `best`.

    `best` is of each field of `FIELDS` that a readable record states the best value.
    """
    if not case_ids:
        return {}
    rows = fetch(connection, _SUMMARIES, {"case_ids": list(case_ids), "own": own, "fields": list(FIELDS)})
    for row in rows:
        values = map(Stated, row.pop("values") or (), row.pop("owns") or ())
        row["best"] = dict(zip(row.pop("fields") or (), values, strict=True))
    return {row["case_id"]: row for row in rows}


def stated_values(summary: Row) -> dict[str, str | None]:
    """Of `FILTERS` what readable records state, whatever is published of the case."""
    best: Mapping[str, Stated] = summary["best"]
    return {name: best[name].value if name in best else None for name in FILTERS}
