"""What a loosely typed entry hits: records by their words, by names that agree in some way, by a part of a number.

A reading enters; ids of records leave, with where in the record it stands and how it agrees. They come from functions of
the store that see past row security and give ids alone; whoever shows something of them joins them to records that the
caller may read. Each is asked for so many and no more, counted among records that this caller may read.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from functools import cached_property
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection

from api.cursor import RELEVANT_MOST
from api.queries.rows import fetch_tuples
from api.queries.tails import TailsShown, find_tails
from api.queries.words import word_parameters
from api.recognise import Kind, Reading
from matching.search_keys import LONGEST, NameAgreement
from matching.single.search_keys import typed_keys
from pipeline.candidates import open_key_numbers_of

#: Records by words that are gathered: all of them, or of more the newest.
FEW = 2_000
_NEWEST = 1_400  # of more; they are of a thousand cases most often
#: Records by name or by a part of a number: the closest, and of these the newest.
MOST = 1_000
_MORE = 2  # times as many records are gathered where those gathered are of few cases
ENOUGH = 20  # records by name; with fewer, names one character off are looked for too


class Rank(IntEnum):
    """How a hit agrees, the closest first: names' agreements with a place for words and parts of numbers between them."""

    EXACT = 10 * NameAgreement.EXACT
    WORDS = 10 * NameAgreement.EXACT + 1
    PARTIAL = 10 * NameAgreement.STEM + 5


class Agreement(StrEnum):
    """How a match agrees, in the words of the answer."""

    EXACT = "exact"
    VARIANT = "variant"
    PINYIN = "pinyin"
    TYPO = "typo"
    PARTIAL = "partial"


_AGREEMENTS = {
    NameAgreement.EXACT: Agreement.EXACT,
    NameAgreement.VARIANT: Agreement.VARIANT,
    NameAgreement.STEM: Agreement.PARTIAL,
    NameAgreement.PINYIN: Agreement.PINYIN,
    NameAgreement.ACCENT: Agreement.PINYIN,
    NameAgreement.LOOK: Agreement.TYPO,
    NameAgreement.SLIP: Agreement.TYPO,
    NameAgreement.INITIALS: Agreement.PARTIAL,
}
_WAYS = {
    NameAgreement.EXACT: "name",
    NameAgreement.VARIANT: "variant_characters",
    NameAgreement.STEM: "core_of_firm",
    NameAgreement.PINYIN: "same_pinyin",
    NameAgreement.ACCENT: "near_pinyin",
    NameAgreement.LOOK: "look_alike",
    NameAgreement.SLIP: "one_character_off",
    NameAgreement.INITIALS: "initials",
}
_CLOSE = frozenset(NameAgreement) - {NameAgreement.SLIP}


