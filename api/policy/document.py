"""A policy file read and checked: YAML enters, the rights of every role of every department leave, or every mistake with its line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator

from api.access import HIDEABLE, Caller, Clearance, Purpose, Rights, clearance
from api.masking import Masks
from api.policy.parts import Frequency, Masking, Named, OwnAndOthers, Records, Strict
from connectors.document import Document, Problem, problems_of, raise_problems
from connectors.model import Name, as_tuple, refuse
from hub.errors import AccessDenied
from hub.wording import Words
from schema import codes

DEFAULT = Path(__file__).parent / "default.yml"
NO_DEPARTMENT = "none"
HIDING_REMEDY = (
    "写 clear，个人信息可写 masked，或不给该角色此类记录；可隐藏的字段见后 · "
    f"write clear, or masked where it is personal, or give the role no such records; what can be hidden: {', '.join(sorted(HIDEABLE))}"
)
EACH_COMMUNITY = "each_community"
_ENDPOINT = re.compile(r"[a-z_]+(\.[a-z_]+)*(\.\*)?|\*")
_BEGINNING = "以 version: 和 roles: 开头 · begin with version: and roles:"
_FROM_FILE = {"is_from": "file"}
_VISIBILITIES = Literal["shared", "restricted", "sealed"]


class RoleRules(Strict):
    """What a role may, in the departments that have it."""

    of: tuple[str, ...]
    records: Records = Records()
    fields: OwnAndOthers = OwnAndOthers()
    endpoints: tuple[str, ...]
    rate: Frequency = Frequency()
    numbers: Frequency | None = Field(
        None, description="How many phones, ID numbers and birth dates may be asked about without a purpose; null: any number."
    )
    is_operator: bool = False

    @field_validator("of", mode="before")
    @classmethod
    def _one_or_more(cls, value: object) -> object:
        return as_tuple(value)

    @field_validator("endpoints")
    @classmethod
    def _are_endpoints(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for place, endpoint in enumerate(value):
            if not _ENDPOINT.fullmatch(endpoint):
                raise refuse(
                    f"没有接口 {endpoint!r} · {endpoint!r} names no route",
                    remedy="写法如 cases.read、cases.* 或 * · write cases.read, cases.* or *",
                    at=(place,),
                )
        return value


class ExampleRecord(Strict):
    """The record of an example."""

    department: Name
    visibility: _VISIBILITIES = "shared"
    street: str | None = None
    community: str | None = None


class Example(Strict):
    """Who sees what of which record: checked whenever the policy is."""

    caller: str = Field(pattern=r"^[a-z0-9_]*/[a-z0-9_]+$", description="department/role; /role of no one department.")
    record: ExampleRecord
    purpose: str | None = Field(None, description="Whether a purpose is given: none, or one of the policy's; nothing: the first of them.")
    sees: Clearance


class Policy(Strict):
    """A policy as its file has it."""

    version: Annotated[int, Field(ge=0)]
    purposes: dict[Name, Named]
    masking: Masking = Masking()
    roles: dict[Name, RoleRules]
    examples: tuple[Example, ...] = ()

    @model_validator(mode="after")
    def _hides_whole_fields(self, info: ValidationInfo) -> Self:
        """Asked of a file alone: a policy that came into force before this was asked stays in force."""
        found = next(self.half_hidden(), None) if info.context == _FROM_FILE else None
        if found is not None:
            role, whose, name = found
            at = ("fields", name) if name in getattr(self.roles[role].fields, whose).fields else ("default",)
            raise refuse(str(told_half_hidden(*found)), remedy=HIDING_REMEDY, at=("roles", role, "fields", whose, *at))
        return self

    @model_validator(mode="after")
    def _examples_hold(self) -> Self:
        if not self.purposes:
            raise refuse(
                "未列明任何查看目的，任何内容都无法以原文查看 · names no purpose, so that nothing could be read in the clear",
                remedy="至少写一个 · name at least one",
                at=("purposes",),
            )
        for place, example in enumerate(self.examples):
            try:
                found = self.sees(example)
            except AccessDenied as error:
                raise refuse(error.message, remedy=error.remedy, at=("examples", place)) from None
            if found is not example.sees:
                raise refuse(
                    f"{example.caller} 实际看到 {found.value}，示例为 {example.sees.value} · "
                    f"{example.caller} sees it {found.value}, not {example.sees.value}",
                    remedy="更正角色，或更正示例 · mend the role, or the example if that is what is wanted",
                    at=("examples", place),
                )
        return self

    def half_hidden(self) -> Iterator[tuple[str, str, str]]:
        """(role, own or others, field) of what it says is hidden and is not: lists, filters, time lines or words tell it."""
        for role, rules in self.roles.items():
            for whose, fields in (("own", rules.fields.own), ("others", rules.fields.others)):
                yield from ((role, whose, name) for name in sorted(fields.rule().hidden - HIDEABLE))

    def sees(self, example: Example) -> Clearance:
        """What the caller of an example sees of its record.

        Raises:
            AccessDenied: the policy has no such role.
        """
        department, _, role = example.caller.partition("/")
        given = example.purpose or next(iter(self.purposes))
        purpose = None if given == "none" else Purpose(given, "example")
        caller = Caller("example", role, department or None, self.rights(department or None, role), purpose)
        record, rights = example.record, caller.rights
        is_there = rights.streets is None and rights.communities is None
        if not is_there and record.street not in (rights.streets or ()) and record.community not in (rights.communities or ()):
            return Clearance.HIDDEN
        return clearance(caller, record.department, record.visibility)

    @cached_property
    def masks(self) -> Masks:
        """The masks."""
        return Masks(**self.masking.model_dump())

    @cached_property
    def _named(self) -> Mapping[str, tuple[RoleRules, str | None]]:
        """Role, one for each community where it says so → its rules, and the community."""
        named: dict[str, tuple[RoleRules, str | None]] = {}
        for role, rules in self.roles.items():
            if rules.records.places == EACH_COMMUNITY:
                named |= {f"{role}_{community}": (rules, community) for community in codes.communities()}
            else:
                named[role] = (rules, None)
        return named

    @property
    def role_names(self) -> Iterable[str]:
        """Every role that a key or claim may name."""
        return self._named.keys()

    def rights(self, department: str | None, role: str) -> Rights:
        """What a role of a department may.

        Raises:
            AccessDenied: the policy has no such role, or not for this department.
        """
        found = self._named.get(role)
        is_given = found is not None and (
            NO_DEPARTMENT in found[0].of if department is None else not {"all", department}.isdisjoint(found[0].of)
        )
        if found is None or not is_given:
            raise AccessDenied(
                "策略中没有此部门的这一角色 · the policy has no such role for this department",
                remedy="用 casehub policy show 查看角色 · `casehub policy show` lists the roles",
            )
        rules, community = found
        places = (community,) if community else rules.records.places
        chosen = None if isinstance(places, str) else frozenset(places)
        return Rights(
            departments=None if isinstance(rules.records.departments, str) else frozenset(rules.records.departments),
            streets=None if chosen is None else chosen & codes.streets().keys(),
            communities=None if chosen is None else chosen & codes.communities().keys(),
            own=rules.fields.own.rule(),
            others=rules.fields.others.rule(),
            endpoints=rules.endpoints,
            rate=rules.rate.rate(),
            numbers=None if rules.numbers is None else rules.numbers.rate(),
            masks=self.masks,
            is_operator=rules.is_operator,
            version=self.version,
        )


def told_half_hidden(role: str, whose: str, name: str) -> Words:
    """Why a policy that hides such a field is refused."""
    zh, en = {"own": ("本部门", "its own department's records"), "others": ("其他部门", "others' records")}[whose]
    return Words(
        f"对角色 {role} 隐藏{zh}记录的 {name}，但列表、筛选、时间线或检索词仍会透露",
        f"hides {name} of {en} from the role {role}, and lists, filters, time lines or words would tell it all the same",
    )


def read_policy(path: Path) -> Policy:
    """Read a policy file.

    Raises:
        ContractError: every mistake in it, with its line.
    """
    document = Document(path)
    if document.node is None or not isinstance(document.data, dict):
        raise_problems(document.problems or [Problem(path, 1, "", "不是策略文件 · is not a policy", _BEGINNING)])
    try:
        policy = Policy.model_validate(document.data, context=_FROM_FILE)
    except ValidationError as error:
        raise_problems(sorted([*document.problems, *problems_of(document, error, Policy)], key=lambda problem: problem.line))
    if document.problems:
        raise_problems(document.problems)
    return policy


def policy_of(document: Mapping[str, Any]) -> Policy:
    """A policy that was read before, from how the store keeps it."""
    return Policy.model_validate(document)
