"""The server itself: its port, its docs, its headers, many callers at once."""

from __future__ import annotations

import re
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from api.serve import serve, serving
from hub.errors import SettingsError
from hub.settings import Settings
from tests.integration.api.builders import DIRECTORY, Api, Store


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
