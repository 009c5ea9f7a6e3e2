"""A discarded batch: what it held counts as never received, and comes in with the next pull."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text

from connectors.contract import Contract
from connectors.extract import Page, Pull
from hub.errors import BatchHeld
from pipeline.ingest import ingest
from pipeline.landing.land import land
from pipeline.landing.order import Order
from pipeline.landing.watermark import rewind
from pipeline.quarantine import Choice, discard, discard_batch
from tests.integration.pipeline.builders import SETTINGS, Row, ask, giving, make_contract, make_page, make_row, require_the_law, take_in

REQUIRED = {"type": "expect_column_values_to_not_be_null", "column": "text", "on_failure": "quarantine"}
HALT = {**REQUIRED, "on_failure": "halt"}
CURSOR = {"feed": {"mode": "cursor", "field": "at"}}
EVENTS = {"connector": {"kind": "inbox", "connection": "works", "event_id": {"path": "event"}}, "feed": {"mode": "events"}}
VERSIONS = "SELECT version, operation, state FROM landing.record WHERE source_record_id = '9' ORDER BY version"


def discard_held(database: Engine, contract: Contract, rows: list[Row | bytes]) -> None:
    """Take rows in that a rule holds, and discard their batch."""
    with pytest.raises(BatchHeld):
        take_in(database, contract, make_page(rows))
    discard_batch(database, "works", ask(database, "SELECT max(batch_id) FROM ops.batch")[0])


def test_rows_that_were_right_both_times_land_with_the_right_file(database: Engine) -> None:
    contract = make_contract(expectations=[REQUIRED])
    discard_held(database, contract, [make_row(n, text=None if n < 10 else "x") for n in range(30)])
    right = make_page([make_row(n, text="x") for n in range(30)])
    report = take_in(database, contract, right)
    assert (report.landed, report.already_known, report.accepted) == (30, 0, 30)
    assert take_in(database, contract, right).already_known == 30
    assert ask(database, "SELECT version, count(*) FROM store.source_record GROUP BY version") == [(2, 30)]
    require_the_law(database)


def test_a_deletion_lands_again_with_the_right_file(database: Engine) -> None:
    contract = make_contract(expectations=[HALT])
    take_in(database, contract, make_page([make_row(n) for n in range(10)]))
    discard_held(database, contract, [make_row(0, text=None), *(make_row(n) for n in range(1, 9))])
    report = take_in(database, contract, make_page([make_row(n) for n in range(9)]))
    assert (report.deleted, report.landed, report.already_known) == (1, 0, 9)
    assert ask(database, VERSIONS) == [
        (1, "upsert", "superseded"),
        (2, "delete", "superseded"),
        (3, "delete", "accepted"),
    ]
    assert ask(database, "SELECT version FROM store.source_record WHERE is_deleted") == [3]
    assert take_in(database, contract, make_page([make_row(n) for n in range(9)])).deleted == 0
    require_the_law(database)


def test_a_record_whose_deletion_was_discarded_is_known_as_it_was_before(database: Engine) -> None:
    contract = make_contract(expectations=[HALT])
    rows = [make_row(n) for n in range(10)]
    take_in(database, contract, make_page(rows))
    discard_held(database, contract, [make_row(0, text=None), *rows[1:9]])
    report = take_in(database, contract, make_page(rows))
    assert (report.landed, report.already_known, report.deleted) == (0, 10, 0)


def test_records_that_only_a_discarded_batch_named_are_not_deleted(database: Engine) -> None:
    contract = make_contract(expectations=[HALT])
    take_in(database, contract, make_page([make_row(n) for n in range(10)]))
    discard_held(database, contract, [*(make_row(n) for n in range(10)), *(make_row(n, text=None) for n in range(100, 110))])
    report = take_in(database, contract, make_page([make_row(n) for n in range(9)]))
    assert (report.state, report.deleted) == ("done", 1)


def test_several_discarded_versions_leave_the_accepted_one_as_the_latest(database: Engine) -> None:
    contract = make_contract(expectations=[HALT])
    take_in(database, contract, make_page([make_row(1), make_row(2)]))
    for status in ("accepted", "closed"):
        discard_held(database, contract, [make_row(1, status=status), make_row(2, text=None)])
    report = take_in(database, contract, make_page([make_row(1, status="closed"), make_row(2)]))
    assert (report.landed, report.already_known) == (1, 1)
    assert ask(database, "SELECT version, status FROM store.source_record WHERE source_record_id = '1' ORDER BY version") == [
        (1, "received"),
        (4, "closed"),
    ]


def test_rows_without_a_key_land_again(database: Engine) -> None:
    contract, broken = make_contract(expectations=[HALT]), [b"\xff{broken", {"text": "no key"}]
    discard_held(database, contract, [make_row(1, text=None), *broken])
    page = make_page([make_row(1), *broken])
    report = take_in(database, contract, page)
    assert (report.landed, report.accepted, report.quarantined) == (3, 1, 2)
    assert take_in(database, contract, page).already_known == 3


def test_an_event_that_is_sent_again_lands_again(database: Engine) -> None:
    contract = make_contract(**EVENTS, expectations=[HALT])
    discard_held(database, contract, [make_row(1, event="e1"), make_row(2, event="e2", text=None)])
    report = take_in(database, contract, make_page([make_row(1, event="e1"), make_row(2, event="e2")]))
    assert (report.landed, report.accepted) == (2, 2)
    assert take_in(database, contract, make_page([make_row(1, event="e1")])).already_known == 1


def test_a_single_row_that_was_discarded_stays_known(database: Engine) -> None:
    contract, page = make_contract(expectations=[REQUIRED]), make_page([make_row(1, text=None), make_row(2)])
    take_in(database, contract, page)
    discard(database, Choice("works"), by="tester")
    assert take_in(database, contract, page).already_known == 2


@pytest.mark.parametrize("kind", ["ingest", "backfill", "reconcile"])
def test_the_watermark_goes_back_to_where_it_stood_before_the_batch(database: Engine, kind: str) -> None:
    contract, asked = make_contract(**CURSOR, expectations=[HALT]), []

    def source(_: Contract, pull: Pull, engine: Engine) -> Iterator[Page]:
        asked.append(pull.watermark)
        yield make_page([make_row(2, at=days[1]), make_row(3, at=days[2])], cursor_field="at")

    days = [f"2026-03-0{day}T00:00:00Z" for day in (1, 2, 3)]
    take_in(database, contract, make_page([make_row(1, at=days[0])], cursor_field="at"))
    with pytest.raises(BatchHeld):
        held = [make_row(1, at=days[0], text=None), make_row(2, at=days[1])]
        take_in(database, contract, make_page(held, cursor_field="at"), order=Order(kind))
    known_by_the_held_one = make_row(2, at=days[1])
    take_in(database, contract, make_page([known_by_the_held_one, make_row(3, at=days[2])], cursor_field="at"))
    assert discard_batch(database, "works", 2) == kind
    land(database, contract, source=source)
    assert asked == [days[0]]
    assert ask(database, "SELECT landed, already_known FROM ops.batch WHERE batch_id = 4") == [(1, 1)]
    assert ask(database, "SELECT watermark FROM ops.source") == [days[2]]


def test_the_watermark_of_an_older_discard_is_not_moved_on_by_a_later_one(database: Engine) -> None:
    contract = make_contract(**CURSOR, expectations=[HALT])
    for n in (1, 2):
        with pytest.raises(BatchHeld):
            take_in(database, contract, make_page([make_row(n, text=None, at=f"2026-03-0{n}T00:00:00Z")], cursor_field="at"))
    discard_batch(database, "works", 1)
    discard_batch(database, "works", 2)
    assert ask(database, "SELECT watermark FROM ops.source") == [None]
    land(database, contract, source=giving(make_page([make_row(1, at="2026-03-01T00:00:00Z")], cursor_field="at")))
    assert ask(database, "SELECT state FROM landing.record ORDER BY landed_at DESC LIMIT 1") == ["landed"]


def test_events_that_are_sent_again_after_their_batch_was_discarded_come_in(database: Engine) -> None:
    contract, store = (
        make_contract(**EVENTS, expectations=[HALT]),
        "INSERT INTO ops.inbox (department, event_id, body) VALUES ('works', :id, :body)",
    )

    def send(**row: Any) -> None:
        with database.begin() as connection:
            connection.execute(
                text(f"{store} ON CONFLICT DO NOTHING"), {"id": "e1", "body": orjson.dumps({**make_row(1), "event": "e1", **row})}
            )

    send(text=None)
    with pytest.raises(BatchHeld):
        ingest(database, contract, SETTINGS)
    discard_batch(database, "works", 1)
    send(text="corrected")
    report = ingest(database, contract, SETTINGS)
    assert (report.pulled, report.landed, report.accepted) == (1, 1, 1)
    send(text="once more")
    assert ingest(database, contract, SETTINGS).pulled == 0
    require_the_law(database)


def test_a_watermark_read_in_another_time_zone_is_not_gone_back_to(database: Engine) -> None:
    wrong = make_contract(**CURSOR, timezone="UTC", expectations=[REQUIRED])
    take_in(database, wrong, make_page([make_row(n, text="x") for n in range(30)], cursor_field="at"))
    with pytest.raises(BatchHeld):
        take_in(database, wrong, make_page([make_row(n, text=None, at="2026-03-01 10:00:00") for n in range(30)], cursor_field="at"))
    right = make_contract(**CURSOR, version=2, expectations=[REQUIRED])
    rewind(database, right)
    take_in(database, right, make_page([make_row(n, text="x") for n in range(30)], cursor_field="at"))
    discard_batch(database, "works", 2)
    assert ask(database, "SELECT watermark FROM ops.source") == [None]
