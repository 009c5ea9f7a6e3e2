"""The one refusal that every bad credential gets, with the reason beside it for the log alone."""

from __future__ import annotations

from api.access import Caller
from hub.errors import AccessDenied


def refusal(reason: str, *, is_guess: bool = False, challenge: str = "invalid_token", caller: Caller | None = None) -> AccessDenied:
    """Not authenticated: the same words whatever is wrong.

    Args:
        reason: for the hub's log; holds nothing of the credential.
        is_guess: the credential proves nothing at all, so that its sender may be trying some out.
        challenge: the error that WWW-Authenticate names.
        caller: whose credential it is, where it is somebody's and is refused all the same; for the audit alone.
    """
    error = AccessDenied(
        "需要有效的密钥或令牌 · a valid API key or token is needed",
        remedy="请求头加 Authorization: Bearer <密钥或令牌> · send Authorization: Bearer <key or token>; `casehub keys create` makes a key",
        problem="not-authenticated",
        challenge=challenge,
        reason=reason,
        is_guess=is_guess,
    )
    if caller is not None:
        error.detail["caller"], error.detail["department"] = caller.name, caller.department
    return error
