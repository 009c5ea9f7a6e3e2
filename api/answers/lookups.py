"""What the API answers of batch look-ups."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Literal

from pydantic import BaseModel, Field

from schema.states import LookupState


class LookupColumn(BaseModel):
    """A column of the file, and what it is looked up as."""

    name: str = Field(examples=["身份证号"])
    kind: str | None = Field(None, description="Null: it is only carried along.", examples=["id_number"])


class LookupAnswer(BaseModel):
    """Where a batch look-up stands."""

    lookup_id: uuid.UUID = Field(examples=["6b1f6f0e-4c0e-4a55-9d1e-0d6d3c1f5a10"])
    state: LookupState
    reason: Literal["revoked", "internal"] | None = Field(None, description="Why it was stopped or failed.")
    format: Literal["csv", "xlsx"]
    columns: list[LookupColumn]
    rows: int = Field(examples=[1200])
    rows_done: int = Field(examples=[400])
    created_at: dt.datetime
    started_at: dt.datetime | None = None
    estimated_end_at: dt.datetime | None = Field(None, description="Null until the first rows are done.")
    finished_at: dt.datetime | None = None
    expires_at: dt.datetime = Field(description="When the rows and the result are deleted.")


class LookupList(BaseModel):
    """The caller's batch look-ups, newest first."""

    items: list[LookupAnswer]
