"""Rows of a job → what the caller may see of each, in a handful of statements however many rows there are."""

from __future__ import annotations

import dataclasses
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from api.access import Caller
from api.audit.notes import persons_by_identifiers
from api.lookups.reading import Asked, CellError, read_row
from api.presenter import Presenter
from api.queries import shown
from api.queries.found import within
from api.queries.lookups import case_numbers, found_by_entries, records_behind
from api.queries.rows import Row
from api.recognise import LABELS, Kind, Reading

_LOOSE = frozenset({Kind.PINYIN, Kind.PARTIAL_NUMBER})  # ways of the single entry that many rows are not looked for by
CASES_PER_ROW = 10  # that are named; the others are counted


@dataclass
class Answer:
    """What became of one row: how it was read, and the cases found."""

    read_as: list[str] = field(default_factory=list)  # kinds; none: blank, or not to be read
    problem: str | None = None  # of reading.REASONS, or too_broad
    cases: int = 0
    is_cut: bool = False  # there are more
    items: list[dict[str, Any]] = field(default_factory=list)  # case_id, title, departments, matched
    ask: list[str] = field(default_factory=list)  # departments that hold a further record
    policy: int = 0  # version, by which he read
    readable: list[int] = field(default_factory=list)  # records of those cases, as `told` keeps them
    acknowledged: list[int] = field(default_factory=list)
    person_ids: list[uuid.UUID] = field(default_factory=list)  # whom an ID number or phone found; for the audit log alone

    @property
    def case_ids(self) -> list[uuid.UUID]:
        """Of the cases that are named."""
        return [uuid.UUID(item["case_id"]) for item in self.items]

    @property
    def shape(self) -> str:
        """How it was read, in words without a value."""
        return "+".join(self.read_as) or self.problem or "blank"

    def as_json(self) -> dict[str, Any]:
        """For the store."""
        return {name: value for name, value in dataclasses.asdict(self).items() if name != "person_ids"}


def answer_rows(
    connection: Connection, presenter: Presenter, rows: Mapping[int, Sequence[Any] | None], kinds: Sequence[str]
) -> dict[int, Answer]:
    """Look rows up.

    Args:
        connection: for this caller.
        presenter: the caller's.
        rows: by ordinal, the cells; None for a line that could not be read.
        kinds: of the columns.

    Returns:
        An answer per ordinal.
    """
    answers = {ordinal: Answer(policy=presenter.caller.rights.version) for ordinal in rows}
    asked = _read(rows, kinds, answers)
    own = presenter.caller.department
    by_kind = _by_kind(connection, asked, presenter.caller)
    hits: dict[int, dict[uuid.UUID, list[Row]]] = defaultdict(dict)
    for kind, entries in by_kind.items():
        for ordinal in dict.fromkeys(ordinal for ordinal, _ in entries):
            answers[ordinal].read_as.append(kind.value)
        for row in found_by_entries(connection, kind, entries, own):
            hits[row["ordinal"]].setdefault(row["case_id"], []).append(row)
    for ordinal, found in hits.items():
        answers[ordinal].cases = len(found)
        answers[ordinal].is_cut = any(row["is_cut"] for rows in found.values() for row in rows)
    _describe(connection, presenter, answers, hits)
    readings = {ordinal: [each.reading for each in several] for ordinal, several in asked.items()}
    named = {ordinal: answers[ordinal].case_ids for ordinal in hits}
    for ordinal, person_ids in persons_by_identifiers(connection, readings, named, own).items():
        answers[ordinal].person_ids = person_ids
    return answers


def _read(rows: Mapping[int, Sequence[Any] | None], kinds: Sequence[str], answers: Mapping[int, Answer]) -> dict[int, list[Asked]]:
    """What each row asks, by ordinal; of one that cannot be read, why goes to its answer."""
    asked: dict[int, list[Asked]] = {}
    for ordinal, cells in rows.items():
        try:
            asked[ordinal] = [] if cells is None else read_row(cells, kinds)
        except CellError as error:
            answers[ordinal].problem = error.reason
        if cells is None:
            answers[ordinal].problem = "unreadable"
    return asked


def _by_kind(connection: Connection, asked: Mapping[int, Sequence[Asked]], caller: Caller) -> dict[Kind, list[tuple[int, Reading]]]:
    """Readings by kind, as each kind is one statement; what may be anything is first tried as a case number, as in the single entry."""
    free = [(ordinal, each.reading) for ordinal, several in asked.items() for each in several if each.is_free]
    numbered = [entry for entry in free if entry[1].numbers and entry[1].kind is not Kind.CASE_ID]
    known = case_numbers(connection, numbered, caller.department) if numbered else set()
    found: dict[Kind, list[tuple[int, Reading]]] = {}
    for ordinal, several in asked.items():
        for reading, is_free in several:
            kind = reading.kind
            if is_free and (ordinal, reading.text) in known:
                kind = Kind.CASE_NUMBER
            elif (is_free and kind is Kind.CASE_NUMBER) or kind in _LOOSE:
                kind = Kind.WORDS
            found.setdefault(kind, []).append((ordinal, within(dataclasses.replace(reading, kind=kind), caller)))
    return found


def _describe(
    connection: Connection, presenter: Presenter, answers: Mapping[int, Answer], hits: Mapping[int, Mapping[uuid.UUID, list[Row]]]
) -> None:
    """Name the first cases of each row: titles and departments as the caller may read them, and whom to ask."""
    named = {ordinal: list(found)[:CASES_PER_ROW] for ordinal, found in hits.items()}
    case_ids = list({case_id for several in named.values() for case_id in several})
    if not case_ids:
        return
    around = shown.summaries(connection, [str(case_id) for case_id in case_ids])
    behind = records_behind(connection, case_ids, presenter.caller.department)
    for ordinal, several in named.items():
        answer = answers[ordinal]
        for case_id in several:
            case = around[str(case_id)]
            fields = sorted({name for row in hits[ordinal][case_id] for name in row["fields"]})
            answer.items.append(
                {"case_id": str(case_id), "title": presenter.title(case), "departments": case["departments"] or [], "matched": fields}
            )
        records = {record_id: is_readable for case_id in several for record_id, is_readable in behind.get(case_id, {}).items()}
        answer.readable = [record_id for record_id, is_readable in records.items() if is_readable]
        answer.acknowledged = [record_id for record_id, is_readable in records.items() if not is_readable]
        answer.ask = sorted({code for case_id in several for code in around[str(case_id)]["acknowledged"] or []})


def label(kind: str) -> str:
    """A kind in both languages."""
    zh, en = LABELS[Kind(kind)]
    return f"{zh} {en}"
