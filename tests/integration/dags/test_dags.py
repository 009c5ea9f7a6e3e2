"""Every DAG through the same checks, and what a parse may cost."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import pytest

from connectors.contract import Contract
from connectors.contract_files import DEPARTMENTS, load_contracts
from connectors.feed import CursorFeed
from hub import airflow
from hub.settings import Settings
from tests.integration.dags.conftest import ROOT, Inspect

CONTRACTS = load_contracts([DEPARTMENTS])
SWEPT = [name for name, contract in CONTRACTS.items() if isinstance(contract.feed, CursorFeed) and contract.feed.reconcile]
INGEST_LIKE = [(f"ingest_{name}", "ingest") for name in CONTRACTS] + [(f"reconcile_{name}", "reconcile") for name in SWEPT]
BROKEN = "department: broken\nno_such_key: 1\n"


def test_all_dags_are_there_and_no_other(parsed: dict[str, Any]) -> None:
    assert parsed["errors"] == {}
    assert set(parsed["dags"]) == {dag_id for dag_id, _ in INGEST_LIKE} | {"resolve_cases"}


@pytest.mark.parametrize(("dag_id", "kind"), INGEST_LIKE)
def test_ingest_like_dag(parsed: dict[str, Any], dag_id: str, kind: str) -> None:
    dag, contract = parsed["dags"][dag_id], CONTRACTS[dag_id.removeprefix(f"{kind}_")]
    assert {name: task["downstream"] for name, task in dag["tasks"].items()} == {
        "land": ["validate"],
        "validate": ["normalise"],
        "normalise": [],
    }
    assert dag["tasks"]["normalise"]["outlets"] == [f"casehub://{contract.department}"]
    assert dag["tasks"]["land"]["outlets"] == dag["tasks"]["validate"]["outlets"] == []
    assert set(dag["tags"]) == {kind, contract.connector.kind, contract.feed.mode}
    assert f"`{contract.department}`" in dag["doc"]
    assert contract.title.zh in dag["doc"]
    assert contract.legal_basis in dag["doc"]
    assert {task["owner"] for task in dag["tasks"].values()} == {contract.owner.desk}


@pytest.mark.parametrize("dag_id", [*(dag_id for dag_id, _ in INGEST_LIKE), "resolve_cases"])
def test_every_dag(parsed: dict[str, Any], dag_id: str) -> None:
    dag = parsed["dags"][dag_id]
    assert dag["max_active_runs"] == 1
    assert dag["catchup"] is False
    assert dag["doc"]
    for name, task in dag["tasks"].items():
        assert task["retries"] == (15 if (dag_id.startswith("reconcile_") and name == "land") else 3)
        assert task["backoff"] > 1


@pytest.mark.parametrize("name", SWEPT)
def test_a_sweep_is_tried_for_about_two_hours(parsed: dict[str, Any], name: str) -> None:
    land = parsed["dags"][f"reconcile_{name}"]["tasks"]["land"]
    shortest = [land["first_wait_s"] * land["backoff"] ** place for place in range(land["retries"])]  # Airflow waits up to twice as long
    waits = [sum(min(factor * wait, land["longest_wait_s"]) for wait in shortest) for factor in (1, 2)]
    assert all(1.75 * 3600 < seconds < 2.25 * 3600 for seconds in waits)


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS.keys())
def test_schedule_is_the_contracts(parsed: dict[str, Any], contract: Contract) -> None:
    dag = parsed["dags"][f"ingest_{contract.department}"]
    if contract.schedule is None:
        assert dag["timetable"] == "NullTimetable"
    else:
        assert (dag["timetable"], dag["expression"], dag["timezone"]) == ("CronDataIntervalTimetable", contract.schedule, contract.timezone)


def test_schedules_are_held_while_the_file_is_there(parsed: dict[str, Any], inspect: Inspect, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, airflow_port=0)
    ready = airflow.hold_schedules(airflow.set_up(settings, "postgresql://nowhere/airflow", {}))
    held_by = {name: value for name, value in ready.environment.items() if name.startswith("CASEHUB")}
    held = inspect(**held_by)["dags"]
    assert held.keys() == parsed["dags"].keys()
    assert {held[dag_id]["timetable"] for dag_id, _ in INGEST_LIKE} == {"NullTimetable"}
    assert held["resolve_cases"] == parsed["dags"]["resolve_cases"]
    airflow.let_schedules_go(ready)
    assert inspect(**held_by)["dags"] == parsed["dags"]


def test_resolve_waits_for_any_department_and_for_no_longer_than_an_hour(parsed: dict[str, Any]) -> None:
    dag = parsed["dags"]["resolve_cases"]
    assert dag["timetable"] == "AssetOrTimeSchedule"
    assert dag["condition"] == "AssetAny"
    assert dag["assets"] == sorted(f"casehub://{name}" for name in CONTRACTS)


def test_parse_is_quick_and_loads_nothing_heavy(parsed: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        sys.stdout.write(f"\nthe DAG folder parses in {parsed['seconds']:.3f} s of processor time beyond `import airflow.sdk`\n")
    assert parsed["seconds"] < 0.5
    heavy = {"pandas", "polars", "pyarrow", "great_expectations", "rapidfuzz", "pipeline", "matching", "hub.database", "api"}
    assert heavy.isdisjoint(parsed["loaded"])


@pytest.mark.parametrize("path", sorted((ROOT / "dags").glob("*.py")), ids=lambda path: path.name)
def test_top_level_imports(path: Path) -> None:
    light = {"connectors.contract", "connectors.contract_files", "connectors.document", "connectors.feed", "dags.steps", "hub.lists"}
    allowed = {*sys.stdlib_module_names, "airflow.sdk", *light}
    for node in ast.parse(path.read_text()).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            assert name in allowed or name.partition(".")[0] in sys.stdlib_module_names


def test_a_broken_contract_is_shown_and_hides_no_dag(inspect: Inspect, tmp_path: Path) -> None:
    (tmp_path / "broken.yml").write_text(BROKEN)
    found = inspect(CASEHUB_CONTRACTS=str(tmp_path))
    assert set(found["errors"]) == {"contracts.py"}
    assert "broken.yml:1" in found["errors"]["contracts.py"]
    assert {f"ingest_{name}" for name in CONTRACTS} < set(found["dags"])


def test_departments_can_be_narrowed(inspect: Inspect) -> None:
    found = inspect(CASEHUB_DEPARTMENTS="petition, court")
    assert {dag_id for dag_id in found["dags"] if dag_id.startswith("ingest_")} == {"ingest_petition", "ingest_court"}
    assert found["dags"]["resolve_cases"]["assets"] == ["casehub://court", "casehub://petition"]


def test_a_department_that_there_is_not_is_shown_and_hides_no_dag(inspect: Inspect, tmp_path: Path) -> None:
    (tmp_path / "broken.yml").write_text(BROKEN)
    found = inspect(CASEHUB_CONTRACTS=str(tmp_path), CASEHUB_DEPARTMENTS="urban_managment, court, broken")
    assert set(found["errors"]) == {"contracts.py"}
    assert "CASEHUB_DEPARTMENTS: 'urban_managment' 不是部门 · 'urban_managment' is no department" in found["errors"]["contracts.py"]
    assert "did you mean 'urban_management'?" in found["errors"]["contracts.py"]
    assert "'broken' is no department" not in found["errors"]["contracts.py"]
    assert "broken.yml:2: no_such_key" in found["errors"]["contracts.py"]
    assert {dag_id for dag_id in found["dags"] if dag_id.startswith("ingest_")} == {"ingest_court"}
    assert "resolve_cases" in found["dags"]
