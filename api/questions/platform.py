"""What is asked of refused rows."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.questions.common import CursorText, DepartmentCode, RuleText, Strict


class QuarantineQuery(Strict):
    """Which refused rows are asked for."""

    department: DepartmentCode | None = Field(None, description="部门 · department.")
    rule: RuleText | None = Field(None, description="规则 · rule.", examples=["transform:occurred_at"])
    state: Literal["open", "replayed", "discarded", "superseded"] = Field("open", description="状态 · state.")
    cursor: CursorText | None = Field(None, description="上一页的 next_cursor · next_cursor of the page before.")
    limit: int = Field(50, ge=1, le=200, description="每页条数 · items a page.")
