"""Where a department that pushes sends its events to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request

from api.answers.platform import Received
from api.dependencies import HubDep, TraceDep, checked
from api.inbox import Push, keep, require_signed
from api.problems import documented
from connectors.connector import InboxConnector

router = APIRouter(prefix="/v1/inbox", tags=["inbox"])

_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {"anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]},
            "example": {"events": [{"id": "yj-20250103-0001", "sjlx": "安全隐患", "bjsj": "2025-01-03T08:00:00+08:00"}]},
        }
    },
}
_HEADERS = [
    {
        "name": "X-Timestamp",
        "in": "header",
        "required": True,
        "schema": {"type": "string"},
        "description": "Unix seconds.",
        "example": "1735862400",
    },
    {
        "name": "X-Signature-256",
        "in": "header",
        "required": True,
        "schema": {"type": "string"},
        "description": "sha256= and the hex HMAC-SHA-256, under the shared secret, of X-Timestamp, a full stop, and the body.",
        "example": "sha256=5d41402abc4b2a76b9719d911017c592ae2f0f1f8c0a7a0a1f4d1f0f5a6b7c8d",
    },
]


@dataclass(frozen=True)
class Signed:
    """A push that its department signed: how it is cut into events, and its bytes."""

    connector: InboxConnector
    body: bytes


Code = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{1,39}$")]


async def signed_push(department: Code, request: Request, hub: HubDep, trace: TraceDep) -> Signed:
    """The request's body, once its signature was checked, in one of those that are taken of its department at a time.

    Whoever waits has neither a thread that answers others nor a connection.

    Raises:
        ContractError: its contract has a mistake.
        NotFound: the department does not push.
        AccessDenied: the signature is not the department's.
        TooManyRequests: so many of its pushes are being taken.
    """
    push = Push(await request.body(), request.headers)
    connector = await checked(request, lambda: require_signed(hub.directory.get(department), push))  # the directory may look at files
    trace.caller = trace.department = department  # its signature says so
    trace.leave = request.app.state.in_flight.take(f"inbox {department}", "inbox.receive")
    return Signed(connector, push.body)


@router.post(
    "/{department}",
    name="inbox.receive",
    status_code=202,
    responses=documented(401, 404, 413, 422, 503, 504),
    openapi_extra={"requestBody": _BODY, "parameters": _HEADERS},
)
def take_push(department: Code, push: Annotated[Signed, Depends(signed_push)], hub: HubDep, trace: TraceDep) -> Received:
    """接收签名推送 · Take a signed push in.

    With 202 every event of it is stored; an event that was sent before is counted, not kept twice.
    """
    hub.ring.require()  # what is kept under a key that was retired meanwhile could not be read again
    received = keep(hub.engine, department, push.connector, push.body)
    trace.results = received.received
    return received
