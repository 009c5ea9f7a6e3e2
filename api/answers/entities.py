"""What the API answers of one person or firm: every mention that the caller may read, and the cases."""

from __future__ import annotations

import uuid

from pydantic import BaseModel, Field

from api.answers.cases import CaseSummary, PartyAnswer
from api.answers.common import Acknowledged, Coded


class Mention(PartyAnswer):
    """A person or firm as one record names it, and the case that the record is in."""

    case_id: uuid.UUID


class _Entity(BaseModel):
    name: str | None = Field(None, description="The fullest that the caller may see.", examples=["王**"])
    other_names: list[str] = []
    departments: list[Coded] = Field(description="Whose records the caller may read.")
    mentions: list[Mention] = Field(description="The latest report first.")
    is_complete: bool = Field(description="False: there are more mentions or cases than one answer holds.")
    acknowledged: list[Acknowledged] = Field(default=[], description="Departments that hold a further record and are to be asked.")
    cases: list[CaseSummary] = Field(description="The latest report first.")


class PersonAnswer(_Entity):
    """One person."""

    person_id: uuid.UUID


class OrganisationAnswer(_Entity):
    """One firm or other organisation."""

    organisation_id: uuid.UUID
