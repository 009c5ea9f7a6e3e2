"""Splink given the hub's forms: what it is given, and that every level of its comparisons is one that the database understands."""

from __future__ import annotations

import datetime as dt
from functools import cache

import polars as pl
import pytest

from benchmarks import peer, peer_forms
from benchmarks.harness import Usage
from benchmarks.linkage import PEERS, Result, _hard_rows, _rows_of
from benchmarks.worlds import Feeds, Measured
from schema.records import CASE_INPUT, PERSON_INPUT

RECORDS = 400


@cache
def _feeds() -> Feeds:
    return Feeds(RECORDS, 4711)


def _measured(relation: str, schema: object, *rows: dict[str, object]) -> Measured:
    told = [dict.fromkeys(schema.names) | {"id": number} | row for number, row in enumerate(rows)]
    frame = pl.DataFrame(told, schema_overrides=dict(pl.DataFrame(schema.empty_table()).schema)).with_columns(truth=pl.lit("one"))
    return Measured(relation, frame, pl.DataFrame())


def test_a_person_comes_as_the_hub_reads_it() -> None:
    as_written = {"record_id": 1, "role": "petitioner", "name": "張偉先生", "id_no": "440301800101001", "phone": "+86 139-1234-0001"}
    rows, setup, _ = peer_forms.formed(_measured("person", PERSON_INPUT, as_written))
    (row,) = rows.to_dicts()
    assert (row["name"], row["name_pinyin"], row["phone"], len(row["id_no"])) == ("张伟", "zhang wei", "13912340001", 18)
    assert row["keys"]
    assert "l.apart <> r.apart" in setup.rules[0].get_blocking_rule("duckdb").blocking_rule_sql


def test_a_case_comes_with_its_resolved_parties_and_what_it_cites() -> None:
    told = {
        "department": "police",
        "case_number": "A-1",
        "petitioner_persons": [7],
        "respondent_organisations": [3],
        "references": [{"department": "labour", "number": "B 2"}],
        "occurred_at": dt.datetime(2026, 1, 2, 12, tzinfo=dt.UTC),
    }
    rows, _, _ = peer_forms.formed(_measured("case", CASE_INPUT, told))
    (row,) = rows.to_dicts()
    assert (row["case_number"], row["cites"], row["petitioner_persons"]) == ("police|A1", ["labour|B2"], [7])
    assert (row["petitioner_first"], row["respondent_first"]) == ("p7", "o3")


@pytest.mark.parametrize("relation", ["person", "organisation", "case"])
def test_the_database_understands_every_level(relation: str) -> None:
    rows, setup, _ = peer_forms.formed(_feeds().measured(relation))
    assert {column for rule in (*setup.training, *setup.certain) for column in rule} <= set(rows.columns)
    linker = peer.linker_of(rows.to_arrow(compat_level=pl.CompatLevel.oldest()), setup)
    predicted = linker.inference.predict().as_pandas_dataframe()
    assert len(predicted) > 10
    assert len(predicted.filter(like="gamma_").columns) == len(setup.comparisons)


def test_each_table_has_a_row_beside_either_splink() -> None:
    ours, theirs, formed = (
        Result(10, f1, f1, f1, f1, 1.0, kinds={"twins": (10, one, False)}) for f1, one in ((0.9, 0), (0.7, 4), (0.8, 2))
    )
    ran = {"ours": ours, "splink": theirs, "splink_with_forms": formed}
    rows = _rows_of("person:10", {engine: (one, Usage(1.0, 1.0, "")) for engine, one in ran.items()})
    targets = {row.what.strip(): row.at_least for row in rows if row.at_least is not None}
    assert targets == {f"beside {PEERS['splink']}": pytest.approx(0.9), f"beside {PEERS['splink_with_forms']}": pytest.approx(1 - 0.2 / 3)}
    (hard,) = _hard_rows([ran])
    assert "as the sources write them 0.4000" in hard.note and "given the hub's forms 0.2000" in hard.note
