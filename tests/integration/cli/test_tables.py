"""Lists on a terminal of eighty columns: what one must type again, or look for, is not cut off."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
from rich.console import Console
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from cli import batches, keys, lookups, policy, quarantine, review, run
from cli.main import app
from hub.errors import BatchHeld, ConservationError, RequestError
from pipeline.landing.land import land
from tests.integration.pipeline.builders import giving, make_contract, make_page, make_row, take_in

_BATCH = "INSERT INTO ops.batch (department, kind, state, contract_version, pulled) VALUES (:department, 'reconcile', 'failed', 1, 123456)"
_ITEM = (
    "INSERT INTO quarantine.item (department, source_record_id, version, batch_id, rule, column_name, reason, state) "
    "VALUES ('emergency_management', 'YJ20260301000123', 1, 1, 'transform:petitioner.birth_date', 'csrq', 'cannot be read as date', 'open')"
)


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch, database: Engine) -> None:
    @contextlib.contextmanager
    def store() -> Iterator[Engine]:
        yield database

    monkeypatch.setenv("COLUMNS", "80")
    for command in (batches, keys, lookups, policy, quarantine, review):
        monkeypatch.setattr(command, "store", store)


def test_batches_show_their_state(database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text(_BATCH), {"department": "labour"})
    output = CliRunner().invoke(app, ["batches", "list", "--state", "failed"]).output
    assert all(len(line) <= 80 for line in output.splitlines())
    for words in ("labour", "reconcile", "123,456", "失败", "failed"):
        assert words in output
    assert "…" not in output


def test_a_rule_in_quarantine_can_be_copied(database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text(_ITEM))
    output = CliRunner().invoke(app, ["quarantine", "list"]).output
    assert "transform:petitioner.birth_date" in output
    assert "…" not in output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("quarantine", "list"), "no refused rows wait"),
        (("batches", "list", "--state", "held"), "no such batches"),
        (("policy", "list"), "no policy was proposed yet"),
        (("keys", "list"), "no keys yet"),
        (("lookups", "list"), "no look-ups"),
        (("review", "list"), "no pairs wait"),
        (("review", "next"), "no pairs wait"),
    ],
    ids=str,
)
def test_where_there_is_nothing_it_is_said(words: tuple[str, ...], told: str) -> None:
    assert told in CliRunner().invoke(app, list(words)).output


def test_what_goes_into_a_file_is_broken_over_no_lines(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it can be searched, and read by a program."""
    monkeypatch.delenv("COLUMNS")
    with database.begin() as connection:
        connection.execute(text(_ITEM.replace("cannot be read as date", "cannot be read " * 20)))
        connection.execute(text(_BATCH), {"department": "emergency_management_of_the_district"})
    (row,) = [line for line in CliRunner().invoke(app, ["quarantine", "list"]).output.splitlines() if "YJ2026" in line]
    assert row.split()[:5] == ["1", "emergency_management", "YJ20260301000123", "1", "transform:petitioner.birth_date"]
    assert row.count("cannot be read") == 20
    assert "emergency_management_of_the_district" in CliRunner().invoke(app, ["batches", "list"]).output


def test_refused_rows_beyond_those_shown_are_counted_by_rule(database: Engine) -> None:
    with database.begin() as connection:
        for number in range(3):
            connection.execute(text(_ITEM.replace("YJ20260301000123", f"YJ{number}")))
        connection.execute(text(_ITEM.replace("transform:petitioner.birth_date", "fault").replace("YJ20260301000123", "YJ9")))
    output = CliRunner().invoke(app, ["quarantine", "list", "--limit", "2"]).output
    assert "the oldest 2 of 4 items" in output
    assert "  transform:petitioner.birth_date × 3\n  fault × 1\n" in output
    assert "the oldest" not in CliRunner().invoke(app, ["quarantine", "list", "--limit", "4"]).output


def test_a_replay_says_how_much_is_in_quarantine_still(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    contract = make_contract()
    monkeypatch.setattr(quarantine, "active_contracts", lambda *_: [contract])
    take_in(database, contract, make_page([make_row(1, at="next Tuesday"), make_row(2)]))
    output = CliRunner().invoke(app, ["quarantine", "replay", "works"]).output
    assert "replayed 1 rows" in output
    assert "1 items are in quarantine still: casehub quarantine list --department works" in output
    monkeypatch.setattr(quarantine, "active_contracts", lambda *_: [make_contract(version=2, record={"text": {"from": "text"}})])
    assert "still" not in CliRunner().invoke(app, ["quarantine", "replay", "works"]).output


def test_batches_show_what_they_alert_of_once(database: Engine) -> None:
    alerting = _BATCH.replace("pulled)", "pulled, alerts)").replace("123456)", """123456, '["volume: few"]')""")
    with database.begin() as connection:
        for department in ("labour", "labour", "court"):
            connection.execute(text(alerting), {"department": department})
    output = CliRunner().invoke(app, ["batches", "list"]).output
    assert [line for line in output.splitlines() if "volume" in line] == ["提醒 · alert 2: volume: few", "提醒 · alert 3: volume: few"]


def test_what_stands_in_brackets_is_shown_as_it_stands(database: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    item = _ITEM.replace("'YJ20260301000123'", "'[red]7'").replace("'csrq'", "'[/mg]'")
    with database.begin() as connection:
        connection.execute(text(item))
        connection.execute(text(_BATCH), {"department": "[/dim]"})
    output = CliRunner().invoke(app, ["quarantine", "list"]).output
    assert "[red]7" in output and "[/mg]" in output
    assert "[/dim]" in CliRunner().invoke(app, ["batches", "list"]).output
    with run.PassTable({"works": "[/works] works"}, Console()) as table:
        table.update("works", "done", None)
    assert "[/works] works" in capsys.readouterr().out


def test_no_picture_takes_the_place_of_letters(database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text(_BATCH), {"department": ":key:"})
    assert ":key:" in CliRunner().invoke(app, ["batches", "list"]).output


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("ingest", "`casehub run works`"),
        ("reconcile", "`casehub run works --reconcile`"),
        ("backfill", "`casehub run works --backfill`"),
        ("remap", "`casehub run works --remap`"),
    ],
)
def test_a_discard_says_which_pull_asks_for_the_rows_again(database: Engine, kind: str, command: str) -> None:
    with database.begin() as connection:
        held = "INSERT INTO ops.batch (department, kind, state, contract_version) VALUES ('works', :kind, 'held', 1)"
        connection.execute(text(held), {"kind": kind})
    assert command in CliRunner().invoke(app, ["batches", "discard", "1"]).output


