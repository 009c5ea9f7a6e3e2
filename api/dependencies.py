"""What routes ask for: the hub, the caller, and the caller in a role."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.access import OPERATORS, Caller, require_role
from api.state import Hub, Trace, hub_of, trace_of
from api.tokens import authenticate

_bearer = HTTPBearer(
    auto_error=False,
    bearerFormat="casehub_…",
    description="访问令牌，由 `casehub tokens create` 签发 · a token made by `casehub tokens create`.",
)

HubDep = Annotated[Hub, Depends(hub_of)]
TraceDep = Annotated[Trace, Depends(trace_of)]


def caller_of(request: Request, hub: HubDep, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]) -> Caller:
    """Who asks.

    Raises:
        AccessDenied: there is no valid token.
    """
    with hub.read() as connection:
        caller = authenticate(connection, credentials.credentials if credentials else None)
    trace_of(request).name(caller)
    return caller


CallerDep = Annotated[Caller, Depends(caller_of)]


def operator_of(caller: CallerDep) -> Caller:
    """Who asks, if it is somebody who keeps the platform running.

    Raises:
        AccessDenied: the caller's role may not.
    """
    require_role(caller, *OPERATORS)
    return caller


OperatorDep = Annotated[Caller, Depends(operator_of)]
