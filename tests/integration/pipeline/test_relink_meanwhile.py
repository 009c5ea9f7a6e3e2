"""Records that wait to be looked at anew while their departments send them again: neither is lost over the other."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from hub.settings import Settings
from pipeline.resolving import intake as taking
from pipeline.resolving.chunk import Chunk, resolve_chunk
from pipeline.resolving.decisions import decide
from pipeline.resolving.relations import CASE, PERSON
from pipeline.resolving.resolve import resolve
from pipeline.store.channel import Channel
from tests.integration.pipeline.builders import Row, ask, make_contract, make_page, make_row, take_in
from tests.integration.pipeline.resolving import cases, invariants

CONTRACT = make_contract(feed={"mode": "cursor", "field": "at"})


@pytest.fixture
def store(database: Engine) -> Engine:
    """One record with one party, resolved."""
    take_in(database, CONTRACT, make_page([make_row(1)]))
    resolve(database, Settings())
    return database


def send(engine: Engine, row: Row, operation: str = "upsert") -> None:
    take_in(engine, CONTRACT, make_page([row], operation=operation))


def wait(engine: Engine, reason: str) -> None:
    """Have the record wait, as `relink --swap` and RESOLVE do."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO ops.pending (record_id, reason) SELECT DISTINCT record_id, :reason FROM store.source_record"
                " ON CONFLICT (record_id) DO UPDATE SET reason = excluded.reason"
            ),
            {"reason": reason},
        )


def looked_at(engine: Engine) -> tuple[int, int]:
    """How many of the record's parties, and whether the record itself, the next chunk compares anew; it is not committed."""
    with engine.connect() as connection, Channel(connection) as channel:
        intake = taking.take(channel, taking.Place(), 10)
        assert intake is not None
        taking.publish_versions(channel, intake)
        found = len(intake.touched[PERSON].changed), len(intake.touched[CASE].changed)
        connection.rollback()
    return found


@pytest.mark.parametrize(("reason", "persons"), [("relink", 1), ("party_changed", 0)])
def test_a_version_that_comes_while_a_record_waits_takes_nothing_back(store: Engine, reason: str, persons: int) -> None:
    wait(store, reason)
    send(store, make_row(1, status="accepted"))
    assert ask(store, "SELECT reason FROM ops.pending") == [reason]
    assert looked_at(store) == (persons, 1)
    resolve(store, Settings())
    assert ask(store, "SELECT status FROM store.source_record WHERE known_to IS NULL") == ["accepted"]
    assert invariants(store) == []


def test_a_record_that_waits_with_a_version_is_looked_at_anew_itself(store: Engine) -> None:
    send(store, make_row(1, status="accepted"))
    wait(store, "relink")
    assert looked_at(store) == (1, 1)


def test_a_version_alone_has_nothing_compared_anew(store: Engine) -> None:
    send(store, make_row(1, status="accepted"))
    assert ask(store, "SELECT reason FROM ops.pending") == ["changed"]
    assert looked_at(store) == (0, 0)


def test_a_record_that_is_only_to_be_shown_anew_has_nothing_compared(store: Engine) -> None:
    wait(store, "values")
    assert looked_at(store) == (0, 0)
    before = ask(store, "SELECT max(change_number) FROM store.change")
    resolve(store, Settings())
    assert ask(store, "SELECT count(*) FROM ops.pending") == [0]
    assert ask(store, "SELECT max(change_number) FROM store.change") == before  # it showed that already
    assert invariants(store) == []


def test_a_record_that_is_to_be_shown_anew_is_looked_at_whole_once_its_party_changes(store: Engine) -> None:
    take_in(store, CONTRACT, make_page([make_row(2)]))
    resolve(store, Settings())
    parties = ask(store, "SELECT party_id FROM store.party WHERE known_to IS NULL ORDER BY record_id")
    wait(store, "values")
    decide(store, "person", (parties[0], parties[1]), "yes", decided_by="clerk")
    with store.connect() as connection:
        assert resolve_chunk(connection, Chunk(taking.Place(), 0, 0, frozenset())) is not None
    assert sorted(ask(store, "SELECT reason FROM ops.pending")) == ["relink", "values"]
    resolve(store, Settings())
    assert invariants(store) == []


def test_a_record_whose_party_changes_while_a_version_of_it_waits_is_looked_at_anew(store: Engine) -> None:
    take_in(store, CONTRACT, make_page([make_row(2)]))
    resolve(store, Settings())
    parties = ask(store, "SELECT party_id FROM store.party WHERE known_to IS NULL ORDER BY record_id")
    assert ask(store, "SELECT count(*) FROM store.person WHERE known_to IS NULL") == [2]
    for number in (1, 2):
        send(store, make_row(number, status="accepted"))
    decide(store, "person", (parties[0], parties[1]), "yes", decided_by="clerk")
    with store.connect() as connection:  # a chunk of the decision alone, in which no other record is looked at again
        assert resolve_chunk(connection, Chunk(taking.Place(), 0, 0, frozenset())) is not None
    assert sorted(ask(store, "SELECT reason FROM ops.pending")) == ["changed", "party_changed"]
    resolve(store, Settings())
    assert ask(store, "SELECT status FROM store.source_record WHERE known_to IS NULL") == ["accepted", "accepted"]
    assert invariants(store) == []


@pytest.mark.parametrize("reason", ["relink", "party_changed"])
@pytest.mark.parametrize("is_deleted_first", [True, False])
def test_a_record_that_waits_and_is_deleted_goes(store: Engine, reason: str, is_deleted_first: bool) -> None:
    if is_deleted_first:
        send(store, make_row(1), "delete")
        wait(store, reason)
    else:
        wait(store, reason)
        send(store, make_row(1), "delete")
    resolve(store, Settings())
    assert cases(store) == {}
    assert ask(store, "SELECT count(*) FROM store.person WHERE known_to IS NULL") == [0]
    assert ask(store, "SELECT count(*) FROM ops.pending") == [0]
    assert invariants(store) == []
