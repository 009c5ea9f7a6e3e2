"""EXPORT: every current record once, with its case and its parties' persons and organisations by role."""

from __future__ import annotations

from pathlib import Path

import orjson
import polars as pl
import pytest
from sqlalchemy import Engine

from hub.errors import RequestError
from pipeline.export import membership
from pipeline.resolve import resolve
from tests.integration.pipeline.builders import SETTINGS, ask, make_contract, make_page, make_row, take_in

FIRM = {"role": "respondent", "name": {"from": "firm", "as": "org_name"}}
PETITIONER = {"role": "petitioner", "name": {"from": "who", "as": "person_name"}, "phone": {"from": "phone", "as": "phone"}}


@pytest.fixture
def store(database: Engine) -> Engine:
    contract = make_contract(parties=[PETITIONER, FIRM])
    rows = [make_row(n, who=f"张{'伟强磊'[n]}", phone=f"1391234567{n}", firm="深圳市蓝天建筑有限公司" if n else None) for n in range(3)]
    take_in(database, contract, make_page(rows))
    resolve(database, SETTINGS)
    return database


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_every_record_stands_once_with_its_case_and_parties(store: Engine, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"membership.{ending}"
    assert membership(store, path) == 3
    frame = pl.read_csv(path, infer_schema=False) if ending == "csv" else pl.read_parquet(path)
    assert frame.columns == ["department", "source_record_id", "case_id", "persons", "organisations"]
    assert set(frame["case_id"]) == set(ask(store, "SELECT case_id::text FROM store.unified_case"))
    persons = [orjson.loads(text)["petitioner"] for text in frame["persons"]]
    assert sorted(person for ids in persons for person in ids) == sorted(ask(store, "SELECT person_id::text FROM store.person"))
    firms = {number: orjson.loads(text) for number, text in frame.select("source_record_id", "organisations").iter_rows()}
    assert firms["0"] == {}
    assert firms["1"] == firms["2"]
    assert list(tmp_path.iterdir()) == [path]


def test_an_empty_store_gives_the_columns(database: Engine, tmp_path: Path) -> None:
    assert membership(database, tmp_path / "m.csv") == 0
    assert (tmp_path / "m.csv").read_text() == "department,source_record_id,case_id,persons,organisations\n"


def test_another_ending_is_refused(database: Engine, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"\.csv nor \.parquet"):
        membership(database, tmp_path / "m.xlsx")
