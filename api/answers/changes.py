"""What the API answers of changes: ids and kinds, never a value."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Literal

from pydantic import BaseModel, Field

from schema.states import Relation

_EXAMPLE_ID = "0d3f7b52-6a54-5a2e-9f0e-8a2b7c1d4e5f"
Kind = Literal["created", "updated", "split", "merged", "deleted"]


class ChangeAnswer(BaseModel):
    """Something that changed, as far as the caller may know of it."""

    relation: Relation
    id: uuid.UUID = Field(description="Of the case, person or organisation.", examples=[_EXAMPLE_ID])
    kind: Kind = Field(
        description="From where the caller stands: created: he can read something of it for the first time; updated; split: records of "
        "it that he can read are another's now; merged: it became part of `into`; deleted: he can no longer read anything of it."
    )
    into: uuid.UUID | None = Field(None, description="What it became part of.")
    at: dt.datetime
    cursor: str = Field(description="Pass it as since to go on right after this change.")


class ChangePage(BaseModel):
    """Changes in the order in which they happened."""

    items: list[ChangeAnswer]
    next_cursor: str = Field(description="Pass it as since next time, also where there was no change.")
    is_complete: bool = Field(description="False: there is more already; ask again at once, even where `items` is empty.")
