"""What is asked of the match: records not yet filed, in the hub's words, each value read by the transform that a feed's would be."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, StrictFloat, StrictInt, StringConstraints, WithJsonSchema, model_validator

from api.questions.common import DepartmentCode, Strict
from pipeline.columns.transforms.single import transformed
from schema import codes

MAX_PARTIES = 50  # of a record
MAX_RECORDS = 100  # of a batch
MAX_BATCH_PARTIES = 500  # of all its records
MAX_REFERENCES = 20
MAX_TEXT = 5_000  # characters of what a resident says
_MAX_AMOUNT = 10**15

_NO_CONTROLS = r"^[^\x00-\x08\x0e-\x1f\x7f]*$"


def _read_as(transform: str) -> Callable[[str | None], Any]:
    return lambda value: None if value is None else transformed(transform, value)


def _as_text(value: object) -> object:
    """A number as it would be written; JSON's true is none."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _bounded(value: Decimal | None) -> float | None:
    if value is not None and abs(value) >= _MAX_AMOUNT:
        raise ValueError("数值过大 · is too large")
    return None if value is None else float(value)


def _set(value: float) -> float | None:
    """Coordinates of 0 are what systems write that know none."""
    return value or None


def _listed(name: str) -> Callable[[str], str]:
    known = codes.load(name)

    def check(value: str) -> str:
        if value not in known:
            raise ValueError(f"{name} 没有此值 · no such {name}; allowed: {', '.join(known)}")
        return value

    return check


Code: TypeAlias = Annotated[str, StringConstraints(max_length=40)]
Category = Annotated[Code, AfterValidator(_listed("category"))]
Role = Annotated[Code, AfterValidator(_listed("role"))]
PartyName = Annotated[str, StringConstraints(max_length=200, pattern=_NO_CONTROLS), AfterValidator(_read_as("party_name"))]
IdNumber = Annotated[str, StringConstraints(max_length=40, pattern=_NO_CONTROLS), AfterValidator(_read_as("id_no"))]
CreditCode = Annotated[str, StringConstraints(max_length=40, pattern=_NO_CONTROLS), AfterValidator(_read_as("uscc"))]
Phone = Annotated[str, StringConstraints(max_length=60, pattern=_NO_CONTROLS), AfterValidator(_read_as("phone"))]
Address = Annotated[str, StringConstraints(max_length=300, pattern=_NO_CONTROLS), AfterValidator(_read_as("address"))]
Gender = Annotated[str, StringConstraints(max_length=10, pattern=_NO_CONTROLS), AfterValidator(_read_as("gender"))]
Day = Annotated[str, StringConstraints(max_length=40, pattern=_NO_CONTROLS), AfterValidator(_read_as("date"))]
Number = Annotated[str, StringConstraints(max_length=100, pattern=_NO_CONTROLS), AfterValidator(_read_as("text"))]
Title = Annotated[str, StringConstraints(max_length=500, pattern=_NO_CONTROLS), AfterValidator(_read_as("text"))]
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT, pattern=_NO_CONTROLS), AfterValidator(_read_as("text"))]
Moment = Annotated[str, StringConstraints(max_length=40, pattern=_NO_CONTROLS), AfterValidator(_read_as("datetime"))]
Street = Annotated[str, StringConstraints(max_length=60, pattern=_NO_CONTROLS), AfterValidator(_read_as("street"))]
Community = Annotated[str, StringConstraints(max_length=60, pattern=_NO_CONTROLS), AfterValidator(_read_as("community"))]
Amount = Annotated[
    str,
    BeforeValidator(_as_text),
    StringConstraints(max_length=40),
    AfterValidator(_read_as("money")),
    AfterValidator(_bounded),
    WithJsonSchema({"anyOf": [{"type": "string", "maxLength": 40}, {"type": "number"}]}),
]


def _has_house(address: str | None) -> bool:
    return any(map(str.isdigit, address or ""))


def _given(asked: Strict) -> set[str]:
    return {name for name in type(asked).model_fields if getattr(asked, name) not in (None, [])}


class MatchParty(Strict):
    """A person or organisation; one of name, id_no, uscc and phone is given at least."""

    kind: Literal["person", "organisation"] = Field(description="个人或单位 · person or organisation.")
    role: Role | None = Field(
        None, description="在本案中的身份 · as whom the record names it.", json_schema_extra={"enum": list(codes.load("role"))}
    )
    name: PartyName | None = Field(None, description="姓名或单位名称 · name.", examples=["王小明"])
    id_no: IdNumber | None = Field(None, description="证件号码（个人） · document number, of a person.", examples=["44031119900101123X"])
    uscc: CreditCode | None = Field(None, description="统一社会信用代码（单位） · credit code, of an organisation.")
    phone: Phone | None = Field(None, description="电话 · phone.", examples=["13800138000"])
    address: Address | None = Field(None, description="地址 · address.")
    gender: Gender | None = Field(None, description="性别（个人） · gender, of a person.", examples=["男"])
    birth_date: Day | None = Field(None, description="出生日期（个人） · birth date, of a person.", examples=["1990-01-01"])

    @property
    def numbers(self) -> int:
        """How many of its values are phones, ID numbers, birth dates and a person's house."""
        return sum(value is not None for value in (self.id_no, self.phone, self.birth_date)) + (
            self.kind == "person" and _has_house(self.address)
        )

    @model_validator(mode="after")
    def _says_who(self) -> Self:
        if not any((self.name, self.id_no, self.uscc, self.phone)):
            raise ValueError("至少填写 name、id_no、uscc、phone 之一 · give one of name, id_no, uscc, phone")
        others = ("uscc",) if self.kind == "person" else ("id_no", "gender", "birth_date")
        if any(getattr(self, name) is not None for name in others):
            raise ValueError(f"{self.kind} 不含字段 {'、'.join(others)} · {', '.join(others)} are no fields of a {self.kind}")
        return self


