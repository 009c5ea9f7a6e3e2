"""However much one caller asks at once, others are recognised and answered, and the server counts as ready."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from api import state
from api.access import Caller
from api.authentication import key_check
from api.authentication.keys import create_key
from api.departments import Directory
from api.state import POOL_SIZE
from hub.database import make_engine
from tests.integration.api.builders import DIRECTORY, SECRET, Api, running_api_of
from tests.integration.api.test_inbox import URL as INBOX
from tests.integration.api.test_inbox import signed
from tests.integration.api.waiting import wait_for

PARTY = {"kind": "person", "role": "petitioner", "name": "王小明", "phone": "13912345678"}
BATCH = {"records": [{"parties": [PARTY]}] * 3}
CALLS = POOL_SIZE + 2
WRITERS = 15  # connections of the store's engine
FRESH_S = 0.2
SOON_S = 5.0  # of what takes a fraction of a second, unless the machine is slow
WAIT_S = 25  # for which a statement, or whoever finds its pool used up, waits here
_CERTIFICATES = ssl.create_default_context()  # read once


@pytest.fixture(autouse=True)
def soon_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that was read is due to be read again after a fraction of a second; and what waits does so for longer than in earnest.

    Else calls that are held up would be given up meanwhile where the machine is slow, and others served for that.
    """
    monkeypatch.setattr(key_check, "FRESH_S", FRESH_S)
    monkeypatch.setattr(state, "STATEMENT_TIMEOUT_S", WAIT_S)
    monkeypatch.setattr(state, "POOL_TIMEOUT_S", WAIT_S)
    monkeypatch.setattr("hub.database.LONG_TIMEOUT_S", WAIT_S)


@contextlib.contextmanager
def held_up(
    engine: Engine, table: str, caller: Api, method: str, path: str, calls: int, **more: Any
) -> Iterator[list[Future[httpx.Response]]]:
    """So many calls at once, each on a connection of its own; as long as this lasts, whatever reads this table waits."""
    with ThreadPoolExecutor(calls) as pool, engine.begin() as connection:  # first the table is let go, then the calls are waited for
        connection.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        yield asking(pool, caller, method, path, calls, **more)


def asking(pool: ThreadPoolExecutor, caller: Api, method: str, path: str, calls: int, **more: Any) -> list[Future[httpx.Response]]:
    """So many calls at once, each on a connection of its own."""

    def ask() -> httpx.Response:
        request = {"headers": caller.headers, **more}
        return httpx.request(method, f"{caller.base_url}{path}", timeout=30, trust_env=False, verify=_CERTIFICATES, **request)

    return [pool.submit(ask) for _ in range(calls)]


def _waiting(engine: Engine) -> int:
    statement = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with engine.connect() as connection:
        return int(connection.scalar(text(statement)) or 0)


def _until_waiting(engine: Engine, calls: int) -> None:
    assert wait_for(lambda: _waiting(engine) >= calls, True)


def _is_served(api: Api, other: Api) -> None:
    """Another caller is, and at once, though his key is due to be read again."""
    time.sleep(FRESH_S + 0.1)
    began = time.monotonic()
    assert api.get("/readyz").status_code == 200
    assert other.get("/v1/sources").status_code == 200
    assert time.monotonic() - began < SOON_S


def test_batches_hold_no_connection_that_others_need(fragile_api: Api) -> None:
    api, engine = fragile_api, fragile_api.store.engine
    busy, other = api.as_("system", "labour"), api.as_("clerk", "court")
    assert other.get("/v1/sources").status_code == 200
    with held_up(engine, "store.party", busy, "POST", "/v1/match/batch", CALLS, json=BATCH):
        _until_waiting(engine, POOL_SIZE)
        _is_served(api, other)


def test_who_asks_is_known_while_every_shared_connection_is_taken(fragile_api: Api) -> None:
    api, engine = fragile_api, fragile_api.store.engine
    busy, other = api.as_("system", "labour"), api.as_("clerk", "court")
    assert other.find()["items"] == []
    with held_up(engine, "ops.report", busy, "GET", "/v1/reports?box=out", CALLS):
        _until_waiting(engine, POOL_SIZE)
        time.sleep(FRESH_S + 0.1)
        began = time.monotonic()
        assert api.get("/readyz").status_code == 200
        assert other.find()["items"] == []
        assert time.monotonic() - began < SOON_S


def test_who_asks_is_known_while_every_thread_is_taken(fragile_api: Api) -> None:
    api, engine = fragile_api, fragile_api.store.engine
    busy, other = api.as_("system", "labour"), api.as_("clerk", "court")
    assert other.get("/v1/changes", params={"since": "latest"}).status_code == 200  # answered without the shared threads
    with held_up(engine, "store.unified_case", busy, "POST", "/v1/cases/search", 60, json={}) as calls:
        _until_waiting(engine, POOL_SIZE)
        time.sleep(FRESH_S + 0.1)
        assert api.get("/readyz").status_code == 200
        assert other.get("/v1/changes", params={"since": "latest"}).status_code == 200
        assert not any(call.done() for call in calls)  # else a thread was waited for


