"""What the single entry answers beside the cases: how the entry was read, why a case matched, highlights, counts."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from api.answers.common import Coded

AgreementWord = Literal["exact", "variant", "pinyin", "typo", "partial"]


class Highlight(BaseModel):
    """A piece of what the caller is shown, with the places of what was asked for."""

    field: str = Field(examples=["title"])
    text: str = Field(description="As shown elsewhere: masked where the record is masked.", examples=["反映某鞋业公司拖欠工资"])
    marks: list[tuple[int, int]] = Field(description="Start and end of each place in `text`, in characters, end excluded.")


class Match(BaseModel):
    """Why a case was found: which record holds what was asked for, where, and how closely."""

    department: Coded
    source_record_id: str | None = Field(None, description="Null where the record is only acknowledged.", examples=["XF2025010300017"])
    fields: list[str] = Field(description="Where in the record.", examples=[["parties.phone"]])
    role: Coded | None = Field(None, description="As whom the record names the party that was found.")
    agreement: AgreementWord = Field(
        "exact",
        description=(
            "exact: as asked for. variant: traditional or variant characters, a firm's name without place and legal form. pinyin: the same "
            "or nearly the same sound. typo: look-alike characters, another order, one character off. partial: a part of it."
        ),
    )
    highlights: list[Highlight] = []


class Total(BaseModel):
    """How many cases the caller can page through."""

    cases: int
    is_estimate: bool = Field(description="False to 10,000 cases; beyond, the figure is estimated.")


class FacetValue(Coded):
    """One value and the cases that have it."""

    cases: int


class Facet(BaseModel):
    """How the cases divide by one property, the most frequent value first; at most 100 values."""

    name: str = Field(examples=["category"])
    values: list[FacetValue]
    is_estimate: bool
