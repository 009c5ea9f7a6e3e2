"""What routes ask for: the hub, the caller, and the caller in a role."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from api.access import OPERATORS, Caller, require_role
from api.authentication.authenticator import Authenticator
from api.state import Hub, Trace, hub_of, trace_of

_bearer = HTTPBearer(
    auto_error=False,
    bearerFormat="casehub_… / JWT",
    description="API 密钥（`casehub keys create`）或令牌 · an API key made by `casehub keys create`, or a JWT of a trusted issuer.",
)

HubDep = Annotated[Hub, Depends(hub_of)]
TraceDep = Annotated[Trace, Depends(trace_of)]


async def caller_of(request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]) -> Caller:
    """Who asks.

    Raises:
        AccessDenied: there is no valid key or token.
        TooManyRequests: this address failed too often.
    """
    authenticator = cast(Authenticator, request.app.state.authenticator)
    sent, host, trace = credentials.credentials if credentials else None, request.client.host if request.client else None, trace_of(request)
    caller = authenticator.known(sent, host)
    if caller is None:
        caller = await run_in_threadpool(authenticator.authenticate, sent, host, trace.request_id)
    trace.name(caller)
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
