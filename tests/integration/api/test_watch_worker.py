"""What looks after watches: the thread beside a server, and the command."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from api.access import Caller, Rights
from api.change_feed import beginning, read_page
from api.routes.watches import list_watches
from api.trace import Trace
from api.watches import evaluate as evaluating
from api.watches import worker as workers
from cli.watches import app
from hub.errors import StoreError, StoreUnavailable
from hub.settings import get_settings
from tests.integration.api.builders import Api, Store
from tests.integration.api.changing import NOISE, WAGES, case_of, record, settle
from tests.integration.api.receiving import worker
from tests.integration.api.waiting import wait_for
from tests.integration.encryption.builders import write_keys_down


@pytest.fixture
def command(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[CliRunner]:
    monkeypatch.setenv("CASEHUB_DATABASE_URL", store.engine.url.render_as_string(hide_password=False))
    get_settings.cache_clear()
    yield CliRunner()
    get_settings.cache_clear()


def watching_noise(api: Api, store: Store) -> None:
    answer = api.as_("clerk", "labour").post("/v1/watches", json={"watched": "query", "query": {"category": "noise"}})
    assert answer.status_code == 201
    settle(store.engine, record("police", "1", **NOISE))


def events(store: Store) -> int:
    return len(store.rows("SELECT 1 FROM ops.watch_event"))


def test_the_thread_outlives_a_store_that_is_away(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    watching_noise(api, store)
    real, calls = workers.run_once, []

    def once(hub: workers.Hub) -> tuple[int, int]:
        calls.append(hub)
        if len(calls) == 1:
            raise StoreUnavailable("away")
        return real(hub)

    monkeypatch.setattr(workers, "run_once", once)
    monkeypatch.setattr(workers, "EVERY_S", 0.1)
    with worker(store.engine) as hub, workers.watching(hub):
        assert wait_for(lambda: events(store), 1)
    assert len(calls) > 1


def test_the_command_looks_once(api: Api, store: Store, command: CliRunner) -> None:
    watching_noise(api, store)
    write_keys_down(store.engine)
    result = command.invoke(app, ["run", "--once"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "events: 1" in result.stdout
    assert events(store) == 1


def test_a_caller_of_some_departments_is_told_of_theirs_alone(api: Api, store: Store) -> None:
    with worker(store.engine) as hub:
        start = beginning(hub)
        settle(store.engine, record("police", "1", **NOISE), record("court", "2", **WAGES))
        narrow = Caller("x", "narrow_clerk", "labour", Rights(departments=frozenset({"court"})))
        placed = Caller("x", "placed_clerk", "labour", Rights(streets=frozenset({"440311001"}), communities=frozenset()))
        told = [str(seen.entity_id) for seen in read_page(hub, narrow, start, 100, "case").items]
        assert told == [case_of(store.engine, "court", "2")]
        assert read_page(hub, placed, start, 100).items == []


def test_what_goes_wrong_for_one_owner_stops_no_other(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for department in ("court", "labour"):
        assert (
            api.as_("clerk", department).post("/v1/watches", json={"watched": "query", "query": {"category": "noise"}}).status_code == 201
        )
    settle(store.engine, record("police", "1", **NOISE))
    real = evaluating.Changed.found_by

    def breaking(self: evaluating.Changed, question: Any, ids: Any) -> Any:
        if self._caller.department == "court":
            raise StoreError("cancelled", remedy="", sqlstate="57014")
        return real(self, question, ids)

    with worker(store.engine) as hub:
        with monkeypatch.context() as patched:
            patched.setattr(evaluating.Changed, "found_by", breaking)
            workers.run_once(hub)
        assert events(store) == 1
        workers.run_once(hub)
    assert events(store) == 2


def test_whoever_lists_his_watches_has_shown_himself(api: Api, store: Store) -> None:
    clerk = api.as_("clerk", "labour")
    assert clerk.post("/v1/watches", json={"watched": "query", "query": {"category": "noise"}}).status_code == 201
    li = "li@issuer.example/"
    store.run(f"UPDATE ops.watch SET owner_kind = 'token', owner = '{li}', seen_at = now() - interval '9 days'")
    with worker(store.engine) as hub:
        listed = list_watches(Caller(li, "clerk", "labour", Rights(version=1), kind="token"), hub, Trace("1"))
    assert len(listed.items) == 1
    assert store.rows("SELECT seen_at > now() - interval '1 hour' AS is_fresh FROM ops.watch") == [{"is_fresh": True}]
