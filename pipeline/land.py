"""LAND: pages of raw rows → versions in landing.record, with the watermark, in one transaction a page, small pages together.

A row that equals the latest version of its key is already known and writes nothing; anything else is a new version. What
has no key is known by its content. Counts go with the rows, so the conservation law can be recounted at any time.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import orjson
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from connectors.contract import Contract
from connectors.extract import Page, Pull, extract, reconcile
from connectors.pages import together
from hub.database import store_errors
from hub.errors import SnapshotError
from pipeline.absent import Swept, bury_absent, ended_early
from pipeline.alerts import alert
from pipeline.batch_errors import place, words
from pipeline.conservation import recount
from pipeline.discarded import is_discarded
from pipeline.locks import department_lock
from pipeline.remap import land_accepted, mapped_otherwise
from pipeline.staging import prepare, stage
from pipeline.watermark import Mark, is_ordered, move, read, require_zone

_ROWS_TOGETHER = 2_000  # of small pages that are landed at once

# What is judged goes without its payload, which is fetched by its place in the end: five sorts would carry it along.
# A key that stands twice in one snapshot with two contents has no right version: the first is taken, the others are kept
# without a key, so that the same file tomorrow is still "already known". Numbers go on from the newest version, discarded or not.
# An event that is known by its id says nothing new of its record: what follows it is compared with what landed last, not with it.
_HASHED = f"""
WITH hashed AS MATERIALIZED (
    SELECT ctid AS place, ordinal, source_record_id, event_id,
           CASE WHEN operation = 'delete' THEN sha256('deleted') WHEN payload IS NULL THEN sha256(coalesce(raw, ''))
                ELSE sha256(convert_to((payload - cast(:volatile AS text[]){{nested}})::text, 'UTF8')) END AS content_hash
    FROM staged
), keyed AS MATERIALIZED (
    SELECT h.*, source_record_id IS NOT NULL AND NOT (:is_snapshot AND (
               h.source_record_id IN (SELECT source_record_id FROM seen)
               OR row_number() OVER (PARTITION BY source_record_id ORDER BY ordinal) > 1)) AS has_key,
           event_id IS NOT NULL AND (row_number() OVER (PARTITION BY event_id ORDER BY ordinal) > 1 OR EXISTS (
               SELECT FROM landing.record r
               WHERE r.department = :department AND r.event_id = h.event_id AND NOT {is_discarded("r")})) AS is_repeat
    FROM hashed h
), latest AS MATERIALIZED (
    SELECT k.*, l.version AS latest_version, l.content_hash AS latest_hash,
           lag(k.content_hash) OVER (PARTITION BY k.source_record_id, k.has_key AND NOT k.is_repeat ORDER BY k.ordinal) AS previous_hash,
           row_number() OVER (PARTITION BY k.content_hash, k.has_key ORDER BY k.ordinal) AS copy
    FROM keyed k LEFT JOIN LATERAL (
        SELECT version, CASE WHEN NOT {is_discarded("r")} THEN content_hash ELSE (
            SELECT content_hash FROM landing.record o
            WHERE o.department = :department AND o.source_record_id = k.source_record_id AND NOT {is_discarded("o")}
            ORDER BY version DESC LIMIT 1
        ) END AS content_hash
        FROM landing.record r WHERE r.department = :department AND r.source_record_id = k.source_record_id AND k.has_key
        ORDER BY version DESC LIMIT 1
    ) l ON true
), judged AS MATERIALIZED (
    SELECT t.*, CASE
        WHEN is_repeat THEN true
        WHEN has_key THEN content_hash = coalesce(previous_hash, latest_hash)
        ELSE copy <= (SELECT count(*) FROM landing.record r
                      WHERE r.department = :department AND NOT r.has_key AND r.content_hash = t.content_hash AND NOT {is_discarded("r")})
    END IS TRUE AS is_known
    FROM latest t
)"""
_LAND = (
    _HASHED
    + """, fresh AS (
    SELECT place, ordinal, source_record_id, has_key, content_hash, event_id, coalesce(latest_version, 0) AS known_version,
           row_number() OVER (PARTITION BY source_record_id, has_key ORDER BY ordinal) AS turn
    FROM judged WHERE NOT is_known
), landed AS (
    INSERT INTO landing.record (department, source_record_id, version, batch_id, ordinal, operation, content_hash, has_key, payload, raw,
                                fault, event_id, source_cursor, state)
    SELECT :department, CASE WHEN f.has_key THEN f.source_record_id ELSE :batch_id || ':' || f.ordinal END,
           CASE WHEN f.has_key THEN f.known_version + f.turn ELSE 1 END,
           :batch_id, f.ordinal, s.operation, f.content_hash, f.has_key,
           coalesce(to_jsonb(s.kept_payload), s.payload), coalesce(s.kept_raw, s.raw),
           coalesce(s.fault, CASE WHEN NOT f.has_key AND f.source_record_id IS NOT NULL THEN 'the key stands twice in one snapshot' END),
           f.event_id, s.cursor, 'landed'
    FROM fresh f JOIN staged s ON s.ctid = f.place ORDER BY f.ordinal
    RETURNING 1
), marked AS (
    INSERT INTO seen SELECT DISTINCT source_record_id FROM judged WHERE :is_sweep AND has_key ON CONFLICT DO NOTHING
)
SELECT (SELECT count(*) FROM landed) AS landed, (SELECT count(*) FROM judged WHERE is_known) AS known
"""
)
_COUNT = """
UPDATE ops.batch SET pulled = pulled + :pulled, landed = landed + :landed, already_known = already_known + :known,
       watermark_to = coalesce(:watermark, watermark_to),
       columns = (SELECT jsonb_agg(DISTINCT name) FROM (
           SELECT jsonb_array_elements_text(coalesce(columns, '[]')) AS name UNION SELECT unnest(cast(:columns AS text[]))) names)
