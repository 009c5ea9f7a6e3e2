"""NORMALISE: validated rows → store.source_record and store.party in the hub's words, waiting for RESOLVE.

The newest readable version of each record wins, by the order of arrival or by that which events tell; older ones are
superseded. A value that a transform cannot read puts its row into quarantine; where that is so of too many, the batch is
held. What is written here is not yet known to anybody: RESOLVE publishes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import cast

import polars as pl
import pyarrow as pa
from sqlalchemy import Connection, Engine, text

from connectors.contract import Contract
from connectors.contract_files import contract_folders
from hub.database import store_errors
from hub.settings import Settings
from pipeline.batch import refusals, work
from pipeline.batch.batch_errors import told_with_batch
from pipeline.batch.conservation import recount, require_law
from pipeline.batch.event_order import is_ordered
from pipeline.batch.holding import Refused, hold
from pipeline.normalising import party_rows, versions
from pipeline.normalising.mapping import Mapped, code_lists_of, map_records
from pipeline.store.copying import copy_in, cursor_of, read_frame
from pipeline.store.locks import department_lock
from schema.search import search_tokens

_CHUNK_ROWS = 10_000  # mapped and written at once: more take as long a row, and more memory
_EVENTS = ("occurred", "reported", "found", "accepted", "ordered", "reported_in", "resolved", "confirmed", "fed_back")

_MAPPED = """
CREATE TEMP TABLE IF NOT EXISTS mapped (
    source_record_id text, version integer, reported_at timestamptz, record_id bigint, is_deleted boolean NOT NULL DEFAULT false
) ON COMMIT DELETE ROWS
"""
_KNOWN_BEFORE = """
CREATE TEMP TABLE IF NOT EXISTS later (
    record_id bigint, version integer, is_deleted boolean, reported_at timestamptz
) ON COMMIT DELETE ROWS
"""
# In one round trip; each is empty when a transaction begins.
_TEMPORARY = ";".join((refusals.TABLE, work.TABLE, _MAPPED, party_rows.TABLE, _KNOWN_BEFORE, versions.OVERTAKEN))
_EMPTY = "TRUNCATE mapped, mapped_party, refused"
# The word index takes what waits in its list in as many turns as it has room for, each over the whole of the index.
_ROOM = "SET LOCAL work_mem = '128MB'"
_NUMBER = """
UPDATE mapped m SET record_id = coalesce(
    (SELECT record_id FROM store.source_record r WHERE r.department = :department AND r.source_record_id = m.source_record_id LIMIT 1),
    nextval('store.record_id_seq'))
"""
_ACCEPT = """
UPDATE landing.record r SET state = 'accepted' FROM mapped m
WHERE r.department = :department AND r.source_record_id = m.source_record_id AND r.version = m.version
"""
_DELETED_RECORDS = """
INSERT INTO store.source_record (record_id, version, department, source_record_id, is_deleted, visibility)
SELECT record_id, version, :department, source_record_id, true, 'shared' FROM mapped
"""
# Nobody else knows a new record's id. A record that was known before may wait already, and RESOLVE have it in hand: these
# are written last of all, so that neither waits for the other through the whole of a long batch. A record that waits to be looked at
# anew still does when a version of it comes: that it changed or was deleted RESOLVE sees by its versions.
_PENDING = """
INSERT INTO ops.pending (record_id, reason, reported_epoch_s)
SELECT record_id, CASE WHEN is_deleted THEN 'deleted' WHEN version = 1 THEN 'new' ELSE 'changed' END,
       coalesce(extract(epoch FROM reported_at), 0)
FROM {waiting}
ON CONFLICT (record_id) DO UPDATE
SET reason = CASE WHEN pending.reason IN ('relink', 'party_changed') THEN pending.reason ELSE excluded.reason END,
    queued_at = excluded.queued_at, reported_epoch_s = excluded.reported_epoch_s
