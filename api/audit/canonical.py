"""What is hashed: a row as one canonical text, a seal as the text of all that it says. The same anywhere, from docs/api/audit.md alone.

A row is its columns but `access_id`, those that are null left out, as JSON by RFC 8785 (keys sorted, no blanks, UTF-8): columns that a
later version adds change no hash. Which row stands at which place is the seal's to say.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row as ResultRow
from sqlalchemy import RowMapping

HASH_BYTES = 32
GONE = bytes(HASH_BYTES)  # in place of the hash of a row that was removed before it was sealed
GENESIS = hashlib.sha256(b"casehub audit chain").digest()  # what the first seal takes for the hash before it
FIELDS = (
    "action", "at", "caller", "case_reference", "department", "entity_ids", "outcome", "person_ids", "purpose", "receiver", "record_ids",
    "request_id", "results", "shape",
)  # fmt: skip
#: The columns of audit.access, in the types that the canonical text is made of.
COLUMNS = """
access_id, action, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at, caller, case_reference, department,
CAST(entity_ids AS text[]) AS entity_ids, outcome, CAST(person_ids AS text[]) AS person_ids, purpose, receiver, record_ids, request_id,
results, shape
"""


def canonical_row(row: RowMapping | Mapping[str, Any]) -> str:
    """The canonical text of a row that was read by `COLUMNS`."""
    return canonical({name: row[name] for name in FIELDS if row[name] is not None})


def canonical(document: object) -> str:
    """RFC 8785 of what has neither floats nor keys beyond ASCII."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def row_hash(text: str) -> bytes:
    """SHA-256 of a row's canonical text."""
    return hashlib.sha256(text.encode()).digest()


@dataclass(frozen=True)
class Tombstone:
    """What a seal says of older ones that were removed: the last of them, its last place and hash, and the age they all had."""

    number: int
    place: int
    hash: bytes
    before: dt.datetime


@dataclass(frozen=True)
class Seal:
    """One link of the chain.

    Args:
        number: from 1, without gaps.
        previous_hash: of the seal before, `GENESIS` of the first.
        first_place: the place of its first row in the order of all rows, from 1.
        last_place: of its last row; the one before the first where it has none.
        sealed_at: by the database's clock.
        access_ids: its rows, in order.
        row_hashes: theirs, in order.
        tombstone: of removed seals, in a seal without rows.
        hash: of all the above, as stored; empty until `hashed`.
    """

    number: int
    previous_hash: bytes
    first_place: int
    last_place: int
    sealed_at: dt.datetime
    access_ids: Sequence[int] = ()
    row_hashes: Sequence[bytes] = ()
    tombstone: Tombstone | None = None
    hash: bytes = b""

    def hashed(self) -> Seal:
        """The same with its hash."""
        return replace(self, hash=hashlib.sha256(canonical(seal_document(self)).encode()).digest())


def seal_document(seal: Seal) -> dict[str, Any]:
    """All that a seal says, the stored hash apart: its canonical text is what is hashed."""
    document: dict[str, Any] = {
        "number": seal.number,
        "previous_hash": seal.previous_hash.hex(),
        "first_place": seal.first_place,
        "last_place": seal.last_place,
        "sealed_at": utc_text(seal.sealed_at),
        "rows": [[access_id, digest.hex()] for access_id, digest in zip(seal.access_ids, seal.row_hashes, strict=True)],
    }
    if seal.tombstone is not None:
        told = seal.tombstone
        document["pruned"] = {"number": told.number, "place": told.place, "hash": told.hash.hex(), "before": utc_text(told.before)}
    return document


def stored(seal: Seal) -> dict[str, Any]:
    """A seal as a row of audit.seal."""
    told = seal.tombstone
    return {
        "number": seal.number,
        "previous_hash": seal.previous_hash,
        "hash": seal.hash,
        "first_place": seal.first_place,
        "last_place": seal.last_place,
        "sealed_at": seal.sealed_at,
        "access_ids": list(seal.access_ids),
        "row_hashes": b"".join(seal.row_hashes),
        "pruned_number": told and told.number,
        "pruned_place": told and told.place,
        "pruned_hash": told and told.hash,
        "pruned_before": told and told.before,
    }


def seal_of(row: ResultRow[Any]) -> Seal:
    """A row of audit.seal as a seal; lists of different lengths are cut to the shorter, and then its hash is not what it was."""
    hashes = bytes(row.row_hashes)
    digests = [hashes[start : start + HASH_BYTES] for start in range(0, len(hashes), HASH_BYTES)]
    rows = min(len(digests), len(row.access_ids))
    told = None
    if row.pruned_number is not None:
        told = Tombstone(row.pruned_number, row.pruned_place, bytes(row.pruned_hash), row.pruned_before)
    return Seal(
        number=row.number,
        previous_hash=bytes(row.previous_hash),
        first_place=row.first_place,
        last_place=row.last_place,
        sealed_at=row.sealed_at,
        access_ids=row.access_ids[:rows],
        row_hashes=digests[:rows],
        tombstone=told,
        hash=bytes(row.hash),
    )


def utc_text(moment: dt.datetime) -> str:
    """A time as canonical texts have it: 2025-01-03T00:00:00.000000Z."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
