"""Statements of what a page shows of its cases: why each was found, what can be read of it and at whom to ask, its best values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Connection

from api.queries.found import by_entry
from api.queries.rows import Row, fetch
from api.queries.search import FIELDS, FILTERS, Search
from api.queries.visible import READABLE

MATCHES_PER_CASE = 5
# Ids of cases come and go as text: UUIDs are made, compared and written by Python's own code, some two hundred times a page.
_IDS = "CAST(CAST(:case_ids AS text[]) AS uuid[])"
_TOLD = ("records", "is_limited", "reported_at", "departments", "acknowledged", "names", "fields", "values", "owns")
_SUMMARIES = (
    f"SELECT CAST(s.case_id AS text) AS case_id, {', '.join(f's.{name}' for name in _TOLD)} "
    f"FROM store.case_summaries({_IDS}, CAST(:fields AS text[])) s"
)
_MEMBERS = f"store.known_members({_IDS}) r"


def titles(connection: Connection, search: Search, case_ids: Sequence[str]) -> dict[str, list[str]]:
    """Of each case the titles of readable records that hold the entry's words."""
    statement = f"""
    SELECT CAST(r.case_id AS text) AS case_id, array_agg(DISTINCT r.title) AS titles FROM {_MEMBERS}
    WHERE {READABLE} AND r.title IS NOT NULL AND r.tokens @@ CAST(:tokens AS tsquery) GROUP BY r.case_id
    """
    rows = fetch(connection, statement, {**search.parameters, "case_ids": list(case_ids)})
    return {row["case_id"]: row["titles"] for row in rows}


def matches(connection: Connection, search: Search, case_ids: Sequence[str]) -> list[Row]:
    """Why each of these cases was found: the records that hold the entry, the closest first, with the texts to say where."""
    if search.reading is None or not case_ids:
        return []
    hits = None if search.hits is None else search.hits.only(set(case_ids))
    entry, search = by_entry(search.reading, hits), replace(search, hits=hits)
    texts = ", ".join(f"CASE WHEN f.field = 'words' THEN r.{name} END AS {name}" for name in ("title", "text", "address"))
    statement = f"""
    SELECT found.*, p.role, p.kind, p.name, p.id_no, p.phone FROM (
        SELECT CAST(r.case_id AS text) AS case_id, r.record_id, r.version, r.department, r.source_record_id, r.visibility,
               f.field, f.ordinal, f.rank, {texts}, r.case_number, CASE WHEN f.field = 'words' THEN r.names END AS names,
               row_number() OVER (PARTITION BY r.case_id ORDER BY f.rank, r.record_id, f.field, f.ordinal) AS turn
        FROM {_MEMBERS} CROSS JOIN LATERAL ({entry.at_record()} OFFSET 0) f
        WHERE {entry.reach}
    ) found LEFT JOIN store.party p ON p.record_id = found.record_id AND p.version = found.version AND p.ordinal = found.ordinal
    WHERE turn <= {MATCHES_PER_CASE} ORDER BY case_id, turn
    """
    return fetch(connection, statement, {**search.parameters, "case_ids": list(case_ids)})


class Stated(NamedTuple):
    """The best value of a field that a readable record states."""

    value: str
    is_own: bool  # whether a record of the caller's own department states it


def summaries(connection: Connection, case_ids: Sequence[str]) -> dict[str, Row]:
    """Per case what its readable records come to, who else is to be asked, the persons a title may name, and `best`.

    `best` is of each field of `FIELDS` that a readable record states the best value.
    """
    if not case_ids:
        return {}
    rows = fetch(connection, _SUMMARIES, {"case_ids": list(case_ids), "fields": list(FIELDS)})
    for row in rows:
        values = map(Stated, row.pop("values") or (), row.pop("owns") or ())
        row["best"] = dict(zip(row.pop("fields") or (), values, strict=True))
    return {row["case_id"]: row for row in rows}


def stated_values(summary: Row) -> dict[str, str | None]:
    """Of `FILTERS` what readable records state, whatever is published of the case."""
    best: Mapping[str, Stated] = summary["best"]
    return {name: best[name].value if name in best else None for name in FILTERS}
