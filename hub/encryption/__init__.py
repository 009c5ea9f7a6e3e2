"""ENCRYPTION AT REST: ID numbers, phones and whatever else holds them, as they stand in the store.

Off unless a key document is named by a setting. This process has one key ring; who writes a protected value asks it for the
stored form, who reads one for the clear.
"""

from __future__ import annotations

from hub.encryption.documents import clear_bytes, clear_json, store_bytes, store_json
from hub.encryption.key_ring import NUMBERS, PREFIX, KeyRing, Protected
from hub.encryption.numbers import clear_number, clear_rows, number_forms
from hub.encryption.process import key_ring, using

__all__ = [
    "NUMBERS",
    "PREFIX",
    "KeyRing",
    "Protected",
    "clear_bytes",
    "clear_json",
    "clear_number",
    "clear_rows",
    "key_ring",
    "number_forms",
    "store_bytes",
    "store_json",
    "using",
]
