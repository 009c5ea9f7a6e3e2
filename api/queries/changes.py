"""Statements of the change feed: which changes there are, and which of them a caller may know of.

Numbers are given by resolve: each chunk takes a run of them under the counter's row, which it holds until it commits. Its first
number is the one that versions, memberships and golden values of the chunk carry; `store.change` numbers its entities from there.
All rows of a chunk have the same `at`, the time of its transaction.

A change is told to a caller by what he could read of the entity just before the chunk and what he can read of it just after.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Connection, text

from api.opaque import Position
from api.queries.rows import Row, fetch
from api.queries.visible import READABLE
from schema.records import PARTY, RECORD
from schema.states import RELATIONS

_NODES = {"case": "record_id", "person": "party_id", "organisation": "party_id"}
_SAYS_NOTHING = {"record_id", "party_id", "version", "department", "source_record_id", "ordinal"}

_HEAD = "SELECT epoch, last_change FROM ops.change_counter ORDER BY epoch DESC LIMIT 1"
_NEXT = "SELECT change_number, at FROM store.change WHERE epoch = :epoch AND change_number > :number ORDER BY change_number LIMIT 1"
_CHANGES = """
SELECT h.change_number, h.relation, h.entity_id, h.at, coalesce(c.records, p.mentions, o.mentions, 1) AS size
FROM store.change h
LEFT JOIN store.unified_case c ON h.relation = 'case' AND c.case_id = h.entity_id
LEFT JOIN store.person p ON h.relation = 'person' AND p.person_id = h.entity_id
LEFT JOIN store.organisation o ON h.relation = 'organisation' AND o.organisation_id = h.entity_id
WHERE h.epoch = :epoch AND h.change_number > :after AND h.change_number <= :last ORDER BY h.change_number LIMIT :most
"""
_FIRST_OF_CHUNK = """
SELECT min(change_number) FROM store.change WHERE epoch = :epoch AND change_number > coalesce((
    SELECT change_number FROM store.change WHERE epoch = :epoch AND change_number < :number AND at <> :at
    ORDER BY change_number DESC LIMIT 1
), -1)
"""


@dataclass(frozen=True)
class Change:
    """A change as resolve numbered it; whom it may be told to is still open.

    Args:
        number: its change number.
        start: the first number of its chunk.
        relation: case, person or organisation.
        entity_id: of what changed.
        at: when.
        size: how many records or mentions the entity has, roughly.
    """

    number: int
    start: int
    relation: str
    entity_id: uuid.UUID
    at: dt.datetime
    size: int


def head(connection: Connection) -> Position:
    """The last change number that was committed."""
    return Position(*connection.execute(text(_HEAD)).one())


def last_before(connection: Connection, end: Position, moment: dt.datetime) -> int:
    """The last number of an epoch whose change is older than a moment, 0 where none is: times grow with numbers, so halve and halve."""
    low, high = 0, end.number
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(text(_NEXT), {"epoch": end.epoch, "number": middle}).one_or_none()
        if row is None or row.change_number > high or row.at >= moment:
            high = middle
        else:
            low = row.change_number
    return low


def changes(connection: Connection, after: Position, last: int, most: int) -> list[Change]:
    """Changes after a position up to a number, in order."""
    rows = fetch(connection, _CHANGES, {"epoch": after.epoch, "after": after.number, "last": last, "most": most})
    found: list[Change] = []
    for row in rows:
        if found and found[-1].at == row["at"]:
            start = found[-1].start
        elif found:
            start = row["change_number"]
        else:
            names = {"epoch": after.epoch, "number": row["change_number"], "at": row["at"]}
            start = connection.execute(text(_FIRST_OF_CHUNK), names).scalar_one()
        found.append(Change(row["change_number"], start, row["relation"], row["entity_id"], row["at"], row["size"]))
    return found


# `n` is a record or party that was or is in the entity. `b` is its version just before the chunk and `x` just after it, each as far
# as the caller may read it. A record that is closed to him by now counts for nothing, but in the chunk that closed it, as the function
# says that sees past row security: what was his to know is taken back once, and is not told again to whoever reads from the beginning.
# The record is a column of its own (`k`): a condition on COALESCE is not known to leak nothing, and so, behind row security, finds no
# index; each record was looked for in the whole table.
_VISIBLE = """
WITH asked AS MATERIALIZED (
    SELECT * FROM unnest(CAST(:numbers AS bigint[]), CAST(:entities AS uuid[]), CAST(:starts AS bigint[])) AS t (number, entity_id, start)
),
seen AS MATERIALIZED (
    SELECT n.number, n.entity_id, n.start, n.node, n.is_in,
           n.was_in AND b.version IS NOT NULL AND (o.is_open OR b.is_closing) AS was,
           n.is_in AND x.version IS NOT NULL AND o.is_open AS is_now,
           x.version IS NOT NULL AND o.is_open AS is_somewhere,
           coalesce(b.record_id, x.record_id) AS record_id, b.version AS version_before, x.version AS version_after,
           coalesce(b.department, x.department) IS NOT DISTINCT FROM :own AS is_own
    FROM (
        SELECT a.*, m.{node} AS node, m.known_from < a.start AS was_in, (m.known_to IS NULL OR m.known_to > a.start) AS is_in
        FROM asked a CROSS JOIN LATERAL (SELECT * FROM store.{relation}_member WHERE {relation}_id = a.entity_id OFFSET 0) m
        WHERE m.known_from <= a.start AND (m.known_to IS NULL OR m.known_to >= a.start)
    ) n
    LEFT JOIN LATERAL (
        SELECT r.record_id, r.version, r.department, r.known_to = n.start AND NOT EXISTS (
            SELECT FROM store.source_record s WHERE s.record_id = r.record_id AND s.known_from = n.start AND {readable_next} OFFSET 0
        ) AS is_closing
        FROM {versions} AND r.known_from < n.start AND (r.known_to IS NULL OR r.known_to >= n.start) AND NOT r.is_deleted AND {readable}
        LIMIT 1
    ) b ON true
    LEFT JOIN LATERAL (
        SELECT r.record_id, r.version, r.department
        FROM {versions} AND r.known_from <= n.start AND (r.known_to IS NULL OR r.known_to > n.start) AND NOT r.is_deleted AND {readable}
        LIMIT 1
    ) x ON true
    CROSS JOIN LATERAL (SELECT coalesce(b.record_id, x.record_id) AS record_id OFFSET 0) k
    CROSS JOIN LATERAL (
        SELECT EXISTS (
            SELECT FROM store.source_record r WHERE r.record_id = k.record_id
            AND r.known_from IS NOT NULL AND r.known_to IS NULL AND {readable} OFFSET 0
        ) AS is_open OFFSET 0
    ) o
),
told AS MATERIALIZED (
    SELECT s.number, s.entity_id, s.start, s.was, s.is_now,
           s.was <> s.is_now OR (s.was AND s.is_now AND s.version_before <> s.version_after AND ({differs})) AS differs,
           CASE WHEN s.was AND NOT s.is_in AND s.is_somewhere THEN (
               SELECT m.{relation}_id FROM store.{relation}_member m WHERE m.{node} = s.node
               AND m.known_from <= s.start AND (m.known_to IS NULL OR m.known_to > s.start) LIMIT 1
           ) END AS moved_to
    FROM seen s WHERE s.was OR s.is_now
    UNION ALL
    SELECT a.number, a.entity_id, a.start, true, false, true, NULL FROM asked a
    JOIN store.closed_{relation}(CAST(:entities AS uuid[]), CAST(:starts AS bigint[])) c USING (entity_id, start)
)
SELECT t.number, t.was, t.is_now, t.has_left, d.to_id AS into_id FROM (
    SELECT number, entity_id, start, bool_or(was) AS was, bool_or(is_now) AS is_now, bool_or(moved_to IS NOT NULL) AS has_left,
           array_agg(moved_to) FILTER (WHERE moved_to IS NOT NULL) AS moved_to
    FROM told GROUP BY number, entity_id, start HAVING bool_or(differs)
) t
LEFT JOIN store.redirect d ON d.relation = '{relation}' AND d.from_id = t.entity_id AND d.known_from = t.start
    AND d.to_id = ANY (t.moved_to)
