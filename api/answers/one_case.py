"""What the API answers of one case beside its records and parties: timeline, lineage, links, the persons and firms in it."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from pydantic import BaseModel, Field

from api.answers.common import Coded, RecordRef


class EventAnswer(BaseModel):
    """Something that happened in the matter and who says so, or that happened to the case itself in the hub."""

    at: dt.datetime = Field(description="As the record states it; of what happened to the case itself, when the hub did it.")
    kind: Coded
    department: Coded
    source_record_id: str
    change_number: str | None = Field(
        None, description="Of what happened to the case itself: with which change, encrypted anew each time; to be passed as as_of."
    )
    case_id: uuid.UUID | None = Field(None, description="The other case: which records came from or went to, or which was merged.")


class LosingValue(BaseModel):
    """A value that another one outranks."""

    value: str
    stated_by: list[RecordRef]
    because: Coded | None = Field(None, description="The criterion by which it lost: issuer, completeness, recency or record.")


class RuleAnswer(BaseModel):
    """How a field's value is chosen: by issuers in order, then completeness, then recency, at last by the records' names."""

    issuers: list[Coded] = Field(description="Departments whose word counts before any other's, the first most.")
    completeness: str = Field(description="none; unmasked: a masked value after a whole one; longest: that, then by length.")


class LineageAnswer(BaseModel):
    """Where a value of the case comes from, by which rule it won, and which values lost to it."""

    field: str = Field(examples=["amount"])
    value: str = Field(examples=["36000.00"])
    department: Coded
    source_record_id: str
    version: int
    stated_by: list[RecordRef]
    rule: RuleAnswer | None = None
    losing: list[LosingValue] = []


class WaterfallStep(BaseModel):
    """One comparison of two records and what it adds."""

    step: str = Field(examples=["organisation"])
    level: str | None = Field(None, description="What the comparison came to; null of the prior.", examples=["same"])
    bits: float = Field(examples=[6.4])
    so_far: float = Field(description="The sum up to here.", examples=[2.1])


class Waterfall(BaseModel):
    """How the engine came to its weight, under the version of the model that decided."""

    steps: list[WaterfallStep] = Field(description="The prior first.")
    total: float = Field(description="Bits, the prior included.", examples=[14.2])
    link: float = Field(description="From this weight on two records are linked.")
    review: float = Field(description="From this weight on a person is asked.")


class LinkAnswer(BaseModel):
    """Why two records are held to be one case, or not."""

    left: RecordRef
    right: RecordRef
    decision: str = Field(examples=["link"])
    told: Coded | None = Field(None, description="The decision in words, and whether the engine or a person made it.")
    match_weight: float = Field(description="Bits of the engine's, also where a person decided.", examples=[14.2])
    levels: dict[str, Any] = Field(examples=[{"reference": "cited", "organisation": "same"}])
    model_version: str
    decided_by: str = Field(description="engine, or the person who decided.", examples=["engine"])
    waterfall: Waterfall | None = Field(None, description="Null: the model of that version was not kept.")
    case_id: uuid.UUID | None = Field(None, description="Of a link that leads out of the case: the other record's case.")


class EntityAnswer(BaseModel):
    """One person or firm, with every mention in the case that the caller may read."""

    person_id: uuid.UUID | None = None
    organisation_id: uuid.UUID | None = None
    name: str | None = Field(None, description="The fullest that the caller may see.", examples=["王**"])
    other_names: list[str] = []
    roles: list[Coded]
    mentioned_by: list[RecordRef]


class ValueChange(BaseModel):
    """A field that another version states otherwise, both values as the caller may see them."""

    field: str = Field(examples=["status"])
    before: Any = Field(None, examples=["received"])
    after: Any = Field(None, examples=["resolved"])


class VersionAnswer(BaseModel):
    """One version of a record: when the hub knew it, and what changed with it."""

    version: int
    change_number: str = Field(description="With which change, encrypted anew each time; to be passed as as_of.")
    at: dt.datetime | None = Field(None, description="Null: it changed nothing that the hub shows of any case, person or firm.")
    changes: list[ValueChange] = Field(description="Against the version before; empty of the first that the caller may read.")


class RecordHistory(BaseModel):
    """What a record said before, the newest version first."""

    department: Coded
    source_record_id: str
    versions: list[VersionAnswer]
