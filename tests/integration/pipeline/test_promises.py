"""Of the contracts that the store was fed by, the one used last counts: also one that was put back after a slip."""

from __future__ import annotations

from sqlalchemy import Engine

from pipeline.batch.batch_log import feed_mode
from pipeline.resolving.promises import unique_departments
from tests.integration.pipeline.builders import ask, make_contract, make_page, make_row, take_in

ALERTS = "SELECT alerts FROM ops.batch ORDER BY batch_id"


def test_a_contract_that_was_put_back_is_the_newest(database: Engine) -> None:
    right, page = make_contract(unique_within=True), make_page([make_row(1)])
    inbox = {"kind": "inbox", "connection": "works", "event_id": {"path": "event"}}
    slip = make_contract(version=2, feed={"mode": "events"}, connector=inbox)
    for contract, is_unique, mode in ((right, True, "snapshot"), (slip, False, "events"), (right, True, "snapshot")):
        take_in(database, contract, page)
        with database.connect() as connection:
            assert (unique_departments(connection), feed_mode(connection, "works")) == ({"works"} if is_unique else set(), mode)


def test_a_mapping_that_was_put_back_is_told(database: Engine) -> None:
    page = make_page([make_row(1)])
    right = make_contract()
    slip = make_contract(record={"text": {"from": "text"}})
    for contract in (right, slip, slip, right, right):
        take_in(database, contract, page)
    told = [
        [alert.partition("；")[0] for alert in alerts or () if alert.startswith("contract_changed")] for alerts in ask(database, ALERTS)
    ]
    changed = ["contract_changed: record"]
    assert told == [[], changed, [], changed, []]
