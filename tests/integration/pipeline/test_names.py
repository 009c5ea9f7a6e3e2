"""Names learn their keys as they come, once each, and those of an older store are caught up with."""

from __future__ import annotations

from sqlalchemy import Engine, text

from pipeline.resolving.names import catch_up
from tests.integration.pipeline.resolving import firm, person, record, rows, settle

_NAMES = "SELECT name FROM store.name_form ORDER BY name"


def test_resolve_keeps_each_new_name_once(database: Engine) -> None:
    settle(database, record("petition", "1", person("王小明"), firm("甲鞋业有限公司")))
    settle(database, record("labour", "2", person("王小明"), person("李四")), record("court", "3", person("张先生"), person("x" * 101)))
    before = rows(database, "SELECT name, keys FROM store.name_form ORDER BY name")
    assert [name for name, _ in before] == sorted(["王小明", "甲鞋业有限公司", "李四"])
    settle(database, record("labour", "2", person("王小明"), person("李四五")))
    assert set(rows(database, _NAMES)) == {"王小明", "甲鞋业有限公司", "李四", "李四五"}


def test_a_store_from_before_is_caught_up_with(database: Engine) -> None:
    settle(database, record("petition", "1", person("王小明"), firm("甲鞋业有限公司")))
    kept = rows(database, "SELECT name, keys FROM store.name_form ORDER BY name")
    with database.begin() as connection:
        connection.execute(text("DELETE FROM store.name_form"))
    with database.connect() as connection:
        assert catch_up(connection) == 2
        assert catch_up(connection) == 0
    assert [(name, sorted(keys)) for name, keys in rows(database, "SELECT name, keys FROM store.name_form ORDER BY name")] == [
        (name, sorted(keys)) for name, keys in kept
    ]
