"""Statements about one case, now or as of a change: records, golden values, parties, events, links, and where a merged case went."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import Connection, text

from api.queries.moments import NOW, Moment
from api.queries.rows import Row, fetch
from api.queries.visible import ACKNOWLEDGED, CURRENT, READABLE, follow
from schema.records import RECORD

MAX_RECORDS = 1_000  # of one case in one answer; a case with more says so
MAX_VERSIONS = 5_000  # of its records
MAX_OUTSIDE = 200  # links that lead out of one case in one answer

#: What decides who may read a version, what names it, and what ranks the values that it states.
POLICY = ("department", "source_record_id", "version", "visibility", "street", "community")
_ALWAYS = (*POLICY, "known_from", "known_to", "reported_at", "updated_at")
_COLUMNS = [name for name in RECORD.names if name not in _ALWAYS and name != "references"]
_LINK = "l.left_id, l.right_id, l.decision, l.match_weight, l.levels, l.model_version, l.decided_by"


def find_redirect(connection: Connection, case_id: uuid.UUID, moment: Moment = NOW) -> uuid.UUID | None:
    """The case that a merged one became part of."""
    statement = f"""
    SELECT t.id FROM {follow("case", "case_id", moment.holds("d"))} t
    WHERE t.id <> :case_id AND EXISTS (SELECT FROM {moment.members()} WHERE m.case_id = t.id)
    """
    return connection.execute(text(statement), {"case_id": case_id, **moment.parameters}).scalars().first()


def records(connection: Connection, case_id: uuid.UUID, own: str | None, moment: Moment = NOW, *, whole: bool) -> list[Row]:
    """Records of a case, at most `MAX_RECORDS` + 1, readable ones first: what decides about them, all columns if wanted."""
    columns = "".join(f", r.{name}" for name in _COLUMNS) if whole else ""
    wanted = f"r.record_id, {', '.join(f'r.{name}' for name in _ALWAYS)}{columns}"
    # What it said then row security keeps back of what was restricted since: it stands here as it is acknowledged today.
    restricted_since = f"""
    UNION ALL SELECT {wanted} FROM store.acknowledged_then(:case_id, :as_of) t
    CROSS JOIN LATERAL (SELECT r.* FROM store.known_record r WHERE r.record_id = t.record_id AND {CURRENT} AND {ACKNOWLEDGED} OFFSET 0) r
    """
    statement = f"""
    SELECT * FROM (
        SELECT {wanted} FROM {moment.members()} WHERE m.case_id = :case_id {"" if moment.number is None else restricted_since}
    ) r ORDER BY ({READABLE}) IS NOT TRUE, r.record_id LIMIT {MAX_RECORDS + 1}
    """
    return fetch(connection, statement, {"case_id": case_id, "own": own, **moment.parameters})


def versions(connection: Connection, record_ids: Sequence[int]) -> list[Row]:
    """Versions of records that the login may know of: what decides who may read each, and when it was known."""
    statement = f"""
    SELECT r.record_id, r.is_deleted, r.known_from, r.known_to, {", ".join(f"r.{name}" for name in POLICY)} FROM store.known_record r
    WHERE r.record_id = ANY(:record_ids) ORDER BY r.record_id, r.version
    """
    return fetch(connection, statement, {"record_ids": list(record_ids)})


def whole_versions(connection: Connection, record_ids: Sequence[int], moment: Moment = NOW) -> list[Row]:
    """Versions of records, whole, that were shown at some time up to the moment, oldest first; at most `MAX_VERSIONS`.

    A version that another replaced before it was ever shown is none.
    """
    columns = ", ".join(f"r.{name}" for name in (*_ALWAYS, *_COLUMNS))
    until = "true" if moment.number is None else "r.known_from <= :as_of"
    statement = f"""
    SELECT * FROM (
        SELECT r.record_id, {columns} FROM store.source_record r
        WHERE r.record_id = ANY(:record_ids) AND NOT r.is_deleted AND {until} AND r.known_from IS DISTINCT FROM r.known_to
          AND r.known_from IS NOT NULL
        ORDER BY r.version DESC LIMIT {MAX_VERSIONS}
    ) newest ORDER BY record_id, version
    """
    return fetch(connection, statement, {"record_ids": list(record_ids), **moment.parameters})


def names_of_versions(connection: Connection, record_ids: Sequence[int]) -> list[str]:
    """Names of persons in any version of records: what masks older texts."""
    statement = "SELECT DISTINCT name FROM store.party WHERE record_id = ANY(:record_ids) AND kind = 'person' AND name IS NOT NULL"
    return list(connection.execute(text(statement), {"record_ids": list(record_ids)}).scalars())


def golden_values(connection: Connection, case_id: uuid.UUID, moment: Moment = NOW) -> list[Row]:
    """Every value that a record states which the login may read, in whatever version; best first a field."""
    statement = f"""
    SELECT g.field, g.rank, g.value, g.stated_by FROM store.readable_values(ARRAY[CAST(:case_id AS uuid)]) g
    WHERE {moment.holds("g")} ORDER BY g.field, g.rank
    """
    return fetch(connection, statement, {"case_id": case_id, **moment.parameters})


def parties(connection: Connection, record_ids: Sequence[int], moment: Moment = NOW) -> list[Row]:
    """Parties of records, with the person or organisation that each was resolved to."""
    statement = f"""
    SELECT p.record_id, p.ordinal, p.role, p.kind, p.name, p.id_type, p.id_no, p.uscc, p.phone, p.address, p.gender, p.birth_date,
           e.person_id, o.organisation_id
    FROM store.source_record r
    JOIN store.party p ON p.record_id = r.record_id AND p.version = r.version
    LEFT JOIN store.person_member e ON e.party_id = p.party_id AND {moment.holds("e")}
    LEFT JOIN store.organisation_member o ON o.party_id = p.party_id AND {moment.holds("o")}
    WHERE r.record_id = ANY(:record_ids) AND {moment.holds("r")}
    ORDER BY p.record_id, p.ordinal
    """
    return fetch(connection, statement, {"record_ids": list(record_ids), **moment.parameters})


def events(connection: Connection, record_ids: Sequence[int], moment: Moment = NOW) -> list[Row]:
    """What happened when, as records state it, oldest first."""
    statement = f"""
    SELECT e.record_id, e.kind, e.at FROM store.source_record r
    JOIN store.case_event e ON e.record_id = r.record_id AND e.version = r.version
    WHERE r.record_id = ANY(:record_ids) AND {moment.holds("r")}
    ORDER BY e.at, e.record_id, e.kind
    """
    return fetch(connection, statement, {"record_ids": list(record_ids), **moment.parameters})


def links(connection: Connection, record_ids: Sequence[int], moment: Moment = NOW) -> list[Row]:
    """Links between two of these records, strongest first."""
    statement = f"""
    SELECT {_LINK} FROM store.link l
    WHERE l.relation = 'case' AND {moment.holds("l")} AND l.left_id = ANY(:record_ids) AND l.right_id = ANY(:record_ids)
    ORDER BY l.match_weight DESC, l.left_id, l.right_id
    """
    return fetch(connection, statement, {"record_ids": list(record_ids), **moment.parameters})


def outside_links(connection: Connection, record_ids: Sequence[int], own: str | None, moment: Moment = NOW) -> list[Row]:
    """What kept, or might yet not keep, readable records of other cases out of this one: prohibitions and open reviews of the moment.

    `r` is the record outside as it was then, with its case.
    """
    # Live links and those that ended are each found by an index of their own.
    live = "l.known_to IS NULL" if moment.number is None else "l.known_to IS NULL AND l.known_from <= :as_of"
    times = (live,) if moment.number is None else (live, "l.known_to > :as_of AND l.known_from <= :as_of")
    ends = " UNION ALL ".join(
        f"SELECT l.*, l.{outside} AS outside_id FROM store.link l "
        f"WHERE l.{inside} = t.id AND l.relation = 'case' AND {then} AND l.decision IN ('review', 'cannot_link')"
        for inside, outside in (("left_id", "right_id"), ("right_id", "left_id"))
        for then in times
    )
    known = f"r.record_id = l.outside_id AND {moment.holds('r')} AND NOT r.is_deleted AND {READABLE}"
    statement = f"""
    SELECT {_LINK}, l.outside_id, m.case_id, r.*
    FROM unnest(CAST(:record_ids AS bigint[])) t (id) CROSS JOIN LATERAL ({ends}) l
    CROSS JOIN LATERAL (
        SELECT r.record_id, r.known_from, r.known_to, {", ".join(f"r.{name}" for name in POLICY)}
        FROM store.known_record r WHERE {known} OFFSET 0
    ) r
    CROSS JOIN LATERAL (SELECT m.case_id FROM store.case_member m WHERE m.record_id = r.record_id AND {moment.holds("m")} OFFSET 0) m
    WHERE NOT l.outside_id = ANY(:record_ids)
    ORDER BY l.match_weight DESC, l.left_id, l.right_id LIMIT {MAX_OUTSIDE}
    """
    return fetch(connection, statement, {"record_ids": list(record_ids), "own": own, **moment.parameters})


def memberships(connection: Connection, case_id: uuid.UUID, moment: Moment = NOW) -> list[Row]:
    """Records that are or were in a case: since which change, until which, which case they came from and went to.

    `is_merger`, `is_merged`: that case became part of this one with that change, or this one of the other.
    """
    redirects = "EXISTS (SELECT FROM store.redirect d WHERE d.relation = 'case' AND d.from_id = {} AND d.known_from = {})"
    until = "true" if moment.number is None else "m.known_from <= :as_of"
    statement = f"""
    SELECT m.record_id, m.known_from, m.known_to, b.case_id AS came_from, a.case_id AS went_to,
           {redirects.format("b.case_id", "m.known_from")} AS is_merger, {redirects.format("m.case_id", "m.known_to")} AS is_merged
    FROM store.case_member m
    LEFT JOIN store.case_member b ON b.record_id = m.record_id AND b.known_to = m.known_from
    LEFT JOIN store.case_member a ON a.record_id = m.record_id AND a.known_from = m.known_to
    WHERE m.case_id = :case_id AND {until} ORDER BY m.known_from, m.record_id LIMIT {2 * MAX_RECORDS}
    """
    return fetch(connection, statement, {"case_id": case_id, **moment.parameters})
