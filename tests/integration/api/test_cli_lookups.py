"""`casehub lookups list`: whose look-ups there are and how far, and nothing of what is in them."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from api.access import Caller
from api.lookups.jobs import hand_in
from api.lookups.table import Upload
from api.state import make_hub
from cli.main import app
from hub.settings import Settings, get_settings
from tests.integration.api.builders import DIRECTORY, Store


@pytest.fixture
def store(database_url: str, database: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("CASEHUB_DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "200")
    get_settings.cache_clear()
    yield Store(database)  # type: ignore[arg-type]
    get_settings.cache_clear()


def test_jobs_are_listed_without_their_contents(store: Store) -> None:
    upload = Upload("csv", ("电话",), [["13800138000"]] * 1_200)
    with contextlib.closing(make_hub(Settings(), store.engine, DIRECTORY)) as hub:
        lookup_id = hand_in(hub, Caller("zhang", "clerk", "labour"), upload, ("phone",))
    result = CliRunner().invoke(app, ["lookups", "list"], catch_exceptions=False)
    assert result.exit_code == 0
    for word in (str(uuid.UUID(str(lookup_id))), "zhang", "labour", "waiting", "0 / 1,200"):
        assert word in result.stdout
    assert "13800138000" not in result.stdout
    assert "电话" not in result.stdout
