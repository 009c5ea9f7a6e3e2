"""SUBJECT: a person or a case enters; who looked at it, when, for what purpose and how leaves.

A call looked at a person if it named him (asked for him by his id or by an identifier that found him, or showed a party resolved to him),
if it listed or read a case in which he was a party at that time, or if it showed such a record. A mention counts as him for as long as it
stood in the case, if the hub holds it for him today; one that it holds for somebody else today counts for the time at which it was held
for him. Ids that were merged into his, and those his was merged into, are his. Calls that were refused are listed with their outcome.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from api.recognise import Kind, recognise
from hub.encryption import number_forms
from hub.errors import NotFound, RequestError

SLACK = dt.timedelta(minutes=1)  # a change's time is that at which its chunk began; callers see it when the chunk commits

_MERGED = """
WITH RECURSIVE same (id) AS (
    SELECT unnest(CAST(:ids AS uuid[]))
    UNION
    SELECT CASE WHEN d.from_id = same.id THEN d.to_id ELSE d.from_id END FROM same
    JOIN store.redirect d ON same.id IN (d.from_id, d.to_id) WHERE d.relation = :relation AND d.known_to IS NULL
) SELECT id FROM same
"""
_BY_NUMBER = "SELECT DISTINCT party_id FROM store.party WHERE id_no = ANY(:values)"
_PERSONS_OF = "SELECT DISTINCT person_id FROM store.person_member WHERE party_id = ANY(:parties) AND known_to IS NULL"
_MENTIONS = """
SELECT p.record_id, m.case_id,
       greatest(p.known_from, m.known_from, n.known_from) AS known_from, least(p.known_to, m.known_to, n.known_to) AS known_to
FROM (
    SELECT e.party_id, CASE WHEN e.known_to IS NOT NULL THEN e.known_from END AS known_from, e.known_to
    FROM store.person_member e WHERE e.person_id = ANY(CAST(:persons AS uuid[]))
    UNION SELECT unnest(CAST(:parties AS bigint[])), NULL, NULL
) n
JOIN store.party p ON p.party_id = n.party_id AND p.known_from IS NOT NULL
JOIN store.case_member m ON m.record_id = p.record_id
"""
_RECORDS_OF_CASES = "SELECT record_id, case_id, known_from, known_to FROM store.case_member WHERE case_id = ANY(CAST(:cases AS uuid[]))"
_TIMES = """
SELECT n AS number, min(f.at) AS at FROM unnest(CAST(:numbers AS bigint[])) n CROSS JOIN ops.change_counter e
CROSS JOIN LATERAL (
    SELECT c.at FROM store.change c WHERE c.epoch = e.epoch AND c.change_number >= n ORDER BY c.change_number LIMIT 1
) f GROUP BY n
"""
_KNOWN = """
SELECT (EXISTS (SELECT FROM store.person WHERE person_id = :id) OR EXISTS (SELECT FROM store.person_member WHERE person_id = :id))
           AS is_person,
       (EXISTS (SELECT FROM store.unified_case WHERE case_id = :id) OR EXISTS (SELECT FROM store.case_member WHERE case_id = :id))
           AS is_case
"""
_LOOKS = """
SELECT access_id, at, caller, department, purpose, case_reference, receiver, action, shape, outcome, request_id,
       entity_ids, person_ids, record_ids
FROM audit.access
WHERE (entity_ids && CAST(:entities AS uuid[]) OR person_ids && CAST(:persons AS uuid[]) OR record_ids && CAST(:records AS bigint[]))
  AND (CAST(:since AS timestamptz) IS NULL OR at >= :since) AND (CAST(:before AS timestamptz) IS NULL OR at < :before)
