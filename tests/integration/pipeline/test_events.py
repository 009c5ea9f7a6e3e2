"""Pushed events on their whole way: what was answered "taken" lands, once, and a value that returns is told."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from sqlalchemy import Engine

from api.departments import directory_of
from api.inbox import Push, keep, require_signed
from connectors.contract import Contract
from pipeline.ingest import BatchReport, ingest
from tests.integration.pipeline.builders import SETTINGS, Row, ask, make_contract, make_row

SECRET = "s" * 40
LANDED = "SELECT source_record_id, version, payload->>'status' FROM landing.record ORDER BY source_record_id, version"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEHUB_CONNECTION_WORKS", json.dumps({"secret": SECRET}))


def contract_on(items: str, **overrides: Any) -> Contract:
    connector = {"kind": "inbox", "connection": "works", "event_id": {"path": "event"}, "items": items}
    return make_contract(connector=connector, feed={"mode": "events"}, **overrides)


def push(database: Engine, contract: Contract, document: dict[str, Any]) -> BatchReport:
    """Push it, signed, and take in what waits."""
    body, stamp = json.dumps(document).encode(), str(int(time.time()))
    signature = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"x-timestamp": stamp, "x-signature-256": f"sha256={signature}"}
    department = directory_of([contract]).get("works")
    keep(database, department.code, require_signed(department, Push(body, headers)), body)
    return ingest(database, contract, SETTINGS)


def listed(*rows: Row) -> dict[str, Any]:
    return {"data": {"list": list(rows)}}


def test_events_of_a_push_whose_id_is_on_the_envelope_all_land_and_once(database: Engine) -> None:
    contract, document = contract_on("data.list[]"), {"event": "e-1", **listed(*(make_row(n) for n in range(3)))}
    report = push(database, contract, document)
    assert (report.pulled, report.landed, report.already_known, report.accepted) == (3, 3, 0, 3)
    assert push(database, contract, document).pulled == 0
    again = push(database, contract, {**document, "sent": "again"})
    assert (again.pulled, again.landed, again.already_known) == (3, 0, 3)


@pytest.mark.parametrize("items", ["data.list[]", "data.list"])
def test_a_value_that_returns_in_a_push_that_repeats_an_event_lands(database: Engine, items: str) -> None:
    contract = contract_on(items, volatile=["event"])
    first, second, third = (make_row(1, event=f"e{n}", status=status) for n, status in ((1, "received"), (2, "accepted"), (3, "received")))
    reports = [push(database, contract, listed(*rows)) for rows in ([first], [second], [first, third])]
    assert [report.landed for report in reports] == [1, 1, 1]
    assert ask(database, LANDED) == [("1", 1, "received"), ("1", 2, "accepted"), ("1", 3, "received")]
    assert ask(database, "SELECT status FROM store.source_record ORDER BY version DESC LIMIT 1") == ["received"]


def test_an_event_that_stands_twice_in_a_push_does_not_hide_the_one_after_it(database: Engine) -> None:
    contract = contract_on("data.list[]", volatile=["event"])
    first, second, third = (make_row(1, event=f"e{n}", status=status) for n, status in ((1, "received"), (2, "accepted"), (3, "received")))
    report = push(database, contract, listed(first, second, first, third))
    assert (report.pulled, report.landed, report.already_known) == (4, 3, 1)
    assert [status for _, _, status in ask(database, LANDED)] == ["received", "accepted", "received"]
