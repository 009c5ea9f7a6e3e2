"""Frames in and out of PostgreSQL by COPY: the one way in which the steps move more than a handful of rows.

A polars frame or an Arrow table enters and lands in a table, or a query enters and a polars frame leaves. Both go as
CSV text, which is where NULL and the empty string stay apart: NULL is bare, the empty string is quoted.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import polars as pl
import pyarrow as pa
from psycopg2.extensions import cursor as Cursor
from sqlalchemy import Connection

type_of_oid: dict[int, pl.DataType] = {
    16: pl.Boolean(),
    20: pl.Int64(),
    21: pl.Int16(),
    23: pl.Int32(),
    26: pl.Int64(),
    700: pl.Float32(),
    701: pl.Float64(),
    1082: pl.Date(),
    1114: pl.Datetime("us"),
    1184: pl.Datetime("us", "UTC"),
    1000: pl.List(pl.Boolean()),
    1005: pl.List(pl.Int16()),
    1007: pl.List(pl.Int32()),
    1016: pl.List(pl.Int64()),
    1009: pl.List(pl.String()),
    1015: pl.List(pl.String()),
    1022: pl.List(pl.Float64()),
    2951: pl.List(pl.String()),
    17: pl.Binary(),
}
_NUMERIC = 1700
_BEGIN, _END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"  # of COPY's binary format: no flags; no fields
BUFFER = 1 << 20  # bytes a driver call: it asks for the interpreter's lock at each, and other threads are at work
_schemas: dict[str, dict[str, pl.DataType]] = {}  # of fixed queries, by their text

Params = Mapping[str, Any] | Sequence[Any] | None


def cursor_of(connection: Connection) -> Cursor:
    """A psycopg2 cursor inside the transaction of a SQLAlchemy connection."""
    connection.get_transaction() or connection.begin()
    return cast(Cursor, connection.connection.cursor())


def copy_in(cursor: Cursor, table: str, frame: pl.DataFrame | pa.Table, columns: Sequence[str] | None = None) -> int:
    """Append a frame to a table.

    Args:
        cursor: of psycopg2; the rows are part of its transaction.
        table: name as SQL wants it, with its schema.
        frame: lists of structs and structs become JSON, other lists become arrays, bytes become bytea, times without a
            zone are taken for UTC.
        columns: which to copy, in order; all when None. They have the table's names.

    Returns:
        How many rows went in.
    """
    rows = cast(pl.DataFrame, pl.from_arrow(frame)) if isinstance(frame, pa.Table) else frame
    for text in texts_of(table, rows, max(1, rows.height), columns):
        copy_text(cursor, text)
    return rows.height


@dataclass(frozen=True)
class Text:
    """Rows as COPY reads them, and the statement that takes them."""

    sql: str
    rows: bytes


def texts_of(table: str, rows: pl.DataFrame, most: int, columns: Sequence[str] | None = None) -> Iterator[Text]:
    """What `copy_in` does, but for the database's part of it: as CSV, so many rows a text; none of no rows."""
    names = list(columns) if columns is not None else rows.columns
    carried = rows.select([_text_of(name, rows.schema[name]) for name in names])
    for part in carried.iter_slices(most):
        buffer = io.BytesIO()
        part.write_csv(buffer, include_header=False, quote_style="non_numeric", datetime_format="%Y-%m-%dT%H:%M:%S%.6f+00:00")
        yield Text(f"COPY {table} ({_quoted(names)}) FROM STDIN (FORMAT csv)", buffer.getvalue())


def numbers_of(table: str, rows: pl.DataFrame, most: int) -> Iterator[Text]:
    """The same of columns of bigint, none null, in the binary format: a tenth of the time to write, and less to read."""
    fields = [field for name in rows.columns for field in ((f"{name} bytes", ">i4"), (name, ">i8"))]
    for part in rows.iter_slices(most):
        laid_out = np.empty(part.height, np.dtype([("fields", ">i2"), *fields]))
        laid_out["fields"] = part.width
        for name in part.columns:
            laid_out[f"{name} bytes"], laid_out[name] = 8, part[name].to_numpy()
        yield Text(f"COPY {table} ({_quoted(rows.columns)}) FROM STDIN (FORMAT binary)", _BEGIN + laid_out.tobytes() + _END)


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def copy_text(cursor: Cursor, text: Text) -> None:
    """Append rows that are laid out already."""
    cursor.copy_expert(text.sql, io.BytesIO(text.rows), size=BUFFER)


def _text_of(name: str, dtype: pl.DataType) -> pl.Expr:
    """The column as CSV can carry it."""
    column = pl.col(name)
    if isinstance(dtype, pl.Struct):
        return pl.when(column.is_not_null()).then(column.struct.json_encode()).alias(name)
    if isinstance(dtype, pl.List):
        return _array_of(column, dtype).alias(name)
    if dtype == pl.Binary:
        return pl.when(column.is_not_null()).then(pl.concat_str([pl.lit("\\x"), column.bin.encode("hex")])).alias(name)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone not in (None, "UTC"):
        return column.dt.convert_time_zone("UTC")
    if isinstance(dtype, pl.Categorical | pl.Enum) or dtype == pl.Null:
        return column.cast(pl.String)
    return column


