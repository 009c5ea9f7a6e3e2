"""REMAP: what was accepted of a department lands again as it is, so that it is mapped as the contract says now.

Enter the accepted versions of landing.record, in LAND's transaction; leave the same content as new versions of a batch of its own, which
VALIDATE and NORMALISE take in as any other. What was accepted stands until then, and what it came to stays in the store's history.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

from connectors.contract import Contract
from pipeline.batch.event_order import is_below, is_ordered
from pipeline.landing.discarded import is_discarded

#: Parts of a contract that make records of rows: what was accepted before one of them changed would come to something else today.
_MAPPING = ("timezone", "record", "parties", "references", "visibility")

# A record of which the source has said something newer is left to that, in quarantine, held, or put aside by a person: mapped anew, the
# older would be the newer one, and what was put aside would come again. An event that came late is nothing newer. Locked, for a rotation of
# keys passes over what is locked, and so does not end before it has seen the copies.
_LAND_AGAIN = f"""
INSERT INTO landing.record (department, source_record_id, version, batch_id, ordinal, operation, content_hash, has_key, payload, raw,
                            source_cursor, state)
SELECT r.department, r.source_record_id, n.newest + 1, :batch_id, row_number() OVER (ORDER BY r.batch_id, r.ordinal), r.operation,
       r.content_hash, r.has_key, r.payload, r.raw, r.source_cursor, 'landed'
FROM (
    SELECT * FROM landing.record
    WHERE department = :department AND state = 'accepted' AND operation = 'upsert' AND payload IS NOT NULL FOR SHARE
) r CROSS JOIN LATERAL (
    SELECT max(o.version) AS newest, bool_or(o.version > r.version AND NOT {is_discarded("o")}
               AND NOT (:is_ordered AND {is_below("o.source_cursor", "r.source_cursor")}) IS TRUE) AS has_newer
    FROM landing.record o WHERE o.department = r.department AND o.source_record_id = r.source_record_id
) n WHERE NOT n.has_newer
"""
_COUNT = "UPDATE ops.batch SET pulled = :rows, landed = :rows WHERE batch_id = :batch_id"
_BEFORE = """
SELECT document FROM (
    SELECT * FROM ops.contract WHERE department = :department ORDER BY last_used_at DESC, version DESC LIMIT 1
) c WHERE (version, content_hash) IS DISTINCT FROM (:version, :hash)
"""
_HAS_ACCEPTED = "SELECT EXISTS (SELECT FROM landing.record WHERE department = :department AND state = 'accepted')"


def land_accepted(connection: Connection, contract: Contract, batch_id: int) -> int:
    """Land every accepted row again, and count it with its batch.

    Returns:
        How many rows.
    """
    keys = {"department": contract.department, "batch_id": batch_id}
    rows = connection.execute(text(_LAND_AGAIN), {**keys, "is_ordered": is_ordered(contract)}).rowcount
    connection.execute(text(_COUNT), {**keys, "rows": rows})
    return rows


def mapped_otherwise(connection: Connection, keys: dict[str, Any], document: dict[str, Any]) -> list[str]:
    """What a person should know when another contract was used before: rows that were accepted by another mapping stay so.

    Args:
        connection: of LAND, before the contract is remembered as the one used last.
        keys: department, version and hash of the contract.
        document: of it.
    """
    before = connection.execute(text(_BEFORE), keys).scalar()
    changed = [part for part in _MAPPING if before is not None and _said(before, part) != _said(document, part)]
    if not changed or not connection.execute(text(_HAS_ACCEPTED), keys).scalar_one():
        return []
    return [
        f"contract_changed: {', '.join(changed)}；运行 `casehub run {keys['department']} --remap` 之前，已接受的行仍按原映射 · "
        f"rows accepted before stay as they were mapped, until `casehub run {keys['department']} --remap`"
    ]


def _said(document: dict[str, Any], part: str) -> Any:
    """What a contract says of a part; a time zone that it leaves out is the usual one."""
    return document.get(part) or (Contract.model_fields[part].default if part == "timezone" else None)
