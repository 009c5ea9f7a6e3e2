"""What a loosely typed entry hits: records by their words, by names that agree in some way, by a part of a number.

A reading enters; ids of records leave, with where in the record it stands and how it agrees. They come from functions of
the store that see past row security and give ids alone; whoever shows something of them joins them to records that the
caller may read. Each is asked for so many and no more, counted among records that this caller may read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy import Connection

from api.cursor import RELEVANT_MOST
from api.queries.gathered import RECORDS, Hits, Row, Worded, cases_of
from api.queries.like import literal
from api.queries.ranks import Rank
from api.queries.rows import fetch_tuples
from api.queries.tails import TailsShown, find_tails
from api.queries.words import word_parameters
from api.recognise import Kind, Reading
from matching.search_keys import LONGEST, NameAgreement
from matching.single.search_keys import typed_keys
from pipeline.resolving.candidates import open_key_numbers_of

#: Records by words that are gathered: all of them, or of more the newest.
FEW = 2_000
_NEWEST = 1_400  # of more; they are of a thousand cases most often
#: Records by name or by a part of a number: the closest, and of these the newest.
MOST = 1_000
_MORE = 2  # times as many records are gathered where those gathered are of few cases
ENOUGH = 20  # records by name; with fewer, names one character off are looked for too

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

_TOLD = "CAST(c.case_id AS text), CAST(extract(epoch FROM c.reported_at) AS double precision)"
_CASES_OF = f"SELECT c.record_id, {_TOLD} FROM store.cases_of(CAST(:records AS bigint[]), CAST(:versions AS integer[])) c"
# Records and their cases at once: the ids of thousands would take as long on their way here and back as it takes to find them.
_WORDS = """
SELECT held, records, case_ids, reported_at, titles
FROM store.find_cases_with_words(CAST(:tokens AS tsquery), CAST(:by_index AS tsquery), :most, :newest)
"""
_NAMES = f"""
SELECT c.record_id, c.version, c.ordinal, c.rank, {_TOLD}
FROM store.find_cases_with_names(CAST(:keys AS bigint[]), CAST(:ranks AS integer[]), :most) c ORDER BY c.rank
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
        worded = _told_once(looking, reading)
        cases = cases_of(looking.rows, worded)
        if not is_many or len(cases.case_ids) > RELEVANT_MOST:  # one more, so that the last page says that there are others
            return Hits(tuple(looking.rows), worded, cases, is_many, tuple(dict.fromkeys(looking.tried)))
        most *= _MORE  # many records of few cases
        is_many = looking.by_words(most)


def _told_once(looking: _Looking, reading: Reading) -> Worded:
    """Records by words without those whose party bears the name: folded, its words agree however it is written."""
    if reading.kind not in (Kind.NAME, Kind.ORGANISATION, Kind.PINYIN) or not looking.rows:
        return looking.worded
    named = {row[:2] for row in looking.rows if row[2] == "parties.name"}
    return looking.worded.at([place for place, record in enumerate(looking.worded.records.tolist()) if record not in named])


class _Looking:
    def __init__(self, connection: Connection, reading: Reading, shown: TailsShown) -> None:
        self._connection, self._reading, self._shown = connection, reading, shown
        self.rows: list[Row] = []
        self.worded = Worded()
        self.tried: list[str] = []

    def by_words(self, newest: int) -> bool:
        """Records whose text, names, address or number hold every word: all of few, of more the newest, so many; whether there are more."""
        query = self._reading.query
        if not query.whole:
            return False
        self.tried.append("words")
        most = max(FEW, newest) + 1
        [(held, records, *columns)] = self._ask(_WORDS, **word_parameters(self._connection, query, most), newest=newest)
        self.worded = Worded() if records is None else _worded(records, *columns)
        return bool(held == most)

    def by_name(self) -> None:
        """Records with a party whose name agrees: the close ways first, one character off where these find little."""
        reading = self._reading
        is_name = reading.kind in (Kind.NAME, Kind.ORGANISATION, Kind.PINYIN)
        if not (is_name or reading.may_be_name) or len(reading.text) > LONGEST:
            return
        keys = typed_keys(reading.spoken or reading.text, _as(reading))
        if reading.may_be_name and len(self.worded.records):  # then it is words, and their sound may be anybody's name
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
            parts = self._ask(_NUMBERS, part=f"%{literal(reading.part)}%", most=MOST)
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
        return [(record_id, version, "parties.name", ordinal, 10 * rank, *told) for record_id, version, ordinal, rank, *told in rows]

    def _ask(self, statement: str, **parameters: Any) -> list[Any]:
        return fetch_tuples(self._connection, statement, parameters)


def _worded(records: memoryview, case_ids: str, reported_at: memoryview, titles: str) -> Worded:
    """Columns that came as numbers, of so many bytes each, and as lines."""
    seconds = np.frombuffer(reported_at, ">f8").astype(np.float64)
    return Worded(np.frombuffer(records, RECORDS), case_ids.split("\n"), seconds, titles.split("\n"))


def _as(reading: Reading) -> Any:
    if reading.spoken:
        return "spoken"
    return {Kind.NAME: "person", Kind.ORGANISATION: "organisation"}.get(reading.kind, "either")