"""
_NEW_PENDING = _PENDING.format(waiting="mapped WHERE version = 1")
_LATER = "INSERT INTO later SELECT record_id, version, is_deleted, reported_at FROM mapped WHERE version > 1"
_LATER_PENDING = _PENDING.format(waiting="(SELECT DISTINCT ON (record_id) * FROM later ORDER BY record_id, version DESC) newest")
_DELETIONS = "landing.record WHERE department = :department AND batch_id = ANY(:batches) AND state = 'landed' AND operation = 'delete'"
_HAS_DELETIONS = f"SELECT EXISTS (SELECT FROM {_DELETIONS})"
_TOMBSTONES = f"INSERT INTO mapped (source_record_id, version, is_deleted) SELECT source_record_id, version, true FROM {_DELETIONS}"
_DONE = """
UPDATE ops.batch SET state = 'done', finished_at = now(), error = NULL
WHERE department = :department AND batch_id <= :batch_id AND state IN ('landed', 'validated') AND batch_id <> ALL(:unvalidated)
  AND (:takes_all OR batch_id = ANY(:released))
RETURNING batch_id
"""
# A replay that broke off left its reason with a batch that was done before.
_CLEAR_ERRORS = "UPDATE ops.batch SET error = NULL WHERE batch_id = ANY(:batches) AND state = 'done' AND error IS NOT NULL"


def normalise(engine: Engine, contract: Contract, batch_id: int, settings: Settings, *, released: Sequence[int] = ()) -> None:
    """Turn everything of a department that is validated up to a batch into records and parties, and close its batches.

    Rows that another run set back to `landed` since the validation, a replay's or of a batch that a sweep settled, are left to
    that run, which validates them, or to the next.

    It is one transaction, however many chunks it takes: whether too much is refused is only known once all is mapped, and by
    then it is also written. Mapping all of it first would decode every payload twice; committing chunk by chunk and turning
    back would let RESOLVE publish what is about to be held. A killed run has to map its batch again, and loses nothing.

    Args:
        engine: the store.
        contract: of the department.
        batch_id: the newest batch to take in.
        settings: chunk size and the share of failing rows above which a batch is held.
        released: batches that a person released or replayed: these alone are taken, bad rows are quarantined, and none is held again.

    Raises:
        BatchHeld: too much is refused, by VALIDATE and here together; the batch is held whole.
        ConservationError: a row was lost or doubled; nothing is taken in, and the batch is not done.
        BusyError: another run of the department is at work.
    """
    department = contract.department
    with told_with_batch(engine, department, batch_id), store_errors(), department_lock(engine, department) as connection:
        keys: dict[str, object] = {"department": department, "batch_id": batch_id, "is_ordered": is_ordered(contract)}
        connection.execute(text(_TEMPORARY))
        batches, unvalidated = work.unfinished(connection, department, batch_id, released)
        keys |= {"batches": batches, "unvalidated": unvalidated, "released": list(released), "takes_all": not released}
        touched = {batch_id, *batches} - {*unvalidated}
        if keys["is_ordered"]:
            connection.execute(text(versions.NUMBER_ANEW), keys)
            connection.commit()  # held or not, they keep these numbers
        total = work.prepare(connection, department, batches)
        refused = Refused(connection, department, sorted(touched), total)
        if total:
            chunks = work.chunks(connection, department, min(settings.validate_chunk_rows, _CHUNK_ROWS), total)
            _map_all(connection, _mapper(contract, settings), keys, chunks, refused, None if released else settings)
        if not released and refused.is_too_much(settings):
            connection.rollback()
            hold(connection, department, batch_id, refused.why(settings), batches)
        _bury(connection, keys)
        _finish(connection, keys, touched)


def _mapper(contract: Contract, settings: Settings) -> Callable[[pl.DataFrame], Mapped]:
    """What maps a chunk by a contract and the code lists it names."""
    code_lists = code_lists_of(contract, contract_folders(settings.contract_folders))
    return lambda chunk: map_records(contract, chunk, code_lists)


def _map_all(
    connection: Connection,
    mapper: Callable[[pl.DataFrame], Mapped],
    keys: dict[str, object],
    chunks: Iterable[pl.DataFrame],
    refused: Refused,
    limits: Settings | None,
) -> None:
    """Map and write a chunk after the other; once too much is refused, the rest is mapped to tell the whole reason.

    Args:
        connection: of the transaction.
        mapper: gives a chunk's records, parties and refusals.
        keys: parameters of the statements.
        chunks: of the rows, as `work.chunks` gives them.
        refused: takes in what is refused.
        limits: with the share above which it is too much; None where that holds no batch.
    """
    for number, chunk in enumerate(chunks):
        mapped = mapper(chunk)
        if number:
            connection.execute(text(_EMPTY))
        refused.count(mapped.refusals)
        if limits is None or not refused.is_too_much(limits):
            _write(connection, keys, mapped)


def _write(connection: Connection, keys: dict[str, object], mapped: Mapped) -> None:
    if refusals.add(connection, mapped.refusals.rename_columns(list(refusals.COLUMNS))):
        refusals.quarantine(connection, str(keys["department"]), ordered=bool(keys["is_ordered"]))
    if mapped.records.num_rows == 0:
        return
    records, parties = _frame(mapped.records), _frame(mapped.parties)
    copy_in(cursor_of(connection), "mapped", records, ("source_record_id", "version", "reported_at"))
    numbered = _number(connection, keys)
    records = _with_tokens(records, parties).join(numbered, on=["source_record_id", "version"], how="inner", maintain_order="left")
    connection.execute(text(_ROOM))
    copy_in(cursor_of(connection), "store.source_record", records)
    copy_in(cursor_of(connection), "store.case_event", _events(records))
    party_rows.write_parties(connection, parties, has_later=_has_later(numbered))
    _accept(connection, keys, numbered)


def _number(connection: Connection, keys: dict[str, object]) -> pl.DataFrame:
    """Drop stale versions and give every other its record's id: (source_record_id, version, record_id)."""
    connection.execute(text("ANALYZE mapped"))
    connection.execute(text(versions.DROP_LATE if keys["is_ordered"] else versions.DROP_STALE), keys)
    connection.execute(text(_NUMBER), keys)
    return read_frame(connection, "SELECT source_record_id, version, record_id FROM mapped", is_fixed=True)


