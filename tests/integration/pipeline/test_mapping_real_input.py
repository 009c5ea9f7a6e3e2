"""Real messages and complaints, where their folder is at hand: four contracts, and no code of their own."""

from __future__ import annotations

import datetime
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from connectors.contract import Contract
from connectors.contract_files import load_contract
from connectors.extract import Pull, extract
from pipeline.columns.payloads import Payloads
from pipeline.normalising.mapping import Mapped, code_lists_of, map_records
from pipeline.validating.expectations import frame_of, run
from tests.outside import DATA, with_data

ROOT = Path(__file__).parents[3]
CONTRACTS = ROOT / "tests" / "data" / "contracts"
DEPARTMENTS = ["messages_classified", "messages_hot_topics", "messages_replied", "fuzhou_rivers"]

pytestmark = with_data


@pytest.fixture(scope="module")
def rows_of() -> dict[str, tuple[Contract, pl.DataFrame]]:
    """Each department's contract, and its rows as the transport gives them."""
    pulled = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CASEHUB_CONNECTION_MESSAGES", (DATA / "messages").as_uri())
        patch.setenv("CASEHUB_CONNECTION_FUZHOU", (DATA / "fuzhou").as_uri())
        for department in DEPARTMENTS:
            contract = load_contract(CONTRACTS / f"{department}.yml")
            pages = [pl.from_arrow(page.rows) for page in extract(contract, Pull(watermark=None, since=None))]
            rows = pl.concat([page for page in pages if isinstance(page, pl.DataFrame)])
            pulled[department] = contract, rows.with_columns(version=pl.lit(1, dtype=pl.Int32))
    return pulled


def mapped(pair: tuple[Contract, pl.DataFrame]) -> Mapped:
    contract, rows = pair
    return map_records(contract, rows, code_lists_of(contract, [CONTRACTS]))


def test_every_row_is_a_record_or_refused_with_a_reason(rows_of: dict[str, tuple[Contract, pl.DataFrame]]) -> None:
    sizes = {department: len(rows) for department, (_, rows) in rows_of.items()}
    assert sizes == {"messages_classified": 495, "messages_hot_topics": 30, "messages_replied": 120, "fuzhou_rivers": 751}
    for department, pair in rows_of.items():
        outcome = mapped(pair)
        refused = set(outcome.refusals["source_record_id"].to_pylist())
        taken = outcome.records["source_record_id"].to_pylist()
        assert len(taken) == len(set(taken))
        assert set(taken) | refused == set(pair[1]["source_record_id"])
        assert not refused, department


def test_times_in_all_their_forms_are_what_the_source_writes(rows_of: dict[str, tuple[Contract, pl.DataFrame]]) -> None:
    fields = {
        "messages_classified": {"reported_at": "留言时间"},
        "messages_hot_topics": {"reported_at": "留言时间"},
        "messages_replied": {"reported_at": "留言时间", "fed_back_at": "答复时间"},
        "fuzhou_rivers": {"reported_at": "时间"},
    }
    for department, columns in fields.items():
        payloads = Payloads.decoded(rows_of[department][1]["payload"])
        records = mapped(rows_of[department]).records
        for field, column in columns.items():
            read = [moment.astimezone(ZoneInfo("Asia/Shanghai")).replace(tzinfo=None) for moment in records[field].to_pylist()]
            assert read == [as_python_reads(text) for text in payloads.column(column)]


def as_python_reads(text: str) -> datetime.datetime:
    """The same text by the standard library."""
    text = text.strip().replace("T", " ")
    for layout in ("%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"):
        try:
            return datetime.datetime.strptime(text, layout)  # noqa: DTZ007 - the source's own clock
        except ValueError:
            continue
    raise AssertionError(f"a form that this test does not know, {len(text)} characters long")


def test_texts_lose_their_blanks_and_codes_are_the_hubs(rows_of: dict[str, tuple[Contract, pl.DataFrame]]) -> None:
    classified = mapped(rows_of["messages_classified"])
    assert not any(text[0].isspace() or text[-1].isspace() for text in classified.records["text"].to_pylist())
    assert Counter(classified.records["category"].to_pylist()) == {
        "wages": 104,
        "other": 101,
        "education": 96,
        "medical": 58,
        "traffic": 55,
        "consumer": 48,
        "pollution": 33,
    }
    assert classified.parties.num_rows == 495
    rivers = mapped(rows_of["fuzhou_rivers"]).records
    assert Counter(rivers["is_anonymous"].to_pylist()) == {True: 617, False: 134}
    assert rivers["case_number"].to_pylist()[0] == "57"


def test_expectations_count_what_is_odd(rows_of: dict[str, tuple[Contract, pl.DataFrame]]) -> None:
    odd = {}
    for department, (contract, rows) in rows_of.items():
        for finding in run(contract, frame_of(contract, Payloads.decoded(rows["payload"]).documents)):
            if finding.failed:
                odd[department, finding.rule, finding.column] = finding.failed
    assert odd == {("fuzhou_rivers", "expect_column_values_to_be_in_set", "匿名1实名0"): 8}
