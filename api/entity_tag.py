"""ETAG: a validator of one answer to one caller.

It is made of the answer's own bytes and of who asks, so that it changes when, and only when, what that caller may see does:
made of the case's last change, it would tell of records that are sealed to the caller. It is no key to anything kept: answers
are kept nowhere, and no answer of one caller can be validated by another's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel

from api.access import Caller

#: What an answer depends on beside its address.
VARY = "Authorization, X-Purpose, X-Case-Reference"


def tagged(request: Request, caller: Caller, answer: BaseModel, varying: Mapping[str, Any] | None = None) -> Response:
    """The answer as JSON with its validator, or 304 where the caller has just that already.

    Args:
        request: that is answered.
        caller: who asks.
        answer: to him.
        varying: what of it, as pydantic's `exclude` names it, is written anew each time and says nothing new by that.
    """
    body = answer.model_dump_json(exclude_none=True).encode()
    lasting = body if varying is None else answer.model_dump_json(exclude_none=True, exclude=dict(varying)).encode()
    tag = _tag(caller, lasting)
    headers = {"ETag": tag, "Vary": VARY}
    if _matches(request.headers.getlist("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def _tag(caller: Caller, body: bytes) -> str:
    who = "\x1f".join((caller.name, caller.role, caller.department or "", "")).encode()
    return f'"{hashlib.sha256(who + body).hexdigest()[:32]}"'


def _matches(given: list[str], tag: str) -> bool:
    """RFC 9110, 13.1.2: any of a list, weak ones too; `*` for whatever there is."""
    tags = [one.strip().removeprefix("W/") for line in given for one in line.split(",")]
    return tag in tags or "*" in tags
