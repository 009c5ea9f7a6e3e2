"""Rows that move while pages are read: none is passed over by the watermark, and a pull that is short of its total moves none."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from connectors.contract import Contract
from connectors.values import utc_text
from hub.errors import SourceUnavailable
from pipeline.ingest import ingest
from tests.integration.connectors.servers import HttpServer, Request, Response, as_json, as_xml, http_server
from tests.integration.pipeline.builders import SETTINGS, Row, ask, make_contract, make_row

WATERMARK = "SELECT watermark FROM ops.source"
LANDED = "SELECT count(DISTINCT source_record_id) FROM landing.record"
SIZE = 4


def row(number: int, **overrides: Any) -> Row:
    return make_row(number, **{"at": f"2026-03-{number + 1:02d} 08:00:00", **overrides})


class System:
    """A list in the order of its cursors, to which something happens once so many pages were read."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows, self.total = rows, len(rows)
        self.happens: Callable[[], None] = lambda: None
        self.after = 1

    def __call__(self, request: Request) -> Response:
        numbered = re.search(rb"<page>(\d+)</page>", request.body)
        number = int(numbered[1]) if numbered else int(request.query.get("page", 1))
        start = int(request.query.get("offset", (number - 1) * SIZE))
        asked = re.search(rb"<since>(.*)</since>", request.body)
        since = (asked[1].decode() if asked else request.query.get("since", ""))[:19].replace("T", " ")
        found = [one for one in self.rows if one["at"] >= since]
        page, total = found[start : start + SIZE], max(self.total, len(found))
        self.after -= 1
        if self.after == 0:
            self.happens()
        if not numbered:
            return as_json({"rows": page, "total": total})
        fields = ["".join(f"<{name}>{value}</{name}>" for name, value in one.items()) for one in page]
        return as_xml(f"<r><total>{total}</total>{''.join(f'<row>{one}</row>' for one in fields)}</r>")

    def change(self) -> None:
        """The first row is changed, and goes to the end."""
        self.rows = [*self.rows[1:], self.rows[0] | {"at": "2026-05-01 08:00:00", "status": "accepted"}]

    def lose(self) -> None:
        """The first row is deleted."""
        self.rows = self.rows[1:]

    def come(self) -> None:
        """A row is committed late, below all others: they move down."""
        self.rows = [row(0, id="late"), *self.rows]


REST = {"kind": "rest", "connection": "works", "path": "/rows", "items": "rows", "retries": 0, "since_param": "since"}
CONNECTORS = {
    "offset": {**REST, "pages": {"style": "offset", "size": SIZE}},
    "page": {**REST, "pages": {"style": "page", "size": SIZE}},
    "soap": {
        **{"kind": "soap", "connection": "works", "path": "/ws", "items": "//row", "retries": 0},
        **{"body": "<q><since>{since}</since><page>{page}</page></q>", "pages": {"style": "page", "size": SIZE}},
    },
}


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[System], HttpServer]]:
    with ExitStack() as running:

        def start(system: System) -> HttpServer:
            server = running.enter_context(http_server(system))
            monkeypatch.setenv("CASEHUB_CONNECTION_WORKS", json.dumps({"url": server.url}))
            return server

        yield start


def contract_on(style: str, *, ordered: bool = True, total: bool = False) -> Contract:
    connector = CONNECTORS[style]
    if total:
        connector = {**connector, "pages": {**connector["pages"], "total": "//total" if style == "soap" else "total"}}  # type: ignore[dict-item]
    return make_contract(connector=connector, feed={"mode": "cursor", "field": "at", "ordered": ordered})


@pytest.mark.parametrize("total", [False, True], ids=["no total", "total"])
@pytest.mark.parametrize("happens", [System.change, System.lose, System.come])
@pytest.mark.parametrize("style", CONNECTORS)
def test_no_row_is_passed_over(
    database: Engine, serve: Callable[[System], HttpServer], style: str, happens: Callable[[System], None], total: bool
) -> None:
    system = System([row(n) for n in range(10)])
    serve(system)
    system.total = 0
    system.happens = lambda: happens(system)
    contract = contract_on(style, total=total)
    ingest(database, contract, SETTINGS)
    ingest(database, contract, SETTINGS)
    assert ask(database, LANDED) == [10]
    assert ask(database, "SELECT count(*) FROM landing.record") == [11 if happens is System.change else 10]