"""
# OFFSET 0 keeps each of these a look-up by index, one after another: with old statistics the planner reads whole tables instead.
_LOOKED_AT = "SELECT record_id, version, department, visibility, known_from, known_to, is_deleted FROM store.source_record"
_RECORD_VERSIONS = f"({_LOOKED_AT} WHERE record_id = n.node OFFSET 0) r WHERE true"
_PARTY_VERSIONS = (
    "(SELECT record_id, version FROM store.party WHERE party_id = n.node OFFSET 0) p "
    f"CROSS JOIN LATERAL ({_LOOKED_AT} WHERE record_id = p.record_id AND version = p.version OFFSET 0) r WHERE true"
)


_RECORD_COLUMNS = tuple(name for name in RECORD.names if name not in _SAYS_NOTHING)
_PARTY_COLUMNS = tuple(name for name in PARTY.names if name not in _SAYS_NOTHING)


@dataclass(frozen=True)
class Hidden:
    """Fields that a caller is not shown, of his own department's records and of others': no change of theirs alone is told."""

    own: frozenset[str] = frozenset()
    others: frozenset[str] = frozenset()

    def row(self, alias: str, columns: Iterable[str]) -> str:
        """What is shown of these columns of a version of `s`, as a row."""
        return f"({', '.join(self._shown(alias, name) for name in columns)})"

    def _shown(self, alias: str, name: str) -> str:
        column, hides = f'{alias}."{name}"', (name in self.own, name in self.others)
        if hides == (False, False):
            return column
        return "NULL" if hides == (True, True) else f"CASE WHEN {'NOT ' if hides[0] else ''}s.is_own THEN {column} END"


def _differ(table: str, key: str, at: str, columns: Sequence[str], hidden: Hidden) -> str:
    return (
        f"EXISTS (SELECT FROM store.{table} v JOIN store.{table} w ON w.{key} = v.{key} WHERE v.{key} = s.{at} "
        f"AND v.version = s.version_before AND w.version = s.version_after "
        f"AND {hidden.row('v', columns)} IS DISTINCT FROM {hidden.row('w', columns)})"
    )


def _parties(version: str, hidden: Hidden) -> str:
    return (
        f"(SELECT array_agg(ROW{hidden.row('p', ('party_id', *_PARTY_COLUMNS))}::text ORDER BY p.ordinal, p.party_id) FROM store.party p "
        f"WHERE p.record_id = s.record_id AND p.version = s.{version})"
    )


def _record_differs(hidden: Hidden) -> str:
    parties = (_parties(version, hidden) for version in ("version_before", "version_after"))
    return f"{_differ('source_record', 'record_id', 'record_id', _RECORD_COLUMNS, hidden)} OR {' IS DISTINCT FROM '.join(parties)}"


@lru_cache(64)
def _visible(relation: str, hidden: Hidden) -> str:
    is_case = relation == "case"
    return _VISIBLE.format(
        relation=relation,
        node=_NODES[relation],
        versions=_RECORD_VERSIONS if is_case else _PARTY_VERSIONS,
        differs=_record_differs(hidden) if is_case else _differ("party", "party_id", "node", _PARTY_COLUMNS, hidden),
        readable=READABLE,
        readable_next=READABLE.replace("r.", "s."),
    )


def visible(connection: Connection, asked: Sequence[Change], own: str | None, hidden: Hidden = Hidden()) -> dict[int, Row]:
    """Of these changes those that the caller may know of, by number.

    Args:
        connection: of the caller's login.
        asked: changes.
        own: the caller's department.
        hidden: fields that he is not shown.

    Returns:
        Number → was and is_now (whether he could read anything of the entity before and can after), has_left (something that he
        can read went to another entity), into_id (the entity that this one became part of).
    """
    found: dict[int, Row] = {}
    for relation in RELATIONS:
        of_it = [change for change in asked if change.relation == relation]
        if of_it:
            values = {
                "numbers": [change.number for change in of_it],
                "entities": [change.entity_id for change in of_it],
                "starts": [change.start for change in of_it],
                "own": own,
            }
            found |= {row["number"]: row for row in fetch(connection, _visible(relation, hidden), values)}
    return found
