"""What this process encrypts with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from hub.encryption.key_document import read_document
from hub.encryption.key_ring import KeyRing
from hub.settings import get_settings


class _Process:
    """What this process encrypts with, once it has been asked for."""

    is_read = False
    ring: KeyRing | None = None


def key_ring() -> KeyRing | None:
    """The keys of this process, read once; None: values are kept in the clear.

    Raises:
        SettingsError: the key document cannot be had, or says what cannot be done.
    """
    if not _Process.is_read:
        use(read_ring())
    return _Process.ring


def read_ring() -> KeyRing | None:
    """The keys that the settings name, as they are now.

    Raises:
        SettingsError: the key document cannot be had, or says what cannot be done.
    """
    document = read_document(get_settings())
    return None if document is None else KeyRing(document)


def use(ring: KeyRing | None) -> None:
    """Have this process use these keys from now on."""
    _Process.ring, _Process.is_read = ring, True


@contextlib.contextmanager
def using(ring: KeyRing | None) -> Iterator[None]:
    """Have this process use these keys for as long as this lasts: for tests and measurements, whose settings name none."""
    before = (_Process.ring, _Process.is_read)
    _Process.ring, _Process.is_read = ring, True
    try:
        yield
    finally:
        _Process.ring, _Process.is_read = before
