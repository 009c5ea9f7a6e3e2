"""Who asks, and what of a record that caller may see. Pure: the caller, his rights and the record's policy enter, a verdict leaves."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Literal

from api.masking import Masks
from hub.errors import AccessDenied

Role = str
CASE_REFERENCE = re.compile(r"[^\x00-\x1f\x7f]{1,100}")  # how a case is named for which personal data is looked at

#: Fields that tell of a person, or in which people wrote what may do so: masked where they are not to be read in the clear.
FREE_TEXT = frozenset({"title", "text", "reply", "address", "handling_unit"})
PERSONAL = FREE_TEXT | {"name", "id_no", "phone", "birth_date"}

#: Fields that a policy may hide. No list, filter, count or time line has them, and an identifier among them is looked for in no record
#: of which it is hidden. By the others a case is listed, filtered, named, or found by its words: a record that left one out would hide
#: nothing.
HIDEABLE = frozenset(
    {
        *("reply", "channel", "due_at", "updated_at", "people_involved", "amount", "longitude", "latitude", "handling_unit"),
        *("confirmation_state", "is_anonymous", "id_type", "id_no", "uscc", "phone", "gender", "birth_date"),
    }
)


class Treatment(StrEnum):
    """How a field is shown."""

    CLEAR = "clear"
    MASKED = "masked"
    HIDDEN = "hidden"


@dataclass(frozen=True)
class FieldRule:
    """How the fields of some records are shown.

    Attributes:
        default: of personal fields; others are clear unless they are excepted.
        fields: field → how it is shown instead.
    """

    default: Treatment = Treatment.MASKED
    fields: Mapping[str, Treatment] = field(default_factory=dict)

    def of(self, name: str) -> Treatment:
        """How one field is shown."""
        return self.fields.get(name, self.default if name in PERSONAL else Treatment.CLEAR)

    @cached_property
    def hidden(self) -> frozenset[str]:
        """Fields that are not shown."""
        return frozenset(name for name in (*self.fields, *PERSONAL) if self.of(name) is Treatment.HIDDEN)


@dataclass(frozen=True)
class Rate:
    """How many requests in how many seconds."""

    requests: int = 600
    per_s: int = 60


@dataclass(frozen=True)
class Rights:
    """What the policy gives one role of one department.

    Attributes:
        departments: whose shared records; None: everybody's. Its own it always reads.
        streets: records of these, and of `communities`; both None: of every place.
        communities: see `streets`.
        own: how fields of its own department's records are shown.
        others: how fields of others' records are shown.
        endpoints: names of routes, `cases.*` for all that begin so.
        rate: how often it may ask.
        numbers: how many phones, ID numbers, birth dates and houses it may ask about without a purpose; None: as many as it likes.
        masks: how values are masked.
        is_operator: keeps the platform running, and so sees counts: of every department, or of its own one.
        version: of the policy that says so.
    """

    departments: frozenset[str] | None = None
    streets: frozenset[str] | None = None
    communities: frozenset[str] | None = None
    own: FieldRule = FieldRule(Treatment.CLEAR)
    others: FieldRule = FieldRule()
    endpoints: tuple[str, ...] = ()
    rate: Rate = Rate()
    numbers: Rate | None = None
    masks: Masks = Masks()
    is_operator: bool = False
    version: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether shared records of every department and place are read, so that what is published of a case tells no more than that."""
        return self.departments is None and self.streets is None and self.communities is None

    def allows(self, endpoint: str) -> bool:
        """Whether a route may be called."""
        return any(fnmatch.fnmatchcase(endpoint, pattern) for pattern in self.endpoints)


@dataclass(frozen=True)
class Purpose:
    """Why personal data is looked at, and for which case: what makes a caller answerable for the look.

    Attributes:
        code: one of the policy's purposes.
        case_reference: the case of the caller's own that the look is for, in his department's words.
    """

    code: str
    case_reference: str


@dataclass(frozen=True)
class Caller:
    """Who asks: its name, its role, the department it speaks for (None: of no one department), and what it may.

    `kind` says by what it proved that, and `key_id` which of a holder's API keys it was (None: a token).
    """

    name: str
    role: Role
    department: str | None
    rights: Rights = Rights()
    purpose: Purpose | None = None
    kind: Literal["key", "token"] = "key"
    key_id: str | None = None
    expires_at: float | None = field(default=None, compare=False)  # when his token ends, as `time.time` counts; a key's end is asked for

    @property
    def is_operator(self) -> bool:
        """Keeps the platform running, or one department's part of it."""
        return self.rights.is_operator

    def sees_counts_of(self, department: str) -> bool:
        """Whether he is told how many rows of a department came and when: of another's, that would tell of sealed ones."""
        return department == self.department or (self.is_operator and self.department is None)


class Clearance(StrEnum):
    """What of a record a caller may see."""

    CLEAR = "clear"
    MASKED = "masked"
    ACKNOWLEDGED = "acknowledged"  # that it exists, and which desk to ask
    HIDDEN = "hidden"


def clearance(caller: Caller, department: str, visibility: str) -> Clearance:
    """What a caller may see of a record of this department and visibility, if it lies in his territory.

    A department's own people see its records in the clear where their role does and they say what for. Any other word than
    shared or restricted hides the record from others: what is not understood is not shown. Records out of the caller's
    territory do not get here: row security keeps them back.
    """
    if caller.department is not None and caller.department == department:
        is_clear = caller.purpose is not None and caller.rights.own.default is Treatment.CLEAR
        return Clearance.CLEAR if is_clear else Clearance.MASKED
    if caller.rights.departments is not None and department not in caller.rights.departments:
        return Clearance.HIDDEN
    return {"shared": Clearance.MASKED, "restricted": Clearance.ACKNOWLEDGED}.get(visibility, Clearance.HIDDEN)


def treatment(caller: Caller, is_own: bool, name: str) -> Treatment:
    """How a field of a record that the caller may read is shown to him; personal values in the clear want a purpose."""
    found = (caller.rights.own if is_own else caller.rights.others).of(name)
    return Treatment.MASKED if found is Treatment.CLEAR and name in PERSONAL and caller.purpose is None else found


def require_endpoint(caller: Caller, endpoint: str) -> None:
    """Refuse a caller whose role may not call a route.

    Raises:
        AccessDenied: says what to ask for.
    """
    if not caller.rights.allows(endpoint):
        raise AccessDenied(
            f"角色 {caller.role} 无权调用此接口 · the role {caller.role} may not call this",
            remedy="向平台管理员申请相应权限 · ask the platform's administrator for a role that may",
            endpoint=endpoint,
        )
