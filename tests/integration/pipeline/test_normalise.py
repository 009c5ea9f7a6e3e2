"""NORMALISE: versions become records, parties keep their ids, and everything waits for resolve."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from hub.encryption import clear_number
from hub.settings import Settings
from pipeline.landing.land import land
from pipeline.normalising import normalise
from pipeline.normalising.mapping import Mapped, map_records
from tests.integration.pipeline.builders import SETTINGS, ask, giving, make_contract, make_page, make_row, require_the_law, take_in

PARTY = "SELECT party_id, version, name FROM store.party ORDER BY version, ordinal"


def test_a_record_and_its_party_in_the_hubs_words(database: Engine) -> None:
    take_in(database, make_contract(), make_page([make_row(1)]))
    assert ask(database, "SELECT text, occurred_at::text, status, visibility, known_from FROM store.source_record") == [
        ("第1号楼漏水", "2026-03-01 00:00:00+00", "received", "shared", None)
    ]
    ((role, kind, name, phone),) = ask(database, "SELECT role, kind, name, phone FROM store.party")
    assert (role, kind, name, clear_number("phone", phone)) == ("petitioner", "person", "张伟", "13912345678")
    assert ask(database, "SELECT reason FROM ops.pending") == ["new"]
    assert ask(database, "SELECT kind FROM store.case_event") == ["occurred"]
    assert ask(database, "SELECT count(*) FROM store.source_record WHERE tokens @@ '漏水'::tsquery") == [1]


def test_the_next_version_keeps_the_records_id_and_the_partys(database: Engine) -> None:
    contract = make_contract()
    take_in(database, contract, make_page([make_row(1)]))
    take_in(database, contract, make_page([make_row(1, status="accepted", phone="13900000001")]))
    assert ask(database, "SELECT count(DISTINCT record_id), count(*) FROM store.source_record") == [(1, 2)]
    first, second = ask(database, PARTY)
    assert first[0] == second[0]
    assert ask(database, "SELECT reason FROM ops.pending") == ["changed"]


def test_counts_of_earlier_batches_go_with_their_rows(database: Engine) -> None:
    counts = "SELECT accepted, quarantined, superseded FROM ops.batch ORDER BY batch_id"
    contract = make_contract()
    take_in(database, contract, make_page([make_row(n, **({"phone": "no number"} if n == 4 else {})) for n in range(5)]))
    assert ask(database, counts) == [(4, 1, 0)]
    take_in(database, contract, make_page([make_row(n, status="closed") for n in (0, 4)], complete=False))
    assert ask(database, counts) == [(3, 0, 2), (2, 0, 0)]
    land(database, contract, source=giving(make_page([make_row(1, status="a")], complete=False)))  # … and no further
    take_in(database, contract, make_page([make_row(n, status="b") for n in (0, 1)], complete=False))
    assert ask(database, counts) == [(2, 0, 3), (1, 0, 1), (0, 0, 1), (2, 0, 0)]
    stored = "SELECT batch_id, accepted, quarantined, superseded FROM ops.batch ORDER BY 1"
    before = ask(database, stored)
    require_the_law(database)  # it recounts
    assert ask(database, stored) == before


def test_another_person_in_the_same_place_is_another_party(database: Engine) -> None:
    contract = make_contract()
    take_in(database, contract, make_page([make_row(1)]))
    take_in(database, contract, make_page([make_row(1, who="李娜")]))
    first, second = ask(database, PARTY)
    assert first[0] != second[0]


def test_a_deleted_record_is_a_version_without_content(database: Engine) -> None:
    contract = make_contract(feed={"mode": "cursor", "field": "at"})
    take_in(database, contract, make_page([make_row(1)]))
    take_in(database, contract, make_page([make_row(1)], operation="delete"))
    assert ask(database, "SELECT version, is_deleted, text IS NULL FROM store.source_record ORDER BY version") == [
        (1, False, False),
        (2, True, True),
    ]
    assert ask(database, "SELECT state FROM landing.record ORDER BY version") == ["superseded", "accepted"]
    assert ask(database, "SELECT reason FROM ops.pending") == ["deleted"]


def test_a_record_that_comes_back_after_its_deletion_keeps_its_ids(database: Engine) -> None:
    contract = make_contract(feed={"mode": "cursor", "field": "at"})
    take_in(database, contract, make_page([make_row(1)]))
    take_in(database, contract, make_page([make_row(1)], operation="delete"))
    take_in(database, contract, make_page([make_row(1)]))
    assert ask(database, "SELECT count(DISTINCT record_id), max(version) FROM store.source_record") == [(1, 3)]
    assert ask(database, "SELECT count(DISTINCT party_id) FROM store.party") == [1]


def test_normalising_twice_gives_the_same_rows(database: Engine) -> None:
    contract, page = make_contract(), make_page([make_row(n) for n in range(3)])
    take_in(database, contract, page)
    before = ask(database, "SELECT record_id, version FROM store.source_record ORDER BY 1")
    take_in(database, contract, page)
    assert ask(database, "SELECT record_id, version FROM store.source_record ORDER BY 1") == before


def test_earlier_batches_stay_free_while_a_long_one_is_mapped(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    contract, settings = make_contract(), Settings(home=SETTINGS.home, validate_chunk_rows=2)
    take_in(database, contract, make_page([make_row(n) for n in range(6)]))
    counts: list[int] = []

    def watched(*arguments: Any) -> Mapped:
        with database.begin() as other:
            counts.extend(other.execute(text("SELECT accepted FROM ops.batch WHERE batch_id = 1 FOR UPDATE NOWAIT")).scalars())
        return map_records(*arguments)

    monkeypatch.setattr(normalise, "map_records", watched)
    take_in(database, contract, make_page([make_row(n, status="closed") for n in range(6)]), settings=settings)
    assert counts == [6, 6, 6]
    assert ask(database, "SELECT accepted, superseded FROM ops.batch ORDER BY batch_id") == [(0, 6), (6, 0)]


def test_what_chunks_refuse_is_put_into_quarantine_once(database: Engine) -> None:
    settings = Settings(home=SETTINGS.home, validate_chunk_rows=2)
    rows = [make_row(n, at="no time" if n in (0, 3, 5) else "2026-03-01") for n in range(6)]
    report = take_in(database, make_contract(), make_page(rows), settings=settings)
    assert (report.accepted, report.quarantined) == (3, 3)
    assert ask(database, "SELECT source_record_id FROM quarantine.item ORDER BY item_id") == ["0", "3", "5"]


def test_a_small_batch_finds_its_temporary_tables_empty(database: Engine) -> None:
    sent: list[str] = []
    event.listen(database, "before_cursor_execute", lambda _, __, statement, *___: sent.append(statement))
    for status in ("received", "accepted"):
        take_in(database, make_contract(), make_page([make_row(1, status=status), make_row(2, status=status, at="no time")]))
    assert ask(database, "SELECT count(*) FROM quarantine.item WHERE state = 'open'") == [2]
    emptied = [statement for statement in sent if "TRUNCATE" in statement and statement != "TRUNCATE renewed"]  # of an encrypted store
    assert emptied == ["TRUNCATE seen, seen_keyless, returned"]  # of the second pull: keys of the first snapshot were there
