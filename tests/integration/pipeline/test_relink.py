"""Everything linked anew beside the live result: what differs is told, and brought in when asked."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from sqlalchemy import Engine, text

import pipeline.relinking.relink
from hub.errors import EngineError, RequestError
from hub.settings import Settings
from matching.engines import spark
from matching.engines.job import Job
from matching.model import Model
from matching.survivorship import FieldRule, survivorship_rules
from pipeline.relinking.difference import Change
from pipeline.relinking.relink import Relinked, relink, swap, table_of
from pipeline.resolving import chunk, links, models
from pipeline.resolving import golden as golden_values
from pipeline.resolving.decisions import decide
from pipeline.resolving.models import load_model
from pipeline.resolving.resolve import resolve
from pipeline.store.locks import resolve_lock
from tests.integration.pipeline.resolving import (
    cases,
    clusters,
    firm,
    golden,
    id_number,
    invariants,
    parties,
    party_ids,
    person,
    put,
    record,
    rows,
    settle,
)
from tests.integration.pipeline.test_resolve_order import put_batch, world

BY_PHONE = person("欧阳震华", phone="13912340001")
BY_NUMBER = person("欧阳震华", id_no=id_number(1), phone="13912340001")
NO_SPARK = "pyspark or Java 17 is not there: .ci/run installs both, beside the environment, and runs these"
HAS_SPARK = spark.java() is not None and importlib.util.find_spec("pyspark") is not None


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "with a blank")


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """RESOLVE with an older version of the model of persons, under which a name and a phone do not link; undone by `undo`."""
    patched = pytest.MonkeyPatch()

    def model(relation: str) -> Model:
        now = load_model(relation)
        blocking = tuple(rule for rule in now.blocking if "phone" not in rule.fields)
        return replace(now, version="0", link=30.0, blocking=blocking) if relation == "person" else now

    for module in (links, chunk):
        patched.setattr(module, "load_model", model)
    return patched


def relinked(engine: Engine, settings: Settings, name: str = "local") -> dict[str, Relinked]:
    return {one.relation.name: one for one in relink(engine, settings, name)}


def changes(found: dict[str, Relinked], relation: str) -> dict[str, Change]:
    told = {name: found[relation].difference.change(name) for name in ("joined", "split", "moved")}
    return {name: change for name, change in told.items() if change.entities}


def test_a_store_that_is_up_to_date_has_no_difference(database: Engine, settings: Settings) -> None:
    put_batch(database, world()[0].sample(fraction=1, shuffle=True, seed=5))
    resolve(database, Settings(resolve_chunk_records=60))
    before = rows(database, "SELECT last_change FROM ops.change_counter")
    found = relinked(database, settings)
    for relation, one in found.items():
        assert one.difference.changed.is_empty(), relation
        assert one.misplaced.is_empty(), relation
        assert 1 < one.difference.clusters == one.difference.entities < one.difference.nodes.height
    assert swap(database, settings, list(found.values())).records == 0
    assert rows(database, "SELECT last_change FROM ops.change_counter") == before
    assert not any(settings.home.iterdir())


def test_an_empty_store_and_one_of_records_without_parties(database: Engine, settings: Settings) -> None:
    assert [one.difference.nodes.is_empty() for one in relink(database, settings)] == [True] * 3
    settle(database, record("police", "1"))
    found = relinked(database, settings)
    assert [found[name].difference.entities for name in ("person", "organisation", "case")] == [0, 0, 1]


def test_what_waits_or_is_deleted_does_not_count(database: Engine, settings: Settings) -> None:
    settle(database, record("police", "1", BY_NUMBER), record("court", "2", BY_NUMBER), record("labour", "3", BY_NUMBER))
    settle(database, record("labour", "3", is_deleted=True))
    put(database, record("court", "2", person("另一人", id_no=id_number(2))), record("justice", "4", BY_NUMBER))
    found = relinked(database, settings)["person"].difference
    assert (found.nodes.height, found.entities, found.clusters) == (2, 1, 1)


def test_a_newer_model_is_told_of_and_brought_in(database: Engine, settings: Settings, older: pytest.MonkeyPatch) -> None:
    dispute = {"category": "wages", "text": "拖欠工资三个月共计一万五千元，多次讨要无果", "amount": 15000}
    owes = firm("深圳市维珍妮鞋业有限公司")
    try:
        settle(database, record("police", "1", BY_NUMBER, owes, **dispute), record("court", "2", BY_PHONE, owes, **dispute))
        assert len(clusters(parties(database))) == 2
    finally:
        older.undo()
    found = relinked(database, settings)
    assert changes(found, "person") == {"joined": Change(2, 1)}
    assert changes(found, "organisation") == {}
    report = swap(database, settings, list(found.values()))
    assert report.records == 2
    assert len(clusters(parties(database))) == 1
    assert len(clusters(cases(database))) == 1
    after = relinked(database, settings)
    assert [(one.records.is_empty(), one.older_links) for one in after.values()] == [(True, 0)] * 3
    assert invariants(database) == []


def test_keys_of_an_older_model_are_found_and_replaced(database: Engine, settings: Settings, older: pytest.MonkeyPatch) -> None:
    try:
        settle(database, record("police", "1", BY_NUMBER))
    finally:
        older.undo()
    found = relinked(database, settings)
    assert found["person"].difference.changed.is_empty()
    assert found["person"].misplaced.to_list() == list(party_ids(database).values())
    swap(database, settings, list(found.values()))
    assert relinked(database, settings)["person"].misplaced.is_empty()
    settle(database, record("court", "2", BY_PHONE))
    assert len(clusters(parties(database))) == 1


def test_links_of_an_older_model_that_change_nothing_stay_and_are_counted(
    database: Engine, settings: Settings, older: pytest.MonkeyPatch
) -> None:
    try:
        settle(database, record("police", "1", BY_NUMBER), record("court", "2", BY_NUMBER))
    finally:
        older.undo()
    assert relinked(database, settings)["person"].older_links == 1


def test_a_person_that_was_parted_by_hand_is_told_of_and_mended(database: Engine, settings: Settings) -> None:
    settle(database, record("police", "1", BY_NUMBER), record("court", "2", BY_NUMBER), record("labour", "3", person("李四")))
    ids = party_ids(database)
    decide(database, "person", (ids["police/1/0"], ids["court/2/0"]), "no", decided_by="clerk")
    resolve(database, settings)
    apart = parties(database)
    assert len(clusters(apart)) == 3
    assert [one.records.is_empty() for one in relink(database, settings)] == [True] * 3  # what a person said holds
    with database.begin() as connection:
        connection.execute(text("DELETE FROM ops.decision"))
    found = relinked(database, settings)
    assert changes(found, "person") == {"joined": Change(2, 1)}
    swap(database, settings, list(found.values()))
    assert len(clusters(parties(database))) == 2
    assert parties(database)["labour/3/0"] == apart["labour/3/0"]
    assert invariants(database) == []


def test_what_a_person_said_of_one_holds_for_nobody_just_like_it(database: Engine, settings: Settings) -> None:
    bare, whole = firm("嘉华物业有限公司"), firm("深圳市嘉华物业有限公司")
    for one in (record("police", "4", bare), record("court", "6", whole), record("court", "3", whole)):
        settle(database, one, chunk=1)
    ids = party_ids(database)
    decide(database, "organisation", (ids["police/4/0"], ids["court/6/0"]), "no", decided_by="clerk")
    resolve(database, settings)
    assert len(clusters(parties(database, "organisation"))) == 3  # court/3 may be either of the two that are not one
    assert [one.records.to_list() for one in relink(database, settings)] == [[], [], []]


def test_the_newest_word_on_a_pair_counts(database: Engine, settings: Settings) -> None:
    settle(database, record("police", "1", BY_NUMBER), record("court", "2", person("王五", phone="13912340009")))
    pair = tuple(party_ids(database).values())
    for verdict, changed in (("no", {}), ("unsure", {}), ("yes", {"joined": Change(2, 1)})):
        decide(database, "person", pair, verdict, decided_by="clerk")  # type: ignore[arg-type]
        assert changes(relinked(database, settings), "person") == changed, verdict


@pytest.fixture
def former_rules() -> Iterator[pytest.MonkeyPatch]:
    """RESOLVE with survivorship rules by which the court's word on a phone counts before any other; undone by `undo`."""
    patched = _Patched()

    def rules(relation: str) -> dict[str, FieldRule]:
        return survivorship_rules(relation) | ({"phone": FieldRule(issuers=("court",))} if relation == "person" else {})

    for module in (golden_values, models):
        patched.setattr(module, "survivorship_rules", rules)
    golden_values.label_rules.cache_clear()
    yield patched
    patched.undo()


