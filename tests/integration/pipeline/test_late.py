"""What comes late: an older event sent again, files read in another order than they were written, histories read twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text

from connectors.contract import Contract
from pipeline.ingest import BatchReport, ingest
from pipeline.order import Order
from pipeline.quarantine import discard_batch
from tests.integration.pipeline.builders import SETTINGS, Row, ask, make_contract, make_page, make_row, require_the_law, take_in

INBOX = {"kind": "inbox", "connection": "works", "event_id": {"path": "event"}}
FILES = {"kind": "file", "connection": "works", "path": "*.jsonl", "format": "jsonl"}
CURSOR = {"mode": "cursor", "field": "at", "reconcile": "P1D"}
VERSIONS = "SELECT version, payload->>'status', operation, state FROM landing.record ORDER BY source_record_id, version"
CURRENT = "SELECT DISTINCT ON (record_id) status FROM store.source_record ORDER BY record_id, version DESC"


def events_contract(**feed: Any) -> Contract:
    return make_contract(connector=INBOX, feed={"mode": "events", "order": "at", **feed})


def files_contract() -> Contract:
    return make_contract(connector=FILES, feed=CURSOR)


def row(day: int, status: str, number: int = 1, **overrides: Any) -> Row:
    return make_row(number, at=f"2026-03-{day:02d} 08:00:00", status=status, **overrides)


def send(database: Engine, contract: Contract, *events: Row) -> BatchReport:
    """Put them into the inbox, each by itself, and take in what waits."""
    with database.begin() as connection:
        for event in events:
            connection.execute(
                text("INSERT INTO ops.inbox (department, event_id, body) VALUES ('works', gen_random_uuid()::text, :body)"),
                {"body": orjson.dumps(event)},
            )
    return ingest(database, contract, SETTINGS)


# --- events ------------------------------------------------------------------------------------------------------------------


def test_one_id_of_two_records_or_two_contents_is_no_repeat(database: Engine) -> None:
    contract = make_contract(connector=INBOX, feed={"mode": "events"})
    events = [make_row(1, event="e"), make_row(2, event="e"), make_row(1, event="e", status="accepted"), make_row(1, event="e")]
    report = take_in(database, contract, make_page(events))
    assert (report.landed, report.already_known) == (3, 1)
    assert take_in(database, contract, make_page(events)).already_known == 4
    assert take_in(database, contract, make_page([make_row(3, event="e")])).landed == 1
    assert take_in(database, contract, make_page([make_row(1, event="e", status="closed")])).landed == 1


@pytest.mark.parametrize("at_once", [False, True])
def test_an_older_event_that_is_sent_again_does_not_become_current(database: Engine, at_once: bool) -> None:
    contract = make_contract(connector=INBOX, feed={"mode": "events", "order": "at"}, volatile=["event"])
    older, newer = row(1, "received", event="e1"), row(2, "accepted", event="e2")
    for events in [(newer, older)] if at_once else [(newer,), (older,)]:
        send(database, contract, *events)
    assert ask(database, CURRENT) == ["accepted"]
    assert {(status, state) for _, status, _, state in ask(database, VERSIONS)} == {("received", "superseded"), ("accepted", "accepted")}
    again = send(database, contract, older | {"event": "e3"}, newer)
    assert (again.landed, again.already_known, ask(database, CURRENT)) == (0, 2, ["accepted"])
    send(database, contract, row(3, "closed", event="e4"))
    assert ask(database, CURRENT) == ["closed"]
    require_the_law(database)


@pytest.mark.parametrize("at_once", [False, True])
def test_what_follows_is_compared_with_the_newest_and_not_with_what_came_late(database: Engine, at_once: bool) -> None:
    contract = make_contract(connector=INBOX, feed={"mode": "events", "order": "at"}, volatile=["at", "event"])
    send(database, contract, row(2, "accepted", event="e2"))
    late, last = row(1, "received", event="e1"), row(4, "received", event="e4")
    landed = [
        send(database, contract, *events).landed for events in ([(late, late | {"event": "e3"}, last)] if at_once else [(late,), (last,)])
    ]
    assert landed == ([2] if at_once else [1, 1])
    assert ask(database, CURRENT) == ["received"]


def test_a_deletion_is_not_undone_by_what_was_said_before_it(database: Engine) -> None:
    contract = events_contract(deleted={"field": "status", "in": ["withdrawn"]})
    send(database, contract, row(1, "received", event="e1"))
    send(database, contract, row(3, "withdrawn", event="e3"))
    send(database, contract, row(2, "accepted", event="e2"))
    assert ask(database, "SELECT is_deleted FROM store.source_record ORDER BY version DESC LIMIT 1") == [True]
    assert [state for *_, state in ask(database, VERSIONS)] == ["superseded", "accepted", "superseded"]


@pytest.mark.parametrize(
    ("first", "second", "current"),
    [
        pytest.param(10, 9, "first", id="a number"),
        pytest.param("10", "9", "first", id="a number as text"),
        pytest.param("2026-03-02T08:00:00+08:00", "2026-03-02T01:00:00Z", "second", id="times of two zones"),
        pytest.param("2206-03-02T08:00:00Z", "2026-03-02T01:00:00Z", "second", id="a slip far ahead"),
        pytest.param("2026-03-02T08:00:00Z", None, "second", id="none"),
        pytest.param("2026-03-02T08:00:00Z", 7, "second", id="of another kind"),
    ],
)
def test_the_order_of_events(database: Engine, first: Any, second: Any, current: str) -> None:
    drift = {"retyped_column": "land_and_alert", "missing_column": "land_and_alert"}
    contract = make_contract(connector=INBOX, feed={"mode": "events", "order": "sequence"}, ignore=["event"], drift=drift)
    send(database, contract, make_row(1, status="first", sequence=first, event="e1"))
    send(database, contract, make_row(1, status="second", sequence=second, event="e2"))
    assert ask(database, CURRENT) == [current]


def test_without_an_order_the_last_to_arrive_counts(database: Engine) -> None:
    contract = make_contract(connector=INBOX, feed={"mode": "events"}, ignore=["event"])
    for event in (row(2, "accepted", event="e2"), row(1, "received", event="e1")):
        send(database, contract, event)
    assert ask(database, CURRENT) == ["received"]
    ordered = make_contract(version=2, connector=INBOX, feed={"mode": "events", "order": "at"}, ignore=["event"])
    send(database, ordered, row(3, "closed", event="e3"))  # the inbox's numbers of before are no times
    assert ask(database, CURRENT) == ["closed"]


def test_a_discarded_event_does_not_make_others_late(database: Engine) -> None:
    rule = {"type": "expect_column_values_to_not_be_null", "column": "text", "on_failure": "halt"}
    contract = make_contract(connector=INBOX, feed={"mode": "events", "order": "at"}, expectations=[rule])
    with pytest.raises(Exception, match="text"):
        send(database, contract, row(5, "closed", event="e5", text=None))
    discard_batch(database, "works", 1)
    send(database, contract, row(1, "received", event="e1"))
    assert ask(database, CURRENT) == ["received"]


def test_a_record_of_which_something_came_late_is_mapped_anew(database: Engine) -> None:
    contract = events_contract()
    send(database, contract, row(2, "accepted", event="e2"))
    send(database, contract, row(1, "received", event="e1"))
    assert ingest(database, contract, SETTINGS, Order("remap")).landed == 1
    assert ask(database, CURRENT) == ["accepted"]


# --- files -------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CASEHUB_CONNECTION_WORKS", json.dumps({"url": str(tmp_path)}))
    return tmp_path


def write(folder: Path, name: str, *rows: Row) -> None:
    (folder / name).write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in rows))


@pytest.mark.parametrize("together", [2_000, 1])
def test_the_newest_of_several_files_is_current_whatever_they_are_called(
    database: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch, together: int
) -> None:
    monkeypatch.setattr("pipeline.land._ROWS_TOGETHER", together)
    write(folder, "2026-10.jsonl", row(10, "closed"), row(10, "closed", 2))
    write(folder, "2026-8.jsonl", row(8, "received"))
    write(folder, "2026-9.jsonl", row(9, "accepted"))
    contract = make_contract(connector=FILES | {"page_size": together}, feed=CURSOR)
    assert ingest(database, contract, SETTINGS).landed == 4
    assert ask(database, CURRENT) == ["closed", "closed"]
    for order in (Order("reconcile"), Order("ingest"), Order("backfill")):
        report = ingest(database, contract, SETTINGS, order)
        assert (report.landed, report.deleted) == (0, 0)
    assert ask(database, CURRENT) == ["closed", "closed"]
    require_the_law(database)


def test_a_record_that_is_gone_from_every_file_is_deleted_though_something_came_late(database: Engine, folder: Path) -> None:
    for number in range(8):
        write(folder, f"{number}.jsonl", row(10, "closed", number), row(2, "accepted", number))
    contract = files_contract()
    ingest(database, contract, SETTINGS)
    write(folder, "late.jsonl", row(1, "received", 7))
    ingest(database, contract, SETTINGS, Order("reconcile"))
    (folder / "7.jsonl").unlink()
    (folder / "late.jsonl").unlink()
    assert ingest(database, contract, SETTINGS, Order("reconcile")).deleted == 1
    write(folder, "7.jsonl", row(3, "accepted", 7, text="as it was once"))
    assert ingest(database, contract, SETTINGS, Order("reconcile")).landed == 1
    (folder / "7.jsonl").unlink()
    assert ingest(database, contract, SETTINGS, Order("reconcile")).deleted == 0  # it is deleted as it was
    write(folder, "7.jsonl", row(10, "closed", 7))
    assert ingest(database, contract, SETTINGS, Order("reconcile")).landed == 1  # it came back


@pytest.mark.parametrize("is_swept", [False, True])
def test_a_file_that_is_delivered_late_is_taken_in(
    database: Engine, folder: Path, is_swept: bool, caplog: pytest.LogCaptureFixture
) -> None:
    feed = {"mode": "cursor", "field": "at"} | ({"reconcile": "P1D"} if is_swept else {})
    contract = make_contract(connector=FILES, feed=feed)
    write(folder, "10.jsonl", row(10, "closed"))
    ingest(database, contract, SETTINGS)
    write(folder, "09.jsonl", row(9, "received"), row(9, "received", 2))
    caplog.set_level("INFO", "pipeline.land")
    report = ingest(database, contract, SETTINGS)
    if is_swept:
        assert (report.pulled, [each.getMessage() for each in caplog.records]) == (
            1,
            ["works: batch 2: 2 rows below the watermark were left out"],
        )
        report = ingest(database, contract, SETTINGS, Order("reconcile"))
    assert (report.pulled, report.landed, ask(database, CURRENT)) == (3, 2, ["closed", "received"])


# --- tables ------------------------------------------------------------------------------------------------------------------


def test_a_log_that_is_read_again_lands_nothing(database: Engine) -> None:
    contract = make_contract(feed=CURSOR, connector={"kind": "sql", "connection": "works", "relation": "log"})
    history = [row(day, status) for day, status in enumerate(("received", "accepted", "closed"), 1)]
    page = make_page(history, cursor_field="at")
    assert take_in(database, contract, page).landed == 3
    assert take_in(database, contract, page, order=Order("reconcile")).already_known == 3


def test_a_row_that_was_set_back_in_a_table_is_what_the_record_is_now(database: Engine) -> None:
    contract = make_contract(feed=CURSOR, connector={"kind": "sql", "connection": "works", "relation": "cases"})
    for day, status in ((1, "received"), (2, "accepted"), (1, "received")):
        report = take_in(database, contract, make_page([row(day, status)], cursor_field="at"), order=Order("reconcile"))
        assert report.landed == 1
    assert ask(database, CURRENT) == ["received"]


def test_rows_of_a_page_are_versions_in_the_order_of_their_cursors(database: Engine) -> None:
    contract = make_contract(feed=CURSOR, connector={"kind": "rest", "connection": "works", "path": "/rows"})
    take_in(database, contract, make_page([row(3, "closed"), row(1, "received"), row(2, "accepted")], cursor_field="at"))
    assert [status for _, status, *_ in ask(database, VERSIONS)] == ["received", "accepted", "closed"]
    assert ask(database, CURRENT) == ["closed"]