@pytest.mark.parametrize(("style", "requests"), [("offset", 3), ("page", 5), ("soap", 5)])
def test_what_a_pull_of_three_pages_asks_for(database: Engine, serve: Callable[[System], HttpServer], style: str, requests: int) -> None:
    server = serve(System([row(n) for n in range(10)]))
    assert ingest(database, contract_on(style, total=True), SETTINGS).pulled == 10
    assert len(server.requests) == requests


@pytest.mark.parametrize("style", CONNECTORS)
def test_a_pull_of_one_page_asks_for_no_more_than_it_did(database: Engine, serve: Callable[[System], HttpServer], style: str) -> None:
    server = serve(System([row(n) for n in range(3)]))
    assert ingest(database, contract_on(style), SETTINGS).pulled == 3
    assert len(server.requests) == 2


def test_where_a_whole_page_moved_the_pull_goes_on_from_what_landed(database: Engine, serve: Callable[[System], HttpServer]) -> None:
    system = System([row(n) for n in range(10)])
    serve(system)

    def everything_moves() -> None:
        system.rows = [*system.rows[SIZE + 1 :], *(row(20 + n, id=str(n)) for n in range(SIZE + 1))]

    system.happens = everything_moves
    with pytest.raises(SourceUnavailable, match="rows moved by a whole page"):
        ingest(database, contract_on("offset"), SETTINGS)
    assert ask(database, WATERMARK) == ["2026-03-04T00:00:00.000000Z"]
    ingest(database, contract_on("offset"), SETTINGS)
    assert ask(database, LANDED) == [10]


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("style", CONNECTORS)
def test_a_pull_that_is_short_of_its_total_moves_no_watermark(
    database: Engine, serve: Callable[[System], HttpServer], style: str, ordered: bool
) -> None:
    system = System([row(n) for n in range(2)])
    serve(system)
    system.total = 4
    contract = contract_on(style, ordered=ordered, total=True)
    report = ingest(database, contract, SETTINGS)
    assert "short_of_total" in report.alerts[0]
    assert "speaks of 4 rows and gave 2" in report.alerts[0]
    assert (report.accepted, ask(database, WATERMARK), ask(database, LANDED)) == (2, [None], [2])
    system.total = 0
    assert ingest(database, contract, SETTINGS).already_known == 2
    assert ask(database, WATERMARK) != [None]


@pytest.mark.parametrize("style", CONNECTORS)
def test_the_pulls_beginning_is_by_the_sources_own_clock(database: Engine, serve: Callable[[System], HttpServer], style: str) -> None:
    slow = datetime.now(UTC) - timedelta(hours=3)
    ahead = (slow + timedelta(hours=1)).astimezone(ZoneInfo("Asia/Shanghai"))
    system = System([*(row(n) for n in range(9)), row(9, at=ahead.strftime("%Y-%m-%d %H:%M:%S"))])
    serve(system).clock = format_datetime(slow, usegmt=True)
    ingest(database, contract_on(style, ordered=False), SETTINGS)
    assert utc_text(slow - timedelta(seconds=10)) < ask(database, WATERMARK)[0] <= utc_text(slow)


@pytest.mark.parametrize("style", CONNECTORS)
def test_the_last_row_slips_from_no_page_that_is_smaller_than_was_asked_for(
    database: Engine, serve: Callable[[System], HttpServer], style: str
) -> None:
    system = System([*(row(n) for n in range(2 * SIZE)), row(2 * SIZE, at="2026-02-01 08:00:00")])  # by number, not by time
    serve(system)
    connector = CONNECTORS[style]
    asked = {**connector, "pages": {**connector["pages"], "size": 50}}  # type: ignore[dict-item] # the source gives SIZE at once
    system.happens, system.after = system.lose, 2
    contract = make_contract(connector=asked, feed={"mode": "cursor", "field": "at"})
    for _ in range(2):
        ingest(database, contract, SETTINGS)
    assert ask(database, LANDED) == [2 * SIZE + 1]
