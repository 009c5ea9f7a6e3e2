"""Who asks, and what of a record that caller may see. Pure: the caller and the record's policy enter, a verdict leaves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from hub.errors import AccessDenied

Role = str
ROLES: tuple[Role, ...] = ("clerk", "engineer", "admin")
OPERATORS: tuple[Role, ...] = ("engineer", "admin")
_ROLE = re.compile(r"[a-z_]{2,40}")


@dataclass(frozen=True)
class Caller:
    """Who asks: a name, a role, and the department that is spoken for (None: no one department).

    `kind` says by what they proved it, and `key_id` which of the holder's API keys it was (None: a token).
    """

    name: str
    role: Role
    department: str | None
    kind: Literal["key", "token"] = "key"
    key_id: str | None = None

    @property
    def is_operator(self) -> bool:
        """Keeps the platform running, and so sees counts of every department."""
        return self.role in OPERATORS


class Clearance(StrEnum):
    """What of a record a caller may see."""

    CLEAR = "clear"
    MASKED = "masked"
    ACKNOWLEDGED = "acknowledged"  # that it exists, and which desk to ask
    HIDDEN = "hidden"


def clearance(caller: Caller, department: str, visibility: str) -> Clearance:
    """What a caller may see of a record of this department and visibility.

    A department's own clerks see its records in the clear. Engineers see no personal value anywhere: their work needs
    none. Any other word than shared or restricted hides the record from others: what is not understood is not shown.
    """
    if caller.department is not None and caller.department == department:
        return Clearance.MASKED if caller.role == "engineer" else Clearance.CLEAR
    return {"shared": Clearance.MASKED, "restricted": Clearance.ACKNOWLEDGED}.get(visibility, Clearance.HIDDEN)


def require_known_role(role: Role) -> None:
    """Refuse a role that nothing says the rights of.

    Raises:
        AccessDenied: names the roles there are.
    """
    if not _ROLE.fullmatch(role) or role not in ROLES:
        raise AccessDenied(
            "没有这个角色 · there is no such role",
            remedy=f"角色为 · the roles are {', '.join(ROLES)}; 请平台管理员改正 · have the platform's administrator correct it",
            allowed=ROLES,
        )


def require_sound(caller: Caller) -> None:
    """Refuse a role that is not known, or one of a department's without a department.

    Raises:
        AccessDenied: says which, and what to do.
    """
    require_known_role(caller.role)
    if caller.department is None and not caller.is_operator:
        raise AccessDenied(
            "此角色须有所属部门 · this role needs a department",
            remedy="请管理员加上部门 · have the department added, e.g. --department labour, or the department's claim",
        )


def require_role(caller: Caller, *roles: Role) -> None:
    """Refuse a caller whose role is none of these.

    Raises:
        AccessDenied: names the roles that may.
    """
    if caller.role not in roles:
        raise AccessDenied(
            f"此接口仅限 {', '.join(roles)} · this is for {', '.join(roles)} alone",
            remedy="向平台管理员申请相应角色 · ask the platform's administrator for such a role",
        )
