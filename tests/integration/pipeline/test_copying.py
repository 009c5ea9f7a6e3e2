"""Frames go through PostgreSQL and come back the same."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal
from sqlalchemy import Engine

from pipeline.store.channel import PART, Channel
from pipeline.store.copying import copy_in, cursor_of, read_frame

UTC = dt.UTC

AWKWARD = [None, "", "\\N", "\\.", "a\n\\.\nb", 'say "no"', "{1,2}", "NULL", "\r\n", "\r", "國 🏠, x\ty", "  ", "'", "a\\", "%s %(x)s"]


def everything() -> pl.DataFrame:
    n = len(AWKWARD)
    at = dt.datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=UTC)
    return pl.DataFrame(
        {
            "number": pl.Series([None, *range(1, n)], dtype=pl.Int64),
            "small": pl.Series([None, *[-1] * (n - 1)], dtype=pl.Int32),
            "words": pl.Series(AWKWARD, dtype=pl.String),
            "yes": pl.Series([None, True, False] * (n // 3), dtype=pl.Boolean),
            "share": pl.Series([None, 0.1, 1e300] * (n // 3), dtype=pl.Float64),
            "money": pl.Series([None, Decimal("1.20"), Decimal("-9999999999999999.99")] * (n // 3), dtype=pl.Decimal(38, 2)),
            "at": pl.Series([None, at, at.replace(microsecond=0)] * (n // 3), dtype=pl.Datetime("us", "UTC")),
            "day": pl.Series([None, dt.date(1949, 10, 1), dt.date(9999, 12, 31)] * (n // 3), dtype=pl.Date),
            "bytes": pl.Series([None, b"", b"\x00\xff\\x41"] * (n // 3), dtype=pl.Binary),
            "numbers": pl.Series([None, [], [1, None, 3]] * (n // 3), dtype=pl.List(pl.Int64)),
            "texts": pl.Series([None, [], AWKWARD] * (n // 3), dtype=pl.List(pl.String)),
        }
    )


def test_every_type_and_awkward_text_comes_back(database: Engine) -> None:
    frame = everything()
    with database.begin() as connection:
        cursor = cursor_of(connection)
        cursor.execute(
            "CREATE TEMP TABLE t (number bigint, small int, words text, yes bool, share float8, money numeric(18, 2), at timestamptz,"
            " day date, bytes bytea, numbers bigint[], texts text[])"
        )
        assert copy_in(cursor, "t", frame) == frame.height
        assert copy_in(cursor, "t", frame.head(0)) == 0
        cursor.execute("SET TIME ZONE 'Asia/Shanghai'")
        assert_frame_equal(read_frame(connection, "SELECT * FROM t"), frame)
        assert read_frame(cursor, "SELECT * FROM t WHERE false").schema == frame.schema


def test_whole_numbers_come_back_however_many_and_large(database: Engine) -> None:
    frame = pl.DataFrame(
        {"key": [-(2**63), -1, 0, 2**63 - 1, *range(2 * PART)], "node": range(2 * PART + 4)}, {"key": pl.Int64, "node": pl.Int64}
    )
    with database.begin() as connection:
        cursor_of(connection).execute("CREATE TEMP TABLE t (node bigint, other text DEFAULT 'x', key bigint)")
        with Channel(connection) as channel:
            channel.copy_numbers("t", frame.clear())
            channel.copy_numbers("t", frame)
        assert_frame_equal(read_frame(connection, "SELECT key, node, other FROM t ORDER BY node"), frame.with_columns(other=pl.lit("x")))


def test_texts_are_bound_as_they_are(database: Engine) -> None:
    words = pl.Series([word for word in AWKWARD if word is not None])
    with database.begin() as connection, Channel(connection) as channel:
        found = channel.read("SELECT word FROM unnest(%(words)s::text[]) AS t (word)", words=words)
        assert found["word"].to_list() == words.to_list()
        assert channel.read("SELECT word FROM unnest(%(words)s::text[]) AS t (word)", words=words.clear()).is_empty()


def test_arrow_tables_structs_and_column_choice(database: Engine) -> None:
    table = pa.table(
        {
            "unused": [1, 2],
            "refs": pa.array([[{"department": "court", "number": '"1"'}], None]),
            "one": pa.array([{"a": None}, None], pa.struct([("a", pa.string())])),
            "at": pa.array([dt.datetime(2024, 1, 1, 8, tzinfo=UTC), None], pa.timestamp("us", "Asia/Shanghai")),
        }
    )
    with database.begin() as connection:
        cursor = cursor_of(connection)
        cursor.execute("CREATE TEMP TABLE t (refs jsonb, one jsonb, at timestamptz)")
        copy_in(cursor, "t", table, ["refs", "one", "at"])
        cursor.execute("SELECT refs, one, at FROM t")
        (first, second) = cursor.fetchall()
        assert first[0] == [{"department": "court", "number": '"1"'}]
        assert first[1] == {"a": None}
        assert first[2] == table["at"][0].as_py()
        assert second == (None, None, None)


@pytest.mark.parametrize(
    "words", [pytest.param([None], id="null"), pytest.param([""], id="empty"), pytest.param([None, "", None], id="both")]
)
def test_single_column_keeps_null_and_empty_apart(database: Engine, words: list[str | None]) -> None:
    with database.begin() as connection:
        cursor = cursor_of(connection)
        cursor.execute("CREATE TEMP TABLE t (words text)")
        copy_in(cursor, "t", pl.DataFrame({"words": pl.Series(words, dtype=pl.String)}))
        assert read_frame(connection, "SELECT words FROM t", is_fixed=True)["words"].to_list() == words


def test_parameters_are_bound(database: Engine) -> None:
    with database.connect() as connection:
        frame = read_frame(connection, "SELECT %(word)s::text AS word, 7 %% 4 AS rest", {"word": "'; DROP TABLE x; --"})
    assert frame.to_dicts() == [{"word": "'; DROP TABLE x; --", "rest": 3}]


def test_many_lines_with_newlines_in_them(database: Engine) -> None:
    frame = pl.DataFrame({"n": pl.Series(range(50_000), dtype=pl.Int64)}).with_columns(
        words=pl.concat_str([pl.lit('"\n,'), pl.col("n").cast(pl.String), pl.lit('\n""\r\n')])
    )
    with database.begin() as connection:
        cursor = cursor_of(connection)
        cursor.execute("CREATE TEMP TABLE t (n bigint, words text)")
        copy_in(cursor, "t", frame)
        assert_frame_equal(read_frame(connection, "SELECT * FROM t"), frame)