WHERE batch_id = :batch_id
"""
_REMEMBER_CONTRACT = """
INSERT INTO ops.contract (department, version, content_hash, document) VALUES (:department, :version, :hash, cast(:document AS jsonb))
ON CONFLICT DO NOTHING
"""
_FAIL_DEAD = """
UPDATE ops.batch SET state = 'failed', error = 'the run ended before its end', finished_at = now()
WHERE department = :department AND state = 'open'
"""
_HELD = "SELECT count(*), min(batch_id) FROM ops.batch WHERE department = :department AND state = 'held' HAVING count(*) > 0"
_LANDED = """
UPDATE ops.batch SET state = 'landed', landed_at = now(), watermark_to = coalesce(:watermark, watermark_to) WHERE batch_id = :batch_id
"""
_TAKE_FROM_INBOX = "UPDATE ops.inbox SET batch_id = :batch_id WHERE inbox_id IN (SELECT cursor::bigint FROM staged)"


@dataclass
class _Landing:
    """One batch on its way in."""

    connection: Connection
    contract: Contract
    order: Order
    batch_id: int = 0
    watermark: str | None = None  # as it stood before
    watermark_timezone: str | None = None
    swept: Swept = field(default_factory=Swept)

    @property
    def is_snapshot(self) -> bool:
        return self.contract.feed.mode == "snapshot"

    @property
    def moves_watermark(self) -> bool:
        """A sweep and a backfill look back; only an ordinary pull moves on."""
        return self.contract.feed.mode == "cursor" and self.order.kind == "ingest"

    @property
    def is_sweep(self) -> bool:
        """The source is asked for everything, so what is absent was deleted."""
        return self.is_snapshot or self.order.kind == "reconcile"

    @property
    def is_remap(self) -> bool:
        """The source is not asked."""
        return self.order.kind == "remap"


@dataclass(frozen=True)
class Order:
    """What is asked of a pull.

    Attributes:
        kind: ingest, reconcile (a sweep of everything; deletions come to light), backfill (never moves the watermark) or remap (the
            source is not asked: what was accepted lands again).
        run_id: the DAG run, for the batch's row; the process where None.
        accepts_deletions: a person says that rows absent from a snapshot are gone, however many.
    """

    kind: str = "ingest"
    run_id: str | None = None
    accepts_deletions: bool = False


#: Where pages come from, for a contract, a watermark and the store (the inbox is read from it).
Source = Callable[[Contract, Pull, Engine], Iterable[Page]]


def from_system(contract: Contract, pull: Pull, engine: Engine) -> Iterable[Page]:
    """What is new at the department's own system."""
    return extract(contract, pull, engine=engine)


