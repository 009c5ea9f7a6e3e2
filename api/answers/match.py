"""What the match answers: whom and what the store knows that may be the same, how sure that is, and why."""

from __future__ import annotations

import uuid
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from api.answers.cases import CaseSummary, PartyAnswer
from api.answers.common import Acknowledged, RecordRef

Verdict = Literal["certain", "possible", "none"]
_EXAMPLE = [
    {"comparison": "prior", "level": None, "bits": -20.0},
    {"comparison": "name", "level": "exact", "bits": 15.0},
    {"comparison": "phone", "level": "same", "bits": 16.0},
]


class Step(BaseModel):
    """A step of the waterfall: what was compared, what came of it, and the bits that it adds."""

    comparison: str
    level: str | None = Field(None, description="Null for the prior, from which the sum begins.")
    bits: float


class _Weighed(BaseModel):
    answer: Literal["certain", "possible"]
    match_weight: float = Field(description="Bits; the sum of the steps.", examples=[11.0])
    levels: list[Step] = Field(examples=[_EXAMPLE])


class PersonMatch(_Weighed):
    """A person of the store that may be the same."""

    person_id: uuid.UUID
    compared_with: PartyAnswer = Field(description="The mention that weighs most, as the caller may see it.")


class OrganisationMatch(_Weighed):
    """An organisation of the store that may be the same."""

    organisation_id: uuid.UUID
    compared_with: PartyAnswer = Field(description="The mention that weighs most, as the caller may see it.")


class CaseMatch(_Weighed):
    """A case of the store that may be the same."""

    compared_with: RecordRef = Field(description="The record that weighs most.")
    case: CaseSummary


class PartyAnswered(BaseModel):
    """What is known of one party; the best first."""

    answer: Verdict = Field(description="Of the best candidate.")
    candidates: list[PersonMatch | OrganisationMatch] = []
    acknowledged: list[Acknowledged] = Field(default=[], description="Departments whose closed records name this very number.")


class CaseAnswered(BaseModel):
    """What is known of the case; the best first."""

    answer: Verdict = Field(description="Of the best candidate.")
    candidates: list[CaseMatch] = []
    acknowledged: list[Acknowledged] = Field(default=[], description="Departments whose closed records bear or are cited by this number.")


class MatchAnswer(BaseModel):
    """What is known of a record not yet filed."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"parties": [{"answer": "none"}], "case": {"answer": "none"}}},
    )

    parties: list[PartyAnswered] = Field(description="In the order of the question.")
    case: CaseAnswered | None = Field(None, description="Null where the question told nothing of a case.")


class MatchBatchAnswer(BaseModel):
    """What is known of each record, in the order of the question."""

    items: list[MatchAnswer]