def _accept(connection: Connection, keys: dict[str, object], numbered: pl.DataFrame) -> None:
    connection.execute(text(_ACCEPT), keys)
    if keys["is_ordered"]:
        connection.execute(text(versions.SUPERSEDE_PLACED), keys)
        connection.execute(text(versions.CLOSE_ITEMS_PLACED), keys)
    elif _has_later(numbered):
        connection.execute(text(versions.SUPERSEDE_ARRIVED), keys)
        connection.execute(text(versions.CLOSE_ITEMS_ARRIVED), keys)
    if _has_later(numbered):
        connection.execute(text(_LATER))
    connection.execute(text(_NEW_PENDING))


def _has_later(numbered: pl.DataFrame) -> bool:
    """Whether some record was known before, in another version."""
    return bool((numbered["version"] > 1).any())


def _events(records: pl.DataFrame) -> pl.DataFrame:
    """The times of records as rows: record_id, version, kind, at."""
    times = records.select("record_id", "version", *(pl.col(f"{event}_at").alias(event) for event in _EVENTS))
    return times.unpivot(index=["record_id", "version"], variable_name="kind", value_name="at").drop_nulls("at")


def _frame(table: pa.Table) -> pl.DataFrame:
    return cast(pl.DataFrame, pl.from_arrow(table))


def _with_tokens(records: pl.DataFrame, parties: pl.DataFrame) -> pl.DataFrame:
    """Records with the tokens that word search finds them by: of title, text, address, number and the parties' names.

    Each stands on a line of its own, so that no number goes on from one into the next.
    """
    distinct = pl.col("name").drop_nulls().unique(maintain_order=True)
    names = parties.group_by("source_record_id", "version").agg(names=distinct.str.join("\n"))
    whole = records.join(names, on=["source_record_id", "version"], how="left", maintain_order="left").select(
        pl.concat_str(["title", "names", "case_number", "address", "text"], separator="\n", ignore_nulls=True)
    )
    return records.with_columns(tokens=search_tokens(whole.to_series()))


def _bury(connection: Connection, keys: dict[str, object]) -> None:
    """Take tombstones in: a deleted record becomes a version without content."""
    if connection.execute(text(_HAS_DELETIONS), keys).scalar_one():
        connection.execute(text(_EMPTY))
        connection.execute(text(_TOMBSTONES), keys)
        numbered = _number(connection, keys)
        connection.execute(text(_DELETED_RECORDS), keys)
        _accept(connection, keys, numbered)


def _finish(connection: Connection, keys: dict[str, object], touched: set[int]) -> None:
    connection.execute(text(_LATER_PENDING))
    connection.execute(text(versions.COUNT_OVERTAKEN), keys)
    touched |= set(connection.execute(text(_DONE), keys).scalars())
    connection.execute(text(_CLEAR_ERRORS), {"batches": sorted(touched)})
    require_law(recount(connection, sorted(touched)))
    connection.commit()
