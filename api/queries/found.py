"""Where an entry, a person or an organisation is looked for, and how many records that finds: few are gathered, many are checked.

A subquery of (record_id, version, field, ordinal of the party) for each kind of entry. Up to `FEW` records are gathered, and their cases
sorted. More are checked case by case along the index of all cases, which is soon over because they are many.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from api.access import Caller, Treatment, treatment
from api.queries.gathered import CASES, TABLE, Hits
from api.queries.hits import FEW
from api.queries.ranks import Rank
from api.queries.rows import fetch
from api.queries.visible import ACKNOWLEDGED, MEMBERS, READABLE, follow, records_with_cases
from api.recognise import IDENTIFIERS, Kind, Reading, recognise
from hub.encryption import number_forms

_OF_PARTIES = "SELECT p.record_id, p.version, 'parties.{column}' AS field, p.ordinal FROM store.party p WHERE p.{column} = ANY(:values)"
_CLOSED = (
    "SELECT a.record_id, a.version, '{name}' AS field, CAST(NULL AS integer) AS ordinal FROM store.acknowledged_by('{field}', {wanted}) a"
)
_FIND_WORDS = (
    "SELECT w.record_id, w.version, 'words' AS field, CAST(NULL AS integer) AS ordinal "
    "FROM store.find_words(CAST(:tokens AS tsquery), CAST(:tokens AS tsquery), {most}) w"
)
_WORDS = _FIND_WORDS.format(most=FEW)
_HOLDS_WORDS = "r.tokens @@ CAST(:tokens AS tsquery)"
_OF_RECORDS = (
    "SELECT n.record_id, n.version, '{column}' AS field, CAST(NULL AS integer) AS ordinal FROM store.source_record n WHERE n.{column}"
)
_NUMBER = " UNION ALL ".join(f"{_OF_RECORDS.format(column=column)} = ANY(:numbers)" for column in ("case_number", "source_record_id"))
_CASE = (
    "SELECT r.record_id, r.version, 'case_id' AS field, CAST(NULL AS integer) AS ordinal "
    f"FROM {MEMBERS} WHERE m.case_id IN {follow('case', 'entry_case_id')}"
)
_ENTRIES: dict[Kind, str] = {
    Kind.CASE_ID: _CASE,
    Kind.CASE_NUMBER: _NUMBER,
    Kind.ID_NUMBER: f"{_OF_PARTIES.format(column='id_no')} UNION ALL {_WORDS}",
    Kind.PHONE: f"{_OF_PARTIES.format(column='phone')} UNION ALL {_WORDS}",
    Kind.CREDIT_CODE: f"{_OF_PARTIES.format(column='uscc')} UNION ALL {_WORDS}",
}
_ENTITY = (
    "SELECT p.record_id, p.version, '{relation}_id' AS field, p.ordinal FROM store.{relation}_member e "
    "JOIN store.party p ON p.party_id = e.party_id WHERE e.known_to IS NULL AND e.{relation}_id IN {ids}"
)
_COLUMNS = {Kind.ID_NUMBER: "id_no", Kind.PHONE: "phone", Kind.CREDIT_CODE: "uscc"}
_HAS_PARTY = (
    "EXISTS (SELECT FROM store.party p {joined} WHERE p.record_id = r.record_id AND p.version = r.version AND {condition} OFFSET 0)"
)
_KNOWN = f"({READABLE} OR {ACKNOWLEDGED})"
# Cases of what holds an identifier, in one look-up a record.
_HOLDERS = f"SELECT r.case_id FROM store.holders('{{field}}', {{wanted}}) r WHERE {_KNOWN}"
_FEW_HOLD = "NOT store.is_held_by_many('{field}', {wanted})"
_WITH_WORDS = f"""
SELECT c.case_id FROM (SELECT array_agg(w.record_id) AS records, array_agg(w.version) AS versions FROM ({_WORDS}) w) f
CROSS JOIN LATERAL store.cases_of(f.records, f.versions) c
"""


@dataclass(frozen=True)
class Found:
    """One thing that a case must hold.

    Args:
        sql: records that hold it, of those that the caller reads: record_id, version, field, ordinal of the party.
        reach: which of them the caller may be told of.
        tells_of_closed: whether it makes a case known of which the caller can read no record.
        ranks: whether `sql` has a column `rank`, how closely each agrees.
        is_gathered: whether all that hold it are known to be few; None: to be counted.
        here: condition on a record `r` that says whether it holds it, where that is quicker than looking it up in `sql`.
        check: condition on a record `r` by which a case is checked where many hold it.
        known_cases: statement of the ids of the cases that hold it, where there is a shorter one than by `sql`.
        closed: records that hold it of those that are only acknowledged, as `sql` has them.
        few: statement that says, as `is_few`, whether gathering is the shorter way; None: to be counted.
    """

    sql: str
    reach: str
    tells_of_closed: bool
    ranks: bool = False
    is_gathered: bool | None = None
    here: str | None = None
    check: str | None = None
    known_cases: str | None = None
    closed: str | None = None
    few: str | None = None

    @property
    def everywhere(self) -> str:
        """All records that hold it."""
        return self.sql if self.closed is None else f"{self.sql} UNION ALL {self.closed}"

    def cases(self) -> str:
        """Statement of the ids of all cases that hold it."""
        return self.known_cases or f"SELECT DISTINCT m.case_id FROM {records_with_cases(self.everywhere)} WHERE {self.reach}"

    def holds(self) -> str:
        """Condition on `c`: whether that case holds it. OFFSET 0 keeps it from being turned into a join over all that hold it."""
        here = self.here or self.check
        reach = READABLE if here else self.reach
        here = here or f"EXISTS (SELECT FROM ({self.everywhere}) f WHERE f.record_id = r.record_id AND f.version = r.version)"
        return f"EXISTS (SELECT FROM {MEMBERS} WHERE m.case_id = c.case_id AND {reach} AND {here} OFFSET 0)"

    def at_record(self) -> str:
        """Subquery of field, ordinal and rank: where in a record `r` it stands."""
        rank = "f.rank" if self.ranks else f"{int(Rank.EXACT)} AS rank"
        at = f"SELECT f.field, f.ordinal, {rank} FROM ({{found}}) f WHERE f.record_id = r.record_id AND f.version = r.version"
        stands = at.format(found=self.sql)
        if self.closed:  # the condition comes first: of a thousand records that hold it hardly one is closed
            stands += f" UNION ALL {at.format(found=self.closed)} AND r.visibility = 'restricted'"
        if self.here:
            stands += f" AND f.field <> 'words' UNION ALL SELECT 'words', CAST(NULL AS integer), {int(Rank.WORDS)} WHERE {self.here}"
        return stands

    def is_few(self, connection: Connection, parameters: dict[str, Any]) -> bool:
        """Whether gathering is the shorter way."""
        if self.is_gathered is not None:
            return self.is_gathered
        counted = f"SELECT count(*) <= {FEW} AS is_few FROM (SELECT FROM ({self.everywhere}) f LIMIT {FEW + 1}) counted"
        return bool(fetch(connection, self.few or counted, parameters)[0]["is_few"])


def by_entry(reading: Reading, hits: Hits | None) -> Found:
    """What an entry looks for.

    Identifiers and numbers reach records that are only acknowledged; words do not: word by word they would tell their text. An identifier
    that is hidden from the caller reaches none of the records of which it is.
    """
    if hits is not None:
        here = _HOLDS_WORDS if hits.is_many else None
        return Found(TABLE, READABLE, tells_of_closed=False, ranks=True, is_gathered=not hits.is_many, here=here, known_cases=CASES)
    if reading.kind in IDENTIFIERS:
        column, whose = _COLUMNS[reading.kind], whose_records(reading)
        reach = f"({READABLE} OR ({ACKNOWLEDGED} AND f.field <> 'words'))"
        check = f"({_HAS_PARTY.format(joined='', condition=f'p.{column} = ANY(:values)')} OR {_HOLDS_WORDS})"
        if whose != "true":
            return Found(_ENTRIES[reading.kind], f"({READABLE} AND {whose})", tells_of_closed=False, check=f"({check} AND {whose})")
        found = _known(_ENTRIES[reading.kind], reach, (f"parties.{column}", column, ":values"), check=check, beside=f"UNION {_WITH_WORDS}")
        return replace(found, is_gathered=reading.is_few)
    if reading.kind is Kind.CASE_NUMBER:
        return replace(_known(_NUMBER, _KNOWN, ("case_number", "number", ":numbers")), is_gathered=reading.is_few)
    return Found(_CASE, _KNOWN, tells_of_closed=True)


def whose_records(reading: Reading) -> str:
    """Condition on a record `r`: whether an entry is looked for in it."""
    both = {True: "true", False: "false"}
    return (
        both[reading.of_own] if reading.of_own == reading.of_others else f"(r.department = :own) IS {'' if reading.of_own else 'NOT '}TRUE"
    )


def within(reading: Reading, caller: Caller) -> Reading:
    """An entry as it is looked for by a caller: an identifier not in records of which it is hidden from him."""
    column = _COLUMNS.get(reading.kind)
    if column is None:
        return reading
    own, others = (treatment(caller, is_own, column) is not Treatment.HIDDEN for is_own in (True, False))
    return replace(reading, of_own=own, of_others=others)


def _known(sql: str, reach: str, held: tuple[str, str, str], check: str | None = None, beside: str = "") -> Found:
    """What the functions of the store look up: `held` is the field as it is told, as they know it, and what it is to hold."""
    name, field, wanted = held
    return Found(
        sql,
        reach,
        tells_of_closed=True,
        check=check,
        known_cases=f"{_HOLDERS.format(field=field, wanted=wanted)} {beside or 'GROUP BY 1'}",
        closed=_CLOSED.format(name=name, field=field, wanted=wanted),
        few=f"SELECT {_FEW_HOLD.format(field=field, wanted=wanted)} AS is_few",
    )


def by_words(most: int) -> Found:
    """What holds an entry's words, so many records at most."""
    return Found(_FIND_WORDS.format(most=most), READABLE, tells_of_closed=False, is_gathered=True)


