"""What a policy is made of: masks, whose records, how fields are shown, how often; each checked by itself."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from api.access import PERSONAL, FieldRule, Rate, Treatment
from connectors.model import Name, refuse
from schema import codes
from schema.records import PARTY, RECORD

_FIELDS = frozenset({*RECORD.names, *PARTY.names})

Kept = tuple[Annotated[int, Field(ge=0, le=6)], Annotated[int, Field(ge=0, le=6)]]


class Strict(BaseModel):
    """What is not understood is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Named(Strict):
    """Something in both languages."""

    zh: str
    en: str


class Masking(Strict):
    """How personal values are masked."""

    name: Literal["surname", "hidden"] = "surname"
    id_no: Kept = (4, 4)
    phone: Kept = (3, 4)
    birth_date: Literal["year", "hidden"] = "year"


class Records(Strict):
    """Whose shared records, and of which places: codes of streets (nine digits) and communities (twelve)."""

    departments: Literal["all"] | tuple[Name, ...] = "all"
    places: Literal["all", "each_community"] | tuple[str, ...] = "all"

    @field_validator("places", mode="after")
    @classmethod
    def _are_places(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        known = [*codes.streets(), *codes.communities()]
        unknown = [] if isinstance(value, str) else [place for place in value if place not in known]
        if unknown:
            raise refuse(
                f"{', '.join(unknown)} 不是街道或社区代码 · names {', '.join(unknown)}, which are no streets or communities",
                remedy="写 schema/codes/region.yml 中的代码 · write the codes of schema/codes/region.yml",
            )
        return value


class Fields(Strict):
    """How the fields of some records are shown."""

    default: Treatment = Treatment.MASKED
    fields: dict[str, Treatment] = Field(default={}, description="Exceptions.")

    @field_validator("fields")
    @classmethod
    def _are_fields(cls, value: dict[str, Treatment]) -> dict[str, Treatment]:
        for name, shown in value.items():
            if name not in _FIELDS:
                raise refuse(
                    f"没有字段 {name} · there is no field {name}",
                    remedy="写 schema/records.py 中的字段 · name a field of schema/records.py",
                    allowed=tuple(sorted(_FIELDS)),
                    at=(name,),
                )
            if shown is Treatment.MASKED and name not in PERSONAL:
                raise refuse(
                    f"{name} 没有脱敏方式 · {name} has no mask",
                    remedy=f"写 clear 或 hidden；可脱敏的字段见后 · write clear or hidden; masks are for {', '.join(sorted(PERSONAL))}",
                    at=(name,),
                )
        return value

    def rule(self) -> FieldRule:
        """The same as a rule."""
        return FieldRule(self.default, dict(self.fields))


class OwnAndOthers(Strict):
    """Fields of the own department's records, and of others'."""

    own: Fields = Fields(default=Treatment.CLEAR)
    others: Fields = Fields()


class Frequency(Strict):
    """So many requests in so many seconds."""

    requests: Annotated[int, Field(ge=1)] = 600
    per_s: Annotated[int, Field(ge=1, le=86_400)] = 60

    def rate(self) -> Rate:
        """The same as a rate."""
        return Rate(self.requests, self.per_s)
