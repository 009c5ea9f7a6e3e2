"""What callers carry for the hub without reading it: positions among all changes, and questions and secrets that the store keeps.

Change numbers count every change there was, sealed ones too: two of them side by side would tell how many lay between.
So a position is encrypted, each time under a new nonce: even whether it moved cannot be told from it. AES-256-GCM, under
keys derived from the secret of the database's logins, one a purpose.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import struct
from collections.abc import Callable
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from api.policy.logins import derived_key
from hub.errors import RequestError
from hub.settings import Settings

_NONCE_BYTES = 12
_POSITION = struct.Struct(">IQ")
_LARGEST = 2**63 - 1


class Position(NamedTuple):
    """A place in the order of all changes: after this change number of this epoch."""

    epoch: int
    number: int


def lock_up(settings: Settings, purpose: str, clear: bytes, about: str = "") -> bytes:
    """Encrypt.

    Args:
        settings: where the secret stands.
        purpose: what the key is for.
        clear: what is to be kept.
        about: what it belongs to; it opens together with the same word alone.

    Raises:
        SettingsError: the secret cannot be read.
    """
    return _locked(AESGCM(derived_key(settings, purpose)), clear, about)


def _locked(cipher: AESGCM, clear: bytes, about: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, clear, about.encode())


def open_up(settings: Settings, purpose: str, kept: bytes, about: str = "") -> bytes | None:
    """What was encrypted; None where it was not, or under another secret, or for something else.

    Raises:
        SettingsError: the secret cannot be read.
    """
    try:
        return AESGCM(derived_key(settings, purpose)).decrypt(kept[:_NONCE_BYTES], kept[_NONCE_BYTES:], about.encode())
    except (InvalidTag, ValueError):
        return None


def write_position(settings: Settings, position: Position, about: str = "") -> str:
    """A position as text for a URL.

    Args:
        settings: where the secret stands.
        position: the place.
        about: the list that it is a place in.
    """
    return writer_of_positions(settings, about)(position)


def writer_of_positions(settings: Settings, about: str = "") -> Callable[[Position], str]:
    """The same for many positions of one list: the secret is read once."""
    cipher = AESGCM(derived_key(settings, "cursor"))

    def write(position: Position) -> str:
        return base64.urlsafe_b64encode(_locked(cipher, _POSITION.pack(*position), about)).decode().rstrip("=")

    return write


def open_position(settings: Settings, cursor: str, about: str = "") -> Position | None:
    """The position that a text stands for; None where it stands for none of this list."""
    try:
        kept = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        kept = b""
    clear = open_up(settings, "cursor", kept, about)
    if clear is None or len(clear) != _POSITION.size:
        return None
    found = Position(*_POSITION.unpack(clear))
    return found._replace(number=min(found.number, _LARGEST))


def read_position(settings: Settings, cursor: str, about: str = "") -> Position:
    """The position that a cursor stands for.

    Raises:
        RequestError: the text is no cursor of this list.
    """
    found = open_position(settings, cursor, about)
    if found is None:
        raise RequestError(
            "since 无法识别 · this is no cursor of this list",
            remedy="原样使用上一页的 next_cursor，或不带 since 从头开始 · pass next_cursor as it was, or begin without since",
        )
    return found
