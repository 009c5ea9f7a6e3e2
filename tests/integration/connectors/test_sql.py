"""SQL against SQLite, PostgreSQL, and MariaDB where CASEHUB_TEST_MARIADB_URL says one is there."""

from __future__ import annotations

import datetime
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from connectors.contract import Contract
from connectors.extract import Pull, reconcile
from connectors.rows import SURROGATE_FAULT
from connectors.transports.sqlserver import SqlServer
from hub.errors import ContractError, SettingsError, SourceFormatError, SourceLimitError, SourceRefused, SourceUnavailable
from tests.integration.connectors.servers import free_port
from tests.outside import MARIADB, NO_MARIADB
from tests.unit.connectors.builders import make_contract, payloads, pull, rows_of

ENGINES = ["sqlite", "postgresql", *(["mariadb"] if MARIADB else [])]
TIME = datetime.datetime(2026, 1, 1, 8, 0, 0)  # noqa: DTZ001 - a wall clock's time


@dataclass
class Source:
    """A department's database."""

    engine: sa.Engine

    def table(self, name: str, *columns: sa.Column[Any], rows: list[dict[str, Any]]) -> None:
        """A table with rows in it."""
        table = sa.Table(name, sa.MetaData(), *columns, mysql_charset="utf8mb4")
        table.drop(self.engine, checkfirst=True)
        table.create(self.engine)
        with self.engine.begin() as connection:
            if rows:
                connection.execute(table.insert(), rows)

    def run(self, *statements: str) -> None:
        """Statements, committed."""
        with self.engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)


