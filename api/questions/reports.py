"""What is asked of reports and access requests. Free text is short, and goes to the two sides alone."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from api.questions.common import CursorText, DepartmentCode, Strict
from schema.records import PARTY, RECORD
from schema.states import AccessRequestTold, ReportState

MAX_WORDS = 1_000
MAX_HOURS = 720

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_WORDS, pattern=r"^[^\x00]*$")]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=5, max_length=MAX_WORDS, pattern=r"^[^\x00]*$")]
Reference = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]*$")]
SourceRecordId = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")]
FIELDS = frozenset({*RECORD.names, *(f"parties.{name}" for name in PARTY.names)}) - {"department", "version", "visibility", "references"}


class NamedRecord(Strict):
    """A record by its department and the department's own id."""

    department: DepartmentCode
    source_record_id: SourceRecordId


class NewReport(Strict):
    """What is wrong: a case as a whole, one of its values, or a link between two of its records."""

    case_id: uuid.UUID
    about: Literal["case", "value", "link"]
    field: str | None = Field(None, max_length=60, description="about=value：哪个字段 · which field.", examples=["amount"])
    record: NamedRecord | None = Field(
        None, description="about=value：哪条记录的值；省略则为案件显示的值 · whose value; left out, the one that the case shows."
    )
    left: NamedRecord | None = Field(None, description="about=link.")
    right: NamedRecord | None = Field(None, description="about=link.")
    text: Words = Field(description=f"哪里不对，至多 {MAX_WORDS} 字，仅双方可见 · what is wrong; the two sides alone see it.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.field is not None) != (self.about == "value"):
            raise ValueError("about=value 时须填 field，其他情形不得填写 · give field with about=value, and with that alone")
        if self.field is not None and self.field not in FIELDS:
            raise ValueError("没有此字段 · no such field")
        if self.record is not None and self.about != "value":
            raise ValueError("record 仅用于 about=value · record goes with about=value")
        if self.field is not None and self.field.startswith("parties.") and self.record is None:
            raise ValueError("当事人的字段须同时指明 record · a party's field wants a record")
        if ((self.left is not None) and (self.right is not None)) != (self.about == "link") or (
            self.about != "link" and (self.left is not None or self.right is not None)
        ):
            raise ValueError("about=link 时须填 left 和 right，其他情形不得填写 · give left and right with about=link, and with that alone")
        return self


class ReportQuery(Strict):
    """Which reports are asked for."""

    box: Literal["in", "out"] = Field("in", description="in：发给本部门的；out：本人提出的 · to my department, or by me.")
    state: ReportState | None = Field(None, description="状态 · state.")
    cursor: CursorText | None = Field(None, description="上一页的 next_cursor · next_cursor of the page before.")
    limit: int = Field(50, ge=1, le=200, description="每页条数 · items a page.")


class ReportStep(Strict):
    """A word about a report, or a new state, or both."""

    state: ReportState | None = None
    text: Words | None = Field(
        None, description="给另一方的说明；更正或不予更正时必填 · for the other side; needed with corrected and refused."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.state is None and self.text is None:
            raise ValueError("填写 state 或 text，或两者都填 · give state, text or both")
        if self.state in ("corrected", "refused") and self.text is None:
            raise ValueError("在 text 中写明更正内容，或不予更正的理由 · say in text what was corrected, or why not")
        return self


class NewAccessRequest(Strict):
    """Whose restricted records in which case are asked for, and why."""

    case_id: uuid.UUID
    department: DepartmentCode
    reason: Reason = Field(description="申请理由 · why, 5 to 1,000 characters.")
    case_reference: Reference = Field(description="本部门案号 · the case that it is for, in your department's numbers.")
    emergency: bool = Field(False, description="紧急：立即开放，告警并须事后审查 · opened at once, with an alarm, and reviewed afterwards.")


class AccessRequestQuery(Strict):
    """Which access requests are asked for."""

    box: Literal["in", "out"] = Field("in", description="in：向本部门提出的；out：本人提出的 · to my department, or by me.")
    state: AccessRequestTold | None = Field(None, description="状态 · state.")
    cursor: CursorText | None = Field(None, description="上一页的 next_cursor · next_cursor of the page before.")
    limit: int = Field(50, ge=1, le=200, description="每页条数 · items a page.")


class AccessDecision(Strict):
    """What is decided about a request: by the department whose records they are, or withdrawn by who asked."""

    decision: Literal["grant", "refuse", "revoke", "review", "withdraw"]
    hours: int | None = Field(None, ge=1, le=MAX_HOURS, description="grant：开放多少小时 · for how many hours.")
    is_justified: bool | None = Field(None, description="review：紧急是否成立 · whether the emergency was one.")
    note: Words | None = Field(None, description="给对方的说明；refuse、revoke、review 时必填 · needed with refuse, revoke and review.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.hours is not None) != (self.decision == "grant"):
            raise ValueError("grant 时须填 hours，其他情形不得填写 · give hours with grant, and with that alone")
        if (self.is_justified is not None) != (self.decision == "review"):
            raise ValueError("review 时须填 is_justified，其他情形不得填写 · give is_justified with review, and with that alone")
        if self.decision in ("refuse", "revoke", "review") and self.note is None:
            raise ValueError("在 note 中写明理由 · say why in note")
        return self
