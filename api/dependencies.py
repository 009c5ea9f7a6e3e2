"""What routes ask for: the hub, and the caller with his rights and the purpose that he gives."""

from __future__ import annotations

import dataclasses
import re
from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Header, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.access import Caller, Purpose, require_endpoint
from api.policy.document import Policy
from api.state import Hub, Trace, hub_of, trace_of
from api.tokens import authenticate
from hub.errors import RequestError

_bearer = HTTPBearer(
    auto_error=False,
    bearerFormat="casehub_…",
    description="访问令牌，由 `casehub tokens create` 签发 · a token made by `casehub tokens create`.",
)
_CASE_REFERENCE = re.compile(r"[^\x00-\x1f\x7f]{1,100}")

HubDep = Annotated[Hub, Depends(hub_of)]
TraceDep = Annotated[Trace, Depends(trace_of)]
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


def caller_of(
    request: Request,
    hub: HubDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    purpose: PurposeHeader = None,
    case_reference: CaseReferenceHeader = None,
) -> Caller:
    """Who asks, what for, and with which rights.

    Raises:
        AccessDenied: there is no valid token, or the policy does not give its role this route.
        RequestError: the purpose is none of the policy's, or is given without a case.
    """
    trace = trace_of(request)
    with hub.read() as connection:
        caller = authenticate(connection, credentials.credentials if credentials else None)
    trace.name(caller)
    policy = hub.policies.current()
    caller = dataclasses.replace(caller, rights=policy.rights(caller.department, caller.role))
    require_endpoint(caller, request.scope["route"].name)
    return dataclasses.replace(caller, purpose=_purpose(policy, trace, purpose, case_reference))


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
    if not _CASE_REFERENCE.fullmatch(reference):
        raise RequestError(
            "缺少 X-Case-Reference · X-Case-Reference is missing or malformed",
            remedy="给出所办案件的本部门案号，1 至 100 字 · give the number of the case that the look is for, 1 to 100 characters",
        )
    trace.purpose, trace.case_reference = code, reference
    return Purpose(code, reference)
