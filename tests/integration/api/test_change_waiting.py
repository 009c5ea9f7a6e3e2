"""Waiting for changes: long polls and streams, many at once, and a server that ends."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any

import fastapi.routing
import httpx
import pytest
from sqlalchemy import Engine

from api.change_waiting import EACH, READERS, ChangeWaiting
from api.opaque import Position
from api.routes import changes as routes
from api.serve import serving
from hub.settings import Settings
from tests.integration.api.builders import DIRECTORY, Api, Store, running_api_of
from tests.integration.api.changing import NOISE, case_of, latest, page, record, settle
from tests.integration.api.waiting import wait_for


def events(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    """Events of a stream."""
    found: dict[str, Any] = {}
    for line in answer.iter_lines():
        if not line and "data" in found:
            yield found
            found = {}
        elif line.startswith(":"):
            found.setdefault("comments", []).append(line)
        elif line:
            name, _, value = line.partition(": ")
            found[name] = value


def test_a_long_poll_is_answered_when_something_changes(api: Api, store: Store, waiters: Callable[[], int]) -> None:
    clerk = api.as_("clerk", "labour")
    since = latest(clerk)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(page, clerk, since=since, wait=20, relation="case")
        assert wait_for(waiters, 1)
        settle(store.engine, record("police", "1", **NOISE))
        found = waiting.result(timeout=15)
    assert [item["id"] for item in found["items"]] == [case_of(store.engine, "police", "1")]


def test_a_sealed_change_ends_no_wait(api: Api, store: Store, waiters: Callable[[], int]) -> None:
    clerk = api.as_("clerk", "labour")
    since, began = latest(clerk), time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(page, clerk, since=since, wait=1.5)
        assert wait_for(waiters, 1)
        settle(store.engine, record("procuratorate", "9", visibility="sealed", **NOISE))
        assert waiting.result()["items"] == []
    assert time.monotonic() - began >= 1.5


def test_those_who_wait_have_no_thread_and_no_connection(api: Api, store: Store, waiters: Callable[[], int]) -> None:
    callers = [api.as_("clerk", "labour") for _ in range(10)]
    since = latest(callers[0])
    with ThreadPoolExecutor(60) as pool:
        waiting = [pool.submit(page, callers[each % 10], since=since, wait=15) for each in range(60)]
        assert wait_for(waiters, 60)
        ours = "datname = current_database() AND application_name = 'casehub-api'"
        busy = f"SELECT count(*) AS n FROM pg_stat_activity WHERE {ours} AND state <> 'idle'"  # those of the pools stand idle
        assert wait_for(lambda: store.rows(busy)[0]["n"] <= 1, True)  # whoever looks for the next change
        assert callers[0].get("/v1/sources").status_code == 200
        assert not any(each.done() for each in waiting)  # it was answered while all of them wait
        settle(store.engine, record("police", "1", **NOISE))
        assert all(each.result()["items"] for each in waiting)


def test_no_caller_takes_every_place(api: Api, store: Store, waiters: Callable[[], int]) -> None:
    clerk, other = api.as_("clerk", "labour"), api.as_("clerk", "court")
    since = latest(clerk)
    with ThreadPoolExecutor(EACH) as pool:
        waiting = [pool.submit(page, clerk, since=since, wait=20) for _ in range(EACH)]
        assert wait_for(waiters, EACH)
        answer = clerk.get("/v1/changes", params={"since": since, "wait": 20})
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:casehub:problem:overloaded")
        assert answer.headers["retry-after"]
        assert clerk.get("/v1/changes/stream").status_code == 503
        assert other.get("/v1/changes", params={"since": since, "wait": 0.1}).status_code == 200
        assert not any(each.done() for each in waiting)
        settle(store.engine, record("police", "1", **NOISE))
        assert all(each.result()["items"] for each in waiting)
    assert page(clerk, since=latest(clerk), wait=0.1)["items"] == []  # places were given back


def test_a_stream_tells_changes_and_goes_on_after_the_last(api: Api, store: Store) -> None:
    clerk = api.as_("clerk", "labour")
    with clerk.stream("GET", "/v1/changes/stream", params={"since": "latest", "relation": "case"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "no-store" in answer.headers["cache-control"]
        coming = events(answer)
        seen = []
        for number in "12":
            settle(store.engine, record("police", number, **NOISE), record("procuratorate", number, visibility="sealed", **NOISE))
            seen.append(next(coming))
    data = [json.loads(each["data"]) for each in seen]
    assert [each["event"] for each in seen] == ["change", "change"]
    assert [each["id"] for each in data] == [case_of(store.engine, "police", number) for number in "12"]
    assert [each["cursor"] for each in data] == [each["id"] for each in seen]
    with clerk.stream("GET", "/v1/changes/stream?relation=case", headers={"Last-Event-ID": seen[0]["id"]}) as answer:
        assert json.loads(next(events(answer))["data"])["id"] == data[1]["id"]
    written = [
        row["entity_ids"] for row in store.rows("SELECT entity_ids FROM audit.access WHERE action = 'changes.stream' ORDER BY access_id")
    ]
    assert [str(each) for row in written for each in row or ()] == [data[0]["id"], data[1]["id"], data[1]["id"]]


def test_a_stream_gives_signs_of_life(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fastapi.routing, "_PING_INTERVAL", 0.1)
    with api.as_("clerk", "labour").stream("GET", "/v1/changes/stream?since=latest") as answer:
        pings = (line for line in answer.iter_lines() if line == ": ping")
        assert len(list(islice(pings, 2))) == 2


def test_a_stream_ends_in_time(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "STREAM_S", 0.6)
    with api.as_("clerk", "labour").stream("GET", "/v1/changes/stream?since=latest") as answer:
        assert "retry: 1000" in list(answer.iter_lines())  # ends by itself


def test_a_server_that_ends_lets_everybody_go(database: Engine, waiters: Callable[[], int]) -> None:
    store = Store(database)
    token = {"Authorization": f"Bearer {store.token('clerk', 'labour')}"}
    found: dict[str, Any] = {}

    def poll(url: str) -> None:
        found["poll"] = httpx.get(f"{url}/v1/changes?since=latest&wait=30", headers=token, timeout=40, trust_env=False).status_code

    def stream(url: str) -> None:
        with httpx.stream("GET", f"{url}/v1/changes/stream?since=latest", headers=token, timeout=40, trust_env=False) as answer:
            found["stream"] = list(answer.iter_lines())

    with serving(Settings(api_port=0), database, DIRECTORY) as url:
        threads = [threading.Thread(target=each, args=(url,)) for each in (poll, stream)]
        for thread in threads:
            thread.start()
        assert wait_for(waiters, 2)
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()  # each would have waited for half a minute
    assert found["poll"] == 200
    assert found["stream"]


def test_a_stream_ends_when_its_key_is_revoked(api: Api, store: Store) -> None:
    clerk = api.as_("clerk", "labour")
    with clerk.stream("GET", "/v1/changes/stream", params={"since": "latest", "relation": "case"}) as answer:
        coming = events(answer)
        settle(store.engine, record("police", "1", **NOISE))
        assert next(coming)["event"] == "change"
        store.run("UPDATE ops.api_key SET revoked_at = now()")
        settle(store.engine, record("police", "2", **NOISE))
        assert list(coming) == []


def test_a_stream_ends_when_its_key_is_revoked_though_nothing_changes(api: Api, store: Store, waiters: Callable[[], int]) -> None:
    clerk = api.as_("clerk", "labour")
    with clerk.stream("GET", "/v1/changes/stream?since=latest") as answer:
        lines = answer.iter_lines()
        assert next(lines) == ": casehub"
        assert wait_for(waiters, 1)
        revoked = time.monotonic()
        store.run("UPDATE ops.api_key SET revoked_at = now()")
        assert not any(line.startswith("data") for line in lines)
    assert time.monotonic() - revoked < routes.STREAM_S / 2


def test_pages_that_are_asked_for_at_once_are_bounded(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    may_end, inside = threading.Event(), threading.Semaphore(0)
    real = routes.read_page

    def slow(*given: Any, **named: Any) -> Any:
        inside.release()
        assert may_end.wait(20)
        return real(*given, **named)

    with running_api_of(database, DIRECTORY, feeds_at_once=2) as api, ThreadPoolExecutor(3) as pool:
        clerk, other = api.as_("clerk", "labour"), api.as_("clerk", "court")
        monkeypatch.setattr(routes, "read_page", slow)
        asked = [pool.submit(page, clerk) for _ in range(2)]
        assert all(inside.acquire(timeout=10) for _ in asked)
        refused = clerk.get("/v1/changes")
        assert (refused.status_code, refused.json()["type"]) == (429, "urn:casehub:problem:too-many-at-once")
        assert refused.headers["retry-after"] == "1"
        others = pool.submit(page, other)
        assert inside.acquire(timeout=10)
        may_end.set()
        assert [each.result()["items"] for each in (*asked, others)] == [[], [], []]
        assert clerk.get("/v1/changes").status_code == 200


def test_a_caller_takes_two_readers_and_whoever_looks_for_changes_needs_none() -> None:
    may_end, busy = threading.Event(), Counter[str]()

    def reading(caller: str) -> None:
        busy[caller] += 1
        assert may_end.wait(20)

    async def go() -> None:
        waiting = ChangeWaiting(lambda: Position(1, 5), 100, 2)
        callers = ("one",) * 6 + ("another",) * 6
        pages = [asyncio.create_task(waiting.read(partial(reading, each), each)) for each in callers]
        try:
            while busy.total() < READERS:
                await asyncio.sleep(0.01)
            assert busy == {"one": 2, "another": 2}
            with waiting.place("third"):
                assert await waiting.beyond(Position(1, 4), 5)
        finally:
            may_end.set()
            await asyncio.gather(*pages)
            waiting.close()

    asyncio.run(asyncio.wait_for(go(), 15))
