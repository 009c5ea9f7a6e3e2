"""The lines to copy at the demo's end: each works as it stands, whatever the pass brought."""

from __future__ import annotations

import io
import shlex
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import Engine, text

from cli.demo_totals import WayIn
from hub.airflow import Airflow

API = "http://127.0.0.1:18480"
CASE = uuid.UUID(int=7)


def lines_to_copy(database: Engine) -> list[list[str]]:
    console = Console(file=io.StringIO(), width=200)
    airflow = Airflow(Path("airflow"), "http://127.0.0.1:18490", "pass", {}, datetime.now(UTC))
    WayIn(database, API).show(console, airflow)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    return [shlex.split(line) for line in shown.splitlines() if line.startswith("curl ")]


@pytest.mark.parametrize("has_case", [False, True])
def test_three_lines_that_work_as_they_stand(database: Engine, has_case: bool) -> None:
    if has_case:
        with database.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO store.unified_case (case_id, known_from, changed, founder_id, departments, records) "
                    "VALUES (:case, 1, 1, 1, ARRAY['court'], 1)"
                ),
                {"case": CASE},
            )
    clerk, engineer, admin = lines_to_copy(database)
    assert f"{API}/v1/cases" in clerk
    assert engineer[-1] == f"{API}/v1/sources"
    wanted = f"{API}/v1/cases/{CASE}?include=records,parties,timeline,lineage,links" if has_case else f"{API}/v1/cases?limit=5"
    assert admin[-1] == wanted
