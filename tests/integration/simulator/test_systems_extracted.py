"""Every department, extracted by its contract: all rows come, garbage is refused, and what the world says arrives."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl
import pytest

from connectors.contract import Contract
from connectors.contract_files import load_contracts
from simulator.serve import DEPARTMENTS, Servers, Systems
from simulator.world import World, build_world
from tests.integration.simulator.hub_side import Pulled, mapped, pull, pushed

RECORDS = 1232
#: Fields that reach the hub as the world has them, where a department sends them at all.
AS_IT_IS = ("title", "text", "category", "status", "grade", "channel", "people_involved", "street", "community", "is_anonymous")
TO_THE_MINUTE = ("reported_at", "accepted_at", "resolved_at", "fed_back_at")


@pytest.fixture(scope="module")
def large() -> World:
    """Large enough for every kind of garbage."""
    return build_world(RECORDS, seed=6)


@pytest.fixture(scope="module")
def running(large: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Systems]:
    """All sixteen, with the connections in the environment."""
    folder = tmp_path_factory.mktemp("systems") / "a folder"
    with Systems(large, folder, servers=Servers()) as systems, pytest.MonkeyPatch.context() as patch:
        for name, value in systems.environment().items():
            patch.setenv(name, value)
        yield systems


@pytest.fixture(scope="module")
def pulls(running: Systems) -> dict[str, Pulled]:
    """The first pull of each."""
    contracts = load_contracts()
    return {
        department: pushed(contracts[department], running) if department == "emergency_management" else pull(contracts[department])
        for department in DEPARTMENTS
    }


@pytest.fixture(scope="module")
def contracts() -> dict[str, Contract]:
    """By department."""
    return load_contracts()


@pytest.mark.parametrize("department", DEPARTMENTS)
def test_rows_are_the_worlds_and_the_garbage(
    department: str, large: World, running: Systems, pulls: dict[str, Pulled], contracts: dict[str, Contract]
) -> None:
    rows = pulls[department].rows
    if department == "emergency_management":
        rows = rows.unique("event_id")
    expected = large.records.filter((pl.col("department") == department) & (pl.col("tick") == 0))
    garbage = running.garbage().filter(pl.col("department") == department)
    assert rows.height == expected.height + garbage.height
    assert garbage.height >= 1
    assert set(expected["source_record_id"]) <= set(rows["source_record_id"].drop_nulls())


@pytest.mark.parametrize("department", DEPARTMENTS)
def test_no_column_is_new_and_none_is_missing(department: str, pulls: dict[str, Pulled], contracts: dict[str, Contract]) -> None:
    seen, contract = set(pulls[department].columns), contracts[department]
    assert seen - contract.source_columns() == set()
    assert contract.required_columns() - seen == set()


@pytest.mark.parametrize("department", DEPARTMENTS)
def test_garbage_is_refused_and_nothing_else(
    department: str, running: Systems, pulls: dict[str, Pulled], contracts: dict[str, Contract]
) -> None:
    pulled, contract = pulls[department], contracts[department]
    rows = pulled.rows.unique("event_id", keep="first") if department == "emergency_management" else pulled.rows
    garbage = running.garbage().filter(pl.col("department") == department)
    faults = rows.filter(pl.col("fault").is_not_null())
    keyless = rows.filter(pl.col("source_record_id").is_null() & pl.col("payload").is_not_null())
    refused = pl.from_arrow(mapped(contract, pulled).refusals)
    assert isinstance(refused, pl.DataFrame)
    by_rule = garbage.filter(pl.col("outcome") == "quarantined")
    assert faults.height == garbage.filter(pl.col("outcome") == "raw").height
    assert keyless.height == (by_rule["kind"] == "no key").sum()
    assert set(refused["source_record_id"]) == set(by_rule["source_record_id"].drop_nulls())
    quarantining = {expectation.column for expectation in contract.expectations if expectation.on_failure == "quarantine"}
    assert set(contract.key) <= quarantining


@pytest.mark.parametrize("department", DEPARTMENTS)
def test_records_say_what_the_world_says(department: str, large: World, pulls: dict[str, Pulled], contracts: dict[str, Contract]) -> None:
    contract = contracts[department]
    records = pl.from_arrow(mapped(contract, pulls[department]).records)
    assert isinstance(records, pl.DataFrame)
    both = large.records.filter(pl.col("tick") == 0).join(records, on=["department", "source_record_id"], suffix="_hub")
    assert both.height == large.records.filter((pl.col("department") == department) & (pl.col("tick") == 0)).height
    for field in AS_IT_IS:
        if field in contract.record and contract.record[field].const is None:
            assert both.filter(pl.col(field).ne_missing(pl.col(f"{field}_hub"))).height == 0, field
    grain = "1d" if department == "procuratorate" else "1m"
    for field in TO_THE_MINUTE:
        if field in contract.record:
            told, heard = (pl.col(name).dt.convert_time_zone("Asia/Shanghai").dt.truncate(grain) for name in (field, f"{field}_hub"))
            assert both.filter(told.ne_missing(heard)).height == 0, field
    assert both.filter((pl.col("amount") - pl.col("amount_hub").cast(pl.Float64)).abs() > 0.011).height == 0
    assert both.filter(pl.col("references").list.len() != pl.col("references_hub").list.len()).height == 0


@pytest.mark.parametrize("department", DEPARTMENTS)
def test_parties_are_those_of_the_truth(
    department: str, large: World, running: Systems, pulls: dict[str, Pulled], contracts: dict[str, Contract]
) -> None:
    heard = pl.from_arrow(mapped(contracts[department], pulls[department]).parties)
    assert isinstance(heard, pl.DataFrame)
    first = large.records.filter((pl.col("department") == department) & (pl.col("tick") == 0)).select("source_record_id")
    heard = heard.join(first, on="source_record_id", how="semi")
    truth = running.truth_parties().filter(pl.col("department") == department).join(first, on="source_record_id", how="semi")
    keys = ["source_record_id", "ordinal", "role"]
    assert truth.join(heard, on=keys, how="anti").height == 0
    assert heard.join(truth, on=keys, how="anti").height == 0
    kinds = truth.join(heard, on=keys)
    assert kinds.filter((pl.col("kind") == "organisation") != pl.col("organisation_truth_id").is_not_null()).height == 0


def test_coordinates_come_back_to_where_they_were(large: World, pulls: dict[str, Pulled], contracts: dict[str, Contract]) -> None:
    records = pl.from_arrow(mapped(contracts["urban_management"], pulls["urban_management"]).records)
    assert isinstance(records, pl.DataFrame)
    both = large.records.join(records, on=["department", "source_record_id"], suffix="_hub").drop_nulls("longitude")
    apart = (pl.col("longitude") - pl.col("longitude_hub")).abs() + (pl.col("latitude") - pl.col("latitude_hub")).abs()
    assert both.height > 20
    assert both.select(apart.max()).item() < 1e-5


def test_cases_of_minors_are_sealed(large: World, pulls: dict[str, Pulled], contracts: dict[str, Contract]) -> None:
    records = pl.from_arrow(mapped(contracts["procuratorate"], pulls["procuratorate"]).records)
    assert isinstance(records, pl.DataFrame)
    both = large.records.join(records, on=["department", "source_record_id"])
    assert both.filter((pl.col("visibility") == "sealed") != pl.col("is_juvenile")).height == 0
