"""Look-ups a row at a time say what look-ups by columns say, of hundreds of records of a simulated world."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Engine

from benchmarks.incremental import put
from hub.settings import Settings
from pipeline.looking_up import lookup
from pipeline.looking_up.lookup import Known, Reach, Told, look_up_all
from pipeline.looking_up.prospect import Prospect
from pipeline.resolving.resolve import resolve
from simulator.world import build_world
from tests.integration.pipeline import column_lookup
from tests.integration.pipeline.column_lookup import Answer, Found, look_up_many

KEPT_BACK = 200
UNIQUE = frozenset({"court"})


@pytest.fixture
def prospects(database: Engine, tmp_path: Path) -> Iterator[list[Prospect]]:
    """Records of a world whose other records the store has resolved."""
    made = build_world(1600, seed=11)
    records = made.records.with_columns(case_number="source_record_id", visibility=pl.lit("shared")).sample(
        fraction=1, shuffle=True, seed=3
    )
    made.parties.write_parquet(tmp_path / "parties.parquet")
    put(database, records.slice(KEPT_BACK).unique("source_record_id", keep="first", maintain_order=True), tmp_path)
    resolve(database, Settings())
    asked = records.head(KEPT_BACK)
    named = made.parties.partition_by("row", as_dict=True)
    yield [Prospect(one, named[(one["row"],)].to_dicts() if (one["row"],) in named else []) for one in asked.iter_rows(named=True)]


def plain(found: tuple[Found, ...] | Known) -> list[Any]:
    return [
        (one.entity, one.answer, one.match_weight, dict(one.levels), one.node if isinstance(one, Found) else one.node["id"])
        for one in found
    ]


def said(answer: Answer | Told) -> tuple[list[Any], list[Any]]:
    return [plain(one) for one in answer.parties], plain(answer.cases if isinstance(answer, Answer) else answer.case)


def test_they_say_the_same(database: Engine, prospects: list[Prospect], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_lookup, "unique_departments", lambda _: UNIQUE)
    with database.connect() as connection:
        want = [said(one) for one in look_up_many(connection, prospects)]
        assert sum(bool(cases) for _, cases in want) > KEPT_BACK / 4  # the world has something to find
        assert [said(look_up_all(database.connect, Reach(connection), [one], UNIQUE)[0]) for one in prospects] == want
        assert [said(one) for one in look_up_all(database.connect, Reach(connection), prospects, UNIQUE)] == want
        monkeypatch.setattr(lookup, "is_known", lambda _: False)  # a model of which a comparison is not known here
        assert [said(one) for one in look_up_all(database.connect, Reach(connection), prospects[:40], UNIQUE)] == want[:40]
