"""A store made in bulk is the store that resolve makes of the same records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Engine, text

from benchmarks import bulk_store
from hub import postgres
from hub.database import make_engine
from hub.postgres import Server
from hub.settings import Settings
from pipeline.resolving.resolve import resolve
from pipeline.store.copying import read_frame
from tests.integration.api.builders import running_api
from tests.integration.pipeline.column_lookup import look_up_party

RECORDS = 1_000
DATABASES = ("bulk_made", "bulk_resolved")
# All that the API reads, in an order of its own. Link weights are floats: the sums of one pair may be taken in another order.
TABLES = {
    "source_record": "SELECT * FROM store.source_record ORDER BY record_id",
    "party": "SELECT * FROM store.party ORDER BY party_id",
    "case_event": "SELECT * FROM store.case_event ORDER BY record_id, version, kind",
    "person_member": "SELECT * FROM store.person_member ORDER BY party_id",
    "organisation_member": "SELECT * FROM store.organisation_member ORDER BY party_id",
    "case_member": "SELECT * FROM store.case_member ORDER BY record_id",
    "person": "SELECT * FROM store.person ORDER BY person_id",
    "organisation": "SELECT * FROM store.organisation ORDER BY organisation_id",
    "unified_case": "SELECT * FROM store.unified_case ORDER BY case_id",
    "own_case": "SELECT * FROM store.own_case ORDER BY case_id, department",
    "golden_record": "SELECT * FROM store.golden_record ORDER BY entity_id",
    "link": "SELECT relation, left_id, right_id, decision, round(match_weight::numeric, 6) AS bits, levels, model_version, decided_by "
    "FROM store.link ORDER BY relation, left_id, right_id",
    "review_task": "SELECT relation, left_id, right_id, round(match_weight::numeric, 6) AS bits, levels, state FROM store.review_task "
    "ORDER BY relation, left_id, right_id",
    "change": "SELECT epoch, change_number, relation, entity_id, kind FROM store.change ORDER BY change_number",
    "name_form": "SELECT name, (SELECT array_agg(k ORDER BY k) FROM unnest(keys) AS t (k)) AS keys FROM store.name_form ORDER BY name",
    "change_counter": "SELECT * FROM ops.change_counter",
    "pending": "SELECT record_id FROM ops.pending",
    "model": "SELECT relation, version FROM ops.model ORDER BY relation",
} | {f"{name}_key": f"SELECT * FROM store.{name}_key ORDER BY 1, 2" for name in ("person", "organisation", "case")}
LISTS = {f"{name}_key_list": f"SELECT * FROM store.{name}_key_list ORDER BY 1" for name in ("person", "organisation", "case")}
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'store' ORDER BY 1"
LOOKED_UP = """
SELECT p.*, r.department FROM store.party p JOIN store.source_record r USING (record_id)
WHERE p.kind = 'person' AND p.id_no IS NOT NULL ORDER BY p.party_id LIMIT 1
"""
PENDING = """
INSERT INTO ops.pending (record_id, reason, reported_epoch_s)
SELECT record_id, 'new', coalesce(extract(epoch FROM reported_at), 0) FROM store.source_record
"""


@dataclass(frozen=True)
class Stores:
    made: Engine
    resolved: Engine


@pytest.fixture(scope="module")
def stores(postgres_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """The same records, made in bulk and resolved."""
    folder = tmp_path_factory.mktemp("bulk")
    world = folder / "world"
    bulk_store.save_world(RECORDS, 7, world)
    for name in DATABASES:
        _run(postgres_server, f'CREATE DATABASE "{name}" TEMPLATE template_casehub STRATEGY FILE_COPY')
    both = Stores(*(make_engine(postgres_server.url(name)) for name in DATABASES))
    bulk_store.fill(both.made, world, folder)
    with both.resolved.connect() as connection:
        bulk_store.put(connection, world, None)
        connection.execute(text(PENDING))
        connection.commit()
    resolve(both.resolved, Settings())
    yield both
    for engine, name in zip((both.made, both.resolved), DATABASES, strict=True):
        engine.dispose()
        _run(postgres_server, f'DROP DATABASE "{name}" WITH (FORCE)')


def _run(server: Server, statement: str) -> None:
    connection = postgres.connect(server, "postgres")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()


@pytest.mark.parametrize("table", [*TABLES, *LISTS])
def test_tables_are_those_of_resolve(stores: Stores, table: str) -> None:
    made, resolved = (_table(engine, table) for engine in (stores.made, stores.resolved))
    assert made.height == resolved.height
    assert made.equals(resolved), made.join(resolved, on=made.columns, how="anti", nulls_equal=True).height


def _table(engine: Engine, name: str) -> pl.DataFrame:
    with engine.connect() as connection:
        found = read_frame(connection, (TABLES | LISTS)[name])
    return found.with_columns(pl.col("keys").list.sort()) if name in LISTS else found


def test_something_was_linked(stores: Stores) -> None:
    assert 0 < _table(stores.made, "unified_case").height < RECORDS
    assert set(_table(stores.made, "link")["relation"]) == {"person", "organisation", "case"}


def test_indexes_and_sequences_are_back(stores: Stores) -> None:
    with stores.made.connect() as made, stores.resolved.connect() as resolved:
        assert read_frame(made, INDEXES).equals(read_frame(resolved, INDEXES))
        assert made.execute(text("SELECT nextval('store.record_id_seq')")).scalar_one() == RECORDS + 1


def test_the_api_answers_alike(stores: Stores) -> None:
    with stores.made.connect() as connection:
        name = connection.execute(text("SELECT name FROM store.party WHERE length(name) = 3 ORDER BY party_id LIMIT 1")).scalar_one()
    answers = []
    for engine in (stores.made, stores.resolved):
        with running_api(engine) as api:
            page = api.as_("clerk", "petition").post("/v1/cases/search", json={"q": name}).json()
            case = api.as_("clerk", "petition").get(
                f"/v1/cases/{page['items'][0]['case_id']}?include=records,parties,timeline,lineage,links"
            )
            answers.append((page, _without_times_of_changes(case.json())))
    assert answers[0] == answers[1]
    assert {"records", "parties", "timeline", "lineage", "links"} <= answers[0][1].keys()


def _without_times_of_changes(case: dict[str, Any]) -> dict[str, Any]:
    """When the store itself came to know something is another time in either, and told anew each time."""
    timeline = [event | {"at": None, "change_number": None} if event.get("change_number") else event for event in case["timeline"]]
    return case | {"timeline": timeline}


def test_a_look_up_answers_alike(stores: Stores) -> None:
    with stores.made.connect() as connection:
        party = read_frame(connection, LOOKED_UP)
    found = []
    for engine in (stores.made, stores.resolved):
        with engine.begin() as connection:
            found.append(look_up_party(connection, party.to_dicts()[0]))
    assert found[0] == found[1]
