"""The edge of a task: which errors Airflow tries again, and that no value of a row reaches its log."""

from __future__ import annotations

import json
from typing import Any

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
# What Airflow says of the task is given here: in a task's own process it is asked for over a socket.
BUSY = """
import json, sys
from datetime import UTC, datetime, timedelta
import airflow.sdk
from dags.steps import opened_store
from hub.errors import BusyError

class Task:
    def get_first_reschedule_date(self, context):
        return None if WAITED_S is None else datetime.now(UTC) - timedelta(seconds=WAITED_S)

airflow.sdk.get_current_context = lambda: {"ti": Task()}
try:
    with opened_store():
        raise BusyError("labour: another run")
except Exception as seen:
    at = getattr(seen, "reschedule_date", None)
    pause_s = at and (at - datetime.now(UTC)).total_seconds()
    print("\\n" + json.dumps({"kind": type(seen).__name__, "text": str(seen), "pause_s": pause_s}))
"""


@pytest.fixture(scope="module")
def told(loaded: Loaded, database_url_of_module: str) -> tuple[dict[str, dict[str, object]], str]:
    done = loaded.run(SCRIPT, CASEHUB_DATABASE_URL=database_url_of_module)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stdout + done.stderr


@pytest.fixture(scope="module")
def database_url_of_module(postgres_server: Server) -> str:
    return postgres_server.url("template_casehub").render_as_string(hide_password=False)


def test_what_another_try_may_mend_is_passed_on(told: tuple[dict[str, dict[str, object]], str]) -> None:
    assert not told[0]["unavailable"]["fails_for_good"]


@pytest.mark.parametrize(
    ("waited_s", "pause_s"),
    [pytest.param(None, 30, id="first"), pytest.param(400, 200, id="half"), pytest.param(20_000, 600, id="most")],
)
def test_a_task_waits_for_another_run_and_fails_not_for_it(
    loaded: Loaded, database_url_of_module: str, waited_s: int | None, pause_s: int
) -> None:
    """It is up for reschedule, which uses up no try and no worker."""
    told = waits(loaded, database_url_of_module, waited_s)
    assert told["kind"] == "AirflowRescheduleException"
    assert told["pause_s"] == pytest.approx(pause_s, abs=5)


def test_a_task_that_has_waited_for_a_day_fails(loaded: Loaded, database_url_of_module: str) -> None:
    told = waits(loaded, database_url_of_module, 90_000)
    assert told["kind"] == "AirflowFailException"
    assert "labour: another run" in told["text"]


def waits(loaded: Loaded, url: str, waited_s: int | None) -> dict[str, Any]:
    """What becomes of a task that finds another run at work, and has found it so for a time."""
    done = loaded.run(BUSY.replace("WAITED_S", str(waited_s)), CASEHUB_DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


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
