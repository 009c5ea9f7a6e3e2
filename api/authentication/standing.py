"""STANDING: whether who came a while ago may still be answered, for what goes on longer than a call."""

from __future__ import annotations

from api.access import Caller
from api.authentication.keys import is_live
from api.state import Hub


def is_good(hub: Hub, caller: Caller) -> bool:
    """Whether the key by which a caller came is neither revoked nor expired; of a token nobody says that it was taken back."""
    if caller.kind != "key":
        return True
    with hub.read() as connection:
        return is_live(connection, caller)
