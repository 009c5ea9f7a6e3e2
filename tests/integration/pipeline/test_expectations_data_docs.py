"""Data Docs: pages of counts, on their own."""

from __future__ import annotations

import datetime
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connectors.contract import Contract
from pipeline.validating import data_docs as module
from pipeline.validating.data_docs import data_docs
from pipeline.validating.expectations import Finding
from tests.integration.pipeline.test_expectations import make_contract

AT = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
FINDINGS = [
    Finding("expect_column_values_to_not_be_null", "编号", "quarantine", 751, 3, [1, 2, 3]),
    Finding("expect_date_order", "办结, 登记", "warn", 700, 0),
    Finding("expect_column_max_to_be_between", "金额", "warn", 1, 1),
]


def contract_of_three() -> Contract:
    return make_contract(
        {"type": "expect_column_values_to_not_be_null", "column": "编号", "on_failure": "quarantine"},
        {"type": "expect_date_order", "column_A": "办结", "column_B": "登记"},
        {"type": "expect_column_max_to_be_between", "column": "金额", "max_value": 5},
    )


def words(page: Path) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.read_text(encoding="utf-8")))


def test_a_batchs_page_tells_counts(tmp_path: Path) -> None:
    page = data_docs(contract_of_three(), FINDINGS, tmp_path, batch_id=7, at=AT)
    told = words(page)
    assert "3 unexpected values found" in told
    assert "751 total rows" in told
    assert "Unsuccessful Expectations 2" in told
    assert "times in 办结 must not be before those in 登记" in told
    assert "batch 7" in told
    assert "values must never be null" in words(tmp_path / "expectations" / "works.html")


def test_the_page_of_the_expectations_is_drawn_when_they_change(tmp_path: Path) -> None:
    path = tmp_path / "expectations" / "works.html"
    data_docs(contract_of_three(), FINDINGS, tmp_path, batch_id=7, at=AT)
    first, drawn = path.stat().st_mtime_ns, path.read_text(encoding="utf-8")
    data_docs(contract_of_three(), FINDINGS, tmp_path, batch_id=8, at=AT)
    assert path.stat().st_mtime_ns == first
    changed = contract_of_three().model_copy(update={"expectations": contract_of_three().expectations[:1]})
    data_docs(changed, FINDINGS[:1], tmp_path, batch_id=9, at=AT)
    assert path.read_text(encoding="utf-8") != drawn
    path.write_text("cut off", encoding="utf-8")
    data_docs(contract_of_three(), FINDINGS, tmp_path, batch_id=10, at=AT)
    assert path.read_text(encoding="utf-8") == drawn


def test_pages_load_nothing_from_elsewhere_and_their_links_lead_somewhere(tmp_path: Path) -> None:
    page = data_docs(contract_of_three(), FINDINGS, tmp_path, batch_id=7, at=AT)
    pages = [page, tmp_path / "index.html", tmp_path / "expectations" / "works.html"]
    for each in pages:
        text = each.read_text(encoding="utf-8")
        assert not re.search(r"<script|<img|<link|\bsrc=|https?://", text)
        for link in re.findall(r'href="([^"#]+)', text):
            assert (each.parent / link).resolve().is_file(), link


def test_the_index_lists_departments_and_keeps_the_last_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_BATCHES", 2)
    for batch_id in (9, 10, 11):
        data_docs(contract_of_three(), FINDINGS, tmp_path, batch_id=batch_id, at=AT)
    index = words(tmp_path / "index.html")
    assert "工务署 Works batch 11" in index
    assert "batch 10" in index
    assert "batch 9" not in index
    assert not list(tmp_path.glob("validations/works/batch-9*"))
    data_docs(contract_of_three(), FINDINGS, tmp_path, batch_id=11, at=AT)
    assert words(tmp_path / "index.html") == index


def test_departments_validated_beside_each_other_are_all_in_the_index(tmp_path: Path) -> None:
    contracts = [contract_of_three().model_copy(update={"department": f"works_{number}"}) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda contract: data_docs(contract, FINDINGS, tmp_path, batch_id=1, at=AT), contracts))
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert all(f"works_{number}/batch-1" in index for number in range(8))


def test_rules_that_were_not_evaluated_are_not_told(tmp_path: Path) -> None:
    page = data_docs(contract_of_three(), FINDINGS[:1], tmp_path, batch_id=7, at=AT)
    assert "Evaluated Expectations 1" in words(page)
