"""BATCH: its row in ops.batch from its opening to its end, and what it tells of on its way."""

from __future__ import annotations

import os

import orjson
from sqlalchemy import text

from connectors.contract import Contract
from hub.errors import SnapshotError
from pipeline.batch.alerts import alert
from pipeline.batch.batch_errors import words
from pipeline.batch.conservation import recount
from pipeline.landing.order import Landing
from pipeline.landing.remap import mapped_otherwise
from pipeline.landing.staging import prepare
from pipeline.landing.watermark import move, read

# Where another was used since it is the newest again; else a pass without news writes nothing here.
_REMEMBER_CONTRACT = """
INSERT INTO ops.contract AS c (department, version, content_hash, document)
VALUES (:department, :version, :hash, cast(:document AS jsonb))
ON CONFLICT (department, version, content_hash) DO UPDATE SET last_used_at = excluded.last_used_at
WHERE EXISTS (
    SELECT FROM ops.contract o WHERE o.department = c.department AND o.last_used_at >= c.last_used_at
      AND (o.version, o.content_hash) <> (c.version, c.content_hash))
"""
_FAIL_DEAD = """
UPDATE ops.batch SET state = 'failed', error = '运行中断 · the run ended before its end', finished_at = now()
WHERE department = :department AND state = 'open'
"""
_HELD = "SELECT count(*), min(batch_id) FROM ops.batch WHERE department = :department AND state = 'held' HAVING count(*) > 0"
_LANDED = """
UPDATE ops.batch SET state = 'landed', landed_at = now(), watermark_to = coalesce(:watermark, watermark_to) WHERE batch_id = :batch_id
"""


def open_batch(landing: Landing) -> None:
    """Open it, after those that a killed run left open, and remember the contract that it is pulled by."""
    connection, contract = landing.connection, landing.contract
    key = {"department": contract.department, "version": contract.version}
    prepare(connection)
    connection.execute(text(_FAIL_DEAD), key)
    document, key_of_contract = _document(contract), {**key, "hash": contract.content_version}
    changed = [] if landing.is_remap else mapped_otherwise(connection, key_of_contract, orjson.loads(document))
    connection.execute(text(_REMEMBER_CONTRACT), {**key_of_contract, "document": document})
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
    alert(connection, contract.department, landing.batch_id, changed)
    connection.commit()


def _document(contract: Contract) -> str:
    return orjson.dumps(contract.model_dump(mode="json", by_alias=True, exclude_unset=True)).decode()


def _tell_held(landing: Landing) -> None:
    """Tell of other batches that are held: at the end, for a snapshot that is let through settles those before it."""
    found = landing.connection.execute(text(_HELD), {"department": landing.contract.department})
    told = [
        f"held: {count} 个批次等待人工处理，最早为 {first}；原因见 `casehub batches list --state held` · "
        f"{count} batches wait for a person, {first} the first; `casehub batches list --state held` tells why"
        for count, first in found
    ]
    alert(landing.connection, landing.contract.department, landing.batch_id, told)


def finish_landing(landing: Landing, watermark: str | None) -> None:
    """Say that everything has landed, and move the watermark with it."""
    connection = landing.connection
    keys = {"department": landing.contract.department, "batch_id": landing.batch_id, "watermark": watermark}
    if watermark is not None:
        move(connection, landing.contract, watermark)
    _tell_held(landing)
    connection.execute(text(_LANDED), keys)
    connection.commit()


def close_failed(landing: Landing, error: Exception) -> None:
    """Keep the reason with the batch; a snapshot that lost too much is held, whole, for a person or a better one.

    Whoever called LAND has the error, and logs it.
    """
    connection, is_held = landing.connection, isinstance(error, SnapshotError)
    _tell_held(landing)
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
