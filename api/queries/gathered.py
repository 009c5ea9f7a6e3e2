"""What was gathered of the records that hold an entry, and what it tells of their cases, column by column.

A search gathers a thousand records and more to put them in order, and shows twenty cases: what is done for each of them all
is done for a column at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from api.queries.ranks import Rank

#: record_id, version, field, ordinal of the party or None, rank; then of the record its case and when it was reported, in seconds
#: since 1970.
Row = tuple[int, int, str, int | None, int, str, float | None]
Seconds = npt.NDArray[np.float64]
#: Id and version of a record, as the store sends those of many.
RECORDS = np.dtype([("record_id", ">i8"), ("version", ">i4")])

#: Gathered hits as a relation.
TABLE = (
    "SELECT h.record_id, h.version, h.field, h.ordinal, h.rank FROM unnest(CAST(:hit_records AS bigint[]), "
    "CAST(:hit_versions AS integer[]), CAST(:hit_fields AS text[]), CAST(:hit_ordinals AS integer[]), CAST(:hit_ranks AS integer[])) "
    "AS h (record_id, version, field, ordinal, rank)"
)
#: Cases of gathered hits.
CASES = "SELECT h.case_id FROM unnest(CAST(CAST(:hit_cases AS text[]) AS uuid[])) AS h (case_id)"


@dataclass(frozen=True)
class Worded:
    """Records that hold an entry's words.

    Args:
        records: of each its id and version.
        case_ids: of each the case.
        reported_at: in seconds since 1970; NaN where it is not known.
        titles: without line breaks; an empty one where there is none.
    """

    records: npt.NDArray[np.void] = field(default_factory=lambda: np.empty(0, RECORDS))
    case_ids: Sequence[str] = ()
    reported_at: Seconds = field(default_factory=lambda: np.empty(0))
    titles: Sequence[str] = ()

    def at(self, places: Sequence[int]) -> Worded:
        """Those that stand at these places."""
        case_ids, titles = ([column[place] for place in places] for column in (self.case_ids, self.titles))
        return Worded(self.records[list(places)], case_ids, self.reported_at[list(places)], titles)

    def rows(self) -> list[Row]:
        """They as rows, for the few of which something is shown."""
        ids: list[tuple[int, int]] = self.records.tolist()
        return [
            (record_id, version, "words", None, int(Rank.WORDS), case_id, None)
            for (record_id, version), case_id in zip(ids, self.case_ids, strict=True)
        ]


@dataclass(frozen=True)
class FoundCases:
    """Cases that hold an entry, as the records tell that hold it.

    Args:
        places: where each case stands, by its id, in order.
        ranks: of each how closely the closest of them agrees.
        reported_at: of each when the newest of them was reported, in seconds since 1970; NaN where it is not known.
        titles: of those that hold the words.
        titled: of each title the place of its case.
    """

    places: Mapping[str, int]
    ranks: npt.NDArray[np.int64]
    reported_at: Seconds
    titles: Sequence[str]
    titled: npt.NDArray[np.intp]

    @cached_property
    def case_ids(self) -> list[str]:
        """The id of each."""
        return list(self.places)

    def only(self, case_ids: Iterable[str]) -> FoundCases:
        """Those of these cases that are here."""
        kept = self.places_of(case_ids)
        return self.at(kept, self.titles_of(kept))

    def at(self, kept: npt.NDArray[np.intp], titles: npt.NDArray[np.intp]) -> FoundCases:
        """Those at these places, with these titles, which are theirs."""
        return FoundCases(
            {self.case_ids[place]: now for now, place in enumerate(kept.tolist())},
            self.ranks[kept],
            self.reported_at[kept],
            [self.titles[place] for place in titles.tolist()],
            np.searchsorted(kept, self.titled[titles]),
        )

    def places_of(self, case_ids: Iterable[str]) -> npt.NDArray[np.intp]:
        """Where those of these cases stand that are here, in order."""
        return np.array(sorted(self.places[case_id] for case_id in case_ids if case_id in self.places), np.intp)

    def titles_of(self, kept: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """Where the titles of the cases at these places stand."""
        is_kept = np.zeros(len(self.places), np.bool_)
        is_kept[kept] = True
        return np.flatnonzero(is_kept[self.titled])


def cases_of(rows: Sequence[Row], worded: Worded) -> FoundCases:
    """What records tell of their cases, in the order in which these are met."""
    places: dict[str, int] = {}
    case_ids = (*(row[5] for row in rows), *worded.case_ids)
    of = np.array([places.setdefault(case_id, len(places)) for case_id in case_ids], np.intp)
    ranks = np.full(len(places), np.iinfo(np.int64).max)
    np.minimum.at(ranks, of[: len(rows)], np.array([row[4] for row in rows], np.int64))
    np.minimum.at(ranks, of[len(rows) :], int(Rank.WORDS))
    reported_at = np.full(len(places), np.nan)
    np.fmax.at(reported_at, of, np.concatenate([np.array([row[6] for row in rows], np.float64), worded.reported_at]))
    return FoundCases(places, ranks, reported_at, worded.titles, of[len(rows) :])


@dataclass(frozen=True)
class Hits:
    """Records that hold an entry.

    Args:
        rows: those that hold it in a name or a number.
        worded: those that hold its words.
        cases: what they tell of each case.
        is_many: more records hold its words than are gathered: `worded` has the newest of them.
        tried: what was looked for, in the order tried.
    """

    rows: tuple[Row, ...]
    worded: Worded
    cases: FoundCases
    is_many: bool
    tried: tuple[str, ...]

    def only(self, case_ids: Collection[str]) -> Hits:
        """What of it these cases hold."""
        rows = tuple(row for row in self.rows if row[5] in case_ids)
        kept = self.cases.places_of(case_ids)
        titles = self.cases.titles_of(kept)  # a record by words tells a title
        return replace(self, rows=rows, worded=self.worded.at(titles.tolist()), cases=self.cases.at(kept, titles))

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The rows as `TABLE` wants them bound, and the cases as `CASES` does."""
        names = ("hit_records", "hit_versions", "hit_fields", "hit_ordinals", "hit_ranks")
        rows = [*self.rows, *self.worded.rows()]
        columns = {name: [row[place] for row in rows] for place, name in enumerate(names)}
        return columns | {"hit_cases": self.cases.case_ids}
