"""Plain builders: a contract, pages of rows as a transport hands them over, and what the store then says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import orjson
import pyarrow as pa
from sqlalchemy import Engine, text

from connectors.contract import Contract
from connectors.extract import Page, Pull
from hub.settings import Settings
from pipeline.batch.conservation import recount, require_law
from pipeline.ingest import BatchReport, batch_report, finish
from pipeline.landing.land import Source, land
from pipeline.landing.order import Order
from schema.records import RAW_PAGE

Row = dict[str, Any]
SETTINGS = Settings(home=Path(mkdtemp(prefix="casehub-test-")))


def make_contract(**overrides: Any) -> Contract:
    """A small snapshot contract of a department `works`: key id, a text, a time, one petitioner; overrides replace parts."""
    parts = {
        "department": "works",
        "title": {"zh": "工务署", "en": "Works"},
        "owner": {"desk": "desk"},
        "version": 1,
        "legal_basis": "test",
        "connector": {"kind": "file", "connection": "works", "path": "works.jsonl", "format": "jsonl"},
        "feed": {"mode": "snapshot", "max_vanished": 0.2},
        "key": ["id"],
        "record": {"text": {"from": "text"}, "occurred_at": {"from": "at", "as": "datetime"}, "status": {"from": "status"}},
        "parties": [{"role": "petitioner", "name": {"from": "who", "as": "person_name"}, "phone": {"from": "phone", "as": "phone"}}],
        "drift": {"missing_column": "land_and_alert"},
        **overrides,
    }
    return Contract.model_validate(parts)


def make_row(number: int, **overrides: Any) -> Row:
    """One source row with the key `number`."""
    return {
        "id": str(number),
        "text": f"第{number}号楼漏水",
        "at": "2026-03-01 08:00:00",
        "status": "received",
        "who": "张伟",
        "phone": "13912345678",
    } | overrides


def make_page(
    rows: Iterable[Row | bytes], *, start: int = 0, cursor_field: str | None = None, operation: str = "upsert", complete: bool = True
) -> Page:
    """A page of rows; bytes stand for a row that could not be read, a row without `id` has no key, `event` is its event id."""
    raw, count = [], start
    for row in rows:
        is_bytes = isinstance(row, bytes)
        raw.append(
            {
                "ordinal": count,
                "source_record_id": None if is_bytes else row.get("id"),
                "payload": None
                if is_bytes
                else orjson.dumps({k: v for k, v in row.items() if k != "event"}, option=orjson.OPT_SORT_KEYS).decode(),
                "raw": row if is_bytes else None,
                "fault": "not JSON" if is_bytes else None,
                "cursor": None if is_bytes or cursor_field is None else row[cursor_field],
                "operation": operation,
                "event_id": None if is_bytes else row.get("event"),
            }
        )
        count += 1
    columns = {name for row in rows if not isinstance(row, bytes) for name in row if name != "event"}
    cursors = [row["cursor"] for row in raw if row["cursor"] is not None]
    return Page(pa.Table.from_pylist(raw, schema=RAW_PAGE), max(cursors, default=None), complete, tuple(sorted(columns)))


def giving(*pages: Page, then: Exception | None = None) -> Source:
    """A source that gives these pages, and then breaks if so told."""

    def source(contract: Contract, pull: Pull, engine: Engine) -> Iterator[Page]:
        yield from pages
        if then is not None:
            raise then

    return source


def take_in(engine: Engine, contract: Contract, *pages: Page, order: Order = Order(), settings: Settings = SETTINGS) -> BatchReport:
    """Land pages and take them as far as they go."""
    batch_id = land(engine, contract, order, giving(*pages))
    finish(engine, contract, batch_id, settings)
    with engine.connect() as connection:
        return batch_report(connection, batch_id)


def ask(engine: Engine, sql: str, **params: Any) -> list[Any]:
    """Rows of a query, as tuples; scalars where there is one column."""
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(text(sql), params)]
    return [row[0] for row in rows] if rows and len(rows[0]) == 1 else rows


def require_the_law(engine: Engine) -> None:
    """Recount every batch."""
    with engine.connect() as connection:
        require_law(recount(connection, ask(engine, "SELECT batch_id FROM ops.batch")))
