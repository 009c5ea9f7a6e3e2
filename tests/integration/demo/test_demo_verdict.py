"""What makes the demo's pass a failure, and how it is told."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console
from sqlalchemy import Engine, text

from cli.demo_airflow import Run
from cli.demo_verdict import Verdict, good_rows_refused, has_records, require_sound_contracts
from hub.errors import ContractError
from hub.settings import Settings

_LANDED = (
    "INSERT INTO landing.record (department, source_record_id, version, batch_id, ordinal, operation, content_hash, has_key, state) "
    "VALUES (:department, :key, 1, 1, 1, 'upsert', '\\x00', true, 'quarantined')"
)


def run(dag_id: str) -> Run:
    return Run(dag_id, "manual__1", "failed", datetime.now(UTC), datetime.now(UTC))


def shown(verdict: Verdict) -> str:
    console = Console(file=io.StringIO(), width=200)
    verdict.show(console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_good_pass_says_nothing() -> None:
    verdict = Verdict([], {}, Path("logs"))
    assert verdict.is_good
    assert shown(verdict) == ""


def test_a_failed_run_is_told_with_its_reason_or_its_log() -> None:
    verdict = Verdict([run("ingest_court"), run("ingest_labour")], {"court": "court: answered 404"}, Path("logs"))
    assert not verdict.is_good
    told = shown(verdict)
    assert "court: answered 404" in told
    assert "logs/dag_id=ingest_labour/run_id=manual__1" in told
    assert told.splitlines()[-1] == "演示没有全部成功 · the demo did not come out right"


def test_good_rows_that_were_refused_are_a_failure(database: Engine, tmp_path: Path) -> None:
    truth = {"garbage": tmp_path / "garbage.parquet", "records": tmp_path / "records.parquet"}
    pl.DataFrame({"department": ["court", "labour"]}).write_parquet(truth["garbage"])
    pl.DataFrame({"department": ["court", "labour", "police"]}).write_parquet(truth["records"])
    with database.begin() as connection:
        for department, key in (("court", "1"), ("labour", "1"), ("labour", "2"), ("police", "1"), ("water", "1")):
            connection.execute(text(_LANDED), {"department": department, "key": key})
    refused = good_rows_refused(database, truth)
    assert refused == {"labour": 1, "police": 1}  # water is not simulated
    verdict = Verdict([], {}, Path("logs"), refused)
    assert not verdict.is_good
    assert "casehub quarantine list --department police" in shown(verdict)


def test_a_store_without_records_is_asked_nothing(database: Engine) -> None:
    assert not has_records(database)


def test_a_mistake_in_a_contract_or_code_list_stops_it_before_it_begins(tmp_path: Path) -> None:
    require_sound_contracts(Settings(home=tmp_path))
    codes = tmp_path / "contracts" / "codes"
    codes.mkdir(parents=True)
    for name in ("water_grade", "water_status"):
        (codes / f"{name}.yml").write_text(f"list: {name}\nkodes: {{}}\n", encoding="utf-8")
    with pytest.raises(ContractError, match=r"water_grade\.yml:.* more: `casehub sources check`"):
        require_sound_contracts(Settings(home=tmp_path, contracts=str(codes.parent)))
