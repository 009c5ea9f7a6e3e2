"""A pass over departments in one process: what is told of those that do not come through."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text

from connectors.contract import Contract
from connectors.extract import Page
from pipeline import ingest as ingesting
from pipeline import run
from pipeline.landing.land import land
from pipeline.run import run_pass
from tests.integration.pipeline.builders import SETTINGS, Row, ask, make_contract, make_page, make_row, take_in

REQUIRED = {"type": "expect_column_values_to_not_be_null", "column": "text", "on_failure": "halt"}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        pytest.param([make_row(0)], "9 of 10 known rows are absent", id="vanished"),
        pytest.param([make_row(0, text=None), *(make_row(n) for n in range(1, 10))], "not_be_null fails on text", id="by a rule"),
    ],
)
def test_a_held_batch_is_logged_once(
    database: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, rows: list[Row], words: str
) -> None:
    monkeypatch.setenv("CASEHUB_CONNECTION_WORKS", tmp_path.as_uri())
    contract = make_contract(expectations=[REQUIRED])
    deliver(tmp_path, [make_row(n) for n in range(10)])
    assert run_pass(database, [contract], SETTINGS, resolves=False).is_clean
    deliver(tmp_path, rows)
    states: list[str] = []
    with caplog.at_level(logging.INFO):
        report = run_pass(database, [contract], SETTINGS, lambda _, state, __: states.append(state), resolves=False)
    assert states == ["running", "held"]
    assert [failure.department for failure in report.failures] == ["works"]
    told = [record.getMessage() for record in caplog.records if words in record.getMessage()]
    assert len(told) == 1
    assert told[0].startswith("works is held: ")


def test_a_mistake_of_the_hub_in_one_department_does_not_stop_the_others(
    database: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CASEHUB_CONNECTION_WORKS", tmp_path.as_uri())
    works, other = make_contract(), make_contract(department="others")
    deliver(tmp_path, [make_row(n) for n in range(3)])
    ingest = run.ingest

    def broken(engine: Engine, contract: Contract, *rest: Any) -> Any:
        if contract.department == "others":
            raise KeyError("张伟")
        return ingest(engine, contract, *rest)

    monkeypatch.setattr(run, "ingest", broken)
    states: list[tuple[str, str]] = []
    report = run_pass(database, [other, works], SETTINGS, lambda department, state, _: states.append((department, state)), resolves=False)
    assert ("works", "done") in states
    assert ("others", "failed") in states
    assert [(failure.department, failure.kind) for failure in report.failures] == [("others", "KeyError")]
    assert "report it" in report.failures[0].message
    assert "张伟" not in report.failures[0].message + caplog.text


def test_a_row_that_is_lost_on_its_way_fails_its_department_and_nothing_is_taken_in(
    database: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CASEHUB_CONNECTION_WORKS", tmp_path.as_uri())
    deliver(tmp_path, [make_row(n) for n in range(3)])

    def losing(engine: Engine, *rest: Any) -> int:
        batch_id = land(engine, *rest)
        with engine.begin() as connection:
            connection.execute(text("DELETE FROM landing.record WHERE source_record_id = '1'"))
        return batch_id

    monkeypatch.setattr(ingesting, "land", losing)
    report = run_pass(database, [make_contract()], SETTINGS)
    assert [(failure.department, failure.kind) for failure in report.failures] == [("works", "ConservationError")]
    assert "landing holds 2 rows, 3 landed" in report.failures[0].message
    ((state, error),) = ask(database, "SELECT state, error FROM ops.batch")
    assert (state, error) == ("validated", report.failures[0].message)
    assert ask(database, "SELECT count(*) FROM store.source_record") == [0]
    monkeypatch.setattr(ingesting, "land", land)
    again = run_pass(database, [make_contract()], SETTINGS)
    assert [failure.kind for failure in again.failures] == ["ConservationError"]
    assert ask(database, "SELECT count(*) FROM ops.batch WHERE state = 'done'") == [0]


def test_ctrl_c_breaks_pulls_off_at_their_next_page(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.landing.land._ROWS_TOGETHER", 1)
    contract, given = make_contract(feed={"mode": "cursor", "field": "at", "ordered": True}), []

    def source(*_: object) -> Iterator[Page]:
        for number in range(500):  # as many as would take a minute
            given.append(number)
            yield make_page([make_row(number, at=f"2026-03-01T00:{number // 60:02}:{number % 60:02}Z")], start=number, cursor_field="at")
            if number == 2:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            time.sleep(0.1)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            run_pass(database, [contract], SETTINGS, source=source)
    finally:
        signal.signal(signal.SIGINT, before)
    assert 3 <= len(given) < 100
    ((state, landed, error),) = ask(database, "SELECT state, landed, error FROM ops.batch")
    assert (state, landed) == ("failed", len(given) - 1)
    assert "told to end" in error
    assert ask(database, "SELECT watermark FROM ops.source") == [f"2026-03-01T00:00:{len(given) - 2:02}Z"]


def deliver(folder: Path, rows: list[Row]) -> None:
    (folder / "works.jsonl").write_bytes(b"\n".join(map(orjson.dumps, rows)))


def test_code_lists_lie_where_the_settings_say(database: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where `.env` names the folder, of which the environment says nothing."""
    monkeypatch.delenv("CASEHUB_CONTRACTS", raising=False)
    (tmp_path / "own_status.yml").write_text("list: own_status\ncodes: {received: accepted}\n", encoding="utf-8")
    contract = make_contract(record={"text": {"from": "text"}, "status": {"from": "status", "codes": "own_status"}})
    take_in(database, contract, make_page([make_row(1)]), settings=SETTINGS.model_copy(update={"contracts": str(tmp_path)}))
    assert ask(database, "SELECT status FROM store.source_record") == ["accepted"]
