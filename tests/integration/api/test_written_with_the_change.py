"""What a caller changes is committed with the row that says so: never one without the other, and never two rows of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.integration.api.builders import Api, Store
from tests.integration.api.test_access_requests import World as Restricted
from tests.integration.api.test_lookups import csv_of, hand
from tests.integration.api.test_reports import World as Reported

Change = Callable[[], httpx.Response]


def _made(answer: httpx.Response, name: str) -> str:
    assert answer.is_success, answer.text
    return str(answer.json()[name])


def _report(api: Api, store: Store) -> Change:
    return Reported(api, store).value


def _note(api: Api, store: Store) -> Change:
    world = Reported(api, store)
    report_id = _made(world.value(), "report_id")
    return lambda: world.owner.post(f"/v1/reports/{report_id}/notes", json={"state": "taken"})


def _ask(api: Api, store: Store) -> Change:
    return Restricted(api, store).ask


def _decide(api: Api, store: Store) -> Change:
    world = Restricted(api, store)
    request_id = world.asked()
    return lambda: world.decide(world.desk, request_id, "grant")


def _watch(api: Api, _: Store) -> Change:
    clerk = api.as_("clerk", "labour")
    return lambda: clerk.post("/v1/watches", json={"watched": "query", "query": {"category": "wages"}})


def _unwatch(api: Api, store: Store) -> Change:
    clerk = api.as_("clerk", "labour")
    watch_id = _made(clerk.post("/v1/watches", json={"watched": "query", "query": {"category": "wages"}}), "watch_id")
    return lambda: clerk.delete(f"/v1/watches/{watch_id}")


def _redeliver(api: Api, store: Store) -> Change:
    clerk = api.as_("clerk", "labour")
    watch_id = _made(clerk.post("/v1/watches", json={"watched": "query", "query": {"category": "wages"}}), "watch_id")
    return lambda: clerk.post(f"/v1/watches/{watch_id}/redeliver")


def _look_up(api: Api, _: Store) -> Change:
    clerk = api.as_("clerk", "labour")
    return lambda: hand(clerk, csv_of(["姓名"], ["王小明"]))


def _delete_look_up(api: Api, _: Store) -> Change:
    clerk = api.as_("clerk", "labour")
    lookup_id = _made(hand(clerk, csv_of(["姓名"], ["王小明"])), "lookup_id")
    return lambda: clerk.delete(f"/v1/lookups/{lookup_id}")


#: action → how it is brought about, what it answers, what it changes.
CHANGES: dict[str, tuple[Callable[[Api, Store], Change], int, str]] = {
    "reports.create": (_report, 201, "SELECT report_id FROM ops.report"),
    "reports.note": (_note, 201, "SELECT note_id FROM ops.report_note UNION ALL SELECT 1 FROM ops.report WHERE state <> 'open'"),
    "access_requests.create": (_ask, 201, "SELECT request_id FROM ops.access_request"),
    "access_requests.decide": (_decide, 200, "SELECT request_id FROM ops.access_request WHERE state <> 'open'"),
    "watches.create": (_watch, 201, "SELECT watch_id FROM ops.watch"),
    "watches.delete": (_unwatch, 204, "SELECT watch_id FROM ops.watch"),
    "watches.redeliver": (_redeliver, 202, "SELECT 1"),
    "lookups.create": (_look_up, 202, "SELECT lookup_id FROM ops.lookup"),
    "lookups.delete": (_delete_look_up, 204, "SELECT lookup_id FROM ops.lookup"),
}
IN_TURN = [pytest.param(action, *how, id=action) for action, how in CHANGES.items()]


def _rows(store: Store, action: str) -> list[dict[str, Any]]:
    return store.rows(f"SELECT caller, outcome, request_id, entity_ids FROM audit.access WHERE action = '{action}' ORDER BY access_id")


@pytest.mark.parametrize(("action", "begin", "status", "kept"), IN_TURN)
def test_nothing_is_changed_that_cannot_be_written_down(
    fragile_api: Api, action: str, begin: Callable[[Api, Store], Change], status: int, kept: str
) -> None:
    store = fragile_api.store
    change = begin(fragile_api, store)
    before = store.rows(kept)
    store.run(f"ALTER TABLE audit.access ADD CONSTRAINT no_room CHECK (action <> '{action}') NOT VALID")
    answer = change()
    assert answer.status_code >= 500, answer.text
    assert store.rows(kept) == before
    store.run("ALTER TABLE audit.access DROP CONSTRAINT no_room")
    again = change()
    assert again.status_code == status, again.text
    (row,) = _rows(store, action)
    assert (row["outcome"], row["request_id"]) == (status, again.headers["x-request-id"])
    if kept != "SELECT 1":
        assert store.rows(kept) != before


#: What each of them writes, and nothing that is read before is kept in.
WRITTEN = {
    "reports.create": "ops.report",
    "reports.note": "ops.report_note",
    "access_requests.create": "ops.access_request",
    "access_requests.decide": "ops.access_request",
    "watches.create": "ops.watch",
    "watches.delete": "ops.watch",
    "watches.redeliver": "ops.watch_delivery",
    "lookups.create": "ops.lookup",
    "lookups.delete": "ops.lookup",
}


@pytest.mark.parametrize("action", CHANGES)
def test_a_change_that_waits_too_long_is_cancelled(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    begin, status, _ = CHANGES[action]
    change = begin(api, store)
    monkeypatch.setattr("hub.database.STATEMENT_TIMEOUT_S", 1)
    monkeypatch.setattr("hub.database.LONG_TIMEOUT_S", 1)
    with store.engine.begin() as connection:
        connection.exec_driver_sql(f"LOCK TABLE {WRITTEN[action]} IN EXCLUSIVE MODE")  # whoever reads goes on
        answer = change()
    assert (answer.status_code, answer.json()["type"]) == (504, "urn:casehub:problem:timeout")
    assert answer.json()["remedy"] == "稍后原样再试 · try again shortly, as it was"  # there is nothing that filters could narrow
    assert [row["outcome"] for row in _rows(store, action)] == [504]
    assert change().status_code == status


def test_what_is_refused_is_written_down_once(api: Api, store: Store) -> None:
    world = Restricted(api, store)
    request_id = world.asked()
    assert [world.decide(world.desk, request_id, decision).status_code for decision in ("grant", "refuse", "withdraw")] == [200, 409, 403]
    assert [(row["outcome"], row["entity_ids"]) for row in _rows(store, "access_requests.decide")] == [
        (200, [world.case_id]),
        (409, None),
        (403, None),
    ]
    assert [(row["outcome"], row["entity_ids"]) for row in _rows(store, "access_requests.create")] == [(201, [world.case_id])]


def test_a_change_whose_answer_breaks_off_is_written_down_twice(fragile_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from api.routes import reports as routes

    change = _report(fragile_api, fragile_api.store)

    def breaks(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(routes, "_detail", breaks)
    assert change().status_code == 500
    assert [row["outcome"] for row in _rows(fragile_api.store, "reports.create")] == [201, 500]
    assert len(fragile_api.store.rows("SELECT 1 FROM ops.report")) == 1