class MatchReference(Strict):
    """A case number of some department that the record cites."""

    department: DepartmentCode
    number: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=_NO_CONTROLS)] = Field(examples=["粤深信〔2025〕12号"])


class MatchRecord(Strict):
    """A record not yet filed, as far as it is known. With parties alone, they are looked up and no case is."""

    department: DepartmentCode | None = Field(
        None, description="由哪个部门登记，缺省为本部门 · which department would file it; the caller's where left out."
    )
    parties: list[MatchParty] = Field([], max_length=MAX_PARTIES, description="当事人 · persons and organisations.")
    case_number: Number | None = Field(None, description="案号 · the department's own number.")
    references: list[MatchReference] = Field([], max_length=MAX_REFERENCES, description="引用的案号 · numbers that it cites.")
    title: Title | None = Field(None, description="标题 · title.", examples=["反映某鞋业公司拖欠工资"])
    text: Text | None = Field(None, description="诉求内容 · what the resident says.")
    category: Category | None = Field(None, description="类别 · category.", json_schema_extra={"enum": list(codes.load("category"))})
    occurred_at: Moment | None = Field(None, description="发生时间 · when it happened.", examples=["2025-01-02T08:00:00+08:00"])
    reported_at: Moment | None = Field(None, description="登记时间，缺省为现在 · when it was reported; now where left out.")
    amount: Amount | None = Field(None, description="金额（元） · money at issue, CNY.", examples=["36000.00", "3.6万"])
    people_involved: StrictInt | None = Field(None, ge=0, le=1_000_000, description="涉及人数 · people involved.")
    address: Address | None = Field(None, description="地址 · address.")
    street: Street | None = Field(None, description="街道名称或代码 · street, by name or code.", examples=["马田街道"])
    community: Community | None = Field(None, description="社区名称或代码 · community, by name or code.")
    longitude: Annotated[StrictFloat, Field(ge=-180, le=180, allow_inf_nan=False), AfterValidator(_set)] | None = Field(
        None, description="WGS-84."
    )
    latitude: Annotated[StrictFloat, Field(ge=-90, le=90, allow_inf_nan=False), AfterValidator(_set)] | None = Field(
        None, description="WGS-84."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.parties and not self.has_case:
            raise ValueError("记录为空，须填写当事人或案件内容 · the record is empty: give a party, or something that tells the case")
        return self

    @property
    def given(self) -> set[str]:
        """Names of what it tells, `title` or `person.phone`; none of what was told."""
        of_parties = {f"{party.kind}.{name}" for party in self.parties for name in _given(party) if name != "kind"}
        return of_parties | (_given(self) - {"parties"})

    @property
    def has_case(self) -> bool:
        """Whether it tells anything of the case beside its parties, the time of report aside."""
        return bool(self.references) or any(getattr(self, name) is not None for name in _VALUES)

    @property
    def numbers(self) -> int:
        """How many such values it asks about; a person without an address of his own is looked for at its."""
        lives_here = any(party.kind == "person" and party.address is None for party in self.parties)
        return sum(party.numbers for party in self.parties) + (lives_here and _has_house(self.address))

    def values(self, department: str | None) -> dict[str, Any]:
        """Columns of CASE_INPUT, with the department that would file it."""
        found = {name: getattr(self, name) for name in _VALUES}
        found["references"] = [{"department": one.department, "number": one.number} for one in self.references]
        found["reported_at"] = self.reported_at or dt.datetime.now(dt.UTC)
        return found | {"department": self.department or department}


_VALUES = (
    "case_number", "title", "text", "category", "occurred_at", "amount", "people_involved", "address", "street", "community",
    "longitude", "latitude",
)  # fmt: skip


class MatchBatch(Strict):
    """Several records, each looked up by itself."""

    records: list[MatchRecord] = Field(min_length=1, max_length=MAX_RECORDS, description="记录 · records.")

    @model_validator(mode="after")
    def _has_few_parties(self) -> Self:
        if sum(len(record.parties) for record in self.records) > MAX_BATCH_PARTIES:
            raise ValueError(f"一批至多 {MAX_BATCH_PARTIES} 个当事人 · a batch may name {MAX_BATCH_PARTIES} parties at most")
        return self
