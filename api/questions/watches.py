"""What is asked of watches."""

from __future__ import annotations

import uuid

from pydantic import Field, model_validator

from api.questions.cases import CaseFilters
from api.questions.common import CursorText, Strict
from api.recognise import MAX_CHARACTERS
from schema.states import DeliveryState, Watched


class WatchQuestion(CaseFilters):
    """Cases that a query watch is about."""

    q: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_CHARACTERS,
        description="案号、证件号码、电话、信用代码、姓名、单位、地址或关键词 · a case number, an ID number, a phone, a credit code, "
        "a name, a firm, an address or words.",
        examples=["维珍妮鞋业 欠薪"],
    )

    @model_validator(mode="after")
    def _asks_something(self) -> WatchQuestion:
        if not self.model_dump(exclude_none=True):
            raise ValueError("须填写 q 或筛选条件 · ask for something: q or a filter")
        return self


class WebhookOrder(Strict):
    """Where events are to be posted."""

    url: str = Field(
        max_length=500,
        description="https 网址 · an https URL; it is checked against the rules for webhooks.",
        examples=["https://hooks.example.gov.cn/casehub"],
    )


class WatchOrder(Strict):
    """What is to be watched: a case, person or organisation by its id, or a query."""

    watched: Watched = Field(description="关注对象 · what is watched.")
    id: uuid.UUID | None = Field(None, description="案件、人员或单位的标识 · of the case, person or organisation.")
    query: WatchQuestion | None = Field(None, description="关注的查询 · of a query: cases that match it when they change.")
    webhook: WebhookOrder | None = Field(None, description="不填则只能用 GET …/events 读取 · without it events are read by GET …/events.")

    @model_validator(mode="after")
    def _has_its_subject(self) -> WatchOrder:
        if (self.watched == "query") != (self.query is not None) or (self.watched == "query") != (self.id is None):
            raise ValueError("watched=query 时填 query，其他情形填 id · give query for watched=query, and id for every other")
        return self


class EventQuery(Strict):
    """A page of a watch's events."""

    since: CursorText | None = Field(None, description="上一页的 next_cursor · next_cursor of the page before.")
    limit: int = Field(100, ge=1, le=1000, description="每页条数 · events a page.")


class DeliveryQuery(Strict):
    """Which deliveries of a watch."""

    state: DeliveryState | None = Field(None, description="状态 · state; dead: given up.")
    limit: int = Field(100, ge=1, le=1000, description="条数 · deliveries, newest first.")
