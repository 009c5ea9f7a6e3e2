"""Statements of batch look-ups: many entries in one statement, each read and reached as the single entry's.

Names are looked for as they are written, in whichever characters, and not by sound or with a slip: of thousands of rows nobody
could tell who is meant.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from api.queries.found import by_entry, by_words, entry_parameters, is_whole
from api.queries.rows import Row, fetch
from api.queries.visible import ACKNOWLEDGED, CURRENT, READABLE, current_records, members_of
from api.recognise import Kind, Reading
from schema.search import tsqueries

MOST_RECORDS = 2_000  # that an entry is counted by; more are said to be more

#: A bound value of the single entry's statements → the same as a column of the many.
_BOUND = re.compile(r":(values|numbers|tokens|entry_case_id)\b")
_ASKED = """
WITH k AS MATERIALIZED (
    SELECT * FROM jsonb_to_recordset(:asked) AS k (ordinal int, "values" text[], numbers text[], tokens text, entry_case_id text)
)
"""
# OFFSET 0: record by record along an index, for the planner expects many of each entry and would read whole tables for each.
_RECORD = f"""
CROSS JOIN LATERAL (
    SELECT r.record_id, r.department, r.visibility, r.reported_at FROM store.known_record r
    WHERE r.record_id = f.record_id AND r.version = f.version AND {CURRENT} OFFSET 0
) r
"""
_ONE_BY_ONE = f"""{_RECORD}
CROSS JOIN LATERAL (SELECT m.case_id FROM store.case_member m WHERE m.record_id = r.record_id AND m.known_to IS NULL OFFSET 0) m
"""
_FOUND = """
SELECT k.ordinal, hit.case_id, hit.fields, hit.latest, hit.is_cut
FROM k CROSS JOIN LATERAL (
    SELECT case_id, array_agg(DISTINCT field) AS fields, max(readable_at) AS latest, sum(count(*)) OVER () > {most} AS is_cut
    FROM (
        SELECT m.case_id, f.field, CASE WHEN {readable} THEN r.reported_at END AS readable_at
        FROM ({found}) f {one_by_one} WHERE {reach} LIMIT {most} + 1
    ) hits
    GROUP BY case_id
) hit
ORDER BY k.ordinal, hit.latest DESC NULLS LAST, hit.case_id
"""
_BEHIND = f"SELECT m.case_id, r.record_id, {READABLE} AS is_readable FROM {members_of('case_ids')} WHERE {READABLE} OR {ACKNOWLEDGED}"
_STILL_KNOWN = f"SELECT r.record_id, {READABLE} AS is_readable FROM {current_records('record_ids')} WHERE {READABLE} OR {ACKNOWLEDGED}"


def found_by_entries(connection: Connection, kind: Kind, entries: Sequence[tuple[int, Reading]], own: str | None) -> list[Row]:
    """Cases of many entries of one kind, newest readable report first per row, with where it stands.

    Args:
        connection: for this caller.
        kind: of all of them.
        entries: each with its row's ordinal.
        own: the caller's department.

    Returns:
        ordinal, case_id, fields, and `is_cut`: more than `MOST_RECORDS` records hold it, of which some are counted.
    """
    entry = by_entry(entries[0][1], None) if is_whole(entries[0][1]) else by_words(MOST_RECORDS + 1)
    found = _FOUND.format(most=MOST_RECORDS, readable=READABLE, found=_many(entry.everywhere), one_by_one=_ONE_BY_ONE, reach=entry.reach)
    statement = _ASKED + found
    return _fetch(connection, statement, entries, own)


def case_numbers(connection: Connection, entries: Sequence[tuple[int, Reading]], own: str | None) -> set[tuple[int, str]]:
    """Which of these entries, by ordinal and text, are case numbers of a record that the caller may know of."""
    found = by_entry(Reading(Kind.CASE_NUMBER, ""), None)
    statement = f"""{_ASKED.replace("tokens text", "tokens text, entry text")}
    SELECT DISTINCT k.ordinal, k.entry FROM k WHERE EXISTS (
        SELECT FROM ({_many(found.everywhere)}) f {_RECORD} WHERE {found.reach} OFFSET 0
    )
    """
    return {(row["ordinal"], row["entry"]) for row in _fetch(connection, statement, entries, own)}


def records_behind(connection: Connection, case_ids: Sequence[uuid.UUID], own: str | None) -> dict[uuid.UUID, dict[int, bool]]:
    """Of each case the records that the caller may know of, each with whether he may read it."""
    found: dict[uuid.UUID, dict[int, bool]] = {}
    for row in fetch(connection, _BEHIND, {"case_ids": list(case_ids), "own": own}):
        found.setdefault(row["case_id"], {})[row["record_id"]] = row["is_readable"]
    return found


def known_of(connection: Connection, record_ids: Sequence[int], own: str | None) -> dict[int, bool]:
    """Which of these records the caller may know of, each with whether he may read it."""
    rows = fetch(connection, _STILL_KNOWN, {"record_ids": list(record_ids), "own": own})
    return {row["record_id"]: row["is_readable"] for row in rows}


def _many(sql: str) -> str:
    return _BOUND.sub(lambda bound: f'k."{bound[1]}"', sql)


def _fetch(connection: Connection, statement: str, entries: Sequence[tuple[int, Reading]], own: str | None) -> list[Row]:
    texts = list({text for _, reading in entries for text in reading.texts})
    queries = dict(zip(texts, tsqueries(texts), strict=True))
    tokens = [" | ".join(filter(None, map(queries.get, reading.texts))) for _, reading in entries]
    asked = [
        {**entry_parameters(reading, None, one), "ordinal": ordinal, "entry": reading.text}
        for (ordinal, reading), one in zip(entries, tokens, strict=True)
    ]
    bound = text(statement).bindparams(bindparam("asked", type_=JSONB))
    return [dict(row) for row in connection.execute(bound, {"asked": asked, "own": own}).mappings()]
