"""Statements about what is watched: whether the caller can read anything of it, and which of some cases a question finds."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, text

from api.queries.found import whose_records
from api.queries.like import literal
from api.queries.search import FILTERS
from api.queries.tails import TailsShown, records_with_tail
from api.queries.visible import CURRENT, MEMBERS, READABLE, follow, members_of
from api.queries.words import word_parameters
from api.questions.watches import WatchQuestion
from api.recognise import Kind, Reading
from hub.encryption import key_ring, number_forms
from schema.search import NUMBER_PART

_PARTIES = (
    "store.{relation}_member m JOIN store.party p ON p.party_id = m.party_id AND m.known_to IS NULL "
    f"JOIN store.source_record r ON r.record_id = p.record_id AND r.version = p.version AND {CURRENT}"
)
_MEMBERS = {"case": MEMBERS, **{relation: _PARTIES.format(relation=relation) for relation in ("person", "organisation")}}
_COLUMNS = {Kind.ID_NUMBER: "id_no", Kind.PHONE: "phone", Kind.CREDIT_CODE: "uscc"}
_WORDS = "r.tokens @@ CAST(:tokens AS tsquery)"
_HOLDS_NUMBER = "EXISTS (SELECT FROM store.party p WHERE p.record_id = r.record_id AND p.version = r.version AND p.{column} = ANY(:values))"
_IS_CASE = f"m.case_id IN {follow('case', 'entry_case_id')}"
_IS_NUMBER = "(r.case_number = ANY(:numbers) OR r.source_record_id = ANY(:numbers))"
_HOLDS_PART = f"{NUMBER_PART} LIKE :part"
# The end of a number, so much of it at most as the caller is shown: see store.find_tails.
_HOLDS_TAIL = """EXISTS (
    SELECT FROM store.party p CROSS JOIN LATERAL (VALUES
        (p.phone, p.phone ~ '^1[0-9]{10}$', CASE WHEN r.department = :own THEN :own_phone ELSE :other_phone END),
        (p.id_no, length(p.id_no) >= 15, CASE WHEN r.department = :own THEN :own_id_no ELSE :other_id_no END)
    ) AS t (number, is_long, shown)
    WHERE p.record_id = r.record_id AND p.version = r.version AND "right"(t.number, length(:tail)) = :tail
      AND length(:tail) <= t.shown AND (t.shown = :whole OR t.is_long)
)"""
# Of an encrypted store only whoever has the keys can say which records these are.
_HAS_TAIL = "r.record_id = ANY(CAST(:tailed AS bigint[]))"
_NAMES = f"""
SELECT DISTINCT m.case_id, p.name, p.kind FROM {members_of("ids")} CROSS JOIN LATERAL (
    SELECT p.name, p.kind FROM store.party p WHERE p.record_id = r.record_id AND p.version = r.version AND p.name IS NOT NULL OFFSET 0
) p WHERE {READABLE}
"""
_HELD = "SELECT EXISTS (SELECT FROM store.find_words(CAST(:tokens AS tsquery), CAST(:by_index AS tsquery), :most))"
_MENTIONS = "SELECT count(*) FROM store.find_names(CAST(:keys AS bigint[]), CAST(:ranks AS integer[]), :most)"
_BEST = """
(SELECT g.value FROM store.readable_values(ARRAY[c.case_id]) g WHERE g.known_to IS NULL AND g.field = '{field}' ORDER BY g.rank LIMIT 1)
"""


def readable(connection: Connection, relation: str, ids: Iterable[uuid.UUID], own: str | None) -> set[uuid.UUID]:
    """Of these entities those of which the caller can read something now."""
    statement = f"""
    SELECT e.id FROM unnest(CAST(:ids AS uuid[])) AS e (id)
    WHERE EXISTS (SELECT FROM {_MEMBERS[relation]} WHERE m.{relation}_id = e.id AND {READABLE} OFFSET 0)
    """
    return set(connection.execute(text(statement), {"ids": list(ids), "own": own}).scalars())


def current(connection: Connection, relation: str, entity_id: uuid.UUID, own: str | None) -> uuid.UUID | None:
    """What an entity is now, if the caller can read something of it: itself, or what it was merged into."""
    statement = f"SELECT id FROM {follow(relation, 'entity_id')} AS chain"
    ids = connection.execute(text(statement), {"entity_id": entity_id}).scalars().all()
    found = readable(connection, relation, ids, own)
    return entity_id if entity_id in found else min(found, default=None)


@dataclass(frozen=True)
class Entry:
    """What was typed, ready to be looked for in some cases.

    Args:
        reading: of it; None where nothing was typed.
        named: of the cases those in which a name agrees with it.
        shown: how many of numbers' last characters the caller is shown.
    """

    reading: Reading | None
    named: Collection[uuid.UUID]
    shown: TailsShown

    def condition(self) -> str:
        """Condition on a readable record `r` of case `m`: whether it holds what was written."""
        reading = self.reading
        if reading is None:
            return "true"
        if reading.kind is Kind.CASE_ID:
            return _IS_CASE
        if reading.kind is Kind.CASE_NUMBER:
            return _IS_NUMBER
        if reading.kind in _COLUMNS:
            return f"({_HOLDS_NUMBER.format(column=_COLUMNS[reading.kind])} OR {_WORDS}) AND {whose_records(reading)}"
        loose = [_WORDS, "m.case_id = ANY(CAST(:named AS uuid[]))"]
        loose += [_HOLDS_PART] if reading.part else []
        tail = _HOLDS_TAIL if key_ring() is None else _HAS_TAIL
        loose += [tail] if reading.tail else []
        return f"({' OR '.join(loose)})"

    def parameters(self) -> dict[str, Any]:
        """Values that the condition wants bound."""
        reading = self.reading
        if reading is None:
            return {}
        return {
            "values": number_forms(_COLUMNS.get(reading.kind, ""), reading.values),
            "numbers": list(reading.numbers),
            "entry_case_id": reading.values[0] if reading.kind is Kind.CASE_ID else None,
            "tokens": reading.tokens,  # empty, it finds nothing
            "named": list(self.named),
            "part": None if reading.part is None else f"%{literal(reading.part)}%",
            "tail": reading.tail,
            "whole": TailsShown.WHOLE,
            **asdict(self.shown),
        }


def found_by(
    connection: Connection, question: WatchQuestion, entry: Entry, case_ids: Sequence[uuid.UUID], own: str | None
) -> set[uuid.UUID]:
    """Of these cases those that a question finds, by what the caller can read of them."""
    conditions = [f"EXISTS (SELECT FROM {MEMBERS} WHERE m.case_id = c.case_id AND {READABLE} AND {entry.condition()} OFFSET 0)"]
    values: dict[str, Any] = {"ids": list(case_ids), "own": own, **entry.parameters()}
    if entry.reading is not None and entry.reading.tail and key_ring() is not None:
        values["tailed"] = records_with_tail(connection, case_ids, entry.reading.tail, entry.shown, own)
    if question.department is not None:
        conditions.append(
            f"EXISTS (SELECT FROM {MEMBERS} WHERE m.case_id = c.case_id AND {READABLE} AND r.department = :department OFFSET 0)"
        )
        values["department"] = question.department
    for field in FILTERS:
        if (wanted := getattr(question, field)) is not None:
            conditions.append(f"{_BEST.format(field=field)} = :{field}")
            values[field] = wanted
    statement = f"SELECT c.case_id FROM unnest(CAST(:ids AS uuid[])) AS c (case_id) WHERE {' AND '.join(conditions)}"
    return set(connection.execute(text(statement), values).scalars())


def names(connection: Connection, case_ids: Sequence[uuid.UUID], own: str | None) -> list[tuple[uuid.UUID, str, str]]:
    """(case, name, kind) of the parties of these cases that the caller can read."""
    rows = connection.execute(text(_NAMES), {"ids": list(case_ids), "own": own})
    return [(row.case_id, row.name, row.kind) for row in rows]


def holds_words(connection: Connection, reading: Reading) -> bool:
    """Whether any record that the caller may read holds an entry's words."""
    query = reading.query
    return bool(query.whole) and bool(connection.execute(text(_HELD), word_parameters(connection, query, 1)).scalar_one())


def mentions(connection: Connection, keys: Mapping[int, int], most: int) -> int:
    """How many mentions that the caller may read bear a name with one of these keys, so many at most.

    Args:
        connection: the caller's.
        keys: number of a key → how a name that has it agrees.
        most: from which on it is of no interest how many.
    """
    values = {"keys": list(keys), "ranks": [int(agrees) for agrees in keys.values()], "most": most}
    return int(connection.execute(text(_MENTIONS), values).scalar_one())
