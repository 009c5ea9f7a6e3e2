"""Requests that cannot be answered: each its problem, none repeats what was sent."""

from __future__ import annotations

import contextlib
import json
import socket
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine, text

from api import state
from hub.database import make_engine
from tests.integration.api.builders import Api, Store, running_api
from tests.integration.api.waiting import wait_for

SECRET = "13800138000"


def problem(answer: object) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"  # type: ignore[attr-defined]
    return answer.status_code, answer.json()["type"].removeprefix("urn:casehub:problem:")  # type: ignore[attr-defined]


def test_paths_and_methods_that_are_not_there(api: Api) -> None:
    assert problem(api.get("/v1/nothing")) == (404, "not-found")
    assert problem(api.get("/nothing")) == (404, "not-found")
    assert problem(api.delete("/v1/sources")) == (405, "method-not-allowed")
    assert problem(api.get("/v1/cases/")) == (404, "not-found")
    for method, path in (("GET", "/v1/cases/0d3f7b52"), ("POST", "/v1/cases")):
        assert " · " in api.request(method, path).json()["remedy"]  # a cut-off id, and the neighbour's method


@pytest.mark.parametrize("request_line", ["GET /v1/cases?q=欠薪 HTTP/1.1", "GET /v1/cases?q=a b HTTP/1.1", "欠薪"])
def test_what_is_no_request_is_told_how_to_be_one(api: Api, request_line: str) -> None:
    """As curl sends a URL that is not percent-encoded."""
    with socket.create_connection((api.base_url.host, api.base_url.port)) as raw:
        raw.sendall(f"{request_line}\r\nHost: hub\r\n\r\n".encode())
        told = b"".join(iter(lambda: raw.recv(65536), b""))
    head, _, body = told.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400") and b"application/problem+json" in head
    answer = json.loads(body)
    assert answer["type"] == "urn:casehub:problem:not-http"
    assert "--data-urlencode" in answer["remedy"] and "欠薪" not in body.decode()
    assert f"X-Request-Id: {answer['request_id']}" in head.decode() and b"Cache-Control: no-store" in head


@pytest.mark.parametrize(
    ("question", "told"),
    [({"include": "all"}, "records, parties"), ({"facets": "grade;year"}, "department, category"), ({"department": "人社局"}, "labour")],
    ids=str,
)
def test_words_that_are_none_name_those_there_are(api: Api, question: dict[str, str], told: str) -> None:
    path = f"/v1/cases/{uuid.uuid4()}" if "include" in question else "/v1/cases"
    answer = api.as_("clerk", "labour").get(path, params=question)
    assert problem(answer) == (422, "request")
    (error,) = answer.json()["errors"]
    assert told in error["problem"] and "pattern" not in error["problem"] and " · " in error["problem"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"q": 13800138000}',
        b'{"q": ["13800138000"]}',
        b'{"phone": "13800138000"}',
        b'{"q": ""}',
        b'{"q": "  "}',
        b'{"limit": 1000}',
        b'{"limit": "all"}',
        b'{"cursor": "13800138000"}',
        b'{"category": "13800138000"}',
        b'{"person_id": "13800138000"}',
        b"[" * 100_000,
        b'{"q": "' + b"1" * 300 + b'"}',
        b"\xff\xfe",
        b'{"q": "\xff"}',
    ],
    ids=range(18),
)
def test_bodies_that_cannot_be_read(api: Api, body: bytes) -> None:
    answer = api.as_("clerk", "petition").post("/v1/cases/search", content=body, headers={"Content-Type": "application/json"})
    assert problem(answer) == (422, "request")
    assert SECRET not in answer.text


def test_a_body_that_does_not_say_what_it_is_is_told_which_header_to_send(api: Api) -> None:
    clerk, body = api.as_("clerk", "petition"), b'{"q": "x", "limit": 0}'
    remedies = {
        sent: clerk.post("/v1/cases/search", content=body, headers={"Content-Type": sent} if sent else None).json()["remedy"]
        for sent in ("", "application/x-www-form-urlencoded", "application/json")
    }
    assert [sent for sent, remedy in remedies.items() if "Content-Type: application/json" in remedy] == [
        "",
        "application/x-www-form-urlencoded",
    ]


def test_parameters_that_cannot_be_read(api: Api) -> None:
    clerk = api.as_("clerk", "petition")
    for query in ("limit=0", "limit=x", "unknown=1", f"cursor={SECRET}", "q=", f"grade={SECRET}", "reported_from=soon"):
        answer = clerk.get(f"/v1/cases?{query}")
        assert problem(answer) == (422, "request"), query
        assert SECRET not in answer.text
    (error,) = clerk.get("/v1/cases?limit=x").json()["errors"]
    assert error["field"] == "query.limit"
    assert error["problem"].startswith("应为整数 · Input should be a valid integer")


