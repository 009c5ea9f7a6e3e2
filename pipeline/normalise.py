"""NORMALISE: validated rows → store.source_record and store.party in the hub's words, waiting for RESOLVE.

The newest readable version of each record wins; older ones are superseded. A value that a transform cannot read puts its
row into quarantine; where that is so of too many, the batch is held. What is written here is not yet known to anybody:
RESOLVE publishes it.
"""

from __future__ import annotations

from typing import cast

import polars as pl
import pyarrow as pa
from sqlalchemy import Connection, Engine, text

from connectors.contract import Contract
from hub.database import store_errors
from hub.encryption import NUMBERS, key_ring
from hub.settings import Settings
from pipeline import refusals, work
from pipeline.batch_errors import told_with_batch
from pipeline.conservation import recount, require_law
from pipeline.copying import copy_in, cursor_of, read_frame
from pipeline.holding import Refused, hold
from pipeline.locks import department_lock
from pipeline.mapping import Mapped, code_lists_of, map_records
from pipeline.protected import RENEWED_NUMBERS, RENEWED_TABLE, renewed, store_numbers
from schema.records import PARTY
from schema.search import search_tokens

_CHUNK_ROWS = 10_000  # mapped and written at once: more take as long a row, and more memory
_EVENTS = ("occurred", "reported", "found", "accepted", "ordered", "reported_in", "resolved", "confirmed", "fed_back")
_PARTY_FIELDS = [name for name in PARTY.names if name not in ("department", "source_record_id", "version")]

