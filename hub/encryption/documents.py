"""Whole documents in and out of columns: JSON and bytes. Without keys nothing is done."""

from __future__ import annotations

from typing import Any

import orjson

from hub.encryption.key_ring import PREFIX, Protected
from hub.encryption.process import key_ring


def store_json(field: Protected, value: Any) -> Any:
    """A JSON value as it is to be stored in a jsonb column; None stays."""
    ring = key_ring()
    return value if ring is None or value is None else ring.store_document(field, orjson.dumps(value))


def clear_json(field: Protected, value: Any) -> Any:
    """A value of such a column as it was.

    Raises:
        DecryptionError: it does not decrypt.
    """
    ring = key_ring()
    if ring is None or not isinstance(value, str) or not value.startswith(PREFIX):
        return value
    return orjson.loads(ring.document(field, value))


def store_bytes(field: Protected, value: bytes | None) -> bytes | None:
    """Bytes as they are to be stored in a bytea column; None stays."""
    ring = key_ring()
    return value if ring is None or value is None else ring.store_document(field, value).encode()


def clear_bytes(field: Protected, value: bytes) -> bytes:
    """Bytes of such a column as they were.

    Raises:
        DecryptionError: they do not decrypt.
    """
    ring = key_ring()
    if ring is None or not value.startswith(PREFIX.encode()):
        return value
    return ring.document(field, value.decode())
