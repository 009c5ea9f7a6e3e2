"""What the API answers of feeds, refused rows and pushes."""

from __future__ import annotations

import datetime as dt

from pydantic import BaseModel, Field

from api.answers.common import Coded


class BatchAnswer(BaseModel):
    """The last batch of a feed, and what became of its rows; counts are shown to the department itself and to operators of the whole."""

    batch_id: int
    kind: str
    state: str
    started_at: dt.datetime
    finished_at: dt.datetime | None = None
    pulled: int | None = None
    landed: int | None = None
    already_known: int | None = None
    accepted: int | None = None
    quarantined: int | None = None
    held: int | None = None
    superseded: int | None = None
    deleted: int | None = None


class SourceAnswer(BaseModel):
    """Where a department's feed stands."""

    department: Coded
    contract_version: int | None = None
    mode: str | None = Field(None, examples=["cursor"])
    schedule: str | None = Field(None, examples=["*/10 * * * *"])
    freshness_s: float | None = Field(None, description="Seconds without success after which the feed is late.")
    watermark: str | None = Field(None, description="Up to where the feed has landed; shown as counts are.")
    last_success_at: dt.datetime | None = None
    last_reconcile_at: dt.datetime | None = None
    is_late: bool | None = Field(None, description="Null: the contract promises no freshness, or the department is not pulled.")
    last_error: str | None = Field(None, description="Of the last batch; shown to operators, of one department those of its own.")
    last_batch: BatchAnswer | None = None
    open_quarantine: int | None = Field(None, description="Shown as counts are.")


class SourceList(BaseModel):
    """Every department's feed."""

    items: list[SourceAnswer]


class QuarantineItem(BaseModel):
    """A row that was refused: which, by which rule, why. Never its values."""

    item_id: int
    department: Coded
    source_record_id: str
    version: int
    batch_id: int
    rule: str = Field(examples=["transform:occurred_at"])
    column: str | None = Field(None, examples=["fssj"])
    reason: str
    state: str
    created_at: dt.datetime
    resolved_at: dt.datetime | None = None
    resolved_by: str | None = None


class QuarantinePage(BaseModel):
    """A page of refused rows, newest first."""

    items: list[QuarantineItem]
    next_cursor: str | None = None


class Received(BaseModel):
    """What became of the events of one push: all are stored when this is said."""

    received: int = Field(examples=[2])
    new: int = Field(examples=[1])
    already_known: int = Field(examples=[1])