_TEMPORARY = (
    """CREATE TEMP TABLE IF NOT EXISTS mapped (
           source_record_id text, version integer, reported_at timestamptz, record_id bigint, is_deleted boolean NOT NULL DEFAULT false
       ) ON COMMIT DELETE ROWS""",
    """CREATE TEMP TABLE IF NOT EXISTS mapped_party (source_record_id text, LIKE store.party) ON COMMIT DELETE ROWS""",
    """ALTER TABLE mapped_party ALTER record_id DROP NOT NULL, ALTER party_id DROP NOT NULL""",
    """CREATE TEMP TABLE IF NOT EXISTS later (
           record_id bigint, version integer, is_deleted boolean, reported_at timestamptz
       ) ON COMMIT DELETE ROWS""",
)
_EMPTY = "TRUNCATE mapped, mapped_party"
# The word index takes what waits in its list in as many turns as it has room for, each over the whole of the index.
_ROOM = "SET LOCAL work_mem = '128MB'"
# A replayed version that is older than the accepted one is superseded, whatever it says.
_ACCEPTED_VERSION = """
SELECT version FROM landing.record l
WHERE l.department = :department AND l.source_record_id = m.source_record_id AND l.state = 'accepted'
ORDER BY version DESC LIMIT 1
"""
_DROP_STALE = f"""
WITH stale AS (
    DELETE FROM mapped m USING (
        SELECT source_record_id, version, row_number() OVER (PARTITION BY source_record_id ORDER BY version DESC) AS age
        FROM mapped
    ) r
    WHERE m.source_record_id = r.source_record_id AND m.version = r.version AND (r.age > 1 OR m.version < ({_ACCEPTED_VERSION}))
    RETURNING m.source_record_id, m.version
)
UPDATE landing.record r SET state = 'superseded' FROM stale s
WHERE r.department = :department AND r.source_record_id = s.source_record_id AND r.version = s.version
"""
_NUMBER = """
UPDATE mapped m SET record_id = coalesce(
    (SELECT record_id FROM store.source_record r WHERE r.department = :department AND r.source_record_id = m.source_record_id LIMIT 1),
    nextval('store.record_id_seq'))
"""
_ACCEPT = """
UPDATE landing.record r SET state = 'accepted' FROM mapped m
WHERE r.department = :department AND r.source_record_id = m.source_record_id AND r.version = m.version
"""
# Looked up record by record: landing, growing all day, has no statistics to make a good plan of a plain join with.
_SUPERSEDE = """
UPDATE landing.record r SET state = 'superseded' FROM (
    SELECT m.source_record_id, older.version FROM mapped m CROSS JOIN LATERAL (
        SELECT l.version FROM landing.record l
        WHERE l.department = :department AND l.source_record_id = m.source_record_id AND l.version < m.version
          AND l.state IN ('accepted', 'quarantined')
        OFFSET 0
    ) older WHERE m.version > 1
) o
WHERE r.department = :department AND r.source_record_id = o.source_record_id AND r.version = o.version
"""
_CLOSE_ITEMS = """
UPDATE quarantine.item i SET state = 'superseded', resolved_at = now(), resolved_by = 'a newer version' FROM mapped m
WHERE m.version > 1 AND i.department = :department AND i.source_record_id = m.source_record_id AND i.version < m.version
  AND i.state = 'open'
"""
_FIRST_PARTIES = """
INSERT INTO store.party (party_id, record_id, {fields}, version)
SELECT nextval('store.party_id_seq'), m.record_id, {said}, p.version
FROM mapped_party p JOIN mapped m USING (source_record_id, version) WHERE m.version = 1
""".format(fields=", ".join(_PARTY_FIELDS), said=", ".join(f"p.{name}" for name in _PARTY_FIELDS))
# A party keeps its id while the record goes on naming the same one: same role and kind, and the same number, else name. A number that
# comes to a name, or leaves it, makes it nobody else; one that comes after another does. Nobody can tell the planner how many rows its
# parts have: left to itself it takes each for one, and goes through all of the one for each of the other.
_HASHED = "SET LOCAL enable_nestloop = {}"
_LATER_PARTIES_SQL = """
WITH said AS (
    SELECT p.*, m.record_id AS record, coalesce(p.id_no, p.uscc) AS number, {who} AS who,
           row_number() OVER (PARTITION BY m.record_id, p.role, p.kind, {who} ORDER BY p.ordinal) AS turn
    FROM mapped_party p JOIN mapped m USING (source_record_id, version) WHERE m.version > 1
), before AS (
    SELECT p.party_id, p.record_id, p.role, p.kind, p.name, p.ordinal, {number_before} AS number, {before} AS who,
           row_number() OVER (PARTITION BY p.record_id, p.role, p.kind, {before} ORDER BY p.ordinal) AS turn
    FROM mapped m CROSS JOIN LATERAL (
        SELECT max(version) AS version FROM store.source_record s
        WHERE s.record_id = m.record_id AND s.version < m.version AND NOT s.is_deleted
    ) newest CROSS JOIN LATERAL (
        SELECT * FROM store.party WHERE record_id = m.record_id AND version = newest.version OFFSET 0
    ) p WHERE m.version > 1
), same AS (
    SELECT s.record, s.ordinal, b.party_id
    FROM said s JOIN before b ON (b.record_id, b.role, b.kind, b.who, b.turn) = (s.record, s.role, s.kind, s.who, s.turn)
), came AS (
    SELECT s.*, row_number() OVER (PARTITION BY s.record, s.role, s.kind, s.name ORDER BY s.ordinal) AS place
    FROM said s LEFT JOIN same a ON (a.record, a.ordinal) = (s.record, s.ordinal) WHERE s.name IS NOT NULL AND a.party_id IS NULL
), went AS (
    SELECT b.*, row_number() OVER (PARTITION BY b.record_id, b.role, b.kind, b.name ORDER BY b.ordinal) AS place
    FROM before b LEFT JOIN same a ON a.party_id = b.party_id WHERE b.name IS NOT NULL AND a.party_id IS NULL
), kept AS (
    SELECT record, ordinal, party_id FROM same
    UNION ALL
    SELECT c.record, c.ordinal, w.party_id FROM came c
    JOIN went w ON (w.record_id, w.role, w.kind, w.name, w.place) = (c.record, c.role, c.kind, c.name, c.place)
    CROSS JOIN LATERAL (
        SELECT bool_or({number_before} <> c.number) AS had_another FROM store.party p WHERE p.party_id = w.party_id
    ) ever
    WHERE (c.number IS NULL) <> (w.number IS NULL) AND ever.had_another IS NOT TRUE
)
INSERT INTO store.party (party_id, record_id, {fields}, version)
SELECT coalesce(k.party_id, nextval('store.party_id_seq')), s.record, {said}, s.version
FROM said s LEFT JOIN kept k ON (k.record, k.ordinal) = (s.record, s.ordinal)
"""
_WHO = "coalesce({id_no}, p.uscc, p.name, {phone})"
_LATER_PARTIES, _LATER_PARTIES_RENEWED = (
    _LATER_PARTIES_SQL.format(
        who=_WHO.format(id_no="p.id_no", phone="p.phone"),
        before=_WHO.format(**numbers),
        number_before=f"coalesce({numbers['id_no']}, p.uscc)",
        fields=", ".join(_PARTY_FIELDS),
        said=", ".join(f"s.{name}" for name in _PARTY_FIELDS),
    )
    for numbers in ({name: f"p.{name}" for name in NUMBERS}, RENEWED_NUMBERS)
)
# While a store is being encrypted, or from one key to another, what stood before may be the same number in another form.
_STORED_BEFORE = """
SELECT DISTINCT p.id_no, p.phone FROM mapped m JOIN store.party p ON p.record_id = m.record_id
WHERE m.version > 1 AND (left(p.id_no, %(length)s) <> %(prefix)s OR left(p.phone, %(length)s) <> %(prefix)s)
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
_TOMBSTONES = """
INSERT INTO mapped (source_record_id, version, is_deleted) SELECT source_record_id, version, true FROM landing.record
WHERE department = :department AND batch_id = ANY(:batches) AND state = 'landed' AND operation = 'delete'
"""
_DONE = """
UPDATE ops.batch SET state = 'done', finished_at = now(), error = NULL
WHERE department = :department AND batch_id <= :batch_id AND state IN ('landed', 'validated') AND batch_id <> ALL(:unvalidated)
RETURNING batch_id
"""


def normalise(engine: Engine, contract: Contract, batch_id: int, settings: Settings, *, is_released: bool = False) -> None:
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
        is_released: a person released the batch: bad rows are quarantined, but it is not held again.

    Raises:
        BatchHeld: too much is refused, by VALIDATE and here together; the batch is held whole.
        ConservationError: a row was lost or doubled.
        BusyError: another run of the department is at work.
    """
    department = contract.department
    with told_with_batch(engine, department, batch_id), store_errors(), department_lock(engine, department) as connection:
        keys: dict[str, object] = {"department": department, "batch_id": batch_id}
        for statement in _TEMPORARY:
            connection.execute(text(statement))
        refusals.prepare(connection)
        batches, unvalidated = work.unfinished(connection, department, batch_id)
        keys |= {"batches": batches, "unvalidated": unvalidated}
        touched = {batch_id, *batches} - {*unvalidated}
        total = work.prepare(connection, department, batches)
        connection.commit()
        refused = Refused(connection, department, sorted(touched), total)
        code_lists = code_lists_of(contract) if total else {}
        for chunk in work.chunks(connection, department, min(settings.validate_chunk_rows, _CHUNK_ROWS), total):
            mapped = map_records(contract, chunk, code_lists)
            refused.count(mapped.refusals)
            if is_released or not refused.is_too_much(settings):  # else the rest is mapped to tell the whole reason
                _write(connection, keys, mapped)
        if not is_released and refused.is_too_much(settings):
            connection.rollback()
            hold(connection, department, batch_id, refused.why(settings), batches)
        _bury(connection, keys)
        _finish(connection, keys, touched)


