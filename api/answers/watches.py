"""What the API answers of watches. The question of a query is shown by itself alone, and to its owner alone; the secret once."""

from __future__ import annotations

import datetime as dt
import uuid

from pydantic import BaseModel, Field

from api.answers.changes import Kind
from api.questions.watches import WatchQuestion
from schema.states import DeliveryState, Relation, Watched

_EXAMPLE_ID = "6b0f1f0e-5d0b-4a0e-8a55-0a3ad5a7c111"


class WatchAnswer(BaseModel):
    """A watch as listed."""

    watch_id: uuid.UUID = Field(examples=[_EXAMPLE_ID])
    watched: Watched
    id: uuid.UUID | None = Field(None, description="Of the case, person or organisation; where it was merged, of what it became.")
    has_webhook: bool
    created_at: dt.datetime


class WatchDetail(WatchAnswer):
    """A watch, with its question."""

    query: WatchQuestion | None = None
    webhook_url: str | None = None


class WatchCreated(WatchDetail):
    """A new watch, with the secret that its deliveries are signed with; it is shown this once, and to the same call sent again."""

    secret: str | None = Field(None, description="Of the webhook. Keep it now: only the same call with its Idempotency-Key shows it again.")


class WatchList(BaseModel):
    """The caller's watches."""

    items: list[WatchAnswer]


class WatchEvent(BaseModel):
    """Something that happened to what is watched."""

    relation: Relation
    id: uuid.UUID
    kind: Kind
    into: uuid.UUID | None = None
    at: dt.datetime
    cursor: str


class WatchEventPage(BaseModel):
    """A watch's events in the order in which they happened."""

    items: list[WatchEvent]
    next_cursor: str = Field(description="Pass it as since next time, also where there was none.")
    is_complete: bool = Field(description="False: there are more already.")


class DeliveryAnswer(BaseModel):
    """A delivery and how it stands."""

    delivery_id: uuid.UUID
    state: DeliveryState
    relation: Relation
    id: uuid.UUID
    kind: Kind
    attempts: int
    outcome: str | None = Field(
        None, description="Of the last attempt: delivered, status, timeout, network, tls, address, gone, error.", examples=["status"]
    )
    status: int | None = Field(None, description="What the receiver answered.", examples=[500])
    last_attempt_at: dt.datetime | None = None
    next_attempt_at: dt.datetime | None = None


class DeliveryList(BaseModel):
    """Deliveries of a watch, newest first."""

    items: list[DeliveryAnswer]


class Redelivered(BaseModel):
    """How many deliveries that were given up wait anew."""

    redelivered: int = Field(examples=[3])
