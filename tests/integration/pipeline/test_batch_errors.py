"""A step that breaks off: its batch says why, in words free of values, and the next run takes its rows along."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Engine, text

from connectors.rows import KEY_FAULT
from hub.errors import BusyError, SourceFormatError, StoreError, StoreUnavailable
from pipeline.batch import batch_errors
from pipeline.ingest import ingest
from pipeline.landing import staging
from pipeline.landing.land import land
from pipeline.normalising import normalise
from pipeline.quarantine import Choice, replay
from pipeline.store.locks import department_lock
from pipeline.validating import validate
from tests.integration.pipeline.builders import SETTINGS, ask, giving, make_contract, make_page, make_row, take_in

NO_INDEX_HOLDS = "".join(random.Random(1).choices([chr(code) for code in range(0x4E00, 0x9FA5)], k=2000))  # nothing that packs well
BATCHES = "SELECT batch_id, state, error IS NULL FROM ops.batch ORDER BY batch_id"


def raising(error: Exception) -> Callable[..., Any]:
    def broken(*_: Any, **__: Any) -> Any:
        raise error

    return broken


def test_a_run_that_was_killed_is_told_in_both_languages(database: Engine) -> None:
    contract, page = make_contract(), make_page([make_row(1)])
    land(database, contract, source=giving(page))
    with database.begin() as connection:
        connection.execute(text("UPDATE ops.batch SET state = 'open'"))
    take_in(database, contract, page)
    assert ask(database, "SELECT state, error FROM ops.batch ORDER BY batch_id")[0] == ("failed", "运行中断 · the run ended before its end")


@pytest.mark.parametrize(
    ("step", "function", "state"),
    [
        pytest.param(validate, "_judge", "landed", id="validate"),
        pytest.param(normalise, "map_records", "validated", id="normalise"),
    ],
)
def test_a_mistake_of_the_hub_is_told_with_the_batch_without_a_value(
    database: Engine, monkeypatch: pytest.MonkeyPatch, step: Any, function: str, state: str
) -> None:
    contract, page = make_contract(), make_page([make_row(n) for n in range(3)])
    with monkeypatch.context() as broken:
        broken.setattr(step, function, raising(KeyError("张伟 13912345678")))
        with pytest.raises(KeyError):
            take_in(database, contract, page)
    assert ask(database, BATCHES) == [(1, state, False)]
    error = ask(database, "SELECT error FROM ops.batch")[0]
    assert error.startswith("works: 未知错误 · KeyError at test_batch_errors.py:")
    assert "张伟" not in error
    assert "13912345678" not in error
    assert take_in(database, contract, page).already_known == 3
    assert ask(database, BATCHES) == [(1, "done", True), (2, "done", True)]
    assert ask(database, "SELECT accepted FROM ops.batch ORDER BY batch_id") == [3, 0]


@pytest.mark.parametrize("step", [validate, normalise])
def test_the_error_of_a_replay_goes_when_the_replay_went_through(
    database: Engine, monkeypatch: pytest.MonkeyPatch, step: ModuleType
) -> None:
    take_in(database, make_contract(), make_page([make_row(1), make_row(2, phone="no number")]))
    with monkeypatch.context() as broken:
        broken.setattr(step, "work", None)
        with pytest.raises(AttributeError):
            replay(database, make_contract(), Choice("works"), SETTINGS, by="tester")
    assert ask(database, BATCHES) == [(1, "done", False)]
    take_in(database, make_contract(), make_page([make_row(1), make_row(2, phone="no number")]))
    assert ask(database, BATCHES) == [(1, "done", True), (2, "done", True)]


def test_a_mistake_of_the_hub_in_land_closes_the_batch_and_the_next_run_pulls_again(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract, page = make_contract(), make_page([make_row(n) for n in range(3)])
    with monkeypatch.context() as broken:
        broken.setattr(staging, "copy_in", raising(KeyError("张伟 13912345678")))
        with pytest.raises(KeyError):
            take_in(database, contract, page)
    assert ask(database, BATCHES) == [(1, "failed", False)]
    error = ask(database, "SELECT error FROM ops.batch")[0]
    assert error.startswith("works: 未知错误 · KeyError at test_batch_errors.py:")
    assert "张伟" not in error
    assert take_in(database, contract, page).accepted == 3


def test_the_database_going_away_in_normalise_is_told_and_made_good_by_the_next_run(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract, page = make_contract(), make_page([make_row(n) for n in range(3)])
    map_records = normalise.map_records

    def mapped(*given: Any) -> Any:
        killer = threading.Thread(target=_end_other_sessions, args=(database,))
        killer.start()
        killer.join()
        return map_records(*given)

    with monkeypatch.context() as broken:
        broken.setattr(normalise, "map_records", mapped)
        with pytest.raises(StoreUnavailable):
            take_in(database, contract, page)
    assert ask(database, BATCHES) == [(1, "validated", False)]
    assert "the database went away" in ask(database, "SELECT error FROM ops.batch")[0]
    take_in(database, contract, page)
    assert ask(database, BATCHES) == [(1, "done", True), (2, "done", True)]
    assert ask(database, "SELECT state, count(*) FROM landing.record GROUP BY state") == [("accepted", 3)]


def test_a_batch_that_another_run_is_at_work_on_has_no_error(database: Engine) -> None:
    contract = make_contract()
    land(database, contract, source=giving(make_page([make_row(1)])))
    with department_lock(database, "works"), pytest.raises(BusyError):
        normalise.normalise(database, contract, 1, SETTINGS)
    assert ask(database, BATCHES) == [(1, "landed", True)]


def test_a_refusal_of_the_database_in_land_is_told_with_source_batch_and_remedy(database: Engine) -> None:
    with pytest.raises(StoreError) as error:
        take_in(database, make_contract(), make_page([make_row(1), make_row(2, id=NO_INDEX_HOLDS)]))
    (told,) = ask(database, "SELECT error FROM ops.batch")
    assert told == str(error.value)
    assert told.startswith("works: 批次 1：数据库拒绝了语句 · batch 1: the database refused a statement: SQLSTATE 54000")
    assert "→ 已回滚；按 SQLSTATE 查阅 PostgreSQL 附录 A · look the SQLSTATE up" in told
    assert (error.value.detail["department"], error.value.detail["batch_id"]) == ("works", 1)


@pytest.mark.parametrize("message", ["数据库已满 · the disk is full", "works: 数据库已满 · the disk is full"])
def test_the_batch_is_named_once_in_either_language(message: str) -> None:
    error = StoreError(message)
    for _ in range(2):
        batch_errors.place("works", 7, error)
    assert error.message == "works: 批次 7：数据库已满 · batch 7: the disk is full"


@pytest.mark.parametrize(
    ("record", "over"),
    [
        pytest.param({"case_number": {"from": "c"}}, {"c": NO_INDEX_HOLDS}, id="case number"),
        pytest.param({"street": {"from": "c"}}, {"c": NO_INDEX_HOLDS}, id="street"),
        pytest.param({"community": {"from": "c"}}, {"c": NO_INDEX_HOLDS}, id="community"),
        pytest.param({"text": {"from": "text"}}, {"phone": str(9**4000)}, id="phone"),
    ],
)
def test_a_row_with_a_text_that_no_index_holds_is_quarantined_and_the_others_go_on(
    database: Engine, record: dict[str, Any], over: dict[str, Any]
) -> None:
    page = make_page([*[make_row(n, c=f"c{n}") for n in range(9)], make_row(9, **{"c": "c9"} | over)])
    report = take_in(database, make_contract(record=record), page)
    assert (report.accepted, report.quarantined) == (9, 1)
    assert "characters" in ask(database, "SELECT reason FROM quarantine.item")[0]


def test_a_quote_that_swallows_lines_into_a_key_is_quarantined_and_deletes_nothing(
    database: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CASEHUB_CONNECTION_WORKS", tmp_path.as_uri())
    file = {"kind": "file", "connection": "works", "path": "w.csv", "format": "csv"}
    contract = make_contract(connector=file, feed={"mode": "snapshot", "max_vanished": 0.9})
    lines = [f"{n},{NO_INDEX_HOLDS[n : n + 30]},2026-03-01 08:00:00,received,张伟,13912345678" for n in range(200)]
    (tmp_path / "w.csv").write_text("\n".join(["id,text,at,status,who,phone", *lines]), encoding="utf-8")
    assert ingest(database, contract, SETTINGS).accepted == 200
    lines[4], lines[120] = f'"{lines[4]}', lines[120].replace(",received,", '",received,,,')
    (tmp_path / "w.csv").write_text("\n".join(["id,text,at,status,who,phone", *lines]), encoding="utf-8")
    report = ingest(database, contract, SETTINGS)
    assert (report.pulled, report.already_known, report.quarantined, report.deleted) == (84, 83, 1, 0)
    assert ask(database, "SELECT rule, reason FROM quarantine.item") == [("fault", KEY_FAULT)]
    assert ingest(database, contract, SETTINGS).already_known == 84


def test_a_file_without_its_header_is_told_with_the_batch_without_the_person_who_stands_there(
    database: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CASEHUB_CONNECTION_WORKS", tmp_path.as_uri())
    contract = make_contract(connector={"kind": "file", "connection": "works", "path": "w.csv", "format": "csv"})
    (tmp_path / "w.csv").write_text("1,张伟,440311198001011010,13912345678\n2,李娜,,\n", encoding="utf-8")
    with pytest.raises(SourceFormatError) as error:
        land(database, contract)
    told = ask(database, "SELECT error FROM ops.batch")
    assert told == [str(error.value)]
    words = "has no column 'id', which is the key; none of its 4 columns is known to the contract"
    assert told[0].startswith(f"works: w.csv 没有列 'id'（主键）；4 列中没有契约所列的列 · works: w.csv {words} → ")


def _end_other_sessions(database: Engine) -> None:
    ask(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
