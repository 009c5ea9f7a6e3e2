"""Runs that overtake each other: between VALIDATE and NORMALISE of one, another sets rows back to `landed`; none is taken unvalidated.

In Airflow the steps are tasks of their own, each of which locks the department for itself.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from connectors.contract import Contract
from hub.errors import BatchHeld, SnapshotError
from pipeline import quarantine
from pipeline.ingest import finish
from pipeline.landing.land import land
from pipeline.normalising.normalise import normalise
from pipeline.quarantine import Choice, release, replay
from pipeline.validating.validate import validate
from tests.integration.pipeline.builders import SETTINGS, ask, giving, make_contract, make_page, make_row, require_the_law, take_in

REQUIRED = {"type": "expect_column_values_to_not_be_null", "column": "text", "on_failure": "quarantine"}
BATCHES = "SELECT batch_id, state FROM ops.batch ORDER BY batch_id"
ITEMS = "SELECT source_record_id, state FROM quarantine.item ORDER BY item_id"
UNVALIDATED = "SELECT source_record_id FROM store.source_record WHERE text IS NULL"


def validated(database: Engine, contract: Contract, *numbers: int, **overrides: str) -> int:
    """A run that landed and validated rows and has still to normalise them: its batch."""
    rows = [make_row(number, **overrides) for number in numbers]
    batch_id = land(database, contract, source=giving(make_page(rows, complete=False)))
    validate(database, contract, batch_id, SETTINGS)
    return batch_id


def overtake(monkeypatch: pytest.MonkeyPatch, step: Callable[[], None]) -> None:
    """Have another run take a step after rows were set back to `landed`, before whoever did so validates them."""

    def overtaken(*arguments: object, **options: bool) -> None:
        step()
        finish(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(quarantine, "finish", overtaken)


def settled_by_another(database: Engine, contract: Contract, **overrides: str) -> tuple[int, int]:
    """A run that validated its batch, and another that landed a whole file, and settled a held batch with it: their batches."""
    whole = [make_row(n) for n in range(10)]
    take_in(database, contract, make_page(whole))
    broken = [make_row(n, text=None) for n in (0, 20)]
    with pytest.raises(SnapshotError):
        land(database, contract, source=giving(make_page(broken)))
    first = validated(database, contract, *range(30, 60), **overrides)
    file = [broken[0], *whole[1:], broken[1], *(make_row(n, **overrides) for n in range(30, 60))]
    return first, land(database, contract, source=giving(make_page(file)))


def test_a_batch_that_another_run_settled_waits_for_its_validation(database: Engine) -> None:
    contract = make_contract(expectations=[REQUIRED])
    first, second = settled_by_another(database, contract)
    normalise(database, contract, first, SETTINGS)
    assert ask(database, BATCHES) == [(1, "done"), (2, "landed"), (3, "done"), (4, "landed")]
    assert ask(database, UNVALIDATED) == []
    finish(database, contract, second, SETTINGS)
    assert ask(database, BATCHES) == [(1, "done"), (2, "done"), (3, "done"), (4, "done")]
    assert ask(database, UNVALIDATED) == []
    assert ask(database, ITEMS) == [("0", "open"), ("20", "open")]
    require_the_law(database)


def test_a_batch_that_is_held_takes_none_along_that_waits_for_its_validation(database: Engine) -> None:
    contract = make_contract(expectations=[REQUIRED])
    first, second = settled_by_another(database, contract, at="next Tuesday")
    with pytest.raises(BatchHeld, match="batch 3 is held: 30 of 30 rows fail"):
        normalise(database, contract, first, SETTINGS)
    assert ask(database, BATCHES) == [(1, "done"), (2, "landed"), (3, "held"), (4, "landed")]
    finish(database, contract, second, SETTINGS)
    assert ask(database, BATCHES) == [(1, "done"), (2, "done"), (3, "held"), (4, "done")]
    require_the_law(database)


def test_replayed_rows_are_not_taken_by_a_run_that_validated_before(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    contract = make_contract(expectations=[REQUIRED])
    take_in(database, contract, make_page([make_row(n, text=None if n == 3 else "x") for n in range(10)]))
    batch_id = validated(database, contract, 50)
    overtake(monkeypatch, lambda: normalise(database, contract, batch_id, SETTINGS))
    assert replay(database, contract, Choice("works"), SETTINGS, by="tester") == 1
    assert ask(database, UNVALIDATED) == []
    assert ask(database, ITEMS) == [("3", "replayed"), ("3", "open")]
    assert ask(database, BATCHES) == [(1, "done"), (2, "done")]
    require_the_law(database)


def test_rows_of_the_very_batch_that_are_replayed_meanwhile_keep_it_for_the_replay(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = make_contract(expectations=[REQUIRED])
    rows = [make_row(n, text=None if n == 3 else "x") for n in range(10)]
    batch_id = land(database, contract, source=giving(make_page(rows)))
    validate(database, contract, batch_id, SETTINGS)
    overtake(monkeypatch, lambda: normalise(database, contract, batch_id, SETTINGS))
    replay(database, contract, Choice("works"), SETTINGS, by="tester")
    assert ask(database, UNVALIDATED) == []
    assert ask(database, "SELECT state, accepted, quarantined FROM ops.batch") == [("done", 9, 1)]
    require_the_law(database)


@pytest.mark.parametrize("unreadable", [pytest.param(0, id="held by validate"), pytest.param(6, id="held by normalise")])
def test_a_released_batch_is_not_taken_by_a_run_that_validated_before(
    database: Engine, monkeypatch: pytest.MonkeyPatch, unreadable: int
) -> None:
    contract = make_contract(expectations=[REQUIRED])
    rows = [make_row(n, **({"at": "next Tuesday"} if n < unreadable else {"text": None} if n < 10 else {})) for n in range(30)]
    with pytest.raises(BatchHeld, match="10 of 30 rows fail"):
        take_in(database, contract, make_page(rows))
    batch_id = validated(database, contract, 50)
    overtake(monkeypatch, lambda: normalise(database, contract, batch_id, SETTINGS))
    release(database, contract, 1, SETTINGS)
    assert ask(database, UNVALIDATED) == []
    assert ask(database, "SELECT state, accepted, quarantined FROM ops.batch ORDER BY batch_id") == [("done", 20, 10), ("done", 1, 0)]
    require_the_law(database)


def test_a_killed_replay_is_validated_by_the_next_run(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    contract = make_contract(expectations=[REQUIRED])
    rows = [make_row(n, text=None if n == 3 else "x") for n in range(10)]
    take_in(database, contract, make_page(rows))
    batch_id = validated(database, contract, 50)

    def killed() -> None:
        raise KeyboardInterrupt

    overtake(monkeypatch, killed)
    with pytest.raises(KeyboardInterrupt):
        replay(database, contract, Choice("works"), SETTINGS, by="tester")
    normalise(database, contract, batch_id, SETTINGS)
    assert ask(database, "SELECT state FROM landing.record WHERE source_record_id = '3'") == ["landed"]
    take_in(database, contract, make_page([*rows, make_row(50)]))
    assert ask(database, UNVALIDATED) == []
    assert ask(database, ITEMS) == [("3", "replayed"), ("3", "open")]
    require_the_law(database)


def test_what_a_person_lets_through_lets_no_other_batch_through(database: Engine) -> None:
    contract, mended = make_contract(expectations=[REQUIRED]), make_contract()
    take_in(database, contract, make_page([make_row(1, text="x"), *(make_row(n) for n in range(50, 60))]))
    bad = [make_row(n, text=None) for n in range(2, 30)]
    land(database, contract, source=giving(make_page([make_row(1, text="older"), *bad], complete=False)))  # … and no further
    with pytest.raises(SnapshotError):
        take_in(database, contract, make_page([make_row(1, text="newer"), make_row(99, text=None)]))
    states = "SELECT batch_id, state, count(*) FROM landing.record WHERE batch_id > 1 GROUP BY 1, 2 ORDER BY 1, 2"
    release(database, contract, 3, SETTINGS)
    assert ask(database, states) == [(2, "landed", 29), (3, "accepted", 1), (3, "quarantined", 1)]
    assert replay(database, mended, Choice("works"), SETTINGS, by="tester") == 1
    assert ask(database, states) == [(2, "landed", 29), (3, "accepted", 2)]
    assert ask(database, BATCHES) == [(1, "done"), (2, "landed"), (3, "done")]
    with pytest.raises(BatchHeld, match="28 of 29 rows fail"):
        take_in(database, contract, make_page([], complete=False))
    release(database, mended, 2, SETTINGS)
    assert ask(database, states) == [(2, "accepted", 28), (2, "superseded", 1), (3, "accepted", 2)]
    assert ask(database, "SELECT text FROM store.source_record WHERE source_record_id = '1' ORDER BY version") == ["x", "newer"]
    require_the_law(database)


def test_a_run_killed_after_its_validation_is_taken_along(database: Engine) -> None:
    contract = make_contract(expectations=[REQUIRED])
    validated(database, contract, 1, 2)  # … and no further
    report = take_in(database, contract, make_page([make_row(3)], complete=False))
    assert report.accepted == 1
    assert ask(database, "SELECT state, accepted FROM ops.batch ORDER BY batch_id") == [("done", 2), ("done", 1)]
