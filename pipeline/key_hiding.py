"""Part of ROTATE: the numbers that stand for blocking keys and for identifiers are hidden once, when a store is first encrypted."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
from sqlalchemy import Connection, Engine, text

from hub.encryption import KeyRing
from hub.encryption.key_document import RESERVED as LOOKUP
from hub.encryption.store_keys import keys_in_use, require_same, write_down
from hub.errors import BusyError
from pipeline.resolving.candidates import hide_numbers
from pipeline.resolving.relations import RELATIONS, Relation
from pipeline.store.copying import copy_in, cursor_of, read_frame
from pipeline.store.locks import resolve_lock


def hide_keys_once(engine: Engine, ring: KeyRing, progress: Callable[[str, int], None]) -> None:
    """Hide the numbers of blocking keys and of identifiers, all in one transaction: one half hidden would be another store."""
    with resolve_lock(engine) as connection:
        if connection is None:
            raise BusyError(
                "识别正在运行 · resolve is at work",
                remedy="停止对此库的其他操作后重新运行 · stop what works on the store, and run the command again",
            )
        connection.execute(text("LOCK TABLE ops.encryption_key IN EXCLUSIVE MODE"))
        require_same(connection, ring)
        if LOOKUP in keys_in_use(connection):  # another rotation came first, since this one looked: twice hidden is found by nobody
            return
        for relation in RELATIONS:
            _hide_key_table(connection, relation, ring)
            _hide_key_lists(connection, relation, ring)
            _hide_identifiers(connection, relation, ring)
            progress(relation.keys, 0)
        write_down(connection, ring)
        connection.commit()


def _hide_key_table(connection: Connection, relation: Relation, ring: KeyRing) -> None:
    rows = read_frame(connection, f"SELECT key, {relation.node} FROM {relation.keys}")
    connection.exec_driver_sql(f"TRUNCATE {relation.keys}")
    copy_in(cursor_of(connection), relation.keys, rows.with_columns(_hidden(rows["key"], ring)).sort("key"))


def _hide_key_lists(connection: Connection, relation: Relation, ring: KeyRing) -> None:
    rows = read_frame(connection, f"SELECT {relation.node}, keys FROM {relation.key_lists}")
    connection.exec_driver_sql(f"TRUNCATE {relation.key_lists}")
    flat = rows.explode("keys", empty_as_null=True, keep_nulls=True)
    lists = flat.with_columns(_hidden(flat["keys"], ring)).group_by(relation.node, maintain_order=True).agg(pl.col("keys").drop_nulls())
    copy_in(cursor_of(connection), relation.key_lists, lists)


def _hide_identifiers(connection: Connection, relation: Relation, ring: KeyRing) -> None:
    known = read_frame(connection, f"SELECT DISTINCT identifier_hash AS old FROM {relation.table} WHERE identifier_hash IS NOT NULL")
    connection.exec_driver_sql("CREATE TEMP TABLE hidden (old bigint PRIMARY KEY, new bigint NOT NULL) ON COMMIT DROP")
    copy_in(cursor_of(connection), "hidden", known.with_columns(new=_hidden(known["old"], ring)))
    connection.exec_driver_sql(f"UPDATE {relation.table} e SET identifier_hash = h.new FROM hidden h WHERE e.identifier_hash = h.old")
    connection.exec_driver_sql("DROP TABLE hidden")


def _hidden(numbers: pl.Series, ring: KeyRing) -> pl.Series:
    """Numbers as `candidates.key_numbers` gives them where the store is encrypted; null for null."""
    known = numbers.drop_nulls().unique()
    hidden = pl.Series(hide_numbers(known.to_numpy().view("uint64"), ring).view("int64"), dtype=pl.Int64)
    return numbers.replace_strict(known, hidden, default=None, return_dtype=pl.Int64) if len(known) else numbers
