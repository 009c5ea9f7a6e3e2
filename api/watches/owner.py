"""Who a watch belongs to, as of now: in whose view it is looked at, and whether anything is still sent to him."""

from __future__ import annotations

from sqlalchemy import func, select

from api.access import Caller
from api.state import Hub
from hub.errors import AccessDenied
from schema.tables import api_token

ENDPOINT = "watches.events"


def standing(hub: Hub, name: str, role: str, department: str | None) -> Caller | None:
    """The owner with the rights of this moment; None where his token was revoked or ran out, or the policy no longer lets him watch."""
    token = api_token.c
    is_his = (token.name == name) & (token.role == role) & token.department.is_not_distinct_from(department)
    with hub.read() as connection:
        if connection.execute(select(token.name).where(is_his, token.revoked_at.is_(None), token.expires_at > func.now())).first() is None:
            return None
    try:
        rights = hub.policies.current().rights(department, role)
    except AccessDenied:
        return None
    return Caller(name, role, department, rights) if rights.allows(ENDPOINT) else None
