"""Surprises become answers that show nothing; requests get their ids."""

from __future__ import annotations

import asyncio
import json
import logging

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from api.middleware import Envelope

PERSONAL = "王小明 13800138000"


def ask(app: Envelope, **headers: str) -> httpx.Response:
    async def go() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.get("/x?q=secret-query", headers=headers)

    return asyncio.run(go())


async def breaks(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError(PERSONAL)


async def answers(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": [(b"cache-control", b"public")]})
    await send({"type": "http.response.body", "body": b""})


def test_a_surprise_shows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[tuple[str, str, int]] = []
    with caplog.at_level(logging.INFO):
        answer = ask(Envelope(breaks, lambda method, route, status, _: seen.append((method, route, status))))
    document = json.loads(answer.content)
    assert (answer.status_code, document["type"]) == (500, "urn:casehub:problem:unexpected")
    assert document["request_id"] == answer.headers["x-request-id"]
    assert seen == [("GET", "(unmatched)", 500)]
    own = "".join(record.getMessage() for record in caplog.records if record.name.startswith("api"))
    assert "ValueError" in own
    assert "test_middleware.py" in own
    for value in ("王小明", "13800138000", "secret-query"):
        assert value not in answer.text
        assert value not in own


def test_a_sound_request_id_is_kept_and_another_replaced() -> None:
    app = Envelope(answers, lambda *_: None)
    assert ask(app, **{"X-Request-Id": "trace-12345"}).headers["x-request-id"] == "trace-12345"
    for unsound in ("short", "a" * 65, "a b c d e f g h", "<script>alert(1)</script>"):
        assert ask(app, **{"X-Request-Id": unsound}).headers["x-request-id"] != unsound


def test_security_headers_and_an_answers_own() -> None:
    headers = ask(Envelope(answers, lambda *_: None)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "public"
