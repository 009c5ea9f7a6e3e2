"""Rows without a key, known by their content alone: how long they wait in quarantine."""

from __future__ import annotations

from sqlalchemy import Engine

from pipeline.landing.order import Order
from pipeline.quarantine import Choice, discard
from tests.integration.pipeline.builders import ask, make_contract, make_page, make_row, require_the_law, take_in


def test_refused_rows_without_a_key_wait_until_the_source_no_longer_holds_them(database: Engine) -> None:
    contract = make_contract(feed={"mode": "snapshot", "max_vanished": 0.9})
    good = [make_row(n) for n in range(3)]
    keyless = {key: value for key, value in make_row(9).items() if key != "id"}
    twice = [make_row(7), make_row(7, status="closed")]
    items = "SELECT rule FROM quarantine.item WHERE state = 'open' ORDER BY rule"
    counts = "SELECT quarantined, superseded FROM ops.batch WHERE batch_id = 1"
    take_in(database, contract, make_page([*good, b"{", keyless, *twice]))
    assert ask(database, items) == ["fault", "key", "key"]
    take_in(database, contract, make_page([*good, b"{"], complete=False))
    assert ask(database, items) == ["fault", "key", "key"]  # a part of it proves nothing
    take_in(database, contract, make_page([*good, b"{", twice[0]]))
    assert (ask(database, items), ask(database, counts)) == (["fault"], [(1, 2)])
    take_in(database, contract, make_page([*good, twice[0]]))
    assert (ask(database, items), ask(database, counts)) == ([], [(0, 3)])
    report = take_in(database, contract, make_page([*good, keyless, twice[0]]))
    assert (report.already_known, ask(database, items), ask(database, counts)) == (5, ["key"], [(1, 2)])
    discard(database, Choice("works"), by="tester")
    for rows in (good, [*good, keyless]):
        take_in(database, contract, make_page([*rows, twice[0]]))
        assert (ask(database, items), ask(database, counts)) == ([], [(0, 3)])  # what a person put aside does not come again
    require_the_law(database)


KEYLESS = {key: value for key, value in make_row(9).items() if key != "id"}
OPEN = "SELECT rule FROM quarantine.item WHERE state = 'open' ORDER BY rule"
COUNTS = "SELECT quarantined, superseded FROM ops.batch WHERE batch_id = 1"


def test_a_sweep_in_doubt_takes_no_row_without_a_key_for_gone(database: Engine) -> None:
    contract, good = make_contract(), [make_row(n) for n in range(3)]
    take_in(database, contract, make_page([*good, KEYLESS]))
    take_in(database, contract, make_page([*good, b"{"]))  # this line may be the row
    assert ask(database, OPEN) == ["fault", "key"]
    take_in(database, contract, make_page([*good, b"{"]))
    assert ask(database, OPEN) == ["fault"]
    require_the_law(database)


def test_a_row_without_a_key_that_an_ordinary_pull_brings_again_is_told_again(database: Engine) -> None:
    contract, good = make_contract(feed={"mode": "cursor", "field": "at", "reconcile": "P1D"}), [make_row(n) for n in range(3)]
    take_in(database, contract, make_page([*good, KEYLESS], cursor_field="at"))
    take_in(database, contract, make_page(good), order=Order("reconcile"))
    assert (ask(database, OPEN), ask(database, COUNTS)) == ([], [(0, 1)])
    assert take_in(database, contract, make_page([KEYLESS], cursor_field="at")).already_known == 1
    assert (ask(database, OPEN), ask(database, COUNTS)) == (["key"], [(1, 0)])
    require_the_law(database)