class _Patched(pytest.MonkeyPatch):
    def undo(self) -> None:
        super().undo()
        golden_values.label_rules.cache_clear()


def test_values_that_other_rules_ranked_are_told_of_and_ranked_anew(
    database: Engine, settings: Settings, former_rules: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    then = {"updated_at": "2026-01-01T00:00:00Z"}
    mentions = [person("欧阳震华", id_no=id_number(1), phone=f"1391234000{place}") for place in range(2)]
    settle(database, record("court", "1", mentions[0], **then), record("police", "2", mentions[1], updated_at="2026-02-01T00:00:00Z"))
    (entity,) = set(parties(database).values())

    def phones() -> list[str]:
        return [value for value, _ in golden(database, entity)["phone"]]

    assert phones() == ["13912340000", "13912340001"]
    former_rules.undo()
    with caplog.at_level("WARNING"):
        for number in ("9", "10"):
            settle(database, record("labour", number, person("诸葛明月", phone="13912340009"), **then))
    assert [message for message in caplog.messages if "survivorship" in message] == [
        "survivorship rules are new; values that were ranked before wait for `casehub relink --swap`"
    ]
    assert phones()[0] == "13912340000"
    found = relinked(database, settings)
    assert [len(one.revalued) for one in found.values()] == [2, 0, 1]
    assert all(one.records.is_empty() for one in found.values())
    assert swap(database, settings, list(found.values())).records == 2
    assert phones()[0] == "13912340001"
    assert all(one.revalued.is_empty() for one in relink(database, settings))
    assert invariants(database) == []


def test_a_department_that_promises_no_duplicates_is_believed(database: Engine, settings: Settings) -> None:
    same = {"text": "小区内垃圾长期无人清运，气味难闻，请尽快处理", "category": "city_appearance", "address": "公明街道长春中路88号"}
    settle(database, record("police", "1", BY_NUMBER, **same), record("police", "2", BY_NUMBER, **same))
    assert changes(relinked(database, settings), "case") == {}
    with database.begin() as connection:
        connection.execute(
            text("INSERT INTO ops.contract (department, version, content_hash, document) VALUES ('police', 1, 'x', :document)"),
            {"document": '{"unique_within": true}'},
        )
    assert changes(relinked(database, settings), "case") == {"split": Change(1, 2)}


def test_it_waits_for_nobody_and_steps_back_from_a_running_resolve(database: Engine, settings: Settings, older: pytest.MonkeyPatch) -> None:
    try:
        settle(database, record("police", "1", BY_NUMBER), record("court", "2", BY_PHONE))
    finally:
        older.undo()
    with resolve_lock(database):
        found = relink(database, settings)
        assert swap(database, settings, found).is_busy
    assert rows(database, "SELECT reason FROM ops.pending") == ["relink", "relink"]
    resolve(database, settings)
    assert len(clusters(parties(database))) == 1


def test_an_engine_that_is_not_there_is_told(database: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RequestError, match="no engine duck"):
        relink(database, settings, "duck")
    monkeypatch.setenv("JAVA_HOME", str(settings.home))
    with pytest.raises(EngineError, match="needs Java.*JAVA_HOME.*--engine local"):
        relink(database, settings, "spark")
    assert not any(settings.home.iterdir())
    monkeypatch.setattr(spark, "java", lambda: "java")
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(EngineError, match="pyspark is not installed.*requirements/spark.txt"):
        relink(database, settings, "spark")


@pytest.mark.skipif(not HAS_SPARK, reason=NO_SPARK)
@pytest.mark.timeout(400)  # Java and its workers start, and each relation is four steps
def test_spark_comes_to_the_same_clusters(database: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.relinking.relink, "PART", 200)
    put_batch(database, world()[0])
    resolve(database, settings)
    largest = max(sorted(map(sorted, clusters(parties(database)))), key=len)
    ids = party_ids(database)
    decide(database, "person", tuple(ids[name] for name in largest[:2]), "no", decided_by="clerk")  # type: ignore[arg-type]
    here, there = (table_of(relink(database, settings, name)) for name in ("local", "spark"))
    assert here.filter(pl.col("change") == "same").height < here.height
    assert there.equals(here)
    assert not any(settings.home.iterdir())


@pytest.mark.skipif(not HAS_SPARK, reason=NO_SPARK)
@pytest.mark.timeout(200)
def test_what_breaks_off_on_spark_is_told_without_a_value(tmp_path: Path) -> None:
    job = Job(load_model("person"), tmp_path / "person")
    job.add(pa.table({"id": ["欧阳震华"], "name": ["13912340001"]}))
    with pytest.raises(EngineError, match="Spark broke off") as told, spark.running(tmp_path) as engine:
        engine.edges(job)
    assert "欧阳" not in str(told.value) and "1391234" not in str(told.value)
    assert told.value.__suppress_context__
