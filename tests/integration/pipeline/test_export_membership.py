"""The export holds every current record and party once, with what they resolve to."""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sqlalchemy import Engine

from hub.errors import RequestError, StoreError
from pipeline.export import MEMBERSHIP, membership
from tests.integration.pipeline.resolving import cases, firm, id_number, parties, person, put, record, settle


def filled(database: Engine) -> None:
    settle(
        database,
        record("police", 'a,"1"\n', person("王建国", id_no=id_number(1)), firm("深圳市维珍妮鞋业有限公司")),
        record("court", "2", person("王建國", id_no=id_number(1))),
        record("court", "3"),
        record("court", "4", person("李秀英")),
    )
    settle(database, record("court", "4", is_deleted=True))
    put(database, record("court", "5", person("赵铁柱")))


def test_csv_has_a_row_for_each_party_and_for_records_without(database: Engine, tmp_path: Path) -> None:
    filled(database)
    path = tmp_path / "members.csv"
    assert membership(database, path) == 4
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == MEMBERSHIP.names
    case_of, person_of, firm_of = cases(database), parties(database), parties(database, "organisation")
    assert [tuple(row.values()) for row in rows] == [
        ("court", "2", case_of["court/2"], "petitioner", "0", "person", person_of["court/2/0"], ""),
        ("court", "3", case_of["court/3"], "", "", "", "", ""),
        ("police", 'a,"1"\n', case_of['police/a,"1"\n'], "petitioner", "0", "person", person_of['police/a,"1"\n/0'], ""),
        ("police", 'a,"1"\n', case_of['police/a,"1"\n'], "respondent", "1", "organisation", "", firm_of['police/a,"1"\n/1']),
    ]


def test_parquet_says_the_same(database: Engine, tmp_path: Path) -> None:
    filled(database)
    assert membership(database, tmp_path / "m.csv") == membership(database, tmp_path / "m.parquet")
    text = pl.read_csv(tmp_path / "m.csv", schema_overrides={"ordinal": pl.Int32, "source_record_id": pl.String})
    assert_frame_equal(pl.read_parquet(tmp_path / "m.parquet"), text)


def test_an_empty_store_gives_an_empty_file(database: Engine, tmp_path: Path) -> None:
    assert membership(database, tmp_path / "m.parquet") == 0
    assert pl.read_parquet(tmp_path / "m.parquet").columns == MEMBERSHIP.names
    assert membership(database, tmp_path / "m.csv") == 0


@pytest.mark.parametrize("name", ["m.csv", "m.parquet"])
def test_a_file_takes_its_name_once_it_is_whole_and_for_its_owner_alone(database: Engine, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("as it was")
    path.chmod(0o644)
    filled(database)
    with database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE store.case_member RENAME TO elsewhere")
    with pytest.raises(StoreError):
        membership(database, path)
    assert (path.read_text(), [each.name for each in tmp_path.iterdir()]) == ("as it was", [name])
    with database.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE store.elsewhere RENAME TO case_member")
    assert membership(database, path) == 4
    assert (path.stat().st_mode & 0o777, [each.name for each in tmp_path.iterdir()]) == (0o600, [name])


@pytest.mark.parametrize("name", [pytest.param("m.xlsx", id="ending"), pytest.param("nowhere/m.csv", id="folder")])
def test_what_cannot_be_written_is_said(database: Engine, tmp_path: Path, name: str) -> None:
    with pytest.raises(RequestError):
        membership(database, tmp_path / name)
