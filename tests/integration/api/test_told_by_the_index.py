"""What a search looks a thousand records up by is told by indexes alone, and each record is looked up once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from tests.integration.api.builders import Api, Store
from tests.integration.api.waiting import vacuum

_MANY = 600
_MEMBERS = {"case": "record_id", "person": "party_id", "organisation": "party_id"}
_KEY = 7
_FOUND = f"SELECT * FROM store.find_cases_with_names(ARRAY[{_KEY}]::bigint[], ARRAY[1], {_MANY})"


@pytest.fixture
def namesakes(api: Api, store: Store) -> str:
    """So many cases of one record each, all with a party of one name; the login of a clerk who reads them."""
    store.run(
        f"""
        WITH made AS (
            INSERT INTO store.source_record (record_id, version, department, source_record_id, visibility, title, known_from, reported_at)
            SELECT (SELECT coalesce(max(record_id), 0) FROM store.source_record) + n, 1, 'petition', 'namesake' || n, 'shared',
                   repeat('噪音', 200), 1, '2024-01-01'::timestamptz + n * interval '1 minute'
            FROM generate_series(1, {_MANY}) n RETURNING record_id
        ), parties AS (
            INSERT INTO store.party (party_id, record_id, version, ordinal, role, kind, name, known_from)
            SELECT (SELECT coalesce(max(party_id), 0) FROM store.party) + row_number() OVER (), record_id, 1, 0, 'petitioner', 'person',
                   '司徒甲乙', 1
            FROM made RETURNING party_id
        ), persons AS (
            INSERT INTO store.person_member (party_id, known_from, person_id) SELECT party_id, 1, gen_random_uuid() FROM parties
        ), firms AS (
            INSERT INTO store.organisation_member (party_id, known_from, organisation_id) SELECT party_id, 1, gen_random_uuid() FROM parties
        )
        INSERT INTO store.case_member (record_id, known_from, case_id) SELECT record_id, 1, gen_random_uuid() FROM made
        """,
        f"INSERT INTO store.name_form (name, keys) VALUES ('司徒甲乙', ARRAY[{_KEY}])",
    )
    vacuum(store.engine, "store.source_record", "store.party", *(f"store.{relation}_member" for relation in _MEMBERS))
    api.as_("clerk", "court").ids()
    return str(store.rows("SELECT login FROM ops.row_scope WHERE own = 'court'")[0]["login"])


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for one in plan.get("Plans", ()):
        yield from nodes(one)


@pytest.mark.parametrize("relation", _MEMBERS)
def test_of_whom_a_node_is_no_table_is_asked(store: Store, namesakes: str, relation: str) -> None:
    ids = f"SELECT {_MEMBERS[relation]} AS id FROM store.{relation}_member WHERE known_to IS NULL ORDER BY 1 LIMIT 50"
    looked_up = f"SELECT m.{relation}_id FROM store.{relation}_member m WHERE m.{_MEMBERS[relation]} = n.id AND m.known_to IS NULL OFFSET 0"
    with store.engine.connect() as connection:
        connection.execute(text("SET enable_seqscan = off"))
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM ({ids} OFFSET 0) n CROSS JOIN LATERAL ({looked_up}) m"
        found = list(nodes(connection.execute(text(explain)).scalar_one()[0]["Plan"]))
    scans = [node for node in found if node.get("Index Name") == f"ix_{relation}_member_current" and node["Actual Loops"] > 1]
    assert [(node["Node Type"], node["Heap Fetches"]) for node in scans] == [("Index Only Scan", 0)]


def test_records_by_name_are_looked_up_once(store: Store, namesakes: str) -> None:
    with store.engine.connect() as connection:
        connection.execute(text(f'SET SESSION AUTHORIZATION "{namesakes}"'))
        for _ in range(2):  # planning the function, once a connection, looks at the catalogue
            plan = connection.execute(text(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {_FOUND}")).scalar_one()[0]["Plan"]
        found = connection.execute(text(_FOUND)).all()
    assert len({row.case_id for row in found}) == len({row.record_id for row in found}) == _MANY
    # Of a record two pages of an index and one of its table, then two of the index that tells its case; of the name a few altogether.
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] <= 5 * _MANY + 100, plan
