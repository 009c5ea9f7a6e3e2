"""What the API answers of cases: found, listed, and one whole."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.answers.common import Acknowledged, Coded
from api.answers.one_case import EntityAnswer, EventAnswer, LineageAnswer, LinkAnswer, RecordHistory
from api.answers.search import Facet, Match, Total

_EXAMPLE_ID = "0d3f7b52-6a54-5a2e-9f0e-8a2b7c1d4e5f"


class CaseSummary(BaseModel):
    """A case in a list, as far as the caller may read its records."""

    case_id: uuid.UUID = Field(examples=[_EXAMPLE_ID])
    title: str | None = Field(None, examples=["反映某鞋业公司拖欠工资"])
    category: Coded | None = None
    status: Coded | None = None
    grade: Coded | None = None
    street: Coded | None = None
    community: Coded | None = None
    reported_at: dt.datetime | None = None
    departments: list[Coded] = Field(description="Whose records the caller may read.")
    record_count: int = Field(description="How many records the caller may read.")
    acknowledged: list[Acknowledged] = Field(default=[], description="Departments that hold a further record and are to be asked.")


class FoundCase(CaseSummary):
    """A case in an answer to a search."""

    matched: list[Match] = []


class CasePage(BaseModel):
    """A page of cases in the order of `sort`."""

    recognised_as: Coded | None = Field(None, description="How q was read.")
    tried: list[Coded] = Field(default=[], description="In which ways q was looked for, where it is no whole number.")
    sort: Literal["relevance", "newest", "oldest"] = Field("newest", description="The order of the page.")
    total: Total | None = Field(None, description="With total=true or facets.")
    facets: list[Facet] | None = Field(None, description="With facets.")
    items: list[FoundCase]
    next_cursor: str | None = Field(None, description="Pass it as cursor for the next page; null: this was the last.")


class RecordAnswer(BaseModel):
    """One record as its department sent it, in the hub's words; masked unless it is the caller's own department's."""

    department: Coded
    source_record_id: str
    version: int
    is_masked: bool
    case_number: str | None = None
    title: str | None = None
    text: str | None = None
    reply: str | None = None
    category: Coded | None = None
    status: Coded | None = None
    grade: Coded | None = None
    channel: Coded | None = None
    occurred_at: dt.datetime | None = None
    reported_at: dt.datetime | None = None
    found_at: dt.datetime | None = None
    accepted_at: dt.datetime | None = None
    resolved_at: dt.datetime | None = None
    confirmed_at: dt.datetime | None = None
    fed_back_at: dt.datetime | None = None
    ordered_at: dt.datetime | None = None
    reported_in_at: dt.datetime | None = None
    due_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None
    people_involved: int | None = None
    amount: Decimal | None = None
    address: str | None = None
    street: Coded | None = None
    community: Coded | None = None
    longitude: float | None = None
    latitude: float | None = None
    handling_unit: str | None = None
    confirmation_state: str | None = None
    is_anonymous: bool | None = None


class PartyAnswer(BaseModel):
    """A person or organisation as one record names it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "department": {"code": "labour", "zh": "人力资源局", "en": "Human resources bureau"},
                "source_record_id": "LD2025-0103-0017",
                "is_masked": True,
                "role": {"code": "petitioner", "zh": "诉求人", "en": "petitioner"},
                "kind": "person",
                "person_id": _EXAMPLE_ID,
                "name": "王**",
                "id_no": "4403**********123X",
                "phone": "138****0000",
            }
        }
    )

    department: Coded
    source_record_id: str
    is_masked: bool
    role: Coded
    kind: Literal["person", "organisation"]
    person_id: uuid.UUID | None = Field(None, description="The same person in every record that names it.")
    organisation_id: uuid.UUID | None = Field(None, description="The same organisation in every record that names it.")
    name: str | None = None
    id_type: str | None = None
    id_no: str | None = None
    uscc: str | None = None
    phone: str | None = None
    address: str | None = None
    gender: str | None = None
    birth_date: str | None = Field(None, examples=["1990-**-**"])


#: What of one case is encrypted anew each time, and so is no part of what its validator is made of.
POSITIONS: dict[str, Any] = {
    "as_of_change": True,
    "timeline": {"__all__": {"change_number"}},
    "history": {"__all__": {"versions": {"__all__": {"change_number"}}}},
}


class CaseDetail(CaseSummary):
    """One case, whole, as far as the caller may read it."""

    values: dict[str, str] = Field(description="Of each field the best value that a record states which the caller may read.")
    is_complete: bool = Field(True, description="False: the case has more records than one answer holds.")
    as_of_change: str | None = Field(
        None,
        description="With as_of: the change up to which the hub knew what is told here, encrypted anew each time; to be passed as as_of.",
    )
    records: list[RecordAnswer] | None = Field(None, description="With include=records.")
    parties: list[PartyAnswer] | None = Field(None, description="With include=parties.")
    entities: list[EntityAnswer] | None = Field(None, description="With include=parties: mentions of one person or firm put together.")
    timeline: list[EventAnswer] | None = Field(None, description="With include=timeline.")
    lineage: list[LineageAnswer] | None = Field(None, description="With include=lineage.")
    links: list[LinkAnswer] | None = Field(None, description="With include=links.")
    history: list[RecordHistory] | None = Field(None, description="With include=history: versions of records.")
