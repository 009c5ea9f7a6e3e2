"""Who asks, and what of a record that caller may see. Pure: the token's row and the record's policy enter, a verdict leaves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from hub.errors import AccessDenied

Role = Literal["clerk", "engineer", "admin"]
ROLES: tuple[Role, ...] = ("clerk", "engineer", "admin")
OPERATORS: tuple[Role, ...] = ("engineer", "admin")


@dataclass(frozen=True)
class Caller:
    """Who holds the token: its name, its role, and the department it speaks for (None: of no one department)."""

    name: str
    role: Role
    department: str | None

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


def require_role(caller: Caller, *roles: Role) -> None:
    """Refuse a caller whose role is none of these.

    Raises:
        AccessDenied: names the roles that may.
    """
    if caller.role not in roles:
        raise AccessDenied(
            f"此接口仅限 {', '.join(roles)} · this is for {', '.join(roles)} alone",
            remedy="向平台管理员申请相应角色 · ask the platform's administrator for a token of such a role",
        )
