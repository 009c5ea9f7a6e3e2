"""A source that says how many rows it has is held to it before absence is taken for deletion: by rows, and by different records."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Engine

from connectors.contract import Contract
from hub.errors import SnapshotError, SourceError, SourceUnavailable
from pipeline.ingest import BatchReport, ingest
from pipeline.landing.order import Order
from tests.integration.connectors.servers import Request, Response, as_json, as_xml, http_server
from tests.integration.pipeline.builders import SETTINGS, Row, ask, make_contract, make_row

REST = {
    "kind": "rest",
    "connection": "works",
    "path": "/rows",
    "items": "rows",
    "retries": 0,
    "pages": {"style": "offset", "size": 10, "total": "total"},
}
SOAP = {
    "kind": "soap",
    "connection": "works",
    "path": "/ws",
    "body": "<q><page>{page}</page></q>",
    "items": "//row",
    "retries": 0,
    "pages": {"style": "page", "size": 10, "total": "//total"},
}
CURSOR = {"mode": "cursor", "field": "at", "reconcile": "P1D"}
DELETED = "SELECT source_record_id FROM landing.record WHERE operation = 'delete' ORDER BY source_record_id"
BATCHES = "SELECT state, deleted FROM ops.batch ORDER BY batch_id"

Answering = Callable[[int], tuple[int, list[Row]]]


class System:
    """A department's system: what it answers to an offset, as JSON or SOAP, may be changed between two pulls."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.answer: Answering = self.whole

    def whole(self, offset: int) -> tuple[int, list[Row]]:
        """Everything, page by page."""
        return len(self.rows), self.rows[offset : offset + 10]

    def ends_early(self, offset: int) -> tuple[int, list[Row]]:
        """Its fifth page is empty."""
        return len(self.rows), self.rows[offset : offset + 10] if offset < 40 else []

    def moves(self, offset: int) -> tuple[int, list[Row]]:
        """The first row is changed once the first page is read, and goes to the end."""
        rows = self.rows if offset == 0 else [*self.rows[1:], self.rows[0] | {"status": "accepted"}]
        return len(rows), rows[offset : offset + 10]

    def loses(self, offset: int) -> tuple[int, list[Row]]:
        """The first row is deleted once the first page is read."""
        rows = self.rows if offset == 0 else self.rows[1:]
        return len(rows), rows[offset : offset + 10]

    def __call__(self, request: Request) -> Response:
        page = re.search(rb"<page>(\d+)</page>", request.body)
        total, rows = self.answer((int(page[1]) - 1) * 10 if page else int(request.query["offset"]))
        if not page:
            return as_json({"total": total, "rows": rows})
        fields = ["".join(f"<{name}>{value}</{name}>" for name, value in row.items()) for row in rows]
        return as_xml(f"<r><total>{total}</total>{''.join(f'<row>{one}</row>' for one in fields)}</r>")


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[list[Row]], System]]:
    with ExitStack() as running:

        def start(rows: list[Row]) -> System:
            system = System(rows)
            server = running.enter_context(http_server(system))
            monkeypatch.setenv("CASEHUB_CONNECTION_WORKS", json.dumps({"url": server.url}))
            return system

        yield start


def contract_on(connector: dict[str, Any], feed: dict[str, Any]) -> Contract:
    asks = {"since_param": "since"} if connector is REST and feed["mode"] == "cursor" else {}
    return make_contract(connector={**connector, **asks}, feed=feed)


def sweep(database: Engine, contract: Contract, **order: Any) -> BatchReport:
    return ingest(database, contract, SETTINGS, Order("ingest" if contract.feed.mode == "snapshot" else "reconcile", **order))


@pytest.mark.parametrize("connector", [pytest.param(REST, id="rest"), pytest.param(SOAP, id="soap")])
@pytest.mark.parametrize(
    ("feed", "error", "state", "kept"),
    [
        pytest.param(CURSOR, SourceUnavailable, "failed", "landed", id="a sweep"),
        pytest.param({"mode": "snapshot"}, SnapshotError, "held", "held", id="a snapshot"),
    ],
)
def test_what_ends_before_its_total_deletes_nothing(
    database: Engine,
    serve: Callable[[list[Row]], System],
    connector: dict[str, Any],
    feed: dict[str, Any],
    error: type[SourceError],
    state: str,
    kept: str,
) -> None:
    system, contract = serve([make_row(n) for n in range(50)]), contract_on(connector, feed)
    assert ingest(database, contract, SETTINGS).accepted == 50
    system.rows[0] = system.rows[0] | {"status": "accepted"}
    system.answer = system.ends_early
    with pytest.raises(error, match="speaks of 50 rows and gave 40"):
        sweep(database, contract)
    assert (ask(database, BATCHES)[-1], ask(database, DELETED)) == ((state, 0), [])
    assert ask(database, "SELECT state FROM landing.record WHERE batch_id = 2") == [kept]
    system.answer = system.whole
    assert sweep(database, contract).already_known == 50
    assert ask(database, "SELECT state FROM landing.record WHERE batch_id = 2") == ["accepted"]


@pytest.mark.parametrize("happens", [pytest.param(System.moves, id="one moves"), pytest.param(System.loses, id="one goes")])
@pytest.mark.parametrize("feed", [pytest.param(CURSOR, id="a sweep"), pytest.param({"mode": "snapshot"}, id="a snapshot")])
def test_a_record_that_no_page_had_because_rows_moved_is_not_deleted(
    database: Engine, serve: Callable[[list[Row]], System], feed: dict[str, Any], happens: Callable[[System, int], tuple[int, list[Row]]]
) -> None:
    system, contract = serve([make_row(n) for n in range(50)]), contract_on(REST, feed)
    ingest(database, contract, SETTINGS)
    system.answer = partial(happens, system)
    report = sweep(database, contract)
    assert (report.state, report.deleted, ask(database, DELETED)) == ("done", 0, [])
    assert report.alerts == (
        "缺少 1 条，且来源称有 50 条，实际取得 49 条不重复的记录：本次没有删除 · "
        "1 rows are absent, and 49 different ones came of 50 that the source speaks of: nothing was deleted this time",
    )


def test_a_record_that_is_gone_is_deleted_by_a_sweep_that_holds_all_that_the_source_speaks_of(
    database: Engine, serve: Callable[[list[Row]], System]
) -> None:
    without_key = {"text": "no key", "at": "2026-03-01 08:00:00"}
    system, contract = serve([*(make_row(n) for n in range(50)), without_key]), contract_on(REST, CURSOR)
    ingest(database, contract, SETTINGS)
    del system.rows[7]
    report = sweep(database, contract)
    assert (report.deleted, report.alerts, ask(database, DELETED)) == (1, (), ["7"])


def test_where_a_source_lists_a_record_twice_for_good_a_person_says_what_is_gone(
    database: Engine, serve: Callable[[list[Row]], System]
) -> None:
    system, contract = serve([make_row(n) for n in range(50)]), contract_on(REST, CURSOR)
    ingest(database, contract, SETTINGS)
    system.rows[7] = system.rows[8]
    assert sweep(database, contract).deleted == 0
    assert sweep(database, contract, accepts_deletions=True).deleted == 1
    assert ask(database, DELETED) == ["7"]
