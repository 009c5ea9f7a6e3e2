"""Who a watch belongs to, as of now: in whose view it is looked at, and whether anything is still sent to him."""

from __future__ import annotations

from sqlalchemy import text

from api.access import Caller
from api.state import Hub
from api.watches.store import Owner
from hub.errors import AccessDenied

ENDPOINT = "watches.events"

_HOLDS_KEY = """
SELECT EXISTS (
    SELECT FROM ops.api_key WHERE name = :owner AND role = :role AND department IS NOT DISTINCT FROM :department
    AND revoked_at IS NULL AND expires_at > now()
)
"""
_WAS_HERE = """
SELECT coalesce(max(seen_at) > now() - CAST(:hours AS double precision) * interval '1 hour', false) FROM ops.watch
WHERE owner_kind = 'token' AND owner = :owner AND role = :role AND department IS NOT DISTINCT FROM :department
"""


def standing(hub: Hub, owner: Owner) -> Caller | None:
    """The owner with the rights of this moment.

    Returns:
        None where every key of his was revoked or ran out, where a token's holder has not shown himself for as long as a token may
        live, or where the policy no longer lets him watch.
    """
    statement = _HOLDS_KEY if owner.owner_kind == "key" else _WAS_HERE
    with hub.read() as connection:
        if not connection.execute(text(statement), {**owner._asdict(), "hours": hub.settings.oidc_max_hours}).scalar_one():
            return None
    try:
        rights = hub.policies.current().rights(owner.department, owner.role)
    except AccessDenied:
        return None
    if not rights.allows(ENDPOINT):
        return None
    return Caller(owner.owner, owner.role, owner.department, rights, kind="token" if owner.owner_kind == "token" else "key")
