"""From a genuine token's claims to a caller. What is not known is refused, with what to do; nothing is guessed."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from api.access import Caller
from api.authentication.refusals import refusal
from api.policy.document import Policy
from hub.errors import AccessDenied
from hub.wording import Words

_NAME = re.compile(r"[^\s\x00-\x1f\x7f-\x9f\u2028\u2029]{1,255}")


@dataclass(frozen=True)
class ClaimNames:
    """Where the issuers say who it is: the name of a claim, or a path of names between dots."""

    name: str
    role: str
    department: str


@dataclass(frozen=True)
class Known:
    """What a token may name: the departments that there are, and the roles of the policy in force."""

    departments: Collection[str]
    policy: Policy


def caller_from(claims: Mapping[str, Any], issuer: str, bound_to: str | None, names: ClaimNames, known: Known) -> Caller:
    """Who a token speaks for.

    Args:
        claims: of a token that is genuine and valid.
        issuer: who signed it.
        bound_to: the only department that this issuer may speak for; None: any.
        names: where to look.
        known: what may be found there.

    Raises:
        AccessDenied: the token names nobody, or a role or department that is not known, or none; or its issuer may not. Its
            `detail` has the caller, who is proven all the same.
    """
    name = find_claim(claims, names.name)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise refusal(f"the claim {names.name} names nobody")
    try:
        role, department = _role_and_department(claims, bound_to, names, known)
    except AccessDenied as error:
        error.detail["caller"] = _whole_name(name, issuer)
        raise
    return Caller(_whole_name(name, issuer), role, department, kind="token")


def name_of(claims: Mapping[str, Any], issuer: str, names: ClaimNames) -> str | None:
    """Whose a genuine token is, whether or not it is taken; None where it names nobody."""
    name = find_claim(claims, names.name)
    return _whole_name(name, issuer) if isinstance(name, str) and _NAME.fullmatch(name) else None


def _role_and_department(claims: Mapping[str, Any], bound_to: str | None, names: ClaimNames, known: Known) -> tuple[str, str | None]:
    role = _role(claims, names.role, known.policy)
    department = _department(claims, names.department, known.departments)
    rights = known.policy.rights(bound_to if department is None else department, role)
    if bound_to is not None:
        if rights.is_operator or department not in (None, bound_to):
            raise AccessDenied(
                f"此身份认证服务只能代表 {bound_to} 的经办人员 · this identity provider may speak for clerks of {bound_to} alone",
                remedy="请管理员改正角色或部门 · have the role or the department corrected there, or CASEHUB_OIDC_ISSUER here",
            )
        department = bound_to
    return role, department


def find_claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim of this very name, else what the path of names between dots leads to; None if there is none."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _role(claims: Mapping[str, Any], name: str, policy: Policy) -> str:
    """The one role among those a token carries that the policy knows."""
    value = find_claim(claims, name)
    held = value if isinstance(value, list) else [value]
    known = {role for role in held if isinstance(role, str)}.intersection(policy.role_names)
    if len(known) == 1:
        return known.pop()
    few = Words("没有平台角色", "no role of the hub's") if not known else Words("不止一个平台角色", "more than one role of the hub's")
    raise AccessDenied(
        f"令牌的 {name} 中{few.zh} · the claim {name} holds {few.en}",
        remedy="请身份管理员只授予一个平台角色 · have the administrator of identities grant exactly one role of the hub's",
    )


def _department(claims: Mapping[str, Any], name: str, departments: Collection[str]) -> str | None:
    value = find_claim(claims, name)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None or value == "" or value == []:
        return None
    if not isinstance(value, str) or value not in departments:
        raise AccessDenied(
            f"令牌的 {name} 不是平台的部门代码 · the claim {name} holds no department of the hub",
            remedy="请身份管理员改为部门代码，如 labour · have it set to a department's code, e.g. labour; GET /v1/sources lists them",
        )
    return value


def _whole_name(name: str, issuer: str) -> str:
    """Told apart from the same name at another issuer, and from a key's holder: those have no slash."""
    parts = urlsplit(issuer)
    return f"{name}@{parts.netloc}{parts.path or '/'}"
