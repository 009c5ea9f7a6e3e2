"""What came in does not wait for long in the lists of the indexes that searches use: every look-up reads such a list whole."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import Engine, text

from api import tidying
from api.tidying import tidy
from tests.integration.api.builders import DIRECTORY, Store, running_api_of
from tests.integration.api.waiting import wait_for

_CAME_IN = """
INSERT INTO store.source_record (record_id, version, department, source_record_id, visibility, tokens, known_from)
SELECT n, 1, 'petition', 'P-' || n, 'shared',
       (SELECT string_agg('''' || md5((n * 100 + w)::text) || '''', ' ') FROM generate_series(1, 40) w)::tsvector, 1
FROM generate_series(1, 500) n
"""
_BY_NOBODY_ELSE = "ALTER TABLE store.source_record SET (autovacuum_enabled = off)"  # which works it in as well, should it just look in
_LOOK_UP = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT FROM store.source_record WHERE tokens @@ 'nowhere'::tsquery"


def pages_of_a_look_up(engine: Engine) -> int:
    """Of a word that stands nowhere."""
    with engine.connect() as connection:
        connection.execute(text("SET enable_seqscan = off"))
        plan = connection.execute(text(_LOOK_UP)).scalar_one()[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def test_what_came_in_is_worked_in_once(database: Engine) -> None:
    Store(database).run(_BY_NOBODY_ELSE, _CAME_IN)
    before = pages_of_a_look_up(database)
    assert tidy(database) > 50
    assert tidy(database) == 0
    assert pages_of_a_look_up(database) < 10 < 50 < before


def test_a_running_api_works_it_in(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidying, "EVERY_S", 0.05)
    with running_api_of(database, DIRECTORY):
        Store(database).run(_BY_NOBODY_ELSE, _CAME_IN)
        assert wait_for(lambda: pages_of_a_look_up(database) < 10, wanted=True)


def test_a_failure_is_told_without_its_words_and_tried_again(
    database: Engine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Engine) -> int:
        raise RuntimeError("what a record says")

    monkeypatch.setattr(tidying, "EVERY_S", 0.05)
    monkeypatch.setattr(tidying, "tidy", fail)
    with caplog.at_level(logging.ERROR, "api"), tidying.tidying(database):
        assert wait_for(lambda: len(caplog.messages) > 1, wanted=True)
    assert set(caplog.messages) == {"the indexes of searches could not be tidied: RuntimeError, tried again"}
