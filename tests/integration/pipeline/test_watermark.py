"""The watermark: a slip in one row does not carry it away, and a person can set it back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from cli import sources
from cli.acting import acting
from cli.main import app
from connectors.contract import Contract
from connectors.extract import Page, Pull
from connectors.values import utc_text
from hub.errors import BusyError, ContractError, HubError, RequestError
from pipeline.landing.land import land
from pipeline.landing.order import Order
from pipeline.landing.watermark import rewind
from pipeline.store.locks import department_lock
from tests.integration.pipeline.builders import ask, giving, make_contract, make_page, make_row, take_in

FEED = {"mode": "cursor", "field": "at", "lag": "PT10M"}
TIME, SLIP = "2026-03-01T00:00:00.000000Z", "2206-03-01T00:00:00.000000Z"
WATERMARK = "SELECT watermark FROM ops.source"


def page_of(*times: str) -> Page:
    return make_page([make_row(n, at=at) for n, at in enumerate(times)], cursor_field="at")


def asked(database: Engine, contract: Contract, order: Order = Order()) -> Pull:
    """What a pull asks of its source."""
    pulls: list[Pull] = []

    def source(_: Contract, pull: Pull, __: Engine) -> Iterator[Page]:
        pulls.append(pull)
        yield make_page([])

    land(database, contract, order, source)
    return pulls[0]


def stand(database: Engine, watermark: str) -> None:
    """Have a watermark stored, whatever it says."""
    take_in(database, make_contract(feed=FEED))
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE ops.source SET watermark = %s", (watermark,))


@pytest.mark.parametrize("is_ordered", [False, True])
def test_a_time_that_lies_ahead_lands_and_does_not_carry_the_watermark_away(database: Engine, is_ordered: bool) -> None:
    contract = make_contract(feed={**FEED, "ordered": is_ordered})
    report = take_in(database, contract, page_of(TIME, SLIP))
    assert (report.landed, report.quarantined, ask(database, WATERMARK)) == (2, 1, [TIME])  # NORMALISE has no such year
    assert report.alerts == (
        "cursor_ahead: 1 行的 at 比当前时间晚一天以上；已落地，水位不随之前移 · "
        "1 rows have at more than a day ahead; they landed, and the watermark does not follow",
    )
    assert asked(database, contract).since == "2026-03-01T07:50:00+08:00"
    again = take_in(database, contract, page_of(TIME, SLIP, "2026-03-02T00:00:00.000000Z"))
    assert (again.already_known, ask(database, WATERMARK)) == (2, ["2026-03-02T00:00:00.000000Z"])


def test_where_every_time_lies_ahead_there_is_no_watermark(database: Engine) -> None:
    report = take_in(database, make_contract(feed=FEED), page_of(SLIP))
    assert (report.landed, ask(database, WATERMARK), len(report.alerts)) == (1, [None], 1)


def test_a_clock_that_is_a_little_ahead_counts(database: Engine) -> None:
    soon = utc_text(datetime.now(UTC) + timedelta(hours=20))
    report = take_in(database, make_contract(feed={**FEED, "ordered": True}), page_of(TIME, soon))
    assert (report.alerts, ask(database, WATERMARK)) == ((), [soon])


@pytest.mark.parametrize(
    ("began", "counts"),
    [
        pytest.param(timedelta(hours=2), "began", id="by the source's clock"),
        pytest.param(timedelta(0), "row", id="all of it before"),
        pytest.param(None, "row", id="by the hub's own"),
        pytest.param(timedelta(days=4000), "row", id="a clock that is years off"),
    ],
)
def test_where_rows_come_in_no_order_the_watermark_does_not_pass_the_pulls_beginning(
    database: Engine, began: timedelta | None, counts: str
) -> None:
    now = datetime.now(UTC)
    times = {"row": utc_text(now - timedelta(hours=1)), "began": None if began is None else utc_text(now - began)}
    report = take_in(database, make_contract(feed=FEED), replace(page_of(TIME, times["row"]), began=times["began"]))
    assert (report.landed, report.alerts, ask(database, WATERMARK)) == (2, (), [times[counts]])


def test_the_hubs_own_clock_bounds_it_where_the_source_tells_none(database: Engine) -> None:
    take_in(database, make_contract(feed=FEED), page_of(TIME, utc_text(datetime.now(UTC) + timedelta(hours=20))))
    assert [TIME] < ask(database, WATERMARK) < [utc_text(datetime.now(UTC))]


@pytest.mark.parametrize(("cursor_type", "cursor"), [("integer", "9" * 20), ("text", SLIP)])
def test_what_is_no_time_never_lies_ahead(database: Engine, cursor_type: str, cursor: str) -> None:
    contract = make_contract(feed={"mode": "cursor", "field": "at", "cursor_type": cursor_type})
    report = take_in(database, contract, page_of(cursor))
    assert (report.alerts, ask(database, WATERMARK)) == ((), [cursor])


def test_a_sweep_and_a_backfill_alert_of_no_slip(database: Engine) -> None:
    for kind in ("reconcile", "backfill"):
        assert take_in(database, make_contract(feed=FEED), page_of(TIME, SLIP), order=Order(kind)).alerts == ()


def test_a_watermark_that_stands_ahead_from_before_is_told_until_it_is_set_back(database: Engine) -> None:
    contract = make_contract(feed=FEED)
    stand(database, SLIP)
    assert take_in(database, contract).alerts == (
        "watermark_ahead: 运行 `casehub sources rewind works` 之前拉取不到新数据 · nothing new comes until `casehub sources rewind works`",
    )
    assert rewind(database, contract, "2026-03-01 08:00:00") == TIME
    assert asked(database, contract).watermark == TIME
    assert take_in(database, contract).alerts == ()


@pytest.mark.parametrize(
    ("cursor_type", "watermark"),
    [
        pytest.param("integer", TIME, id="a time for an integer"),
        pytest.param("time", "00000000000000000007", id="an integer for a time"),
        pytest.param("time", "A-7", id="a text for a time"),
        pytest.param("time", "9999-12-31T20:00:00.000000Z", id="a time that its zone cannot write"),
    ],
)
def test_a_watermark_of_another_type_is_told_with_the_batch_and_how_to_go_on(database: Engine, cursor_type: str, watermark: str) -> None:
    contract = make_contract(version=2, feed={"mode": "cursor", "field": "at", "cursor_type": cursor_type})
    stand(database, watermark)
    with pytest.raises(ContractError, match="casehub sources rewind works"):
        land(database, contract, source=giving())
    state, error = ask(database, "SELECT state, error FROM ops.batch ORDER BY batch_id")[-1]
    assert (state, "casehub sources rewind works" in error) == ("failed", True)
    assert watermark not in error
    assert asked(database, contract, Order("reconcile")) == asked(database, contract, Order("backfill")) == Pull()
    rewind(database, contract)
    assert asked(database, contract) == Pull()


@pytest.mark.parametrize(
    ("feed", "to", "words"),
    [
        pytest.param({"mode": "snapshot"}, None, "mode snapshot has no watermark", id="no cursor"),
        pytest.param(FEED, "yesterday", "--to is no time", id="no time"),
        pytest.param(FEED, "2026-03-02", "only goes back", id="forward"),
        pytest.param({"mode": "cursor", "field": "at", "cursor_type": "integer"}, "7", "only goes back", id="of another type"),
    ],
)
def test_what_a_watermark_is_not_set_to(database: Engine, feed: dict[str, Any], to: str | None, words: str) -> None:
    stand(database, TIME)
    with pytest.raises(RequestError, match=words):
        rewind(database, make_contract(feed=feed), to)
    assert ask(database, WATERMARK) == [TIME]


def test_a_watermark_is_not_set_back_under_a_run(database: Engine) -> None:
    stand(database, TIME)
    with department_lock(database, "works"), pytest.raises(BusyError):
        rewind(database, make_contract(feed=FEED))


def test_the_command_sets_it_back_and_is_in_the_audit_log(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def store() -> Iterator[Engine]:
        with acting(database):
            yield database

    monkeypatch.setattr(sources, "store", store)
    stand(database, SLIP)
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE ops.source SET department = 'housing'")
    result = CliRunner().invoke(app, ["sources", "rewind", "housing", "--to", "2026-03-01 08:00:00"])
    assert (result.exit_code, TIME in result.output) == (0, True)
    assert ask(database, WATERMARK) == [TIME]
    assert "the beginning" in CliRunner().invoke(app, ["sources", "rewind", "housing"]).output
    assert ask(database, WATERMARK) == [None]
    refused = CliRunner().invoke(app, ["sources", "rewind", "housing", "--to", "2026-03-01"]).exception
    assert isinstance(refused, HubError)
    assert ask(database, "SELECT DISTINCT action, outcome FROM audit.access ORDER BY outcome NULLS LAST") == [
        ("sources.rewind", 0),
        ("sources.rewind", 1),
        ("sources.rewind", None),
    ]


def test_a_watermark_read_in_another_time_zone_is_refused_until_it_is_set_back(database: Engine) -> None:
    wrong, right = make_contract(feed=FEED, timezone="UTC"), make_contract(feed=FEED, timezone="Asia/Shanghai", version=2)
    take_in(database, wrong, make_page([make_row(1)], cursor_field="at"))
    with pytest.raises(ContractError, match="in the time zone UTC, the contract now says Asia/Shanghai"):
        land(database, right, source=giving())
    assert ask(database, "SELECT state FROM ops.batch ORDER BY batch_id") == ["done", "failed"]
    assert asked(database, right, Order("backfill")) == Pull()
    rewind(database, right)
    assert asked(database, right) == Pull()
    take_in(database, right, make_page([make_row(1)], cursor_field="at"))
    assert asked(database, right).since is not None


def test_a_watermark_of_which_no_time_zone_is_known_goes_on(database: Engine) -> None:
    stand(database, TIME)
    assert asked(database, make_contract(feed=FEED, timezone="UTC")).since is not None
