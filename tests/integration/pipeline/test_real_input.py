"""Real residents' messages and complaints, through four contracts and no Python: every row counted, every date right."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlalchemy import Engine

from connectors.contract import Contract
from connectors.contract_files import load_contracts
from pipeline.batch.conservation import recount, require_law
from pipeline.ingest import BatchReport, ingest
from tests.integration.pipeline.builders import SETTINGS, ask
from tests.outside import DATA, with_data

CONTRACTS = Path(__file__).parents[2] / "data" / "contracts"
OURS = SETTINGS.model_copy(update={"contracts": str(CONTRACTS)})
BEIJING = timezone(timedelta(hours=8))
WORKBOOKS = {
    "messages_classified": ("messages/classified.xlsx", "留言编号", {"reported_at": "留言时间"}),
    "messages_hot_topics": ("messages/hot_topics.xlsx", "留言编号", {"reported_at": "留言时间"}),
    "messages_replied": ("messages/replied.xlsx", "留言编号", {"reported_at": "留言时间", "fed_back_at": "答复时间"}),
}

pytestmark = with_data


@pytest.fixture(scope="module")
def contracts() -> Iterator[dict[str, Contract]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CASEHUB_CONNECTION_MESSAGES", f"file://{DATA}/messages")
        patch.setenv("CASEHUB_CONNECTION_FUZHOU", f"file://{DATA}/fuzhou")
        yield load_contracts([CONTRACTS])


@pytest.fixture(scope="module")
def ingested(common_database: Engine, contracts: dict[str, Contract]) -> dict[str, BatchReport]:
    """Every department taken in once."""
    return {name: ingest(common_database, contract, OURS) for name, contract in contracts.items()}


def test_every_row_is_taken_or_refused_with_a_reason_and_the_law_holds(
    common_database: Engine, contracts: dict[str, Contract], ingested: dict[str, BatchReport]
) -> None:
    database = common_database
    rows = {name: len(_sheet(file)) for name, (file, _, _) in WORKBOOKS.items()} | {"fuzhou_rivers": len(_complaints())}
    for name, contract in contracts.items():
        report = ingested[name]
        assert (report.pulled, report.accepted + report.quarantined) == (rows[name], rows[name])
        again = ingest(database, contract, OURS)
        assert (again.pulled, again.landed) == (rows[name], 0)
    with database.connect() as connection:
        require_law(recount(connection, ask(database, "SELECT batch_id FROM ops.batch")))
    refused = "SELECT count(*) FROM landing.record WHERE state = 'quarantined'"
    reasons = "SELECT count(DISTINCT (department, source_record_id)) FROM quarantine.item WHERE state = 'open' AND reason <> ''"
    assert ask(database, refused) == ask(database, reasons)


@pytest.mark.parametrize("department", WORKBOOKS)
@pytest.mark.usefixtures("ingested")
def test_dates_in_all_their_forms_are_right(common_database: Engine, department: str) -> None:
    file, key, fields = WORKBOOKS[department]
    for field, column in fields.items():
        expected = {(str(row[key]).strip(), _moment(row[column])) for row in _sheet(file)}
        stored = ask(common_database, f"SELECT case_number, {field} FROM store.source_record WHERE department = '{department}'")
        assert {(number, at.astimezone(BEIJING).replace(tzinfo=None)) for number, at in stored} == expected


@pytest.mark.usefixtures("ingested")
def test_dates_of_the_complaints_are_right(common_database: Engine) -> None:
    expected = {(row["id"], _moment(row["时间"])) for row in _complaints()}
    stored = ask(common_database, "SELECT case_number, reported_at FROM store.source_record WHERE department = 'fuzhou_rivers'")
    assert {(number, at.astimezone(BEIJING).replace(tzinfo=None)) for number, at in stored} == expected


@cache
def _sheet(file: str) -> list[dict[str, object]]:
    book = load_workbook(DATA / file, read_only=True)
    header, *rows = list(book.worksheets[0].iter_rows(values_only=True))
    book.close()
    return [dict(zip(header, row, strict=True)) for row in rows if any(value is not None for value in row)]


def _complaints() -> list[dict[str, str]]:
    with (DATA / "fuzhou" / "complaints_cangshan.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _moment(value: object) -> datetime:
    """The date as a person reads it: a date cell, or its numbers in their order."""
    if isinstance(value, datetime):
        return _rounded(value)
    return datetime(*(int(part) for part in re.findall(r"\d+", str(value))))  # noqa: DTZ001 - Beijing time, as written


def _rounded(value: datetime) -> datetime:
    """Excel keeps days as fractions: a second may come as 0.999 999."""
    return (value + timedelta(milliseconds=500)).replace(microsecond=0)
