"""Routes that are to go say so in their answers."""

from __future__ import annotations

import asyncio
import datetime as dt

import httpx
import pytest
from fastapi import FastAPI

from api.deprecation import going, headers_of
from api.middleware import Envelope

SINCE, UNTIL = dt.date(2026, 1, 1), dt.date(2026, 12, 31)


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()

    @app.get("/stays")
    def stays() -> None: ...

    @app.get("/goes", deprecated=True, openapi_extra=going(SINCE, UNTIL))
    def goes() -> None: ...

    @app.get("/some-day", deprecated=True, openapi_extra=going(SINCE))
    def some_day() -> None: ...

    app.add_middleware(Envelope, observe=lambda *_: None)
    return app


def ask(app: FastAPI, path: str) -> httpx.Response:
    async def go() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.get(path)

    return asyncio.run(go())


def test_each_answer_says_since_when_and_until_when(app: FastAPI) -> None:
    headers = ask(app, "/goes").headers
    assert headers["deprecation"] == "@1767225600"
    assert headers["sunset"] == "Thu, 31 Dec 2026 00:00:00 GMT"
    assert "sunset" not in ask(app, "/some-day").headers
    document = ask(app, "/openapi.json").json()["paths"]["/goes"]["get"]
    assert (document["deprecated"], document["x-deprecated-since"], document["x-sunset"]) == (True, "2026-01-01", "2026-12-31")


def test_what_stays_says_nothing(app: FastAPI) -> None:
    assert "deprecation" not in ask(app, "/stays").headers
    assert "deprecation" not in ask(app, "/nowhere").headers
    assert headers_of(None) == {}


def test_half_a_year_at_least() -> None:
    with pytest.raises(ValueError, match="183"):
        going(SINCE, dt.date(2026, 6, 30))