def _write(connection: Connection, keys: dict[str, object], mapped: Mapped) -> None:
    if refusals.add(connection, mapped.refusals.rename_columns(list(refusals.COLUMNS))):
        refusals.quarantine(connection, str(keys["department"]))
    if mapped.records.num_rows == 0:
        return
    connection.execute(text(_EMPTY))
    records, parties = _frame(mapped.records), _frame(mapped.parties)
    copy_in(cursor_of(connection), "mapped", records, ("source_record_id", "version", "reported_at"))
    numbered = _number(connection, keys)
    records = _with_tokens(records, parties).join(numbered, on=["source_record_id", "version"], how="inner", maintain_order="left")
    connection.execute(text(_ROOM))
    copy_in(cursor_of(connection), "store.source_record", records)
    copy_in(cursor_of(connection), "store.case_event", _events(records))
    copy_in(cursor_of(connection), "mapped_party", store_numbers(parties.drop("department")))
    connection.execute(text(_FIRST_PARTIES))
    if _has_later(numbered):
        statement = _LATER_PARTIES_RENEWED if _renew(connection) else _LATER_PARTIES
        connection.execute(text(_HASHED.format("off")))
        connection.execute(text(statement))
        connection.execute(text(_HASHED.format("on")))
    _accept(connection, keys, numbered)


def _renew(connection: Connection) -> bool:
    """Note the current form of numbers that earlier versions hold in another one, in `renewed`; whether there are any."""
    ring = key_ring()
    if ring is None:
        return False
    prefix = ring.current_prefix
    before = read_frame(connection, _STORED_BEFORE, {"prefix": prefix, "length": len(prefix)})
    found = renewed(ring, before)
    connection.execute(text(RENEWED_TABLE))
    connection.execute(text("TRUNCATE renewed"))
    return copy_in(cursor_of(connection), "renewed", found) > 0


def _number(connection: Connection, keys: dict[str, object]) -> pl.DataFrame:
    """Drop stale versions and give every other its record's id: (source_record_id, version, record_id)."""
    connection.execute(text("ANALYZE mapped"))
    connection.execute(text(_DROP_STALE), keys)
    connection.execute(text(_NUMBER), keys)
    return read_frame(connection, "SELECT source_record_id, version, record_id FROM mapped")


def _accept(connection: Connection, keys: dict[str, object], numbered: pl.DataFrame) -> None:
    connection.execute(text(_ACCEPT), keys)
    if _has_later(numbered):
        connection.execute(text(_SUPERSEDE), keys)
        connection.execute(text(_CLOSE_ITEMS), keys)
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
    connection.execute(text(_EMPTY))
    if connection.execute(text(_TOMBSTONES), keys).rowcount:
        numbered = _number(connection, keys)
        connection.execute(text(_DELETED_RECORDS), keys)
        _accept(connection, keys, numbered)


def _finish(connection: Connection, keys: dict[str, object], touched: set[int]) -> None:
    connection.execute(text(_LATER_PENDING))
    touched |= set(connection.execute(text(_DONE), keys).scalars())
    counts = recount(connection, sorted(touched))
    connection.commit()
    require_law(counts)