def url_of(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    if name == "sqlite":
        sqlite3.connect(tmp_path / "source.db").close()
        return f"sqlite:///{tmp_path / 'source.db'}"
    return MARIADB if name == "mariadb" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture(params=ENGINES)
def source(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    url = url_of(request.param, tmp_path, request)
    monkeypatch.setenv("CASEHUB_CONNECTION_SOURCE", url)
    engine = sa.create_engine(url)
    yield Source(engine)
    engine.dispose()


@pytest.fixture
def sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    """SQLite alone, for what does not depend on the database."""
    path = tmp_path / "source.db"
    sqlite3.connect(path).close()
    monkeypatch.setenv("CASEHUB_CONNECTION_SOURCE", f"sqlite:///{path}")
    engine = sa.create_engine(f"sqlite:///{path}")
    yield Source(engine)
    engine.dispose()


def contract_on(
    relation: str = "v_case", feed: dict[str, Any] | None = None, key: tuple[str, ...] = ("ajbh",), **connector: Any
) -> Contract:
    reach = {"kind": "sql", "connection": "source", "relation": relation, "retries": 0, **connector}
    if "query" in connector:
        del reach["relation"]
    return make_contract(connector=reach, feed=feed or {"mode": "cursor", "field": "gxsj"}, key=list(key))


def columns(cursor: Any = sa.DateTime) -> list[sa.Column[Any]]:
    return [sa.Column("ajbh", sa.String(20)), sa.Column("ajmc", sa.String(50)), sa.Column("gxsj", cursor)]


def case(number: int, minutes: int | None = None, name: str = "案") -> dict[str, Any]:
    moment = None if minutes is None else TIME + datetime.timedelta(minutes=minutes)
    return {"ajbh": f"A{number:03d}", "ajmc": name, "gxsj": moment}


def keys(pages: Any) -> list[str | None]:
    return [row["source_record_id"] for row in rows_of(list(pages))]


# --- pages -------------------------------------------------------------------------------------------------------------------


def test_pages_in_the_order_of_the_cursor_whatever_the_order_of_rows(source: Source) -> None:
    source.table("v_case", *columns(), rows=[case(number, 100 - number) for number in range(10)])
    pages = pull(contract_on(page_size=4))
    assert keys(pages) == [f"A{number:03d}" for number in reversed(range(10))]
    assert [page.rows.num_rows for page in pages if page.rows.num_rows] == [4, 4, 2]
    cursors = [page.cursor for page in pages]
    assert cursors == sorted(cursors, key=lambda cursor: cursor or "")
    assert (pages[-1].complete, pages[-1].columns, pages[-1].cursor) == (True, ("ajbh", "ajmc", "gxsj"), "2026-01-01T01:40:00.000000Z")


def test_rows_that_share_cursor_and_key_are_not_lost_between_pages(source: Source) -> None:
    rows = [case(1, 0, name) for name in "甲乙丙丁"] + [case(2, 0), case(3, 0), case(3, 0)]
    source.table("v_case", *columns(), rows=rows)
    for size in (3, 5, 7, 20):
        names = [row["payload"]["ajmc"] for row in rows_of(pull(contract_on(page_size=size)))]
        assert sorted(names) == sorted(["甲", "乙", "丙", "丁", "案", "案", "案"]), size


def test_too_many_rows_of_one_key_are_told(sqlite: Source) -> None:
    sqlite.table("v_case", *columns(), rows=[case(1, 0, str(number)) for number in range(50)])
    with pytest.raises(SourceFormatError, match="share one value of gxsj, ajbh"):
        pull(contract_on(page_size=5))


def test_rows_without_key_or_cursor_come_too(source: Source) -> None:
    rows = [case(1, 0), case(2), {"ajbh": None, "ajmc": "无", "gxsj": TIME}, {"ajbh": None, "ajmc": "无", "gxsj": None}]
    source.table("v_case", *columns(), rows=rows)
    pages = pull(contract_on())
    assert keys(pages) == [None, None, "A002", "A001"]
    assert sorted(keys(reconcile(contract_on())), key=str) == ["A001", "A002", None, None]


def test_rows_without_a_key_come_before_any_page_that_moves_the_watermark(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = [{"ajbh": None, "ajmc": name, "gxsj": TIME + datetime.timedelta(days=1)} for name in "甲乙"]
    source.table("v_case", *columns(), rows=[*(case(number, number) for number in range(4)), *nobody])
    pages = pull(contract_on(page_size=2))
    seen = [(page.cursor, [row["source_record_id"] for row in rows_of([page])]) for page in pages if page.rows.num_rows]
    assert seen[0] == (None, [None, None])
    assert [keys for _, keys in seen[1:]] == [["A000", "A001"], ["A002", "A003"]]
    assert pages[-1].cursor == "2026-01-01T00:03:00.000000Z"  # what has no key says nothing of how far the others have come


def test_a_source_of_which_no_row_has_its_key_is_told(source: Source) -> None:
    source.table("v_case", *columns(), rows=[{"ajbh": None, "ajmc": name, "gxsj": TIME} for name in "甲乙"])
    with pytest.raises(SourceFormatError, match="none of the first 2 rows has the key 'ajbh'"):
        pull(contract_on())


def test_a_second_pull_takes_what_is_new_and_what_came_late(source: Source) -> None:
    source.table("v_case", *columns(), rows=[case(number, number) for number in range(30)])
    contract = contract_on(feed={"mode": "cursor", "field": "gxsj", "lag": "PT10M"})
    after = Pull.after(contract, pull(contract)[-1].cursor)
    source.run("insert into v_case (ajbh, ajmc, gxsj) values ('B1', 'late', '2026-01-01 08:20:00.000000')")
    assert sorted(keys(pull(contract, after)), key=str) == [*(f"A{number:03d}" for number in range(19, 30)), "B1"]


def test_a_snapshot_goes_by_key(source: Source) -> None:
    source.table("v_case", *columns(), rows=[case(number, 50 - number) for number in (3, 1, 2)])
    pages = pull(contract_on(feed={"mode": "snapshot"}, page_size=2))
    assert keys(pages) == ["A001", "A002", "A003"]
    assert {page.cursor for page in pages} == {None}


def test_a_key_of_two_columns(source: Source) -> None:
    rows = [{"a": left, "b": right, "gxsj": TIME} for left in "xyz" for right in (1, 2, 3)]
    source.table("v_case", sa.Column("a", sa.String(5)), sa.Column("b", sa.Integer), sa.Column("gxsj", sa.DateTime), rows=rows)
    assert keys(pull(contract_on(key=("a", "b"), page_size=2))) == [f"{left}|{right}" for left in "xyz" for right in (1, 2, 3)]


def test_an_empty_source(source: Source) -> None:
    source.table("v_case", *columns(), rows=[])
    pages = pull(contract_on(), Pull("2026-01-01T00:00:00.000000Z", "2026-01-01T08:00:00+08:00"))
    assert [(page.rows.num_rows, page.complete) for page in pages] == [(0, True)]


@pytest.mark.parametrize(
    ("kind", "write", "cursor_type"),
    [
        pytest.param(sa.DateTime, lambda moment: moment, "time", id="timestamp"),
        pytest.param(sa.Date, lambda moment: moment.date(), "time", id="date"),
        pytest.param(sa.String(30), lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S"), "time", id="text with a blank"),
        pytest.param(sa.String(30), lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S.5"), "time", id="text with T and a fraction"),
        pytest.param(sa.String(30), lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S+08:00"), "time", id="text with an offset"),
        pytest.param(
            sa.String(30), lambda moment: (moment - datetime.timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M:%SZ"), "time", id="UTC text"
        ),
        pytest.param(sa.String(30), lambda moment: moment.strftime("%Y%m%d%H%M%S"), "time", id="digits"),
        pytest.param(sa.String(30), lambda moment: str(int((moment - datetime.timedelta(hours=8)).timestamp())), "time", id="epoch text"),
        pytest.param(sa.BigInteger, lambda moment: int((moment - datetime.timedelta(hours=8)).timestamp()), "time", id="epoch"),
        pytest.param(sa.BigInteger, lambda moment: int((moment - datetime.timedelta(hours=8)).timestamp() * 1000), "time", id="epoch ms"),
        pytest.param(sa.BigInteger, lambda moment: moment.hour * 1000 + moment.day, "integer", id="integer"),
        pytest.param(sa.String(30), lambda moment: f"K{moment.day:03d}", "text", id="text"),
    ],
)
def test_cursors_of_each_type(source: Source, monkeypatch: pytest.MonkeyPatch, kind: Any, write: Any, cursor_type: str) -> None:
    monkeypatch.setenv("TZ", "UTC")
    days = [TIME + datetime.timedelta(days=number) for number in range(6)]
    rows = [{"ajbh": f"A{number}", "ajmc": "x", "gxsj": write(day)} for number, day in enumerate(days)]
    source.table("v_case", *columns(kind), rows=rows)
    contract = contract_on(feed={"mode": "cursor", "field": "gxsj", "cursor_type": cursor_type}, page_size=2)
    pages = pull(contract)
    assert keys(pages) == [f"A{number}" for number in range(6)]
    middle = next(page.cursor for page in pages if "A3" in page.rows.column("source_record_id").to_pylist())
    assert keys(pull(contract, Pull.after(contract, middle)))[:1] == ["A3"]


def test_a_timestamp_with_time_zone(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEHUB_CONNECTION_SOURCE", postgres_url)
    engine = sa.create_engine(postgres_url)
    source = Source(engine)
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    rows = [{"ajbh": f"A{number}", "ajmc": "x", "gxsj": moment + datetime.timedelta(hours=number)} for number in range(4)]
    source.table("v_case", *columns(sa.DateTime(timezone=True)), rows=rows)
    contract = contract_on()
    assert keys(pull(contract, Pull.after(contract, "2026-01-01T02:00:00.000000Z"))) == ["A2", "A3"]
    assert payloads(pull(contract))[0]["gxsj"] == "2026-01-01T00:00:00+00:00"
    engine.dispose()


@pytest.mark.parametrize("values", [["2026/1/2", "2026/10/2", "2026/9/2"], ["昨天", "今天", "明天"]], ids=["no zeros", "words"])
def test_a_cursor_that_does_not_sort_as_time_is_told(sqlite: Source, values: list[str]) -> None:
    rows = [{"ajbh": f"A{number}", "ajmc": "x", "gxsj": value} for number, value in enumerate(values)]
    sqlite.table("v_case", *columns(sa.String(30)), rows=rows)
    with pytest.raises(SourceFormatError, match="does not sort"):
        pull(contract_on(), Pull("2026-01-01T00:00:00.000000Z", "2026-01-01T08:00:00+08:00"))


# --- names and values --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("relation", "names"), [("GHDK_AJ", ("AJBH", "GXSJ")), ("案件 表", ("案件编号", "更新 时间")), ("order", ("select", "from"))]
)
def test_names_are_taken_as_they_are_written(source: Source, relation: str, names: tuple[str, str]) -> None:
    key, cursor = names
    source.table(relation, sa.Column(key, sa.String(20)), sa.Column(cursor, sa.DateTime), rows=[{key: "A1", cursor: TIME}])
    assert keys(pull(contract_on(relation, {"mode": "cursor", "field": cursor}, (key,)))) == ["A1"]


def test_a_relation_in_a_schema(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEHUB_CONNECTION_SOURCE", postgres_url)
    engine = sa.create_engine(postgres_url)
    Source(engine).run('create schema "Lab"', "create table \"Lab\".v_case as select 'A1' as ajbh, timestamp '2026-01-01' as gxsj")
    assert keys(pull(contract_on("Lab.v_case"))) == ["A1"]
    engine.dispose()


def test_a_query_of_two_tables(source: Source) -> None:
    source.table(
        "jjdb", sa.Column("jjdbh", sa.String(20)), sa.Column("bjnr", sa.String(50)), rows=[{"jjdbh": "J1", "bjnr": "12:30 报警 100%"}]
    )
    source.table("cjdb", sa.Column("jjdbh", sa.String(20)), sa.Column("gxsj", sa.DateTime), rows=[{"jjdbh": "J1", "gxsj": TIME}])
    query = "select a.jjdbh, a.bjnr, b.gxsj, ':x 50%' as note from jjdb a join cjdb b on a.jjdbh = b.jjdbh where a.bjnr like '%12:30%'"
    row = payloads(pull(contract_on(query=query, key=("jjdbh",))))[0]
    assert (row["bjnr"], row["note"]) == ("12:30 报警 100%", ":x 50%")


def test_values_become_json(source: Source) -> None:
    kinds = [
        sa.Column("ajbh", sa.String(20)),
        sa.Column("gxsj", sa.DateTime),
        sa.Column("je", sa.Numeric(18, 2)),
        sa.Column("zp", sa.LargeBinary),
        sa.Column("rq", sa.Date),
        sa.Column("n", sa.BigInteger),
    ]
    values = {"ajbh": "A1", "gxsj": TIME, "je": Decimal("12.50"), "zp": b"\x00\xff", "rq": TIME.date(), "n": 2**53 + 1}
    source.table("v_case", *kinds, rows=[values])
    row = payloads(pull(contract_on()))[0]
    assert (float(row["je"]), row["zp"], row["rq"], row["n"]) == (12.5, "AP8=", "2026-01-01", 2**53 + 1)
    if source.engine.dialect.name != "sqlite":
        assert (row["je"], row["gxsj"]) == ("12.50", "2026-01-01T08:00:00")


def test_rows_with_bytes_are_told_apart_where_pages_meet(source: Source) -> None:
    rows = [{**case(number, 0), "zp": bytes([number, 255])} for number in range(10)]
    source.table("v_case", *columns(), sa.Column("zp", sa.LargeBinary), rows=rows)
    for feed in ({"mode": "snapshot"}, {"mode": "cursor", "field": "gxsj"}):
        assert keys(pull(contract_on(feed=feed, page_size=3))) == [f"A{number:03d}" for number in range(10)]


def test_a_key_of_bytes_is_the_same_at_each_pull(source: Source) -> None:
    kind = sa.LargeBinary(16).with_variant(mysql.BINARY(2), "mysql", "mariadb")
    source.table("v_case", sa.Column("id", kind), sa.Column("gxsj", sa.DateTime), rows=[{"id": b"\x01\xff", "gxsj": TIME}])
    contract = contract_on(key=("id",))
    assert keys(pull(contract)) == keys(pull(contract)) == ["Af8="]


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        pytest.param("timestamp", "20226-01-01 08:00:00", "20226-01-01 08:00:00", id="a year of five figures"),
        pytest.param("timestamptz", "20226-01-01 08:00:00+00", "20226-01-01 08:00:00+00", id="with a zone"),
        pytest.param("date", "0044-03-15 BC", "0044-03-15 BC", id="before Christ"),
        pytest.param("time", "24:00:00", "24:00:00", id="the end of a day"),
        pytest.param("date[]", "{20226-01-01}", ["20226-01-01"], id="in a list"),
    ],
)
def test_a_time_that_python_does_not_have_stays_as_it_is_written(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, kind: str, value: str, text: object
) -> None:
    monkeypatch.setenv("CASEHUB_CONNECTION_SOURCE", postgres_url)
    source = Source(sa.create_engine(postgres_url))
    source.run(
        f"create table v_case (ajbh text, gxsj timestamp, odd {kind})",
        f"insert into v_case values ('A1', '2026-01-01', '{value}'), ('A2', '2026-01-02', null)",
    )
    assert [row["odd"] for row in payloads(pull(contract_on()))] == [text, None]
    source.engine.dispose()


def test_a_value_that_a_driver_cannot_read_is_told_without_it(sqlite: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(*_: object) -> Any:
        raise ValueError("13912345678")

    sqlite.table("v_case", *columns(sa.String(30)), rows=[{"ajbh": "A1", "ajmc": "好", "gxsj": "2026-01-01 08:00:00"}])
    monkeypatch.setattr(SqlServer, "_run", cannot)
    with pytest.raises(SourceFormatError, match="a value that its driver cannot read") as caught:
        pull(contract_on())
    assert "139" not in str(caught.value)


def test_json_columns_are_opened_where_a_path_goes_into_them(source: Source) -> None:
    source.table(
        "v_case",
        *columns(),
        sa.Column("workers", sa.JSON),
        sa.Column("other", sa.Text),
        rows=[{**case(1, 0), "workers": [{"xm": "王"}], "other": "[1]"}],
    )
    parties = [{"role": "petitioner", "each": {"path": "workers[]"}, "name": {"from": "xm"}}]
    contract = make_contract(connector={"kind": "sql", "connection": "source", "relation": "v_case"}, parties=parties)
    row = payloads(pull(contract))[0]
    assert (row["workers"], row["other"]) == ([{"xm": "王"}], "[1]")


def test_sqlite_text_that_is_no_utf_8_is_kept_as_bytes(sqlite: Source) -> None:
    sqlite.table("v_case", *columns(sa.String(30)), rows=[{"ajbh": "A1", "ajmc": "好", "gxsj": "2026-01-01 08:00:00"}])
    sqlite.run("insert into v_case values ('A2', cast(x'cdf5' as text), '2026-01-01 08:00:00')")
    rows = rows_of(pull(contract_on(retries=1)))
    assert [(row["source_record_id"], row["fault"]) for row in rows] == [("A1", None), ("A2", SURROGATE_FAULT)]


# --- failures ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(
            {"feed": {"mode": "cursor", "field": "gxsi"}}, r"cursor column 'gxsi' does not exist; columns are ajbh, ajmc, gxsj", id="cursor"
        ),
        pytest.param({"key": ("ajbg",)}, "key column 'ajbg' does not exist", id="key"),
        pytest.param({"relation": "v_cases"}, "no relation 'v_cases'", id="relation"),
    ],
)
def test_what_does_not_exist_is_told_with_what_does(source: Source, arguments: dict[str, Any], words: str) -> None:
    source.table("v_case", *columns(), rows=[case(1, 0)])
    with pytest.raises(ContractError, match=words) as caught:
        pull(contract_on(**arguments))
    assert "did you mean" in str(caught.value)


@pytest.mark.parametrize(
    "query", [pytest.param("select nix from v_case", id="no such column"), pytest.param("select * from nowhere", id="no such table")]
)
def test_a_query_that_cannot_be_answered(source: Source, query: str) -> None:
    source.table("v_case", *columns(), rows=[])
    with pytest.raises(SourceFormatError, match="no such table or column"):
        pull(contract_on(query=query))


def test_a_query_that_names_a_column_twice(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEHUB_CONNECTION_SOURCE", postgres_url)
    engine = sa.create_engine(postgres_url)
    Source(engine).table("v_case", *columns(), rows=[])
    engine.dispose()
    with pytest.raises(ContractError, match="twice"):
        pull(contract_on(query="select a.ajbh, b.ajbh, a.gxsj from v_case a, v_case b"))


def test_the_source_is_never_written_to(source: Source) -> None:
    source.table("v_case", *columns(), rows=[case(1, 0)])
    if source.engine.dialect.name == "postgresql":
        source.run("create function f() returns text language sql as 'delete from v_case returning ajbh'")
        with pytest.raises(SourceFormatError):
            pull(contract_on(query="select f() as ajbh, timestamp '2026-01-01' as gxsj"))
    pull(contract_on())
    with source.engine.connect() as connection:
        assert connection.exec_driver_sql("select count(*) from v_case").scalar() == 1


SLOW = {
    "sqlite": "with recursive n(x) as (select 1 union all select x + 1 from n where x < 1e9) select max(x) as ajbh, 1 as gxsj from n",
    "postgresql": "select pg_sleep(20)::text as ajbh, timestamp '2026-01-01' as gxsj",
    "mysql": "select sleep(20) as ajbh, timestamp '2026-01-01' as gxsj",
}


def test_a_statement_that_takes_too_long_is_given_up(source: Source) -> None:
    name = source.engine.dialect.name
    with pytest.raises(SourceUnavailable):
        pull(contract_on(query=SLOW["mysql" if name == "mariadb" else name], timeout_s=1))


def test_a_page_of_too_many_bytes_is_cut_off(source: Source) -> None:
    rows = [{"ajbh": f"A{number}", "gxsj": TIME, "nr": "x" * 50_000} for number in range(60)]
    source.table("v_case", *columns()[:1], sa.Column("gxsj", sa.DateTime), sa.Column("nr", sa.Text), rows=rows)
    with pytest.raises(SourceLimitError, match="longer than 1000000 bytes"):
        pull(contract_on(max_response_bytes=1_000_000))
    assert len(keys(pull(contract_on(max_response_bytes=1_000_000, page_size=10)))) == 60


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        pytest.param(postgresql.JSONB(), {"a": [{"b": "x" * 50_000}]}, id="an object"),
        pytest.param(postgresql.JSONB(), {"x" * 50_000: None}, id="a name in an object"),
        pytest.param(postgresql.ARRAY(sa.Text), ["x"] * 50_000, id="an array of texts"),
        pytest.param(postgresql.ARRAY(sa.Integer), [7] * 10_000, id="an array of numbers"),
    ],
)
def test_a_page_of_too_many_bytes_within_values_is_cut_off(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, kind: Any, value: Any
) -> None:
    monkeypatch.setenv("CASEHUB_CONNECTION_SOURCE", postgres_url)
    rows = [{"ajbh": f"A{number}", "gxsj": TIME, "nr": value} for number in range(60)]
    Source(sa.create_engine(postgres_url)).table("v_case", *columns()[:1], sa.Column("gxsj", sa.DateTime), sa.Column("nr", kind), rows=rows)
    with pytest.raises(SourceLimitError, match="longer than 1000000 bytes"):
        pull(contract_on(max_response_bytes=1_000_000))
    assert len(keys(pull(contract_on(max_response_bytes=1_000_000, page_size=10)))) == 60


@pytest.mark.parametrize(
    ("url", "error", "words"),
    [
        pytest.param(
            "postgresql+psycopg2://u:hunter2@127.0.0.1:{port}/x",
            SourceUnavailable,
            "cannot be reached.*check host and port",
            id="PostgreSQL is down",
        ),
        pytest.param(
            "mysql+pymysql://u:hunter2@127.0.0.1:{port}/x",
            SourceUnavailable,
            "cannot be reached.*check host and port",
            id="MariaDB is down",
        ),
        pytest.param("sqlite:////nowhere/x.db", SourceUnavailable, "file is not there", id="no SQLite file"),
        pytest.param("oracle2://u:hunter2@h/x", SettingsError, "no database URL that can be used", id="unknown database"),
        pytest.param("postgresql+psycopg2://u:hunter2@h:port/x", SettingsError, "no database URL that can be used", id="no URL"),
    ],
)
def test_a_database_that_cannot_be_reached(monkeypatch: pytest.MonkeyPatch, url: str, error: type[Exception], words: str) -> None:
    monkeypatch.setenv("CASEHUB_CONNECTION_SOURCE", url.format(port=free_port()))
    with pytest.raises(error, match=f"(?s){words}") as caught:
        pull(contract_on())
    assert "hunter2" not in str(caught.value)


def test_credentials_and_databases_that_are_wrong(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = sa.make_url(postgres_url)
    for wrong, words in (
        (url.set(password="hunter2"), "refuses these credentials"),
        (url.set(database="nowhere"), "not there under this name"),
    ):
        monkeypatch.setenv("CASEHUB_CONNECTION_SOURCE", wrong.render_as_string(hide_password=False))
        with pytest.raises(SourceRefused, match=words):
            pull(contract_on())


def test_a_server_that_goes_away_between_pages(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from connectors.extract import extract

    monkeypatch.setenv("CASEHUB_CONNECTION_SOURCE", postgres_url)
    engine = sa.create_engine(postgres_url)
    source = Source(engine)
    source.table("v_case", *columns(), rows=[case(number, number) for number in range(6)])
    pages = []
    for page in extract(contract_on(page_size=2, retries=2), Pull()):
        pages.append(page)
        source.run("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()")
    assert keys(pages) == [f"A{number:03d}" for number in range(6)]
    engine.dispose()


def test_each_page_begins_where_the_last_ended_and_skips_nothing_by_an_offset(source: Source) -> None:
    source.table("v_case", *columns(), rows=[case(number, number) for number in range(6)])
    seen: list[tuple[str, list[Any]]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        seen.append(
            (
                " ".join(statement.lower().replace('"', "").replace("`", "").split()),
                list(parameters.values() if isinstance(parameters, dict) else parameters),
            )
        )

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        pull(contract_on(page_size=2))
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    paged = [(statement, values) for statement, values in seen if "order by v_case.gxsj, v_case.ajbh" in statement]
    assert len(paged) == 4
    for number, (statement, values) in enumerate(paged):
        where, ordered = statement.split(" order by ")
        assert " limit " in ordered
        if "offset" in ordered:  # as SQLAlchemy writes every limit for SQLite
            assert ordered.endswith("limit ? offset ?")
            assert values.pop() == 0
        assert "offset" not in where
        assert ("v_case.gxsj >= " in where, "v_case.ajbh >= " in where) == (number > 0, number > 0)
        assert [value for value in values if str(value).startswith("A")] == ([f"A{2 * number - 1:03d}"] if number else [])


@pytest.mark.skipif(not MARIADB, reason=NO_MARIADB)
def test_mariadb_is_one_of_them() -> None:
    """Said once, and not by each test of every database, where it is not there."""
    assert "mariadb" in ENGINES