def agreement(rank: int) -> Agreement:
    """A rank in the answer's words."""
    if rank in (Rank.WORDS, Rank.PARTIAL):
        return Agreement.EXACT if rank == Rank.WORDS else Agreement.PARTIAL
    return _AGREEMENTS[NameAgreement(rank // 10)]


#: record_id, version, field, ordinal of the party or None, rank; then of the record its case, when it was reported, its title.
Row = tuple[int, int, str, int | None, int, str, float | None, str | None]


@dataclass(slots=True)
class FoundCase:
    """A case that holds an entry, as the records tell that hold it.

    Args:
        rank: how closely the closest of them agrees.
        reported_at: of the newest of them, in seconds since 1970.
        titles: of those that hold the words.
    """

    rank: int
    reported_at: float | None = None
    titles: Collection[str] = ()


@dataclass(frozen=True)
class Hits:
    """Records that hold an entry.

    Args:
        rows: the closest first.
        cases: what they tell of each case.
        is_many: more records hold its words than are gathered: `rows` has the newest of them.
        tried: what was looked for, in the order tried.
    """

    rows: tuple[Row, ...]
    cases: Mapping[str, FoundCase]
    is_many: bool
    tried: tuple[str, ...]

    def only(self, case_ids: Collection[uuid.UUID]) -> Hits:
        """What of it these cases hold."""
        cases = {str(case_id) for case_id in case_ids}
        rows = tuple(row for row in self.rows if row[5] in cases)
        return replace(self, rows=rows, cases={case_id: found for case_id, found in self.cases.items() if case_id in cases})

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The rows as `TABLE` wants them bound, and the cases as `CASES` does."""
        names = ("hit_records", "hit_versions", "hit_fields", "hit_ordinals", "hit_ranks")
        columns = {name: [row[place] for row in self.rows] for place, name in enumerate(names)}
        return columns | {"hit_cases": list(self.cases)}


#: Gathered hits as a relation.
TABLE = (
    "SELECT h.record_id, h.version, h.field, h.ordinal, h.rank FROM unnest(CAST(:hit_records AS bigint[]), "
    "CAST(:hit_versions AS integer[]), CAST(:hit_fields AS text[]), CAST(:hit_ordinals AS integer[]), CAST(:hit_ranks AS integer[])) "
    "AS h (record_id, version, field, ordinal, rank)"
)
#: Cases of gathered hits.
CASES = "SELECT h.case_id FROM unnest(CAST(CAST(:hit_cases AS text[]) AS uuid[])) AS h (case_id)"
_TOLD = "CAST(c.case_id AS text), CAST(extract(epoch FROM c.reported_at) AS double precision), c.title"
_CASES_OF = f"SELECT c.record_id, {_TOLD} FROM store.cases_of(CAST(:records AS bigint[]), CAST(:versions AS integer[])) c"
# Records and their cases at once: the ids of thousands would take as long on their way here and back as it takes to find them.
_WORDS = f"""
SELECT c.record_id, c.version, 'words', NULL::integer, {int(Rank.WORDS)}, {_TOLD}, w.held FROM (
    SELECT count(*) AS held, array_agg(f.record_id) AS records, array_agg(f.version) AS versions
    FROM store.find_words(CAST(:tokens AS tsquery), CAST(:by_index AS tsquery), :most) f
) w LEFT JOIN LATERAL (SELECT CASE WHEN w.held < :most THEN w.held ELSE :newest END AS kept) k ON true
LEFT JOIN LATERAL store.cases_of(w.records[1 : k.kept], w.versions[1 : k.kept]) c ON true
"""
# First where the name stands, then the cases, each row one or the other.
_NAMES = f"""
WITH found AS MATERIALIZED (
    SELECT f.record_id, f.version, f.ordinal, f.rank
    FROM store.find_names(CAST(:keys AS bigint[]), CAST(:ranks AS integer[]), :most) f ORDER BY f.rank
)
SELECT f.record_id, f.version, f.ordinal, f.rank, NULL::text, NULL::double precision, NULL::text FROM found f
UNION ALL
SELECT c.record_id, c.version, NULL, NULL, {_TOLD}
FROM store.cases_of((SELECT array_agg(record_id) FROM found), (SELECT array_agg(version) FROM found)) c
"""
_NUMBERS = "SELECT record_id, version, field FROM store.find_numbers(:part, :most)"


def gather(connection: Connection, reading: Reading, shown: TailsShown) -> Hits:
    """Look for an entry in every way that its reading allows.

    Args:
        connection: of the store.
        reading: of the entry, no whole identifier.
        shown: of numbers' ends.
    """
    looking, most = _Looking(connection, reading, shown), min(FEW, _NEWEST)
    is_many = looking.by_words(most)
    looking.by_name()
    looking.by_number()
    while True:
        rows = tuple(sorted(_told_once(looking.rows, reading), key=itemgetter(4)))
        cases = _cases(rows)
        if not is_many or len(cases) > RELEVANT_MOST:  # one more, so that the last page says that there are others
            return Hits(rows, cases, is_many, tuple(dict.fromkeys(looking.tried)))
        most *= _MORE  # many records of few cases
        is_many = looking.by_words(most)


def _cases(rows: Sequence[Row]) -> dict[str, FoundCase]:
    cases: dict[str, FoundCase] = {}
    for _, _, where, _, rank, case_id, at, title in rows:  # the closest first
        case = cases.get(case_id)
        if case is None:
            case = cases[case_id] = FoundCase(rank, at)
        elif at is not None and (case.reported_at is None or at > case.reported_at):
            case.reported_at = at
        if where == "words" and title and title not in case.titles:
            case.titles = (*case.titles, title)
    return cases


def _told_once(rows: Sequence[Row], reading: Reading) -> list[Row]:
    """Rows without those by words of records whose party bears the name: folded, its words agree however it is written."""
    if reading.kind not in (Kind.NAME, Kind.ORGANISATION, Kind.PINYIN):
        return list(rows)
    named = {row[:2] for row in rows if row[2] == "parties.name"}
    return [row for row in rows if row[2] != "words" or row[:2] not in named]


class _Looking:
    def __init__(self, connection: Connection, reading: Reading, shown: TailsShown) -> None:
        self._connection, self._reading, self._shown = connection, reading, shown
        self.rows: list[Row] = []
        self.tried: list[str] = []

    def by_words(self, newest: int) -> bool:
        """Records whose text, names, address or number hold every word: all of few, of more the newest, so many; whether there are more."""
        query = self._reading.query
        if not query.whole:
            return False
        self.tried.append("words")
        self.rows = [row for row in self.rows if row[2] != "words"]
        most = max(FEW, newest) + 1
        found = self._ask(_WORDS, **word_parameters(self._connection, query, most), newest=newest)
        if found[0][0] is not None:
            self.rows += [row[:-1] for row in found]
        return bool(found[0][-1] == most)

    def by_name(self) -> None:
        """Records with a party whose name agrees: the close ways first, one character off where these find little."""
        reading = self._reading
        is_name = reading.kind in (Kind.NAME, Kind.ORGANISATION, Kind.PINYIN)
        if not (is_name or reading.may_be_name) or len(reading.text) > LONGEST:
            return
        keys = typed_keys(reading.spoken or reading.text, _as(reading))
        if reading.may_be_name and self.rows:  # then it is words, and their sound may be anybody's name
            keys = {key: agrees for key, agrees in keys.items() if agrees <= NameAgreement.STEM}
        found = self._named({key: agrees for key, agrees in keys.items() if agrees in _CLOSE})
        self.tried += [_WAYS[agrees] for agrees in sorted(set(keys.values()) & _CLOSE)]
        if len(found) < ENOUGH and NameAgreement.SLIP in keys.values():
            found = self._named(keys)
            self.tried.append(_WAYS[NameAgreement.SLIP])
        self.rows += found

    def by_number(self) -> None:
        """Records with such a part in their number, and with parties whose phone or ID number ends so."""
        reading = self._reading
        found: list[tuple[int, int, str, int | None]] = []
        if reading.part:
            self.tried.append("part_of_case_number")
            parts = self._ask(_NUMBERS, part=f"%{_literal(reading.part)}%", most=MOST)
            found += [(record_id, version, field, None) for record_id, version, field in parts]
        if reading.tail:
            self.tried.append("end_of_number")
            ends = find_tails(self._connection, reading.tail, self._shown, MOST)
            found += [(record_id, version, f"parties.{field}", ordinal) for record_id, version, field, ordinal in ends]
        versions = {row[0]: row[1] for row in found}
        if versions:
            cases = self._ask(_CASES_OF, records=list(versions), versions=list(versions.values()))
            told = {record_id: rest for record_id, *rest in cases}
            self.rows += [(*row, int(Rank.PARTIAL), *told[row[0]]) for row in found if row[0] in told]

    def _named(self, keys: dict[str, NameAgreement]) -> list[Row]:
        if not keys:
            return []
        rows = self._ask(_NAMES, keys=open_key_numbers_of(list(keys)), ranks=[*map(int, keys.values())], most=MOST)
        told = {row[0]: row[4:] for row in rows if row[3] is None}
        return [
            (record_id, version, "parties.name", ordinal, 10 * rank, *told[record_id])
            for record_id, version, ordinal, rank, *_ in rows
            if rank is not None and record_id in told
        ]

    def _ask(self, statement: str, **parameters: Any) -> list[Any]:
        return fetch_tuples(self._connection, statement, parameters)


def _as(reading: Reading) -> Any:
    if reading.spoken:
        return "spoken"
    return {Kind.NAME: "person", Kind.ORGANISATION: "organisation"}.get(reading.kind, "either")


def _literal(part: str) -> str:
    """A text inside a LIKE pattern that stands for itself."""
    return part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
