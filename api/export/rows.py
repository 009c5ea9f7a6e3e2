"""ROWS of an export: a question enters, flat rows of one level leave, a few hundred at a time, all of one moment of the store.

Each is what the API answers of a case, record or party to this caller, its codes beside their Chinese names. Columns are the
same in every format, and are only ever added to.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import pyarrow as pa
from pydantic import BaseModel
from sqlalchemy import Connection

from api.answers.common import Acknowledged, Coded
from api.presenter import Presenter
from api.queries import export as queries
from api.queries.case import POLICY
from api.questions.export import ExportQuery, Level
from api.search_view import search
from schema.records import RECORD, TIME

CASES_AT_ONCE = 200

Row = dict[str, Any]

_CODED = ("category", "status", "grade", "street", "community")


def _with_names(*names: str) -> list[pa.Field]:
    """Codes, each with a column of its Chinese name beside it."""
    return [pa.field(column, pa.string()) for name in names for column in (name, f"{name}_zh")]


def _record_fields() -> list[pa.Field]:
    """Fields of records as their schema has them."""
    left_out = {"department", "source_record_id", "version", "visibility", "references"}
    coded = (*_CODED, "channel")
    fields: list[pa.Field] = []
    for field in RECORD:
        if field.name not in left_out:
            fields += _with_names(field.name) if field.name in coded else [pa.field(field.name, field.type)]
    return fields


_SOURCE = [
    pa.field("case_id", pa.string()),
    *_with_names("department"),
    pa.field("source_record_id", pa.string()),
    pa.field("version", pa.int32()),
    pa.field("is_masked", pa.bool_()),
]
#: Columns of each level.
COLUMNS: dict[Level, pa.Schema] = {
    "cases": pa.schema(
        [
            pa.field("case_id", pa.string()),
            pa.field("title", pa.string()),
            *_with_names(*_CODED),
            pa.field("reported_at", TIME),
            pa.field("departments", pa.list_(pa.string())),
            pa.field("departments_zh", pa.list_(pa.string())),
            pa.field("record_count", pa.int32()),
            pa.field("acknowledged", pa.list_(pa.string())),
        ]
    ),
    "records": pa.schema([*_SOURCE, *_record_fields()]),
    "parties": pa.schema(
        [
            *_SOURCE,
            *_with_names("role"),
            *(
                pa.field(name, pa.string())
                for name in ("kind", "person_id", "organisation_id", "name", "id_type", "id_no", "uscc", "phone", "address", "gender")
            ),
            pa.field("birth_date", pa.string()),  # the year alone where it is masked
        ]
    ),
}


def rows(connection: Connection, presenter: Presenter, question: ExportQuery) -> Generator[list[Row], None, None]:
    """All rows of an export, part by part; the first part is there before anything else, and may be empty.

    Raises:
        RequestError: the question cannot be read.
    """
    of_cases = _OF_CASES[question.level]
    cursor: str | None = None
    while True:
        page = search(connection, presenter, question.page(cursor, CASES_AT_ONCE))
        yield from of_cases(connection, presenter, page.items)
        cursor = page.next_cursor
        if cursor is None:
            return


def _cases(_: Connection, __: Presenter, items: Sequence[Any]) -> Iterator[list[Row]]:
    yield [_flat(item, item.case_id, "cases") for item in items]


def _records(connection: Connection, presenter: Presenter, items: Sequence[Any]) -> Iterator[list[Row]]:
    case_ids, own = [item.case_id for item in items], presenter.caller.department
    names = queries.names(connection, case_ids, own) if case_ids else {}
    for part in queries.records(connection, case_ids, own) if case_ids else ():
        yield [
            _flat(presenter.record(row, names.get(row["case_id"], ())), row["case_id"], "records", version=row["version"]) for row in part
        ]


def _parties(connection: Connection, presenter: Presenter, items: Sequence[Any]) -> Iterator[list[Row]]:
    case_ids, own = [item.case_id for item in items], presenter.caller.department
    for part in queries.parties(connection, case_ids, own) if case_ids else ():
        yield [_party(presenter, row) for row in part]


def _party(presenter: Presenter, row: Row) -> Row:
    record = {name: row[f"record_{name}"] for name in POLICY}
    return _flat(presenter.party(row, record), row["case_id"], "parties", version=record["version"])


_OF_CASES: dict[Level, Callable[[Connection, Presenter, Sequence[Any]], Iterator[list[Row]]]] = {
    "cases": _cases,
    "records": _records,
    "parties": _parties,
}


def _flat(answer: BaseModel, case_id: uuid.UUID, level: Level, **more: Any) -> Row:
    """An answer as one row of plain values."""
    known = {"case_id": str(case_id), **more}
    return {name: known[name] if name in known else _cell(answer, name) for name in COLUMNS[level].names}


def _cell(answer: BaseModel, column: str) -> Any:
    is_name = column.endswith("_zh")
    value = getattr(answer, column.removesuffix("_zh") if is_name else column)
    if isinstance(value, list):
        return [_word(item, is_name) for item in value]
    return _word(value, is_name)


def _word(value: Any, is_name: bool) -> Any:
    if isinstance(value, Acknowledged):
        value = value.department
    if isinstance(value, Coded):
        return value.zh if is_name else value.code
    return str(value) if isinstance(value, uuid.UUID) else value
