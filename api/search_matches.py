"""Why each case of a page was found: the record, the field, how closely it agrees, and the place in what the caller is shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.access import Clearance, Treatment, treatment
from api.highlights import Piece, Sought, piece_of, piece_of_end, piece_of_number, sought
from api.presenter import Presenter, coded
from api.queries.ranks import Rank, agreement
from api.queries.rows import Row
from api.queries.tails import TailsShown
from api.recognise import Reading
from schema.occurrences import tokens_in
from schema.search import bigrams

_TEXTS = ("title", "text", "address", "case_number")
_WORDED = (*_TEXTS, "parties.name")  # where words may stand


def explain(
    rows: Sequence[Row], reading: Reading, presenter: Presenter, names: Mapping[str, Iterable[str]]
) -> dict[str, list[dict[str, Any]]]:
    """The matches of each case, as the fields of `api.answers.search.Match`.

    Args:
        rows: of `queries.matches`.
        reading: of the entry.
        presenter: of the caller.
        names: of each case the persons that its free text may name.
    """
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    in_words = _word_fields(rows, reading)
    asked = _Asked(sought(reading.values or reading.text.split()), sought(reading.numbers))
    for row, fields in zip(rows, in_words, strict=True):
        is_readable = presenter.clearance(row) in (Clearance.CLEAR, Clearance.MASKED)
        fields = fields if row["field"] == "words" else [row["field"]]
        showing = _Showing(row, reading, asked, names.get(row["case_id"], ()), presenter)
        match = {
            "department": presenter.department(row["department"]),
            "source_record_id": row["source_record_id"] if is_readable else None,
            "fields": fields,
            "role": coded("role", row["role"]),
            "agreement": agreement(row["rank"]).value,
            "highlights": showing.highlights(fields) if is_readable else [],
        }
        found[row["case_id"]].append(match)
    return found


@dataclass(frozen=True)
class _Asked:
    words: tuple[Sought, ...]
    numbers: tuple[Sought, ...]


class _Showing:
    """One record that was found, as the caller is shown it."""

    def __init__(self, row: Row, reading: Reading, asked: _Asked, names: Iterable[str], presenter: Presenter) -> None:
        self._row, self._reading, self._asked, self._names, self._presenter = row, reading, asked, names, presenter

    def highlights(self, fields: Iterable[str]) -> list[dict[str, Any]]:
        """A piece of each of these fields in which something that was asked for is shown."""
        pieces = [(field, self._piece(field)) for field in fields]
        return [{"field": field, "text": piece.text, "marks": piece.marks} for field, piece in pieces if piece is not None]

    def _piece(self, field: str) -> Piece | None:
        row, asked = self._row, self._asked.words
        if field in ("case_number", "source_record_id"):
            return self._number_piece(field)
        if field == "parties.name" and row["name"]:
            return piece_of(row["name"] if row["kind"] == "organisation" else self._shown("name"), asked)
        if field in ("parties.phone", "parties.id_no") and self._reading.tail and row["rank"] == Rank.PARTIAL:
            return piece_of_end(self._shown(field.removeprefix("parties.")), self._reading.tail)
        return piece_of(self._shown(field), asked) if field in _TEXTS else None

    def _number_piece(self, field: str) -> Piece | None:
        number = self._shown(field)
        if self._reading.part:
            return piece_of_number(number, self._reading.part)
        return piece_of(number, [*self._asked.words, *self._asked.numbers])

    def _shown(self, field: str) -> str | None:
        """A field as the caller is shown it."""
        value: str | None = self._row[field]
        return None if not value else self._presenter.value(field, value, self._names, is_own=self._presenter.is_own(self._row))


def tails_shown(presenter: Presenter) -> TailsShown:
    """How many of the last characters of numbers the caller is shown."""

    def shown(field: str, kept: int, *, is_own: bool) -> int:
        how = treatment(presenter.caller, is_own, field)
        return {Treatment.CLEAR: TailsShown.WHOLE, Treatment.MASKED: kept}.get(how, 0)

    phone, id_no = presenter.masks.phone[1], presenter.masks.id_no[1]
    return TailsShown(
        shown("phone", phone, is_own=True),
        shown("phone", phone, is_own=False),
        shown("id_no", id_no, is_own=True),
        shown("id_no", id_no, is_own=False),
    )


def _word_fields(rows: Sequence[Mapping[str, Any]], reading: Reading) -> list[list[str]]:
    """For each record found by words, the fields that hold most of them."""
    if all(row["field"] != "words" for row in rows):
        return [[] for _ in rows]
    tokens = [token for text in reading.values for token in bigrams(text)] or list(reading.query.tokens)
    names = (" ".join(filter(None, row["names"] or ())) for row in rows)
    texts = [text or "" for row, named in zip(rows, names, strict=True) for text in (*(row[name] for name in _TEXTS), named)]
    bits = iter(tokens_in(texts, tokens))
    found = []
    for _ in rows:
        counts = {name: next(bits).bit_count() for name in _WORDED}
        best = max(counts.values())
        found.append([name for name, count in counts.items() if count and count == best])
    return found