def by_entity(relation: str) -> Found:
    """What the id of a person or organisation looks for; the id of one that was merged stands for what it became."""
    ids = follow(relation, f"{relation}_id")
    joined = f"JOIN store.{relation}_member e ON e.party_id = p.party_id AND e.known_to IS NULL"
    check = _HAS_PARTY.format(joined=joined, condition=f"e.{relation}_id IN {ids}")
    return _known(_ENTITY.format(relation=relation, ids=ids), _KNOWN, (f"{relation}_id", relation, f"ARRAY{ids}::text[]"), check=check)


def is_whole(reading: Reading) -> bool:
    """Whether an entry names something whole, a number or an id, and so is looked up as it is."""
    return reading.kind in _ENTRIES


def entry_parameters(reading: Reading | None, hits: Hits | None, tokens: str | None = None) -> dict[str, Any]:
    """Values that `by_entry` wants bound; `tokens` are the reading's, where somebody has worked them out already."""
    if reading is None:
        return {}
    return {
        "values": number_forms(_COLUMNS.get(reading.kind, ""), reading.values),
        "numbers": list(reading.numbers),
        "entry_case_id": reading.values[0] if reading.kind is Kind.CASE_ID else None,
        "tokens": reading.tokens if tokens is None else tokens,
        **(hits.parameters if hits else {}),
    }