@pytest.fixture
def pushing(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A signed push, as a request."""
    monkeypatch.setenv("CASEHUB_CONNECTION_EMERGENCY_MANAGEMENT", json.dumps({"secret": SECRET}))
    body = b'{"events": [{"id": "e1"}]}'
    return {"content": body, "headers": signed(body)}


@contextlib.contextmanager
def another(engine: Engine) -> Iterator[Engine]:
    """The same database, by connections that the API has no part in."""
    made = make_engine(engine.url)
    yield made
    made.dispose()


def test_who_asks_is_known_while_every_connection_that_writes_is_taken(fragile_api: Api, pushing: dict[str, Any]) -> None:
    api, other = fragile_api, fragile_api.as_("clerk", "court")
    assert other.get("/v1/sources").status_code == 200
    with another(api.store.engine) as engine, held_up(engine, "ops.inbox", api, "POST", INBOX, WRITERS + 3, **pushing):
        _until_waiting(engine, WRITERS)
        _is_served(api, other)
        newcomer = {"Authorization": f"Bearer {create_key(engine, Caller('newcomer', 'clerk', 'court'), 1)}"}
        began = time.monotonic()
        assert other.get("/v1/sources", headers=newcomer).status_code == 200  # its use is noted for the first time
        assert time.monotonic() - began < SOON_S
    used = api.store.rows("SELECT name FROM ops.api_key WHERE last_used_at IS NOT NULL")
    assert "newcomer" in {row["name"] for row in used}


def test_a_department_pushes_so_much_at_once_and_no_more(
    database: Engine, pushing: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.database.LONG_TIMEOUT_S", 6)  # what waits is given up within the test
    with running_api_of(database, DIRECTORY, calls_at_once=2) as api, another(database) as engine:
        with ThreadPoolExecutor(1) as pool, held_up(engine, "ops.inbox", api, "POST", INBOX, 5, **pushing) as calls:
            _until_waiting(engine, 2)
            forged = {**pushing, "headers": {**pushing["headers"], "X-Signature-256": "sha256=0"}}
            [guess] = asking(pool, api, "POST", INBOX, 1, **forged)
            assert guess.result().status_code == 401  # who is not the department is told nothing of its pushes
            refused = _refusals(calls)
        assert len(refused) == 3
        assert {answer.json()["type"] for answer in refused} == {"urn:casehub:problem:too-many-at-once"}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
        assert [api.post(INBOX, **pushing).status_code for _ in range(4)] == [202] * 4  # places were given back
        written = api.store.rows("SELECT caller, outcome FROM audit.access WHERE outcome <> 202 ORDER BY outcome")
        told = [("anonymous", 401), *[("emergency_management", 429)] * 3, *[("emergency_management", 504)] * 2]
        assert [tuple(row.values()) for row in written] == told


def test_contracts_that_are_slow_to_read_keep_nobody_from_being_answered(
    database: Engine, pushing: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of contracts may lie on another machine, which may not answer."""
    looking, done = threading.Event(), threading.Event()

    def renew() -> None:
        looking.set()
        done.wait(2 * SOON_S)

    monkeypatch.setattr("api.departments.LOOK_S", 0.0)
    directory = Directory({code: DIRECTORY.get(code) for code in DIRECTORY}, renew)
    with ThreadPoolExecutor(1) as pool, running_api_of(database, directory) as api:
        [push] = asking(pool, api, "POST", INBOX, 1, **pushing)
        assert looking.wait(SOON_S)
        began = time.monotonic()
        assert api.get("/healthz").status_code == 200
        assert time.monotonic() - began < SOON_S
        done.set()
        assert push.result().status_code == 202


def _until_refused(calls: list[Future[httpx.Response]], refused: int) -> None:
    """Until so many were answered, as those alone are that find no place: a call that came later would find one that was given back."""
    assert wait_for(lambda: sum(call.done() for call in calls), refused)


def _refusals(calls: list[Future[httpx.Response]]) -> list[httpx.Response]:
    return [answer for answer in (call.result() for call in calls) if answer.status_code == 429]


@pytest.mark.parametrize(
    ("setting", "path", "table", "body"),
    [
        pytest.param("calls_at_once", "/v1/cases/search", "store.unified_case", {}, id="calls"),
        pytest.param("batches_at_once", "/v1/match/batch", "store.party", BATCH, id="batches"),
    ],
)
def test_a_caller_asks_so_much_at_once_and_no_more(database: Engine, setting: str, path: str, table: str, body: dict[str, Any]) -> None:
    with running_api_of(database, DIRECTORY, **{setting: 2}) as api:
        busy, other = api.as_("system", "labour"), api.as_("system", "labour")
        with ThreadPoolExecutor(2) as pool, held_up(database, table, busy, "POST", path, 5, json=body) as calls:
            _until_waiting(database, 2)
            others = asking(pool, other, "POST", path, 2, json=body)
            _until_waiting(database, 4)
            _until_refused(calls, 3)
        assert not _refusals(others)
        refused = _refusals(calls)
        assert len(refused) == 3
        assert {answer.json()["type"] for answer in refused} == {"urn:casehub:problem:too-many-at-once"}
        assert {answer.headers["content-type"] for answer in refused} == {"application/problem+json"}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
        assert [busy.post(path, json=body).status_code for _ in range(4)] == [200] * 4  # places were given back
        outcomes = [row["outcome"] for row in api.store.rows("SELECT outcome FROM audit.access WHERE outcome = 429")]
        assert len(outcomes) == 3  # what was refused is written down as well


def test_a_batch_takes_no_place_of_other_calls(database: Engine) -> None:
    with running_api_of(database, DIRECTORY, batches_at_once=1) as api:
        busy = api.as_("system", "labour")
        with held_up(database, "store.party", busy, "POST", "/v1/match/batch", 2, json=BATCH) as calls:
            _until_waiting(database, 1)
            assert busy.get("/v1/sources").status_code == 200
            _until_refused(calls, 1)
        assert len(_refusals(calls)) == 1
