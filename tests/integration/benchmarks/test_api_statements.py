"""What counts as the SQL of an answer: its own statements, and neither who asks nor the row that says who looked."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from api.access import Caller
from api.authentication.keys import create_key
from benchmarks import api_statements
from benchmarks.api_process import DEPARTMENT, ROLE
from benchmarks.api_statements import Straight, recording, statements_of
from hub.settings import Settings
from tests.integration.api.builders import Store


def test_a_search_counts_its_own_statements_alone(database: Engine, tmp_path: Path) -> None:
    store = Store(database)
    store.case(store.record("petition", "1", title="反映拖欠工资"))
    token = create_key(database, Caller("bench", ROLE, DEPARTMENT), 2)
    straight = Straight()
    with recording(Settings(home=tmp_path), database, token) as client:
        client.post("/v1/cases/search", json={"q": "拖欠工资"})  # makes the login
        before = len(store.rows("SELECT FROM audit.access"))
        found = statements_of(client, "POST", "/v1/cases/search", {"q": "拖欠工资"})
        assert len(store.rows("SELECT FROM audit.access")) == before + 1
        sent = [api_statements._prepared[each.sql.split()[1]] for each in found if each.sql.startswith("EXECUTE")]
        assert len(sent) == len(found) >= 3
        assert all("store." in statement and "audit." not in statement for statement in sent)
        assert straight.run([found]).errors == 0
        finding, showing = api_statements.parted(found, "store.case_summaries")
        assert [len(showing), len(finding)] == [1, len(found) - 1]
        assert straight.buffers(showing) > 0
    straight.close()
