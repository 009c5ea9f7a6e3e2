"""The single entry's answer: read what was typed, find a page of cases, say why each was found."""

from __future__ import annotations

import dataclasses
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl
from sqlalchemy import Connection

from api.access import Clearance
from api.answers.cases import CasePage, FoundCase, Match
from api.answers.common import Coded
from api.cursor import CasePosition, read_case_cursor, write_case_cursor
from api.presenter import Presenter, coded
from api.queries import search as queries
from api.queries.found import is_case_number
from api.queries.rows import Row
from api.queries.search import Search
from api.questions.cases import CaseQuery
from api.recognise import LABELS, Kind, Reading, recognise
from schema.search import bigrams, fold

_TEXTS = ("title", "text", "address", "case_number")


def search(connection: Connection, presenter: Presenter, query: CaseQuery) -> CasePage:
    """Answer a query as this caller may see it.

    Raises:
        RequestError: the entry or the cursor cannot be read.
    """
    own = presenter.caller.department
    reading = None if query.q is None else _read(connection, query.q, own)
    wanted = dataclasses.replace(_search(query, reading, own), is_whole=presenter.caller.rights.is_whole)
    rows = queries.page(connection, wanted)
    shown = rows[: query.limit]
    case_ids = [row["case_id"] for row in shown]
    found = _matches(queries.matches(connection, wanted, case_ids), reading, presenter)
    around = queries.surroundings(connection, case_ids, own) if case_ids else {}
    best = queries.best_values(connection, case_ids, own) if case_ids else {}
    items = [_item(row, around[row["case_id"]], best, presenter) for row in shown]
    for item in items:
        item.matched = found[item.case_id]
    last = shown[-1] if len(rows) > query.limit else None
    return CasePage(
        recognised_as=_recognised(reading, items),
        items=items,
        next_cursor=None if last is None else write_case_cursor(CasePosition(last["reported_at"], last["case_id"])),
    )


def _read(connection: Connection, entry: str, own: str | None) -> Reading:
    reading = recognise(entry)
    if reading.kind is Kind.CASE_ID:
        return reading
    if reading.numbers and is_case_number(connection, reading.numbers, own):
        return dataclasses.replace(reading, kind=Kind.CASE_NUMBER)
    # It looks like a case number, and no department has it: look for the parts of it.
    return dataclasses.replace(reading, kind=Kind.WORDS) if reading.kind is Kind.CASE_NUMBER else reading


def _search(query: CaseQuery, reading: Reading | None, own: str | None) -> Search:
    equal = {name: getattr(query, name) for name in queries.FILTERS}
    return Search(
        own=own,
        limit=query.limit,
        reading=reading,
        equal={name: value for name, value in equal.items() if value is not None},
        department=query.department,
        reported_from=query.reported_from,
        reported_before=query.reported_to,
        person_id=query.person_id,
        organisation_id=query.organisation_id,
        after=None if query.cursor is None else read_case_cursor(query.cursor),
    )


def _item(row: Row, around: Row, best: Mapping[tuple[uuid.UUID, str], Row], presenter: Presenter) -> FoundCase:
    case_id = row["case_id"]
    title = best.get((case_id, "title"))
    shown = None
    if title is not None:
        shown = presenter.value("title", title["value"], around["names"] or (), is_own=title["is_own"])
    # What is published of a case may be wider or narrower than what this caller reads of it.
    if around["is_limited"] or not presenter.caller.rights.is_whole:
        stated = {name: best.get((case_id, name)) for name in queries.FILTERS}
        row = row | {name: None if value is None else value["value"] for name, value in stated.items()}
    return FoundCase(
        case_id=case_id,
        title=shown,
        departments=[presenter.department(code) for code in around["departments"] or ()],
        record_count=around["records"],
        acknowledged=presenter.acknowledged(around["acknowledged"] or ()),
        **presenter.summary(row),
    )


def _matches(rows: Sequence[Row], reading: Reading | None, presenter: Presenter) -> dict[uuid.UUID, list[Match]]:
    found: dict[uuid.UUID, list[Match]] = defaultdict(list)
    if reading is None or not rows:
        return found
    fields = _word_fields(rows, reading.values or (reading.text,))
    for row, in_words in zip(rows, fields, strict=True):
        is_readable = presenter.clearance(row) in (Clearance.CLEAR, Clearance.MASKED)
        found[row["case_id"]].append(
            Match(
                department=presenter.department(row["department"]),
                source_record_id=row["source_record_id"] if is_readable else None,
                fields=in_words if row["field"] == "words" else [_field(row["field"])],
                role=coded("role", row["role"]),
            )
        )
    return found


def _field(column: str) -> str:
    return f"parties.{column}" if column in ("id_no", "phone", "uscc") else column


def _word_fields(rows: Sequence[Mapping[str, Any]], wanted: Iterable[str]) -> list[list[str]]:
    """For each record found by words, the fields that hold most of them."""
    tokens = [token for text in wanted for token in bigrams(text)]
    texts = [row[name] for row in rows for name in _TEXTS] + [" ".join(filter(None, row["names"] or ())) for row in rows]
    folded = [text or "" for text in fold(pl.Series(texts, dtype=pl.String))]
    found = []
    for index in range(len(rows)):
        held = dict(zip(_TEXTS, folded[index * len(_TEXTS) :], strict=False)) | {"parties.name": folded[len(rows) * len(_TEXTS) + index]}
        counts = {name: sum(token in text for token in tokens) for name, text in held.items()}
        best = max(counts.values())
        found.append([name for name, count in counts.items() if count and count == best])
    return found


def _recognised(reading: Reading | None, items: Sequence[FoundCase]) -> Coded | None:
    """How the entry was read; what looks like a name, and is nobody's name in anything found, was words."""
    if reading is None:
        return None
    kind = reading.kind
    by_name = any("parties.name" in match.fields for item in items for match in item.matched)
    if kind is Kind.NAME and items and not by_name:
        kind = Kind.WORDS
    zh, en = LABELS[kind]
    return Coded(code=kind.value, zh=zh, en=en)