def _array_of(column: pl.Expr, dtype: pl.List) -> pl.Expr:
    inner = dtype.inner
    if isinstance(inner, pl.Struct):  # there is no JSON of a list alone: wrap it, and take the wrapping off
        wrapped = pl.struct(column.alias("_")).struct.json_encode()
        return pl.when(column.is_not_null()).then(wrapped.str.slice(5).str.head(-1))
    element = in_array(pl.element()) if inner == pl.String else pl.element().cast(pl.String)
    joined = column.list.eval(element.fill_null("NULL")).list.join(",")
    return pl.when(column.is_not_null()).then(pl.concat_str([pl.lit("{"), joined, pl.lit("}")]))


def in_array(text: pl.Expr) -> pl.Expr:
    """Text as an element of a PostgreSQL array is written."""
    escaped = text.str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
    return pl.concat_str([pl.lit('"'), escaped, pl.lit('"')])


def read_frame(source: Connection | Cursor, sql: str, params: Params = None, *, is_fixed: bool = False) -> pl.DataFrame:
    """What a query gives, as a frame.

    Args:
        source: a SQLAlchemy connection or a psycopg2 cursor; the query sees its transaction.
        sql: one SELECT, with psycopg2's placeholders (`%(name)s`, `%s`) if there are parameters; a lone % is doubled then.
        params: bound by psycopg2.
        is_fixed: this text gives the same columns whenever this process runs it, so that they are asked for once.

    Returns:
        Columns by name. Arrays come as lists, JSON and UUID as text, `numeric` without a scale as Float64.
    """
    return read_text(source, sql, params, is_fixed=is_fixed).frame()


@dataclass(frozen=True)
class Answer:
    """What a query gave, as CSV."""

    rows: memoryview
    schema: Mapping[str, pl.DataType]

    def frame(self) -> pl.DataFrame:
        """The same as `read_frame` has it."""
        return _parse(self.rows, self.schema)


def read_text(source: Connection | Cursor, sql: str, params: Params = None, *, is_fixed: bool = False) -> Answer:
    """What `read_frame` does, but for the reading of the text."""
    cursor = cursor_of(source) if isinstance(source, Connection) else source
    bound = cursor.mogrify(sql, params).decode() if params else sql
    schema = _schemas.get(sql) if is_fixed else None
    if schema is None:
        schema = _schema_of(cursor, bound)
        if is_fixed:
            _schemas[sql] = schema
    buffer = io.BytesIO()
    fields = ", ".join(_sql_of(name, dtype) for name, dtype in schema.items())
    # A lone NULL would be an empty line, which readers of CSV pass over: a constant closes each line.
    cursor.copy_expert(f"COPY (SELECT {fields}, 1 FROM ({bound}\n) AS q) TO STDOUT (FORMAT csv)", buffer)
    return Answer(buffer.getbuffer(), schema)


def _schema_of(cursor: Cursor, sql: str) -> dict[str, pl.DataType]:
    cursor.execute(f"SELECT * FROM ({sql}\n) AS q LIMIT 0")
    return {column.name: _type_of(column.type_code, column.scale) for column in cursor.description or ()}


def _type_of(oid: int, scale: int | None) -> pl.DataType:
    if oid == _NUMERIC:
        return pl.Decimal(38, scale) if scale is not None and scale < 38 else pl.Float64()
    return type_of_oid.get(oid, pl.String())


def _sql_of(name: str, dtype: pl.DataType) -> str:
    """The column as SQL gives it in a form that is quick to parse and free of the session's settings."""
    column = 'q."' + name.replace('"', '""') + '"'
    if isinstance(dtype, pl.List):
        return f"array_to_json({column})"
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return f"{column} AT TIME ZONE 'UTC'"
    return f"encode({column}, 'hex')" if dtype == pl.Binary else column


_DIRECT = (pl.Int64, pl.Int32, pl.Int16, pl.Float64, pl.Float32, pl.String)


def _parse(data: memoryview, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    if not len(data):
        return pl.DataFrame(schema=dict(schema))
    names = [*schema, ""]
    read_as: dict[str, pl.DataType] = {
        f"c{place}": dtype if isinstance(dtype, _DIRECT) else pl.String() for place, dtype in enumerate([*schema.values(), pl.Int32()])
    }
    text = pl.read_csv(io.BytesIO(data), has_header=False, schema=read_as)
    return text.select(_value_of(f"c{place}", schema[name]).alias(name) for place, name in enumerate(names[:-1]))


def _value_of(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if isinstance(dtype, _DIRECT):
        return column
    if dtype == pl.Boolean:
        return column == "t"
    if isinstance(dtype, pl.Datetime):
        return column.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us").dt.replace_time_zone(dtype.time_zone)
    if dtype == pl.Date:
        return column.str.to_date("%Y-%m-%d")
    if dtype == pl.Binary:
        return column.str.decode("hex")
    if isinstance(dtype, pl.List):
        return column.str.json_decode(dtype)
    return column.cast(dtype)
