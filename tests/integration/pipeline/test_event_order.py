"""Events tell which came later: one that was sent again, or arrives after others, does not undo what is newer."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text

from connectors.contract import Contract
from hub.errors import BatchHeld
from hub.settings import Settings
from pipeline.ingest import BatchReport, ingest
from pipeline.landing.order import Order
from pipeline.quarantine import Choice, discard_batch, release, replay
from tests.integration.pipeline.builders import SETTINGS, Row, ask, make_contract, make_page, make_row, require_the_law, take_in

INBOX = {"kind": "inbox", "connection": "works", "event_id": {"path": "event"}}
VERSIONS = "SELECT version, payload->>'status', operation, state FROM landing.record ORDER BY source_record_id, version"
CURRENT = "SELECT DISTINCT ON (record_id) status FROM store.source_record ORDER BY record_id, version DESC"


def events_contract(**feed: Any) -> Contract:
    return make_contract(connector=INBOX, feed={"mode": "events", "order": "at", **feed})


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
    send(database, contract, older | {"event": "e3"})
    assert ask(database, CURRENT) == ["accepted"]
    send(database, contract, row(3, "closed", event="e4"))
    assert ask(database, CURRENT) == ["closed"]
    require_the_law(database)


@pytest.mark.parametrize("at_once", [False, True])
def test_what_follows_is_compared_with_the_newest_and_not_with_what_came_late(database: Engine, at_once: bool) -> None:
    contract = make_contract(connector=INBOX, feed={"mode": "events", "order": "at"}, volatile=["at", "event"])
    send(database, contract, row(2, "accepted", event="e2"))
    late, last = row(1, "received", event="e1"), row(4, "received", event="e4")
    for events in [(late, late | {"event": "e3"}, last)] if at_once else [(late,), (last,)]:
        send(database, contract, *events)
    assert ask(database, CURRENT) == ["received"]


def test_that_nothing_changed_is_news_too(database: Engine) -> None:
    contract = make_contract(connector=INBOX, feed={"mode": "events", "order": "at"}, volatile=["at", "event"])
    for day, status in ((1, "received"), (5, "received"), (3, "accepted")):
        send(database, contract, row(day, status, event=f"e{day}"))
    assert ask(database, CURRENT) == ["received"]
    require_the_law(database)


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("days", [(3, 2), (2, 3), (2, 5, 4), (5, 4, 2)])
def test_a_deletion_is_not_undone_by_what_was_said_before_it(database: Engine, days: tuple[int, ...], at_once: bool) -> None:
    contract = events_contract(deleted={"field": "status", "in": ["withdrawn"]})
    said = {1: "received", 2: "accepted", 3: "withdrawn", 4: "closed", 5: "withdrawn"}
    events = [row(day, said[day], event=f"e{day}") for day in days]
    for pushed in (
        [[row(1, "received", event="e1"), *events]] if at_once else [[event] for event in (row(1, "received", event="e1"), *events)]
    ):
        send(database, contract, *pushed)
    assert ask(database, "SELECT is_deleted FROM store.source_record ORDER BY version DESC LIMIT 1") == [True]
    require_the_law(database)


def test_what_follows_a_deletion_brings_the_case_back(database: Engine) -> None:
    contract = events_contract(deleted={"field": "status", "in": ["withdrawn"]})
    send(database, contract, row(3, "withdrawn", event="e3"), row(4, "accepted", event="e4"))
    assert ask(database, "SELECT is_deleted FROM store.source_record ORDER BY version DESC LIMIT 1") == [False]


@pytest.mark.parametrize(
    ("first", "second", "current"),
    [
        pytest.param(10, 9, "first", id="a number"),
        pytest.param("10", "9", "first", id="a number as text"),
        pytest.param("2026-03-02T08:00:00+08:00", "2026-03-02T01:00:00Z", "second", id="times of two zones"),
        pytest.param("2206-03-02T08:00:00Z", "2026-03-02T01:00:00Z", "second", id="a slip far ahead"),
        pytest.param("2026-03-02T08:00:00Z", None, "second", id="none"),
        pytest.param(None, "2026-03-02T08:00:00Z", "second", id="none before"),
        pytest.param(1767321002.0, 1767321001.5, "first", id="seconds, whole ones too"),
    ],
)
@pytest.mark.parametrize("at_once", [False, True])
def test_the_order_of_events(database: Engine, first: Any, second: Any, current: str, at_once: bool) -> None:
    drift = {"retyped_column": "land_and_alert", "missing_column": "land_and_alert"}
    contract = make_contract(connector=INBOX, feed={"mode": "events", "order": "sequence"}, ignore=["event"], drift=drift)
    events = [
        make_row(1, status="first", sequence=first, event="e1"),
        make_row(1, status="second", sequence=second, event="e2"),
    ]
    for pushed in [events] if at_once else [[event] for event in events]:
        send(database, contract, *pushed)
    assert ask(database, CURRENT) == [current]


def test_a_time_and_a_number_are_not_compared(database: Engine) -> None:
    drift = {"retyped_column": "land_and_alert"}
    contract = make_contract(connector=INBOX, feed={"mode": "events", "order": "sequence"}, ignore=["event"], drift=drift)
    for number, sequence in enumerate(("2026-03-02T08:00:00Z", 7, "2026-03-01T08:00:00Z")):
        send(database, contract, make_row(1, status=str(number), sequence=sequence, event=f"e{number}"))
    assert ask(database, CURRENT) == ["2"]


def test_without_an_order_the_last_to_arrive_counts(database: Engine) -> None:
    contract = make_contract(connector=INBOX, feed={"mode": "events"}, ignore=["event"])
    for event in (row(2, "accepted", event="e2"), row(1, "received", event="e1")):
        send(database, contract, event)
    assert ask(database, CURRENT) == ["received"]
    ordered = make_contract(version=2, connector=INBOX, feed={"mode": "events", "order": "at"}, ignore=["event"])
    send(database, ordered, row(3, "closed", event="e3"))  # the inbox's numbers of before are no times
    assert ask(database, CURRENT) == ["closed"]


@pytest.mark.parametrize("is_first", [False, True])
def test_an_event_of_a_batch_that_is_discarded_keeps_no_other_out(database: Engine, is_first: bool) -> None:
    rule = {"type": "expect_column_values_to_not_be_null", "column": "text", "on_failure": "halt"}
    contract = make_contract(connector=INBOX, feed={"mode": "events", "order": "at"}, expectations=[rule], ignore=["event"])
    with pytest.raises(BatchHeld):
        send(database, contract, row(5, "closed", event="e5", text=None))
    if is_first:
        discard_batch(database, "works", 1)
    send(database, contract, row(1, "received", event="e1"))
    if not is_first:
        discard_batch(database, "works", 1)
    assert ask(database, CURRENT) == ["received"]
    require_the_law(database)


def test_an_event_that_cannot_be_read_keeps_no_older_one_out(database: Engine) -> None:
    rule = {"type": "expect_column_values_to_not_be_null", "column": "text", "on_failure": "quarantine"}
    contract = make_contract(connector=INBOX, feed={"mode": "events", "order": "at"}, expectations=[rule], ignore=["event"])
    send(
        database,
        contract,
        row(5, "closed", event="e5", text=None),
        *(row(5, "closed", number, event=f"o{number}") for number in range(2, 9)),
    )
    send(database, contract, row(4, "accepted", event="e4"))
    assert ask(database, "SELECT status FROM store.source_record WHERE source_record_id = '1'") == ["accepted"]
    assert ask(database, "SELECT state FROM landing.record WHERE source_record_id = '1' ORDER BY version") == ["quarantined", "accepted"]


OPEN = "SELECT source_record_id, version FROM quarantine.item WHERE state = 'open'"


@pytest.mark.parametrize("refused_by", ["validate", "normalise"])
@pytest.mark.parametrize("late", [(3,), (3, 4), (None,)])
def test_a_late_older_event_does_not_bury_a_newer_one_that_was_refused(
    database: Engine, refused_by: str, late: tuple[int | None, ...]
) -> None:
    rule = {"type": "expect_column_values_to_not_be_null", "column": "text", "on_failure": "quarantine"}
    drift = {"retyped_column": "land_and_alert", "missing_column": "land_and_alert"}
    feed = {"connector": INBOX, "feed": {"mode": "events", "order": "at"}, "drift": drift}
    record = {"record": {"text": {"from": "text"}, "status": {"from": "status"}}}
    strict = make_contract(expectations=[rule], ignore=["event"], **record, **feed)
    parties = [{"role": "petitioner", "name": {"from": "who"}}]
    mended = make_contract(version=2, ignore=["event", "phone"], parties=parties, **record, **feed)
    bad = {"text": None} if refused_by == "validate" else {"phone": "no number"}
    send(database, strict, row(1, "received", event="e1"))
    send(database, strict, row(5, "closed", event="e5", **bad))
    for day in late:
        event = row(day or 1, f"of {day}", event=f"late{day}")
        send(database, strict, event | ({} if day else {"at": None}))
    if None in late:  # it tells no place, and follows what came before it
        assert ask(database, OPEN) == []
        return
    assert ask(database, OPEN) == [("1", 2)]
    assert ask(database, CURRENT) == [f"of {late[-1]}"]
    assert replay(database, mended, Choice("works"), SETTINGS, by="tester") == 1
    assert ask(database, CURRENT) == ["closed"]
    assert ask(database, "SELECT count(*) FROM landing.record WHERE state = 'accepted'") == [1]
    items = "SELECT i.state, r.state FROM quarantine.item i JOIN landing.record r USING (department, source_record_id, version)"
    assert ask(database, items) == [("replayed", "accepted")]
    send(database, mended, row(2, "of 2", event="e2"))
    assert ask(database, CURRENT) == ["closed"]
    send(database, mended, row(6, "of 6", event="e6"))
    assert ask(database, CURRENT) == ["of 6"]
    require_the_law(database)


def test_a_refused_event_that_lies_below_the_accepted_one_waits_for_nobody(database: Engine) -> None:
    rule = {"type": "expect_column_values_to_not_be_null", "column": "text", "on_failure": "quarantine"}
    contract = make_contract(connector=INBOX, feed={"mode": "events", "order": "at"}, expectations=[rule], ignore=["event"])
    send(database, contract, row(5, "closed", event="e5"))
    send(database, contract, row(3, "accepted", event="e3", text=None))
    assert ask(database, OPEN) == []
    assert ask(database, "SELECT state FROM landing.record ORDER BY version") == ["accepted", "superseded"]
    require_the_law(database)


def test_an_event_of_a_held_batch_that_is_released_after_older_ones_is_current(database: Engine) -> None:
    rule = {"type": "expect_column_values_to_not_be_null", "column": "text", "on_failure": "halt"}
    contract = make_contract(connector=INBOX, feed={"mode": "events", "order": "at"}, expectations=[rule], ignore=["event"])
    with pytest.raises(BatchHeld):
        send(database, contract, row(5, "closed", event="e5", text=None))
    send(database, contract, row(3, "accepted", event="e3"))
    release(database, contract, 1, SETTINGS)
    assert ask(database, CURRENT) == ["closed"]
    assert ask(database, "SELECT count(*) FROM landing.record WHERE state = 'accepted'") == [1]
    require_the_law(database)


def test_a_deletion_without_a_place_follows_what_it_was_held_with(database: Engine) -> None:
    rule = {"type": "expect_column_values_to_not_be_null", "column": "text", "on_failure": "halt"}
    drift = {"retyped_column": "land_and_alert", "missing_column": "land_and_alert"}
    feed = {"mode": "events", "order": "at", "deleted": {"field": "status", "in": ["withdrawn"]}}
    contract = make_contract(connector=INBOX, feed=feed, expectations=[rule], drift=drift)
    with pytest.raises(BatchHeld):
        send(database, contract, row(20, "accepted", text=None), row(21, "withdrawn") | {"at": None})
    send(database, contract, row(10, "received"))
    release(database, contract, 1, SETTINGS)
    assert ask(database, "SELECT is_deleted FROM store.source_record ORDER BY version DESC LIMIT 1") == [True]
    require_the_law(database)


def test_replayed_events_are_current_by_their_place_whatever_chunk_they_come_in(database: Engine) -> None:
    feed = {"connector": INBOX, "feed": {"mode": "events", "order": "at"}}
    parties = [{"role": "petitioner", "name": {"from": "who"}}]
    strict, mended = make_contract(**feed), make_contract(version=2, ignore=["phone"], parties=parties, **feed)
    bad = "no number"
    for day, status, phone in ((1, "received", ""), (5, "closed", bad), (3, "accepted", ""), (6, "reopened", bad)):
        send(database, strict, row(day, status, phone=phone))
    first = ask(database, "SELECT min(item_id) FROM quarantine.item")[0]
    assert replay(database, strict, Choice("works", item_id=first), SETTINGS, by="tester") == 1  # refused again, by a higher number
    assert sorted(ask(database, OPEN)) == [("1", 4), ("1", 5)]
    one_by_one = Settings(home=SETTINGS.home, validate_chunk_rows=1)
    assert replay(database, mended, Choice("works"), one_by_one, by="tester") == 2
    assert ask(database, CURRENT) == ["reopened"]
    assert ask(database, "SELECT payload->>'status' FROM landing.record WHERE state = 'accepted'") == ["reopened"]
    require_the_law(database)


def test_a_released_event_supersedes_a_refused_one_that_arrived_after_it_and_lies_below(database: Engine) -> None:
    halt, some = ({"type": "expect_column_values_to_not_be_null", "on_failure": on} for on in ("halt", "quarantine"))
    rules = [halt | {"column": "text"}, some | {"column": "who"}]
    contract = make_contract(connector=INBOX, feed={"mode": "events", "order": "at"}, expectations=rules)
    with pytest.raises(BatchHeld):
        send(database, contract, row(5, "closed", text=None))
    send(database, contract, row(3, "accepted", who=None))
    assert ask(database, OPEN) == [("1", 2)]
    release(database, contract, 1, SETTINGS)
    assert ask(database, OPEN) == []
    assert ask(database, "SELECT state FROM landing.record ORDER BY version") == ["accepted", "superseded"]
    assert ask(database, "SELECT batch_id, quarantined, superseded FROM ops.batch ORDER BY 1") == [(1, 0, 0), (2, 0, 1)]
    require_the_law(database)


def test_a_record_of_which_something_came_late_is_mapped_anew(database: Engine) -> None:
    contract = events_contract()
    send(database, contract, row(2, "accepted", event="e2"))
    send(database, contract, row(1, "received", event="e1"))
    assert ingest(database, contract, SETTINGS, Order("remap")).landed == 1
    assert ask(database, CURRENT) == ["accepted"]


def test_an_event_that_is_sent_again_with_other_bytes_alone_is_a_repeat(database: Engine) -> None:
    contract = make_contract(connector=INBOX, feed={"mode": "events", "order": "at"}, volatile=["event", "at"])
    first, digest = row(1, "received", event="e"), "0a" * 32
    assert take_in(database, contract, make_page([first, row(2, "received", event=f"e#{digest}")])).landed == 1
    assert take_in(database, contract, make_page([row(3, "received", event=f"e#{digest}")])).landed == 0
    assert take_in(database, contract, make_page([row(4, "accepted", event=f"e#{digest}")])).landed == 1
