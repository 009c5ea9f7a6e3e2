"""STANDING: whether who came a while ago may still be answered, and as he was, for what goes on longer than a call."""

from __future__ import annotations

import dataclasses

from api.access import Caller, Rights
from api.authentication.keys import is_live
from api.authentication.tokens import is_unexpired
from api.state import Hub
from hub.errors import AccessDenied


def is_good(hub: Hub, caller: Caller) -> bool:
    """Whether a caller's rights are what they were and his key or token is good; of a token nobody says that it was taken back."""
    return keeps_rights(hub, caller) and has_good_key(hub, caller)


def keeps_rights(hub: Hub, caller: Caller) -> bool:
    """Whether his token has not ended, and the policy in force lets him read what it let him when he came, in the same way.

    Raises:
        StoreUnavailable: the policy cannot be read.
    """
    if not is_unexpired(caller):
        return False
    policy = hub.policies.current()
    if policy.version == caller.rights.version:
        return True
    try:
        rights = policy.rights(caller.department, caller.role)
    except AccessDenied:
        return False
    is_purpose = caller.purpose is None or caller.purpose.code in policy.purposes
    return is_purpose and _gives(rights, caller.rights)


def _gives(rights: Rights, before: Rights) -> bool:
    """Whether rights are what they were to who is being answered: how often he may ask, and what more, concerns his next call."""
    now = dataclasses.replace(rights, version=before.version, rate=before.rate, numbers=before.numbers, endpoints=before.endpoints)
    return set(before.endpoints) <= set(rights.endpoints) and now == before


def has_good_key(hub: Hub, caller: Caller) -> bool:
    """Whether the key by which he came, if it was one, is neither revoked nor expired."""
    if caller.kind != "key":
        return True
    with hub.check() as connection:
        return is_live(connection, caller)
