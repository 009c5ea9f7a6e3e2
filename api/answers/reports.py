"""What the API answers of reports that something is wrong, and of requests to see restricted records."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Literal

from pydantic import BaseModel, Field

from api.answers.cases import PartyAnswer, RecordAnswer
from api.answers.common import Coded, RecordRef
from schema.states import AccessRequestTold, ReportState


class ReportNote(BaseModel):
    """What was said or done about a report."""

    at: dt.datetime
    side: Literal["reporter", "owner"]
    author: str
    department: Coded | None = None
    state: ReportState | None = Field(None, description="The state that it was brought into; null: a word only.")
    text: str | None = None


class ReportSummary(BaseModel):
    """A report in a list."""

    report_id: uuid.UUID
    state: ReportState
    about: Literal["case", "value", "link"]
    case_id: uuid.UUID
    field: str | None = Field(None, examples=["amount"])
    departments: list[Coded] = Field(description="To whom it goes, as far as the caller may know of their records.")
    is_for_platform: bool = Field(description="Whether it goes to the platform's administrators too.")
    reporter: str
    reporter_department: Coded | None = None
    created_at: dt.datetime
    changed_at: dt.datetime


class ReportDetail(ReportSummary):
    """A report whole, as the two sides see it."""

    text: str
    records: list[RecordRef] = Field(description="The value's record or the link's two, as far as who looks may read them.")
    notes: list[ReportNote]
    review_command: str | None = Field(None, description="For administrators, of a link: what makes the report a decision.")


class ReportPage(BaseModel):
    """A page of reports, newest first."""

    items: list[ReportSummary]
    next_cursor: str | None = None


class AccessRequestAnswer(BaseModel):
    """A request to see a department's restricted records in a case."""

    request_id: uuid.UUID
    state: AccessRequestTold
    case_id: uuid.UUID
    department: Coded = Field(description="Whose records.")
    is_emergency: bool
    needs_review: bool = Field(description="An emergency that the department has not reviewed yet.")
    caller: str
    caller_department: Coded
    reason: str
    case_reference: str
    created_at: dt.datetime
    decided_at: dt.datetime | None = None
    decided_by: str | None = None
    granted_until: dt.datetime | None = None
    note: str | None = None
    reviewed_at: dt.datetime | None = None
    reviewed_by: str | None = None
    is_justified: bool | None = None
    review_note: str | None = None
    records: list[RecordRef] | None = Field(None, description="Shown to the department whose they are.")


class AccessRequestPage(BaseModel):
    """A page of requests: emergencies that wait for review first, then the newest."""

    items: list[AccessRequestAnswer]
    next_cursor: str | None = None


class GrantedRecords(BaseModel):
    """The restricted records of a grant, masked as shared ones are."""

    granted_until: dt.datetime
    items: list[RecordAnswer]
    parties: list[PartyAnswer]
