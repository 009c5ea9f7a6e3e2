"""The same records in another order, cut into other batches and chunks, come to the same persons, organisations, cases and values."""

from __future__ import annotations

from functools import cache
from typing import Any

import hypothesis
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from sqlalchemy import Engine, text

from hub.settings import Settings
from matching.clustering import cluster
from matching.forms import organisation_forms, person_forms
from matching.linkage import all_pairs, link
from pipeline.resolving import chunk
from pipeline.resolving import intake as taking
from pipeline.resolving.links import labels_of
from pipeline.resolving.models import load_model
from pipeline.resolving.relations import ORGANISATION, PERSON, as_input, read_nodes
from pipeline.resolving.resolve import resolve
from pipeline.store.channel import Channel
from pipeline.store.copying import copy_in, cursor_of
from simulator.world import build_world
from tests.integration.pipeline.resolving import TABLES, cases, clusters, invariants, parties, rows

_RECORD = (
    "department", "source_record_id", "case_number", "title", "text", "category",
    "status", "grade", "channel", "occurred_at", "reported_at",
    "updated_at", "amount", "people_involved", "address", "street", "community", "longitude", "latitude", "visibility", "references",
)  # fmt: skip
_PARTY = ("ordinal", "role", "kind", "name", "id_no", "uscc", "phone", "address", "gender", "birth_date")


@cache
def world() -> tuple[pl.DataFrame, pl.DataFrame]:
    made = build_world(300, seed=11)
    visibility = pl.when("is_juvenile").then(pl.lit("sealed")).otherwise(pl.lit("shared"))
    records = made.records.filter(pl.col("tick") == 0).with_columns(case_number="source_record_id", visibility=visibility)
    return records, made.parties


def put_batch(engine: Engine, records: pl.DataFrame) -> None:
    """Leave records as normalise does, numbered in the order given."""
    with engine.begin() as connection:
        cursor = cursor_of(connection)
        cursor.execute("SELECT coalesce(max(record_id), 0) FROM store.source_record")
        (last,) = cursor.fetchone() or (0,)
        numbered = records.with_columns(record_id=pl.int_range(pl.len(), dtype=pl.Int64) + last + 1, version=pl.lit(1, pl.Int32))
        copy_in(cursor, "store.source_record", numbered.select("record_id", "version", *_RECORD))
        cursor.execute("SELECT coalesce(max(party_id), 0) FROM store.party")
        (last,) = cursor.fetchone() or (0,)
        mentioned = world()[1].join(numbered.select("row", "record_id", "version"), on="row").sort("record_id", "ordinal")
        mentioned = mentioned.with_columns(party_id=pl.int_range(pl.len(), dtype=pl.Int64) + last + 1)
        copy_in(cursor, "store.party", mentioned.select("party_id", "record_id", "version", *_PARTY))
        copy_in(cursor, "ops.pending", numbered.select("record_id", reason=pl.lit("new")))


def test_rows_of_parties_that_came_with_their_records_are_those_that_would_be_read(database: Engine) -> None:
    put_batch(database, world()[0].head(100))
    with database.begin() as connection:
        connection.execute(text("UPDATE store.source_record SET is_deleted = true WHERE record_id = 1"))
    with database.connect() as connection, Channel(connection) as channel:
        intake = taking.take(channel, taking.Place(), 90)
        assert intake is not None
        taking.publish_versions(channel, intake)
        read = pl.concat([read_nodes(channel, relation, intake.touched[relation].new) for relation in (PERSON, ORGANISATION)])
        assert read["own_address"].null_count() > read["address"].null_count() > 0
        assert_frame_equal(intake.parties, read.sort("id"))
        connection.rollback()