def sweep(contract: Contract, pull: Pull, engine: Engine) -> Iterable[Page]:
    """Everything that the department's own system holds."""
    return reconcile(contract)


def land(engine: Engine, contract: Contract, order: Order = Order(), source: Source | None = None) -> int:  # noqa: B008 - frozen
    """Pull what is new at the source and append it to landing.

    Args:
        engine: the store.
        contract: of the department.
        order: what is asked of the pull.
        source: where pages come from; the department's own system where None.

    Returns:
        The batch's id, its state `landed`; or `done` where nothing was new.

    Raises:
        BusyError: another run of the department is at work.
        ContractError: the watermark is of another type than the contract's cursor; the batch is `failed`.
        SourceError: the source did not give what the contract promises; the batch is `failed`, rows landed before stay.
        SnapshotError: too much of a snapshot vanished; its rows landed and are held.
        StoreUnavailable: the database went away; what had been committed stays, the watermark with it.
    """
    with store_errors(), department_lock(engine, contract.department) as connection:
        landing = _Landing(connection, contract, order)
        _open_batch(landing)
        try:
            with store_errors():  # within: what is kept with the batch must not be the database's own words
                if landing.is_remap:
                    _land_accepted(landing)
                else:
                    _land_pages(landing, together(_pages(landing, source, engine), _ROWS_TOGETHER))
        except Exception as error:
            place(contract.department, landing.batch_id, error)
            with contextlib.suppress(SQLAlchemyError):  # the store may be what broke; the next run then closes the batch
                connection.rollback()
                _close_failed(landing, error)
            raise
        return landing.batch_id


def _pages(landing: _Landing, source: Source | None, engine: Engine) -> Iterable[Page]:
    """What the source is asked for; nothing is, where the contract does not go on from the watermark."""
    contract, order = landing.contract, landing.order
    if landing.moves_watermark:
        require_zone(contract, landing.watermark, landing.watermark_timezone)
    pull = Pull.after(contract, landing.watermark if order.kind == "ingest" else None)
    source = source or (sweep if order.kind == "reconcile" else from_system)
    return source(contract, pull, engine)


def _land_accepted(landing: _Landing) -> None:
    land_accepted(landing.connection, landing.contract.department, landing.batch_id)
    _finish(landing, None)


def _open_batch(landing: _Landing) -> None:
    connection, contract = landing.connection, landing.contract
    key = {"department": contract.department, "version": contract.version}
    prepare(connection)
    connection.execute(text(_FAIL_DEAD), key)
    document, key_of_contract = _document(contract), {**key, "hash": contract.content_version}
    is_new = connection.execute(text(_REMEMBER_CONTRACT), {**key_of_contract, "document": document}).rowcount
    connection.execute(text("INSERT INTO ops.source (department) VALUES (:department) ON CONFLICT DO NOTHING"), key)
    landing.watermark, landing.watermark_timezone = read(connection, contract.department)
    landing.batch_id = connection.execute(
        text(
            "INSERT INTO ops.batch (department, kind, state, contract_version, run_id, watermark_from, watermark_timezone) "
            "VALUES (:department, :kind, 'open', :version, :run_id, :watermark, :timezone) RETURNING batch_id"
        ),
        {
            **key,
            "kind": landing.order.kind,
            "run_id": landing.order.run_id or f"process {os.getpid()}",
            "watermark": landing.watermark,
            "timezone": landing.watermark_timezone,
        },
    ).scalar_one()
    told = [
        f"held: {count} batches wait for a person, {first} the first; `casehub batches list --state held` tells why"
        for count, first in connection.execute(text(_HELD), key)
    ]
    if is_new and not landing.is_remap:
        told += mapped_otherwise(connection, key_of_contract, orjson.loads(document))
    alert(connection, contract.department, landing.batch_id, told)
    connection.commit()


