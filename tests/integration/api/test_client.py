"""A client that openapi-python-client generates from the OpenAPI document, asked to do a clerk's morning against the running server."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.builders import PURPOSE, Api, Store
from tests.outside import GENERATOR, NO_GENERATOR

PHONE = "13800138000"


@pytest.fixture
def generated(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The generated package."""
    if not GENERATOR:
        pytest.skip(NO_GENERATOR)
    (tmp_path / "openapi.json").write_text(api.get("/openapi.json").text, encoding="utf-8")
    (tmp_path / "config.yml").write_text(json.dumps({"post_hooks": []}), encoding="utf-8")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    command += ["--path", "openapi.json", "--config", "config.yml", "--output-path", "casehub_client"]
    made = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": GENERATOR}, capture_output=True, text=True, timeout=100, check=False
    )
    assert made.returncode == 0, made.stdout + made.stderr
    monkeypatch.syspath_prepend(tmp_path)
    return importlib.import_module("casehub_client")


def test_a_generated_client_does_a_clerks_morning(api: Api, store: Store, generated: Any) -> None:
    parties = [{"name": "王小明", "phone": PHONE, "entity": uuid.uuid4()}]
    case_id = store.case(store.record("labour", "LD-1", parties, title="拖欠工资"), store.record("petition", "XF-1", parties))
    client = generated.AuthenticatedClient(str(api.base_url).rstrip("/"), token=store.token("clerk", "labour"))
    models = importlib.import_module("casehub_client.models")
    search, read = (importlib.import_module(f"casehub_client.api.cases.cases_{name}") for name in ("search", "read"))
    purpose = {"x_purpose": PURPOSE["X-Purpose"], "x_case_reference": PURPOSE["X-Case-Reference"]}
    page = search.sync(client=client, body=models.CaseQuery(q=PHONE), **purpose)
    assert [item.case_id for item in page.items] == [case_id]
    assert page.recognised_as.code == "phone"
    case = read.sync(case_id, client=client, include="parties,records", **purpose)
    assert sorted(party.name for party in case.parties) == ["王**", "王小明"]
    refused = read.sync(uuid.uuid4(), client=client)
    assert isinstance(refused, models.ProblemAnswer)
    assert refused.type_ == "urn:casehub:problem:not-found"
    client.get_httpx_client().close()