def outcome(engine: Engine) -> dict[str, Any]:
    """Clusters and golden values, ids aside: an entity is named by its members, a record by its department and number."""
    members = {"person": parties(engine), "organisation": parties(engine, "organisation"), "case": cases(engine)}
    name_of = {
        entity: min(member for member, other in of_kind.items() if other == entity)
        for of_kind in members.values()
        for entity in set(of_kind.values())
    }
    sql = (
        "SELECT entity_id::text, field, rank, value, (SELECT array_agg(s.department || '/' || s.source_record_id ORDER BY place)"
        " FROM unnest(stated_by) WITH ORDINALITY AS u (record_id, place) JOIN store.source_record s USING (record_id))"
        " FROM store.golden_value WHERE known_to IS NULL"
    )
    golden = {(name_of[entity], field, rank): (value, stated) for entity, field, rank, value, stated in rows(engine, sql)}
    case_rows = rows(
        engine,
        "SELECT case_id::text, title, category, status, departments, records, has_sealed FROM store.unified_case WHERE known_to IS NULL",
    )
    return {
        **{kind: clusters(of_kind) for kind, of_kind in members.items()},
        "golden": golden,
        "cases": {name_of[entity]: values for entity, *values in case_rows},
    }


def test_the_store_comes_to_what_all_pairs_at_once_come_to(database: Engine) -> None:
    """Looking up what is new, chunk by chunk, misses nothing that comparing everything would have found."""
    put_batch(database, world()[0].sample(fraction=1, shuffle=True, seed=5))
    resolve(database, Settings(resolve_chunk_records=60))
    for relation, forms_of in ((PERSON, person_forms), (ORGANISATION, organisation_forms)):
        sql = f"SELECT party_id FROM {relation.members} WHERE known_to IS NULL"
        with database.begin() as connection, Channel(connection) as channel:
            nodes = read_nodes(channel, relation, channel.read(sql)["party_id"])
            entities = channel.read(
                f"SELECT party_id AS id, {relation.entity}::text AS entity FROM {relation.members} WHERE known_to IS NULL"
            )
        model = load_model(relation.name)
        forms = forms_of(as_input(relation, nodes), model)
        edges = link(relation.name, forms, None, all_pairs(relation.name, forms, model), model)
        at_once = pl.DataFrame(cluster(labels_of(nodes, forms).to_arrow(), edges)).join(entities, on="id")
        assert at_once["cluster"].n_unique() == at_once["entity"].n_unique() == at_once.select("cluster", "entity").n_unique()


@cache
def expected() -> dict[str, Any]:
    """What the first example came to, with everything in one chunk."""
    return {}


@hypothesis.settings(
    max_examples=9, phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate], suppress_health_check=list(hypothesis.HealthCheck)
)
@given(
    order=st.integers(0, 2**32 - 1),
    cuts=st.lists(st.integers(1, 400), min_size=0, max_size=8),
    chunks=st.lists(st.sampled_from([60, 150, 2000]), min_size=9, max_size=9),
)
@hypothesis.example(order=2026, cuts=[40, 170], chunks=[25] * 9)  # once: so many chunks take long
def test_any_order_and_partition_comes_to_the_same(database: Engine, order: int, cuts: list[int], chunks: list[int]) -> None:
    """Ten orders and partitions of the same records: the same persons, organisations, cases and values."""
    records = world()[0]
    if not expected():
        expected().update(_resolved(database, [records], [2000]))
        assert len(expected()["case"]) < records.height
    shuffled = records.sample(fraction=1, shuffle=True, seed=order)
    ends = sorted({min(cut, records.height) for cut in cuts} | {records.height})
    batches = [shuffled.slice(start, end - start) for start, end in zip([0, *ends], ends, strict=False)]
    found = _resolved(database, batches, chunks)
    for kind, what in expected().items():
        assert found[kind] == what, kind
    assert invariants(database) == []


def test_what_is_done_ahead_of_the_parties_changes_nothing(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a small chunk cases are looked up while their parties are being settled, of a large one after."""
    records = world()[0].sample(fraction=1, shuffle=True, seed=3)
    batches = [records.head(150), records.slice(150)]
    done_ahead = _resolved(database, batches, [50, 70])
    monkeypatch.setattr(chunk, "AHEAD_MOST", 0)
    assert _resolved(database, batches, [50, 70]) == done_ahead


def _resolved(engine: Engine, batches: list[pl.DataFrame], chunks: list[int]) -> dict[str, Any]:
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # in any order
        for table in TABLES:
            if table != "ops.change_counter":
                connection.execute(text(f"DELETE FROM {table}"))
    for batch, most in zip(batches, chunks, strict=False):
        put_batch(engine, batch)
        resolve(engine, Settings(resolve_chunk_records=most))
    return outcome(engine)
