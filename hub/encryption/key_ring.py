"""A value enters and its stored form leaves, and the other way round.

`enc:<key id>:<base64 of nonce, ciphertext and tag>`, after which a number has `.` and four characters. The nonce of a number is a
keyed hash of the number itself (SIV's way): under one key equal numbers are equal texts, so that columns of them are indexed,
joined and counted as ever, and nobody can tell a number from its text without the keys. The last four characters stand for the
number's own last four, by a keyed hash too. Whole documents, which nobody looks up, have random nonces.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Callable, Iterable
from enum import StrEnum
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.encryption.key_document import RESERVED, Key, KeyDocument
from hub.errors import DecryptionError

PREFIX = "enc:"
NONCE, TAG, END = 12, 16, 4
_CHECKED = b"casehub key check"


class Protected(StrEnum):
    """What is protected, by table and column: a text of one cannot be passed off as one of another."""

    ID_NO = "store.party.id_no"  # of golden values too
    PHONE = "store.party.phone"
    PAYLOAD = "landing.record.payload"
    RAW = "landing.record.raw"
    EVENT = "ops.inbox.body"
    CELLS = "ops.lookup_row.cells"
    ANSWER = "ops.lookup_row.answer"
    RESULT = "ops.lookup.result"


#: Columns of parties that are protected, by their name there and in golden values.
NUMBERS = {"id_no": Protected.ID_NO, "phone": Protected.PHONE}


class KeyRing:
    """The keys of a document, ready for use, by any number of threads."""

    def __init__(self, document: KeyDocument) -> None:
        self.current = document.current
        self.key_ids = tuple(document.keys)
        self.ciphers = {name: key.cipher for name, key in document.keys.items()}
        self._aeads: dict[str, _Aead] = {name: _aead(key) for name, key in document.keys.items()}
        self._checks = {name: _check(key.key) for name, key in document.keys.items()} | {RESERVED: _check(document.lookup)}
        self._nonce_key, self._end_key, blocks = (_derived(document.lookup, use) for use in (b"nonce", b"end", b"blocking key"))
        self._blocks = Cipher(algorithms.AES256(blocks), modes.ECB())  # noqa: S305 - each block by itself is what is wanted
        self._end = lru_cache(maxsize=65_536)(self._end_of)

    @property
    def current_prefix(self) -> str:
        """What every text begins with that is under the current key."""
        return f"{PREFIX}{self.current}:"

    def check_value(self, name: str) -> str:
        """What tells one key from another under the same id, and nothing of the key."""
        return self._checks[name]

    def store_number(self, field: Protected, number: str, key_id: str | None = None) -> str:
        """A number as it is stored: the same text each time."""
        name, plain = key_id or self.current, number.encode()
        nonce = hmac.digest(self._nonce_key, field.encode() + b"\0" + plain, "sha256")[:NONCE]
        return f"{PREFIX}{name}:{_encode(nonce + self._aeads[name].encrypt(nonce, plain, field.encode()))}.{self.end(field, number)}"

    def number_forms(self, field: Protected, numbers: Iterable[str]) -> list[str]:
        """Every text by which the store may hold one of these numbers: in the clear as long as it is not all encrypted."""
        return [form for number in numbers for form in (number, *(self.store_number(field, number, name) for name in self.key_ids))]

    def end(self, field: Protected, number: str) -> str:
        """What the stored form of a number ends with: four characters for its last four."""
        return self._end(field, number[-END:])

    def number(self, field: Protected, stored: str) -> str:
        """A stored number in the clear; itself where it is.

        Raises:
            DecryptionError: no key of the ring opens it; names table and column.
        """
        if not stored.startswith(PREFIX):
            return stored
        return self._opened(field, stored[: -END - 1]).decode()

    def store_document(self, field: Protected, document: bytes) -> str:
        """A document as it is stored: another text each time."""
        nonce = os.urandom(NONCE)
        return f"{self.current_prefix}{_encode(nonce + self._aeads[self.current].encrypt(nonce, document, field.encode()))}"

    def document(self, field: Protected, stored: str) -> bytes:
        """A stored document as it was.

        Raises:
            DecryptionError: no key of the ring opens it; names table and column.
        """
        return self._opened(field, stored)

    def hide(self, blocks: bytes) -> bytes:
        """Blocks of 16 bytes, each by a secret permutation: of a number in the first eight, the first eight again stand for it."""
        return self._blocks.encryptor().update(blocks)

    def _opened(self, field: Protected, stored: str) -> bytes:
        key_id, _, text = stored.removeprefix(PREFIX).partition(":")
        aead = self._aeads.get(key_id)
        if aead is None:
            raise DecryptionError(
                f"{field} 的一个值用密钥 {key_id} 加密，而此密钥不存在 · "
                f"a value of {field} is encrypted under key {key_id}, which is not there",
                remedy="把此密钥放回密钥文件；何时可以去掉，见 `casehub encryption status` · "
                "put this key back into the key document; `casehub encryption status` says when it may go",
                table=str(field),
                key_id=key_id,
            )
        try:
            sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            return aead.decrypt(sealed[:NONCE], sealed[NONCE:], field.encode())
        except (InvalidTag, binascii.Error, ValueError):
            raise DecryptionError(
                f"{field} 的一个值用密钥 {key_id} 无法解密：值被改动过，或密钥不同 · "
                f"a value of {field} does not decrypt under key {key_id}: it was changed, or the key is another",
                remedy="与备份核对密钥文件；密钥无误时，从存储的备份中取回该值 · "
                "compare the key document with its backup; if the key is right, take the value from a backup of the store",
                table=str(field),
                key_id=key_id,
            ) from None

    def _end_of(self, field: Protected, characters: str) -> str:
        return _encode(hmac.digest(self._end_key, field.encode() + b"\0" + characters.encode(), "sha256")[:3])


class _Aead:
    def __init__(self, encrypt: Callable[[bytes, bytes, bytes], bytes], decrypt: Callable[[bytes, bytes, bytes], bytes]) -> None:
        self.encrypt, self.decrypt = encrypt, decrypt


def _aead(key: Key) -> _Aead:
    if key.cipher == "AES-256-GCM":
        aes = AESGCM(key.key)
        return _Aead(aes.encrypt, aes.decrypt)
    sm4 = algorithms.SM4(key.key)

    def encrypt(nonce: bytes, plain: bytes, about: bytes) -> bytes:
        encryptor = Cipher(sm4, modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(about)
        return encryptor.update(plain) + encryptor.finalize() + encryptor.tag

    def decrypt(nonce: bytes, sealed: bytes, about: bytes) -> bytes:
        decryptor = Cipher(sm4, modes.GCM(nonce, sealed[-TAG:])).decryptor()
        decryptor.authenticate_additional_data(about)
        return decryptor.update(sealed[:-TAG]) + decryptor.finalize()

    return _Aead(encrypt, decrypt)


def _derived(secret: bytes, use: bytes) -> bytes:
    return hmac.digest(secret, use, hashlib.sha256)


def _check(key: bytes) -> str:
    return hmac.digest(key, _CHECKED, "sha256")[:8].hex()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
