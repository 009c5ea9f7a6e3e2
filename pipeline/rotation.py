"""ROTATE: everything protected that the store holds in the clear or under an old key → under the current key.

In batches along each table's primary key, bounded in rows and bytes, one short transaction each: a killed rotation has lost nothing,
and the next takes up what is left. A row that somebody else works on is passed over and comes in the next round, so that rotation
waits for nobody and nobody long for it. Numbers that stand for blocking keys are hidden once (`key_hiding`), under RESOLVE's lock, when
a store is first encrypted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from psycopg2.extras import execute_values
from sqlalchemy import Connection, Engine, text

from hub.database import store_errors
from hub.encryption import NUMBERS, PREFIX, KeyRing, Protected
from hub.encryption.key_document import KEY_ID
from hub.encryption.key_document import RESERVED as LOOKUP
from hub.encryption.store_keys import keys_in_use, require_same, write_down
from hub.errors import DecryptionError
from pipeline.key_hiding import hide_keys_once
from pipeline.store.copying import cursor_of, read_frame

BATCH = 1_000
BATCH_BYTES = 32_000_000  # a file of a batch look-up has 16 MiB and more, and PostgreSQL takes a statement of 1 GB at most
ROUNDS = 5  # over what others worked on; what is left then is told
_FORM = f"^{PREFIX}{KEY_ID.strip('^$')}:"

#: Told after each batch: the table, and rows of it done so far.
Progress: TypeAlias = Callable[[str, int], None]
Change: TypeAlias = Callable[[KeyRing, Any], Any]


@dataclass(frozen=True)
class ProtectedTable:
    """Columns of one table that hold protected values.

    Args:
        name: with its schema.
        keys: of its primary key, each with its type.
        columns: each with its type and what brings a value of it under the current key.
        texts: SQL of an array of the stored texts of a row `t`.
    """

    name: str
    keys: dict[str, str]
    columns: dict[str, tuple[str, Change]]
    texts: str


def _number(field: Protected) -> Change:
    return lambda ring, value: ring.store_number(field, ring.number(field, value))


def _bytes(field: Protected) -> Change:
    return lambda ring, value: ring.store_document(field, _plain_bytes(ring, field, bytes(value))).encode()


def _plain_bytes(ring: KeyRing, field: Protected, kept: bytes) -> bytes:
    if not kept.startswith(PREFIX.encode()):
        return kept
    try:
        return ring.document(field, kept.decode())
    except (DecryptionError, UnicodeDecodeError):
        if field is not Protected.RAW:
            raise
        return kept  # a row that nobody could read may begin with anything, an encrypted value's prefix too


def _json(field: Protected) -> Change:
    """The column is read as JSON text and written as a JSON string."""

    def change(ring: KeyRing, value: str) -> str:
        plain = ring.document(field, value[1:-1]) if value.startswith(f'"{PREFIX}') else value.encode()
        return f'"{ring.store_document(field, plain)}"'

    return change


def _golden(ring: KeyRing, value: Sequence[Any]) -> list[str | None]:
    fields, contents = value
    return [
        one if one is None or name not in NUMBERS else _number(NUMBERS[name])(ring, one) for name, one in zip(fields, contents, strict=True)
    ]


_AS_TEXT = "CASE WHEN jsonb_typeof(t.{0}) = 'string' THEN t.{0} #>> '{{}}' WHEN t.{0} IS NOT NULL THEN '' END"
_AS_LATIN = "encode(substring(t.{0} FOR 64), 'escape')"  # the beginning is enough to tell the key
PROTECTED_TABLES = (
    ProtectedTable(
        "store.party",
        {"party_id": "bigint", "version": "integer"},
        {name: ("text", _number(field)) for name, field in NUMBERS.items()},
        "ARRAY[t.id_no, t.phone]",
    ),
    ProtectedTable(
        "store.golden_record",
        {"entity_id": "uuid", "known_from": "bigint"},
        {"contents": ("text[]", _golden)},
        "ARRAY(SELECT v.value FROM unnest(t.fields, t.contents) v (field, value) WHERE v.field IN ('id_no', 'phone'))",
    ),
    ProtectedTable(
        "landing.record",
        {"department": "text", "source_record_id": "text", "version": "integer"},
        {"payload": ("jsonb", _json(Protected.PAYLOAD)), "raw": ("bytea", _bytes(Protected.RAW))},
        f"ARRAY[{_AS_TEXT.format('payload')}, {_AS_LATIN.format('raw')}]",
    ),
    ProtectedTable("ops.inbox", {"inbox_id": "bigint"}, {"body": ("bytea", _bytes(Protected.EVENT))}, f"ARRAY[{_AS_LATIN.format('body')}]"),
    ProtectedTable(
        "ops.lookup_row",
        {"lookup_id": "uuid", "ordinal": "integer"},
        {"cells": ("jsonb", _json(Protected.CELLS)), "answer": ("jsonb", _json(Protected.ANSWER))},
        f"ARRAY[{_AS_TEXT.format('cells')}, {_AS_TEXT.format('answer')}]",
    ),
    ProtectedTable(
        "ops.lookup", {"lookup_id": "uuid"}, {"result": ("bytea", _bytes(Protected.RESULT))}, f"ARRAY[{_AS_LATIN.format('result')}]"
    ),
)
_COUNT = """
SELECT CASE WHEN v.stored ~ %(form)s THEN split_part(v.stored, ':', 2) ELSE '' END AS key_id, count(*) AS held
FROM {table} t CROSS JOIN LATERAL unnest({texts}) v (stored) WHERE v.stored IS NOT NULL GROUP BY 1
"""
_IS_STALE = "EXISTS (SELECT FROM unnest({texts}) v (stored) WHERE v.stored IS NOT NULL AND NOT starts_with(v.stored, %(prefix)s))"
# Cut by size as stored first, which is known without reading: only what passes is opened to know its size for certain.
_STALE = f"""
WITH t AS (
    SELECT t.* FROM {{table}} t WHERE ({{after}}) AND {_IS_STALE} ORDER BY {{keys}} LIMIT {{most}} FOR UPDATE SKIP LOCKED
), stored AS (
    SELECT t.*, sum({{stored}}) OVER w AS until, row_number() OVER w AS place FROM t WINDOW w AS (ORDER BY {{keys}})
), plain AS (
    SELECT t.*, sum({{plain}}) OVER (ORDER BY {{keys}}) AS whole FROM stored t WHERE until <= %(bytes)s OR place = 1
)
SELECT {{keys}}, {{columns}} FROM plain t WHERE whole <= %(bytes)s OR place = 1 ORDER BY {{keys}}
"""
_WRITE = "UPDATE {table} t SET {sets} FROM (VALUES %s) AS n ({names}) WHERE {same}"


@dataclass(frozen=True)
class Held:
    """Values of one table under one key; `key_id` is empty for those in the clear."""

    table: str
    key_id: str
    values: int


@dataclass(frozen=True)
class Rotation:
    """What a rotation did: rows by table, values that it left because others held them, and keys under which nothing is any more."""

    rows: dict[str, int]
    left: int
    retired: tuple[str, ...]


def status(connection: Connection) -> list[Held]:
    """How many values of each table are in the clear, and under which key; it reads all of them."""
    found = []
    for table in PROTECTED_TABLES:
        counted = read_frame(connection, _COUNT.format(table=table.name, texts=table.texts), {"form": _FORM})
        found += [Held(table.name, key_id or "", held) for key_id, held in sorted(counted.iter_rows(), key=lambda row: row[0] or "")]
    return found


def waiting(connection: Connection, ring: KeyRing) -> dict[str, int]:
    """Rows of each table of which something is in the clear or under an old key."""
    counts = {}
    for table in PROTECTED_TABLES:
        sql = f"SELECT count(*) FROM {table.name} t WHERE {_IS_STALE.format(texts=table.texts)}"
        counts[table.name] = int(connection.exec_driver_sql(sql, {"prefix": ring.current_prefix}).scalar_one())
    return counts


def rotate(
    engine: Engine, ring: KeyRing, progress: Progress = lambda *_: None, *, batch: int = BATCH, batch_bytes: int = BATCH_BYTES
) -> Rotation:
    """Bring every protected value under the current key, and write down which keys are no longer wanted.

    Args:
        engine: the store.
        ring: of this process.
        progress: told after each batch.
        batch: rows of one, at most.
        batch_bytes: of its values as they stand, at most; a row that is larger is a batch of its own.

    Raises:
        SettingsError: the ring lacks a key which values are under, or has another under its id.
        DecryptionError: a value does not decrypt; what came before it is done.
        BusyError: the store was not encrypted before, and RESOLVE is at work.
    """
    with store_errors():
        with engine.begin() as connection:
            require_same(connection, ring)
            is_first = LOOKUP not in keys_in_use(connection)
        if is_first:
            hide_keys_once(engine, ring, progress)
        with engine.begin() as connection:
            write_down(connection, ring)
        rows = dict.fromkeys((table.name for table in PROTECTED_TABLES), 0)
        for _ in range(ROUNDS):
            done = 0
            for table in PROTECTED_TABLES:
                for count in _rotate(engine, table, ring, (batch, batch_bytes)):
                    done += count
                    rows[table.name] += count
                    progress(table.name, rows[table.name])
            if not done:
                break
        return _ended(engine, ring, rows)


def _ended(engine: Engine, ring: KeyRing, rows: dict[str, int]) -> Rotation:
    with engine.begin() as connection:
        held = status(connection)
        wanted = {one.key_id for one in held} | {ring.current, LOOKUP}
        retired = [name for name in keys_in_use(connection) if name not in wanted]
        connection.execute(text("UPDATE ops.encryption_key SET retired_at = now() WHERE key_id = ANY(:names)"), {"names": retired})
    return Rotation(rows, sum(one.values for one in held if one.key_id != ring.current), tuple(retired))


def _rotate(engine: Engine, table: ProtectedTable, ring: KeyRing, most: tuple[int, int]) -> Iterator[int]:
    """Rows of each batch of one table, in the order of its key."""
    last: tuple[Any, ...] | None = None
    while True:
        with engine.begin() as connection:
            rows = _stale(connection, table, ring, last, most)
            if rows:
                _write(connection, table, [_changed(table, ring, row) for row in rows])
        if not rows:
            return
        last = tuple(rows[-1][: len(table.keys)])
        yield len(rows)


def _stale(
    connection: Connection, table: ProtectedTable, ring: KeyRing, last: tuple[Any, ...] | None, most: tuple[int, int]
) -> list[tuple[Any, ...]]:
    """The next rows, of at most so many rows and bytes, but one at least; others of the same look are held until the batch is done."""
    names = ", ".join(f"t.{name}" for name in table.keys)
    marks = ", ".join(f"%(k{number})s::{kind}" for number, kind in enumerate(table.keys.values()))
    values: dict[str, Any] = {"prefix": ring.current_prefix, "bytes": most[1]}
    values |= {f"k{number}": _plain(value) for number, value in enumerate(last or ())}
    sql = _STALE.format(
        keys=names,
        columns=", ".join(_read(name, kind) for name, (kind, _) in table.columns.items()),
        table=table.name,
        after="true" if last is None else f"({names}) > ({marks})",
        texts=table.texts,
        most=most[0],
        stored=" + ".join(f"coalesce(pg_column_size(t.{name}), 0)" for name in table.columns),
        plain=" + ".join(f"coalesce({_size(name, kind)}, 0)" for name, (kind, _) in table.columns.items()),
    )
    return [tuple(row) for row in connection.exec_driver_sql(sql, values)]


def _read(name: str, kind: str) -> str:
    """A column as its change takes it."""
    if kind == "text[]":
        return f"json_build_array(t.fields, t.{name})"
    return f"t.{name}::text" if kind == "jsonb" else f"t.{name}"


def _size(name: str, kind: str) -> str:
    """How many bytes of a column come."""
    return f"pg_column_size(t.{name})" if kind == "text[]" else f"octet_length({_read(name, kind)})"


def _changed(table: ProtectedTable, ring: KeyRing, row: Sequence[Any]) -> tuple[Any, ...]:
    keys, values = row[: len(table.keys)], row[len(table.keys) :]
    changes = (change for _, change in table.columns.values())
    return (*map(_plain, keys), *(None if value is None else change(ring, value) for value, change in zip(values, changes, strict=True)))


def _plain(value: Any) -> Any:
    return value if isinstance(value, int) else str(value)


def _write(connection: Connection, table: ProtectedTable, rows: Iterable[tuple[Any, ...]]) -> None:
    kinds = table.keys | {name: kind for name, (kind, _) in table.columns.items()}
    sql = _WRITE.format(
        table=table.name,
        sets=", ".join(f"{name} = n.{name}" for name in table.columns),
        names=", ".join(kinds),
        same=" AND ".join(f"t.{name} = n.{name}" for name in table.keys),
    )
    template = f"({', '.join(f'%s::{kind}' for kind in kinds.values())})"
    execute_values(cursor_of(connection), sql, list(rows), template, page_size=BATCH)