def test_bodies_above_the_limit(api: Api) -> None:
    clerk = api.as_("clerk", "petition")
    big = b'{"q": "' + b"a" * (300 * 1024) + b'"}'
    assert problem(clerk.post("/v1/cases/search", content=big, headers={"Content-Type": "application/json"})) == (413, "too-large")
    chunks = (big[start : start + 10_000] for start in range(0, len(big), 10_000))  # of no declared length
    assert problem(clerk.post("/v1/cases/search", content=chunks, headers={"Content-Type": "application/json"})) == (413, "too-large")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits as long as in earnest: asked for before the API whose connections are so made."""
    monkeypatch.setattr(state, "STATEMENT_TIMEOUT_S", 1)
    monkeypatch.setattr(state, "POOL_TIMEOUT_S", 0.3)


def test_slow_statements_are_cancelled_and_callers_beyond_the_pool_told_to_come_back(impatient: None, fragile_api: Api) -> None:
    clerk, engine = fragile_api.as_("clerk", "petition"), fragile_api.store.engine
    with engine.begin() as connection, ThreadPoolExecutor(20) as pool:
        connection.execute(text("LOCK TABLE store.unified_case IN ACCESS EXCLUSIVE MODE"))
        answers = list(pool.map(lambda _: clerk.post("/v1/cases/search", json={}), range(20)))
    assert {problem(answer) for answer in answers} == {(504, "timeout"), (503, "overloaded")}
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 503)
    assert clerk.post("/v1/cases/search", json={}).status_code == 200


def test_a_refused_statement_shows_nothing_of_the_inside(fragile_api: Api) -> None:
    api, store = fragile_api, fragile_api.store
    clerk = api.as_("clerk", "petition")
    with store.engine.begin() as connection:
        connection.execute(text("ALTER TABLE store.unified_case RENAME TO elsewhere"))
    answer = clerk.post("/v1/cases/search", json={"q": SECRET})
    assert problem(answer) == (500, "store")
    for word in ("unified_case", "SELECT", "psycopg2", SECRET):
        assert word not in answer.text


def test_the_api_cannot_write_where_it_reads(store: Store, api: Api) -> None:
    from api.state import reading_engine
    from hub.database import store_errors
    from hub.errors import StoreError

    reading = reading_engine(store.engine.url)
    with pytest.raises(StoreError, match="25006"), store_errors(), reading.begin() as connection:
        connection.execute(text("DELETE FROM store.unified_case"))
    reading.dispose()


def test_a_burst_finds_the_connections_of_the_last_one(store: Store) -> None:
    from api.state import IDLE_SESSION, POOL_SIZE, reading_engine

    def backends(connections: int) -> list[int]:
        with contextlib.ExitStack() as stack:
            taken = [stack.enter_context(reading.connect()) for _ in range(connections)]
            return [connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one() for connection in taken]

    reading = reading_engine(store.engine.url)
    first = backends(POOL_SIZE)
    assert sorted(backends(POOL_SIZE)) == sorted(first)
    assert {backends(1)[0] for _ in range(3)} < set(first)
    assert len({backends(1)[0] for _ in range(3)}) == 1
    with reading.connect() as connection:
        assert connection.exec_driver_sql("SHOW idle_session_timeout").scalar_one() == IDLE_SESSION
        connection.exec_driver_sql("SET idle_session_timeout = '20ms'")
        ended = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        connection.commit()
    assert wait_for(lambda: store.rows(f"SELECT FROM pg_stat_activity WHERE pid = {ended}"), [])
    assert ended not in backends(POOL_SIZE)
    reading.dispose()


def test_without_a_database_it_is_up_and_not_ready() -> None:
    engine: Engine = make_engine("postgresql+psycopg2://casehub:none@127.0.0.1:1/casehub?connect_timeout=2")
    with running_api(engine) as api:
        assert api.get("/healthz").status_code == 200
        for path in ("/readyz", "/v1/sources"):
            answer = api.get(path, headers={"Authorization": "Bearer x"})
            assert problem(answer) == (503, "store-unavailable")
            assert answer.headers["retry-after"] == "5"
    engine.dispose()


def test_a_server_that_restarts_is_found_again(fragile_api: Api) -> None:
    api, store = fragile_api, fragile_api.store
    clerk = api.as_("clerk", "petition")
    assert clerk.get("/v1/sources").status_code == 200
    with store.engine.connect() as connection:
        # Waited for: what is asked of a connection in the moment in which it ends is answered 503, as anything on its way then is.
        ours = "datname = current_database() AND application_name = 'casehub-api'"  # those of a test before may just be ending
        ended = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {ours}"
        has_ended = connection.execute(text(ended)).scalars().all()
        assert has_ended
        assert all(has_ended)
    assert clerk.get("/v1/sources").status_code == 200