ORDER BY access_id
"""

Spans = dict[Any, list[tuple[dt.datetime, dt.datetime]]]
_EVER = (dt.datetime.min.replace(tzinfo=dt.UTC), dt.datetime.max.replace(tzinfo=dt.UTC))


@dataclass(frozen=True)
class Subject:
    """Who or what may have been looked at.

    Args:
        persons: ids of the one person.
        cases: case → when looking at it was looking at the subject.
        records: the same of records.
    """

    persons: frozenset[uuid.UUID] = frozenset()
    cases: Spans = field(default_factory=dict)
    records: Spans = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """One row of the log that looked at the subject, and how: named, case or record."""

    row: RowMapping
    how: str


def find_subject(connection: Connection, entry: str) -> Subject:
    """Whom an ID number, a person's id or a case's id means.

    Raises:
        RequestError: it is none of these.
        NotFound: the hub has never had such a person or case.
    """
    reading = recognise(entry)
    if reading.kind is Kind.ID_NUMBER:
        parties = list(connection.execute(text(_BY_NUMBER), {"values": number_forms("id_no", reading.values)}).scalars())
        if not parties:
            raise _unknown()
        persons = list(connection.execute(text(_PERSONS_OF), {"parties": parties}).scalars())
        return _person(connection, persons, parties)
    if reading.kind is not Kind.CASE_ID:
        raise RequestError(
            "这不是证件号码、人员标识或案件标识 · this is no ID number, person id or case id",
            remedy="输入三者之一 · give one of the three; `casehub match explain` and GET /v1/cases/{id}?include=parties show ids",
        )
    found = uuid.UUID(reading.values[0])
    known = connection.execute(text(_KNOWN), {"id": found}).one()
    if known.is_person:
        return _person(connection, [found], [])
    if known.is_case:
        cases = _merged(connection, [found], "case")
        records = _spans(connection, connection.execute(text(_RECORDS_OF_CASES), {"cases": cases}).mappings().all(), "record_id")
        return Subject(cases=dict.fromkeys(cases, [_EVER]), records=records)
    raise _unknown()


def looks(connection: Connection, subject: Subject, since: dt.datetime | None = None, before: dt.datetime | None = None) -> Iterator[Look]:
    """Every row that looked at the subject, oldest first."""
    wanted = {
        "entities": [*subject.cases, *subject.persons],
        "persons": list(subject.persons),
        "records": list(subject.records),
        "since": since,
        "before": before,
    }
    for row in connection.execute(text(_LOOKS), wanted).mappings():
        how = _how(row, subject)
        if how is not None:
            yield Look(row, how)


def _how(row: RowMapping, subject: Subject) -> str | None:
    entities = set(row["entity_ids"] or ())
    if subject.persons & (entities | set(row["person_ids"] or ())):
        return "named"
    if any(_was_in(subject.cases, case_id, row["at"]) for case_id in entities):
        return "case"
    if any(_was_in(subject.records, record_id, row["at"]) for record_id in row["record_ids"] or ()):
        return "record"
    return None


def _was_in(spans: Spans, key: Any, at: dt.datetime) -> bool:
    return any(start <= at <= end for start, end in spans.get(key, ()))


def _person(connection: Connection, persons: Sequence[uuid.UUID], parties: Sequence[int]) -> Subject:
    same = _merged(connection, persons, "person")
    mentions = connection.execute(text(_MENTIONS), {"persons": same, "parties": list(parties)}).mappings().all()
    return Subject(frozenset(same), _spans(connection, mentions, "case_id"), _spans(connection, mentions, "record_id"))


def _merged(connection: Connection, ids: Sequence[uuid.UUID], relation: str) -> list[uuid.UUID]:
    return list(connection.execute(text(_MERGED), {"ids": list(ids), "relation": relation}).scalars())


def _spans(connection: Connection, rows: Iterable[RowMapping], key: str) -> Spans:
    """Change numbers as times: from when to when, a minute longer than to be sure."""
    held = [row for row in rows if row["known_to"] is None or row["known_from"] is None or row["known_from"] < row["known_to"]]
    numbers = {row[end] for row in held for end in ("known_from", "known_to") if row[end] is not None}
    times = {row.number: row.at for row in connection.execute(text(_TIMES), {"numbers": sorted(numbers)})}
    spans: Spans = defaultdict(list)
    for row in held:
        end = times.get(row["known_to"])
        spans[row[key]].append((times.get(row["known_from"], _EVER[0]), _EVER[1] if end is None else end + SLACK))
    return dict(spans)


def _unknown() -> NotFound:
    return NotFound(
        "从未有过这样的人或案件 · the hub has never had such a person or case",
        remedy="核对号码或标识 · check the number or id; what was asked for and not found is in no row",
    )
