"""What routes ask for: the hub, and the caller with his rights and the purpose that he gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Annotated, ParamSpec, TypeVar, cast
from urllib.parse import unquote

import anyio.to_thread
from fastapi import Depends, Header, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.access import CASE_REFERENCE, Caller, Purpose, require_endpoint
from api.authentication.authenticator import Authenticator
from api.authentication.limits import require_quota
from api.policy.document import Policy
from api.state import Hub, Trace, hub_of, trace_of
from hub.errors import AccessDenied, RequestError

_bearer = HTTPBearer(
    auto_error=False,
    bearerFormat="casehub_… / JWT",
    description="API 密钥（`casehub keys create`）或令牌 · an API key made by `casehub keys create`, or a JWT of a trusted issuer.",
)
P = ParamSpec("P")
T = TypeVar("T")


async def _hub(request: Request) -> Hub:
    """Without a thread, which the framework would give a plain function, and which takes as long as a statement."""
    return hub_of(request)


async def _trace(request: Request) -> Trace:
    return trace_of(request)


HubDep = Annotated[Hub, Depends(_hub)]
TraceDep = Annotated[Trace, Depends(_trace)]
PurposeHeader = Annotated[
    str | None,
    Header(
        alias="X-Purpose",
        max_length=40,
        description="查看目的，与 X-Case-Reference 一同给出方显示个人信息原文 · what for; with X-Case-Reference personal data is clear.",
        examples=["handling"],
    ),
]
CaseReferenceHeader = Annotated[
    str | None,
    Header(
        alias="X-Case-Reference",
        max_length=900,
        description="所办案件的本部门案号（非 ASCII 须百分号编码） · the case that the look is for, percent-encoded if not ASCII.",
        examples=["LD2025-0103-0017"],
    ),
]


async def checked(request: Request, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Run what recognises a caller, or tells readiness, in one of a few threads that answers take none of."""
    return await anyio.to_thread.run_sync(partial(function, *arguments, **named), limiter=request.app.state.checkers)


async def proven_caller(request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]) -> Caller:
    """Who asks, before anybody says what he may.

    Raises:
        AccessDenied: there is no valid key or token.
        TooManyRequests: this address failed too often.
    """
    authenticator = cast(Authenticator, request.app.state.authenticator)
    trace = trace_of(request)
    sent = credentials.credentials if credentials else None
    host = request.client.host if request.client else None
    caller = authenticator.known(sent, host)
    if caller is None:
        try:
            caller = await checked(request, authenticator.authenticate, sent, host, trace.request_id)
        except AccessDenied as error:  # who was proven and may nothing is written down by name
            trace.caller = str(error.detail.get("caller", trace.caller))
            trace.department = cast(str | None, error.detail.get("department"))
            raise
    trace.name(caller)
    return caller


async def caller_of(
    request: Request,
    caller: Annotated[Caller, Depends(proven_caller)],
    purpose: PurposeHeader = None,
    case_reference: CaseReferenceHeader = None,
) -> Caller:
    """Who asks, what for, and with which rights.

    Raises:
        AccessDenied: the policy does not give its role this route.
        TooManyRequests: the caller asked more often than the policy lets it, or asks too much at once.
        RequestError: the purpose is none of the policy's, or is given without a case.
        KeyMissing: the store is under a key that this process does not have.
    """
    hub = hub_of(request)  # as a dependency it would be worked through once more
    if not hub.ring.is_whole():
        await checked(request, hub.ring.require)
    policy = hub.policies.known()
    if policy is None:
        policy = await checked(request, hub.policies.current)
    caller = dataclasses.replace(caller, rights=policy.rights(caller.department, caller.role))
    trace_of(request).quota = quota = hub.limits.take(caller)
    require_quota(quota)
    endpoint = request.scope["route"].name
    require_endpoint(caller, endpoint)
    trace_of(request).leave = request.app.state.in_flight.enter(caller, endpoint)
    return dataclasses.replace(caller, purpose=_purpose(policy, trace_of(request), purpose, case_reference))


CallerDep = Annotated[Caller, Depends(caller_of)]


def _purpose(policy: Policy, trace: Trace, code: str | None, case_reference: str | None) -> Purpose | None:
    if code is None and case_reference is None:
        return None
    reference = unquote(case_reference or "", errors="replace").strip()
    if code not in policy.purposes:
        raise RequestError(
            "X-Purpose 不在策略所列目的之中 · X-Purpose is none of the policy's purposes",
            remedy=f"写 · write one of: {', '.join(f'{known} ({names.zh})' for known, names in policy.purposes.items())}",
        )
    if not CASE_REFERENCE.fullmatch(reference):
        raise RequestError(
            "缺少 X-Case-Reference · X-Case-Reference is missing or malformed",
            remedy="给出所办案件的本部门案号，1 至 100 字 · give the number of the case that the look is for, 1 to 100 characters",
        )
    trace.purpose, trace.case_reference = code, reference
    return Purpose(code, reference)
