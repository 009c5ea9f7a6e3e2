"""The edge of a task: which errors Airflow tries again, and that no value of a row reaches its log."""

from __future__ import annotations

import json

import pytest

from hub.postgres import Server
from tests.integration.dags.conftest import Loaded

VALUE = "440306199001011234"
SCRIPT = f"""
import json, logging, sys
from airflow.sdk.exceptions import AirflowFailException
from dags.steps import opened_store
from hub import errors

RAISED = {{
    "unavailable": errors.SourceUnavailable("the source is down"),
    "busy": errors.BusyError("another run"),
    "refused": errors.SourceRefused("401"),
    "format": errors.SourceFormatError("HTML for JSON"),
    "law": errors.ConservationError("pulled 4 ≠ landed 3 + already known 0"),
    "unknown": ValueError("cannot read {VALUE}"),
}}
told = {{}}
for name, error in RAISED.items():
    try:
        with opened_store():
            raise error
    except Exception as seen:
        told[name] = {{"kind": type(seen).__name__, "text": str(seen), "fails_for_good": isinstance(seen, AirflowFailException),
                      "context": seen.__suppress_context__ or seen is error}}
print("\\n" + json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(loaded: Loaded, database_url_of_module: str) -> tuple[dict[str, dict[str, object]], str]:
    done = loaded.run(SCRIPT, CASEHUB_DATABASE_URL=database_url_of_module)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stdout + done.stderr


@pytest.fixture(scope="module")
def database_url_of_module(postgres_server: Server) -> str:
    return postgres_server.url("template_casehub").render_as_string(hide_password=False)


@pytest.mark.parametrize("name", ["unavailable", "busy"])
def test_what_another_try_may_mend_is_passed_on(told: tuple[dict[str, dict[str, object]], str], name: str) -> None:
    assert not told[0][name]["fails_for_good"]


@pytest.mark.parametrize(
    ("name", "error"), [("refused", "SourceRefused: 401"), ("format", "SourceFormatError"), ("law", "ConservationError: pulled 4")]
)
def test_what_no_try_mends_fails_at_once(told: tuple[dict[str, dict[str, object]], str], name: str, error: str) -> None:
    assert told[0][name]["fails_for_good"]
    assert error in str(told[0][name]["text"])


def test_an_unknown_error_shows_its_place_and_not_its_message(told: tuple[dict[str, dict[str, object]], str]) -> None:
    assert VALUE not in told[1]
    assert told[0]["unknown"]["kind"] == "AirflowException"
    assert "ValueError" in str(told[0]["unknown"]["text"])
    assert told[0]["unknown"]["context"]


def test_a_schema_of_another_version_fails_at_once(loaded: Loaded, postgres_server: Server) -> None:
    script = "from dags.steps import opened_store\nwith opened_store():\n    pass\n"
    url = postgres_server.url("postgres").render_as_string(hide_password=False)
    done = loaded.run(script, CASEHUB_DATABASE_URL=url)
    assert done.returncode != 0
    assert "AirflowFailException: SchemaError" in done.stderr
    assert "casehub migrate" in done.stderr