def _document(contract: Contract) -> str:
    return orjson.dumps(contract.model_dump(mode="json", by_alias=True, exclude_unset=True)).decode()


def _land_pages(landing: _Landing, pages: Iterable[Page]) -> None:
    contract = landing.contract
    mark, is_complete = Mark(contract, landing.watermark), False
    for page in pages:
        mark.take(page)
        is_complete = page.complete
        landing.swept.total, landing.swept.highest_total = page.total, page.highest_total
        _land_page(landing, page, mark.watermark if landing.moves_watermark and is_ordered(contract) else None)
        if page.complete and not landing.is_sweep and page.lowest_total is not None and page.read < page.lowest_total:
            raise ended_early(contract, landing.batch_id, page.lowest_total, page.read)
    if landing.is_sweep and is_complete:
        bury_absent(landing.connection, contract, landing.batch_id, landing.swept, accepts_deletions=landing.order.accepts_deletions)
    if landing.moves_watermark:
        alert(landing.connection, contract.department, landing.batch_id, mark.alerts())
    _finish(landing, mark.watermark if landing.moves_watermark else None)


def _land_page(landing: _Landing, page: Page, watermark: str | None) -> None:
    connection, contract = landing.connection, landing.contract
    if page.rows.num_rows == 0:
        return
    stage(connection, page)
    keys = {"department": contract.department, "batch_id": landing.batch_id}
    if contract.feed.mode == "events":
        connection.execute(text(_TAKE_FROM_INBOX), keys)
    volatile = {"volatile": list(contract.volatile), **_within(contract)}
    statement = _LAND.replace("{nested}", "".join(f" #- cast(:{name} AS text[])" for name in volatile if name != "volatile"))
    counts = connection.execute(
        text(statement), {**keys, **volatile, "is_snapshot": landing.is_snapshot, "is_sweep": landing.is_sweep}
    ).one()
    connection.execute(
        text(_COUNT),
        {
            **keys,
            "pulled": page.rows.num_rows,
            "landed": counts.landed,
            "known": counts.known,
            "watermark": watermark,
            "columns": list(page.columns),
        },
    )
    if watermark is not None:
        move(connection, contract, watermark)
    connection.commit()
    landing.swept.pulled += page.rows.num_rows
    landing.swept.keyless += page.rows.column("source_record_id").null_count


def _within(contract: Contract) -> dict[str, list[str]]:
    """Paths of volatile values within objects: meta.exported_at."""
    return {f"volatile_{place}": name.split(".") for place, name in enumerate(contract.volatile) if "." in name}


def _finish(landing: _Landing, watermark: str | None) -> None:
    connection = landing.connection
    keys = {"department": landing.contract.department, "batch_id": landing.batch_id, "watermark": watermark}
    if watermark is not None:
        move(connection, landing.contract, watermark)
    connection.execute(text(_LANDED), keys)
    connection.commit()


def _close_failed(landing: _Landing, error: Exception) -> None:
    """Keep the reason with the batch; a snapshot that lost too much is held, whole, for a person or a better one.

    Whoever called LAND has the error, and logs it.
    """
    connection, is_held = landing.connection, isinstance(error, SnapshotError)
    keys = {
        "batch_id": landing.batch_id,
        "department": landing.contract.department,
        "error": words(landing.contract.department, error),
        "state": "held" if is_held else "failed",
    }
    if is_held:
        connection.execute(text("UPDATE landing.record SET state = 'held' WHERE batch_id = :batch_id AND state = 'landed'"), keys)
    connection.execute(text("UPDATE ops.batch SET state = :state, error = :error, finished_at = now() WHERE batch_id = :batch_id"), keys)
    if is_held:
        recount(connection, [landing.batch_id])
    connection.commit()
