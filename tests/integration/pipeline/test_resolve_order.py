"""The same records in another order, cut into other batches and chunks, come to the same persons, organisations, cases and values."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Engine, text

from hub.settings import Settings
from matching.clustering import cluster
from matching.forms import organisation_forms, person_forms
from matching.linkage import all_pairs, link
from pipeline.channel import Channel
from pipeline.copying import copy_in, cursor_of
from pipeline.links import labels_of
from pipeline.relations import ORGANISATION, PERSON, as_input, read_nodes
from pipeline.resolve import resolve
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
        forms = forms_of(as_input(relation, nodes))
        edges = link(relation.name, forms, None, all_pairs(relation.name, forms))
        at_once = pl.DataFrame(cluster(labels_of(nodes, forms).to_arrow(), edges)).join(entities, on="id")
        assert at_once["cluster"].n_unique() == at_once["entity"].n_unique() == at_once.select("cluster", "entity").n_unique()


@pytest.mark.parametrize("seed", range(2))
def test_order_and_batches_change_nothing(database: Engine, seed: int) -> None:
    generator = random.Random(seed)
    records = world()[0]
    put_batch(database, records)
    resolve(database, Settings())
    expected = outcome(database)
    assert len(expected["case"]) < records.height
    with database.begin() as connection:
        connection.execute(text(f"TRUNCATE {', '.join(table for table in TABLES if table != 'ops.change_counter')}"))
    rest = records.sample(fraction=1, shuffle=True, seed=seed)
    while rest.height:
        size = generator.randint(1, 200)
        put_batch(database, rest.head(size))
        rest = rest.slice(size)
        resolve(database, Settings(resolve_chunk_records=generator.choice([25, 2000])))
    found = outcome(database)
    for kind, what in expected.items():
        assert found[kind] == what, kind
    assert invariants(database) == []
