"""The server itself: its port, its docs, its headers, many callers at once."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from api.middleware import MAX_ARRIVING, MAX_REQUESTS
from api.serve import serve, serving
from hub.errors import SettingsError
from hub.settings import Settings
from tests.integration.api.builders import DIRECTORY, Api, Store
from tests.integration.api.waiting import wait_for


def test_a_taken_port_names_its_setting(database: Engine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Settings(api_port=taken.getsockname()[1])
        with pytest.raises(SettingsError, match="CASEHUB_API_PORT"):
            serve(settings, database)
        with pytest.raises(SettingsError, match="CASEHUB_API_PORT"), serving(settings, database, DIRECTORY):
            pass


def test_it_listens_on_loopback_and_stops(database: Engine) -> None:
    with serving(Settings(api_port=0), database, DIRECTORY) as url:
        assert url.startswith("http://127.0.0.1:")
        port = int(url.rpartition(":")[2])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_docs_work_without_any_other_host(api: Api) -> None:
    page = api.get("/docs")
    assert page.status_code == 200
    assert "script-src" not in page.headers["content-security-policy"]  # default-src 'self' holds for scripts
    for path in re.findall(r'(?:href|src)="([^"]+)"', page.text):
        if not path.startswith("data:"):
            answer = api.get(f"/{path}")
            assert answer.status_code == 200, path
            assert len(answer.content) > 100
    assert api.get("/openapi.json").json()["openapi"].startswith("3.1")


def test_headers(api: Api) -> None:
    answer = api.as_("clerk", "petition").get("/v1/sources", headers={"Origin": "https://elsewhere.example"})
    assert "server" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(answer.headers["x-request-id"]) == 32


def test_many_callers_at_once(api: Api, store: Store) -> None:
    for number in range(5):
        store.case(store.record("petition", str(number), title="噪音扰民"))
    clerk = api.as_("clerk", "petition")
    with ThreadPoolExecutor(24) as pool:
        pages = list(pool.map(lambda _: len(clerk.ids(q="噪音")), range(96)))
    assert pages == [5] * 96
    assert len(store.rows("SELECT 1 FROM audit.access")) == 96


BEGUN = b"POST /v1/cases/search HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"


def _connected(api: Api, host: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection((api.base_url.host, api.base_url.port), source_address=(host, 0))


def _search(api: Api, host: str) -> bytes:
    """How a whole search of nobody's is answered, from an address."""
    with contextlib.closing(_connected(api, host)) as one:
        one.sendall(BEGUN + b'"q":"x"}')
        return one.recv(12)


@contextlib.contextmanager
def _unfinished(api: Api, requests: int, addresses: int) -> Iterator[None]:
    """So many requests whose bodies do not come to an end, of so many other addresses than this one."""
    with contextlib.ExitStack() as stack:
        for number in range(requests):
            one = stack.enter_context(contextlib.closing(_connected(api, f"127.0.0.{2 + number % addresses}")))
            one.sendall(BEGUN)
        yield


def test_who_only_connects_shuts_nobody_out(api: Api) -> None:
    clerk = api.as_("clerk", "petition")
    with contextlib.ExitStack() as stack:
        for _ in range(MAX_REQUESTS + 20):
            stack.enter_context(contextlib.closing(_connected(api)))
        time.sleep(0.2)
        assert clerk.get("/v1/sources").status_code == 200


def test_more_than_can_be_answered_are_told_to_come_again(fragile_api: Api) -> None:
    """What is asked, and does not come to an end, takes a place until its time is over."""
    api, store = fragile_api, fragile_api.store
    clerk = api.as_("clerk", "petition")
    with _unfinished(api, MAX_REQUESTS, MAX_REQUESTS // MAX_ARRIVING):
        told = list[int]()
        assert wait_for(lambda: told.append(clerk.get("/v1/sources").status_code) or told[-1], 503)  # once all of them have come
        answer = clerk.get("/v1/sources")
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:casehub:problem:overloaded")
        assert int(answer.headers["retry-after"]) > 0
        assert api.get("/healthz").status_code == 200
        assert [row["outcome"] for row in store.rows("SELECT outcome FROM audit.access ORDER BY access_id")] == [*told, 503]
    assert wait_for(lambda: clerk.get("/v1/sources").status_code, 200)


def test_one_address_whose_bodies_drip_shuts_nobody_else_out(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    clerk = api.as_("clerk", "petition")
    monkeypatch.setattr("api.middleware.ROOM_S", 0.5)
    with _unfinished(api, MAX_REQUESTS, 1):
        assert clerk.post("/v1/cases/search", json={}).status_code == 200
        assert wait_for(lambda: _search(api, "127.0.0.2"), b"HTTP/1.1 503")  # once as many as may arrive have begun to
        with contextlib.closing(_connected(api, "127.0.0.2")) as one:
            one.sendall(b"GET /v1/sources HTTP/1.1\r\nHost: x\r\n\r\n")
            assert one.recv(1024).startswith(b"HTTP/1.1 401")  # without a body none is waited for
    assert wait_for(lambda: _search(api, "127.0.0.2"), b"HTTP/1.1 401")  # places are given back


def test_bodies_of_one_address_that_come_late_together_are_all_answered(api: Api) -> None:
    """As from many threads of one client, each of which sends the head before any sends the body."""
    with contextlib.ExitStack() as stack:
        asking = [stack.enter_context(contextlib.closing(_connected(api))) for _ in range(MAX_ARRIVING + 20)]
        for one in asking:
            one.sendall(BEGUN)
        time.sleep(0.2)
        for one in asking:
            one.sendall(b'"q":"x"}')
        assert {one.recv(12) for one in asking} == {b"HTTP/1.1 401"}


def test_a_body_that_drips_is_given_up(api: Api, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.middleware.BODY_S", 0.5)
    clerk = api.as_("clerk", "petition")

    def dripping() -> Iterator[bytes]:
        yield b'{"q": "'
        time.sleep(1.5)
        yield b'x"}'

    began = time.monotonic()
    answer = clerk.post("/v1/cases/search", content=dripping(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (408, "urn:casehub:problem:too-slow")
    assert time.monotonic() - began < 5
    assert [row["outcome"] for row in store.rows("SELECT outcome FROM audit.access")] == [408]
    assert clerk.post("/v1/cases/search", json={}).status_code == 200  # and what came in time is answered however long that takes
