"""Where an entry, a person or an organisation is looked for, and how many records that finds: few are gathered, many are checked.

A subquery of (record_id, version, field, role) for each kind of entry. Up to `FEW` records are gathered, and their cases
sorted. More are checked case by case along the index of all cases, which is soon over because they are many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from api.queries.visible import ACKNOWLEDGED, CURRENT, MEMBERS, READABLE, follow
from api.recognise import IDENTIFIERS, Kind, Reading
from schema.search import tsquery

FEW = 2_000

_OF_PARTIES = (
    "SELECT p.record_id, p.version, '{column}' AS field, p.role FROM store.party p WHERE p.{column} = ANY(:values) "
    "UNION ALL SELECT a.record_id, a.version, '{column}', NULL FROM store.acknowledged_by('{column}', :values) a"
)
_WORDS = (
    "SELECT w.record_id, w.version, 'words' AS field, NULL AS role FROM store.source_record w WHERE w.tokens @@ CAST(:tokens AS tsquery)"
)
_NUMBER = (
    "SELECT n.record_id, n.version, 'case_number' AS field, NULL AS role FROM store.source_record n WHERE n.case_number = ANY(:numbers) "
    "UNION ALL SELECT n.record_id, n.version, 'source_record_id', NULL FROM store.source_record n WHERE n.source_record_id = ANY(:numbers) "
    "UNION ALL SELECT a.record_id, a.version, 'case_number', NULL FROM store.acknowledged_by('number', :numbers) a"
)
_CASE = (
    f"SELECT r.record_id, r.version, 'case_id' AS field, NULL AS role FROM {MEMBERS} WHERE m.case_id IN {follow('case', 'entry_case_id')}"
)
_ENTRIES: dict[Kind, str] = {
    Kind.CASE_ID: _CASE,
    Kind.CASE_NUMBER: _NUMBER,
    Kind.ID_NUMBER: f"{_OF_PARTIES.format(column='id_no')} UNION ALL {_WORDS}",
    Kind.PHONE: f"{_OF_PARTIES.format(column='phone')} UNION ALL {_WORDS}",
    Kind.CREDIT_CODE: f"{_OF_PARTIES.format(column='uscc')} UNION ALL {_WORDS}",
}
_ENTITY = (
    "SELECT p.record_id, p.version, '{relation}_id' AS field, p.role FROM store.{relation}_member e "
    "JOIN store.party p ON p.party_id = e.party_id WHERE e.known_to IS NULL AND e.{relation}_id IN {ids} "
    "UNION ALL SELECT a.record_id, a.version, '{relation}_id', NULL FROM store.acknowledged_by('{relation}', ARRAY{ids}::text[]) a"
)
_KNOWN = f"({READABLE} OR {ACKNOWLEDGED})"


@dataclass(frozen=True)
class Found:
    """One thing that a case must hold.

    Args:
        sql: records that hold it.
        reach: which of them the caller may be told of.
        tells_of_closed: whether it makes a case known of which the caller can read no record.
    """

    sql: str
    reach: str
    tells_of_closed: bool

    def cases(self) -> str:
        """Statement of the ids of all cases that hold it."""
        return f"SELECT DISTINCT m.case_id FROM {self.records()}"

    def records(self) -> str:
        """FROM and WHERE of its published records, `r`, with their cases, `m`, and where in them it stands, `f`."""
        return f"({self.sql}) f JOIN {MEMBERS} ON r.record_id = f.record_id AND r.version = f.version WHERE {self.reach}"

    def holds(self) -> str:
        """Condition on `c`: whether that case holds it. OFFSET 0 keeps it from being turned into a join over all that hold it."""
        here = f"SELECT FROM ({self.sql}) f WHERE f.record_id = r.record_id AND f.version = r.version"
        return f"EXISTS (SELECT FROM {MEMBERS} WHERE m.case_id = c.case_id AND {self.reach} AND EXISTS ({here}) OFFSET 0)"

    def is_few(self, connection: Connection, parameters: dict[str, Any]) -> bool:
        """Whether gathering is the shorter way."""
        statement = f"SELECT count(*) FROM (SELECT FROM ({self.sql}) f LIMIT {FEW + 1}) counted"
        return int(connection.execute(text(statement), parameters).scalar_one()) <= FEW


def by_entry(reading: Reading) -> Found:
    """What an entry looks for.

    Identifiers and numbers reach records that are only acknowledged; words do not: word by word they would tell their text.
    """
    if reading.kind in IDENTIFIERS:
        return Found(_ENTRIES[reading.kind], f"({READABLE} OR ({ACKNOWLEDGED} AND f.field <> 'words'))", tells_of_closed=True)
    if reading.kind in _ENTRIES:
        return Found(_ENTRIES[reading.kind], _KNOWN, tells_of_closed=True)
    return Found(_WORDS, READABLE, tells_of_closed=False)


def by_entity(relation: str) -> Found:
    """What the id of a person or organisation looks for; the id of one that was merged stands for what it became."""
    return Found(_ENTITY.format(relation=relation, ids=follow(relation, f"{relation}_id")), _KNOWN, tells_of_closed=True)


def entry_parameters(reading: Reading | None) -> dict[str, Any]:
    """Values that `by_entry` wants bound."""
    if reading is None:
        return {}
    texts = reading.values if reading.kind in IDENTIFIERS else (reading.text,)
    return {
        "values": list(reading.values),
        "numbers": list(reading.numbers),
        "entry_case_id": reading.values[0] if reading.kind is Kind.CASE_ID else None,
        "tokens": " | ".join(query for query in map(tsquery, texts) if query),  # empty, it finds nothing
    }


def is_case_number(connection: Connection, numbers: Sequence[str], own: str | None) -> bool:
    """Whether any department's record that the caller may know of has one of these numbers."""
    statement = (
        f"SELECT EXISTS (SELECT FROM ({_NUMBER}) f JOIN store.known_record r ON r.record_id = f.record_id AND r.version = f.version "
        f"WHERE {CURRENT} AND {_KNOWN})"
    )
    return bool(connection.execute(text(statement), {"numbers": list(numbers), "own": own}).scalar_one())
