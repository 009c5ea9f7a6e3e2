"""A key comes while the API runs: it is fetched, and where it cannot be had nothing is answered by half."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from api import ring_check
from hub.encryption import key_ring, using
from hub.encryption.key_document import write_document
from hub.settings import get_settings
from tests.integration.api.builders import SECRET, Api, running_api
from tests.integration.api.test_inbox import push
from tests.integration.encryption.builders import document, ring, write_keys_down

PHONE = "13912345678"


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The process's key document, with k1; each request looks at what the store is under."""
    path = tmp_path / "keys.json"
    write_document(path, document("k1"))
    monkeypatch.setenv("CASEHUB_ENCRYPTION_KEYS_FILE", str(path))
    monkeypatch.setattr(ring_check, "FRESH_S", 0.0)
    monkeypatch.setattr(ring_check, "RETRY_S", 0.0)
    get_settings.cache_clear()
    yield path
    monkeypatch.undo()
    get_settings.cache_clear()


def add_record(engine: Engine, api: Api, number: str) -> str:
    """A case of somebody with the phone, written as by a process that has just started."""
    write_keys_down(engine)
    return str(api.store.case(api.store.record("labour", number, [{"name": "王小明", "phone": PHONE}])))


def test_a_running_api_reads_the_key_document_again_when_the_store_has_a_new_key(database: Engine, key_file: Path) -> None:
    with using(ring("k1")), running_api(database) as api:
        clerk = api.as_("clerk", "labour")
        cases = {add_record(database, api, "LD-1")}
        assert set(clerk.ids(q=PHONE)) == cases
        write_document(key_file, document("k1", "k2"))
        with using(ring("k1", "k2")):
            cases.add(add_record(database, api, "LD-2"))
        assert set(clerk.ids(q=PHONE)) == cases
        now = key_ring()
        assert now is not None
        assert (now.current, now.key_ids) == ("k2", ("k1", "k2"))
        for case_id in cases:
            assert clerk.case(uuid.UUID(case_id), "parties")["parties"][0]["phone"] == PHONE


def test_without_the_new_key_nothing_is_answered_by_half(
    database: Engine, key_file: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASEHUB_CONNECTION_EMERGENCY_MANAGEMENT", json.dumps({"secret": SECRET}))
    with using(ring("k1")), running_api(database) as api:
        clerk = api.as_("clerk", "labour")
        cases = {add_record(database, api, "LD-1")}
        with using(ring("k1", "k2")):
            cases.add(add_record(database, api, "LD-2"))
        for answer in (clerk.post("/v1/cases/search", json={"q": PHONE}), clerk.get("/readyz")):
            assert (answer.status_code, answer.json()["type"]) == (503, "urn:casehub:problem:key-missing")
            assert "casehub serve" in answer.json()["remedy"]
            assert "Retry-After" in answer.headers
        pushed = push(api, [{"id": "e1"}])
        assert (pushed.status_code, pushed.json()["type"]) == (503, "urn:casehub:problem:key-missing")
        assert "under key k2, which is not in the key document" in caplog.text
        assert clerk.get("/healthz").status_code == 200
        write_document(key_file, document("k1", "k2"))
        assert set(clerk.ids(q=PHONE)) == cases
        assert clerk.get("/readyz").status_code == 200