def test_rows_that_the_next_run_takes_along_break_no_law(database: Engine) -> None:
    land(database, make_contract(), source=giving(make_page([make_row(n) for n in range(3)])))
    with database.begin() as connection:
        connection.execute(text("UPDATE ops.batch SET state = 'failed'"))
    result = CliRunner().invoke(app, ["batches", "check"])
    assert result.exit_code == 0, result.output
    assert "3 行等待处理" in result.output
    with database.begin() as connection:
        connection.execute(text("UPDATE ops.batch SET state = 'done'"))
    assert "3 行等待处理" in CliRunner().invoke(app, ["batches", "check"]).output  # as a replay leaves them: nothing has judged them yet
    with database.begin() as connection:
        connection.execute(text("UPDATE ops.batch SET validated_at = now()"))
    assert isinstance(CliRunner().invoke(app, ["batches", "check"]).exception, ConservationError)


DOUBLE = """
INSERT INTO landing.record (department, source_record_id, version, batch_id, ordinal, operation, content_hash, has_key, payload, state)
SELECT department, source_record_id, 2, batch_id, ordinal + 3, operation, content_hash, has_key, payload, state
FROM landing.record WHERE source_record_id = '1'
"""


@pytest.mark.parametrize(
    ("broken_by", "zh", "en"),
    [
        pytest.param(
            "DELETE FROM landing.record WHERE source_record_id = '1'",
            "落地区有 2 行，落地 3 行，来源删除 0 行",
            "landing holds 2 rows, 3 landed and 0 were deleted at the source",
            id="a row lost",
        ),
        pytest.param(
            DOUBLE,
            "落地区有 4 行，落地 3 行，来源删除 0 行",
            "landing holds 4 rows, 3 landed and 0 were deleted at the source",
            id="a row doubled",
        ),
        pytest.param(
            "UPDATE ops.batch SET pulled = pulled + 1 WHERE batch_id = 1",
            "拉取 4 ≠ 落地 3 + 已知 0",
            "pulled 4 ≠ landed 3 + already known 0",
            id="a row that never landed",
        ),
        pytest.param(
            "UPDATE landing.record SET state = 'landed' WHERE source_record_id = '1'",
            "1 行落地后尚无状态",
            "1 landed rows are in no state yet",
            id="a row in no state",
        ),
    ],
)
def test_a_broken_law_is_told_with_its_batch_and_both_counts(database: Engine, broken_by: str, zh: str, en: str) -> None:
    take_in(database, make_contract(), make_page([make_row(n) for n in range(3)]))
    take_in(database, make_contract(), make_page([make_row(n) for n in range(3)]))  # a batch of which the law holds
    assert CliRunner().invoke(app, ["batches", "check"]).exit_code == 0
    with database.begin() as connection:
        connection.execute(text(broken_by))
    error = CliRunner().invoke(app, ["batches", "check"]).exception
    assert isinstance(error, ConservationError)
    assert error.message == f"works: 批次 1 违反守恒律：{zh} · batch 1 breaks the conservation law: {en}"
    assert error.detail == {"department": "works", "batch_id": 1}


@pytest.mark.parametrize(("mode", "words"), [("snapshot", "`casehub run works`"), ("events", "send its events again")])
def test_a_discarded_batch_says_how_its_rows_come_again(database: Engine, mode: str, words: str) -> None:
    inbox = {"connector": {"kind": "inbox", "connection": "works", "event_id": {"path": "event"}}, "feed": {"mode": "events"}}
    land(database, make_contract(**(inbox if mode == "events" else {})), source=giving(make_page([make_row(1)])))
    with database.begin() as connection:
        connection.execute(text("UPDATE ops.batch SET state = 'held'"))
        connection.execute(text("UPDATE landing.record SET state = 'held'"))
    result = CliRunner().invoke(app, ["batches", "discard", "1"])
    assert words in " ".join(result.output.split()), result.output


def test_a_release_tells_what_became_of_the_rows(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    contract = make_contract()
    monkeypatch.setattr(batches, "active_contracts", lambda *_: [contract])
    rows = [make_row(n, at="next Tuesday" if n < 10 else "2026-03-01 08:00:00") for n in range(30)]
    with pytest.raises(BatchHeld):
        take_in(database, contract, make_page(rows))
    output = CliRunner().invoke(app, ["batches", "release", "1"]).output
    assert "20 rows accepted" in output
    assert "10 rows went to quarantine: casehub quarantine list --department works" in output


def test_what_is_pushed_cannot_be_swept() -> None:
    with pytest.raises(RequestError, match="cannot be swept"):
        CliRunner().invoke(app, ["run", "emergency_management", "--reconcile"], catch_exceptions=False)