def read_entry(connection: Connection, entry: str, caller: Caller) -> Reading:
    """An entry as the caller's store reads it: a case number is one if a department has it, and else words.

    Args:
        connection: for this caller.
        entry: as typed.
        caller: who typed it.

    Raises:
        RequestError: there is nothing in it, or it is too long.
    """
    reading = recognise(entry)
    if reading.kind is Kind.CASE_ID:
        return reading
    is_number, is_few = _looked_up(connection, reading, caller.department) if reading.numbers else (False, None)
    if is_number:
        return replace(reading, kind=Kind.CASE_NUMBER, is_few=is_few)
    return replace(reading, kind=Kind.WORDS) if reading.kind is Kind.CASE_NUMBER else within(replace(reading, is_few=is_few), caller)


def _looked_up(connection: Connection, reading: Reading, own: str | None) -> tuple[bool, bool | None]:
    """Whether a department's record that the caller may know of has the entry for its number; whether few hold what it then is."""
    column = _COLUMNS.get(reading.kind)
    holders, few = _HOLDERS.format(field="number", wanted=":numbers"), _FEW_HOLD.format(field="number", wanted=":numbers")
    otherwise = "" if column is None else f"ELSE {_FEW_HOLD.format(field=column, wanted=':values')}"
    statement = f"""
    SELECT n.is_number, CASE WHEN n.is_number THEN {few} {otherwise} END AS is_few
    FROM (SELECT EXISTS ({holders}) AS is_number OFFSET 0) n
    """
    values = number_forms(column or "", reading.values)
    [row] = fetch(connection, statement, {"numbers": list(reading.numbers), "values": values, "own": own})
    return row["is_number"], row["is_few"]
