"""What is asked of cases: the single entry with its filters, and the parts of one case."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from api.questions.common import CursorText, DepartmentCode, Flag, Strict, listed, moment, read_moment, require_listed, split
from api.recognise import MAX_CHARACTERS
from schema import codes

FACETS = ("department", "category", "status", "grade", "street", "community", "year")
INCLUDES = ("records", "parties", "timeline", "lineage", "links", "history")


_ALLOWED: dict[str, Iterable[str]] = {
    "category": codes.load("category"),
    "status": codes.load("status"),
    "grade": codes.load("grade"),
    "street": codes.streets(),
    "community": codes.communities(),
}


def _coded(name: str, description: str) -> Any:
    return Field(None, description=description, json_schema_extra={"enum": list(_ALLOWED[name])})


class CaseFilters(Strict):
    """What a case must be of; all that are given must hold."""

    department: DepartmentCode | None = Field(None, description="只看有此部门记录的案件 · cases that hold a record of this department.")
    category: str | None = _coded("category", "类别 · category.")
    status: str | None = _coded("status", "办理状态 · where it stands.")
    grade: str | None = _coded("grade", "分级 · grade.")
    street: str | None = _coded("street", "街道代码 · street, nine digits.")
    community: str | None = _coded("community", "社区代码 · community, twelve digits.")

    @field_validator(*_ALLOWED)
    @classmethod
    def _is_listed(cls, value: str | None, info: ValidationInfo) -> str | None:
        allowed = _ALLOWED[str(info.field_name)]
        if value is not None and value not in allowed:
            raise ValueError(f"{info.field_name} 没有此值 · no such {info.field_name}; allowed: {', '.join(allowed)}")
        return value


class CaseQuery(CaseFilters):
    """The single entry and its filters."""

    q: str | None = Field(
        None,
        max_length=MAX_CHARACTERS,
        description="案号、姓名、单位、地址或关键词 · a case number of any department, a name, a firm, an address or words.",
        examples=["维珍妮鞋业 欠薪"],
    )
    reported_from: dt.datetime | None = moment("登记时间起（含） · reported at or after; a date begins in Shanghai.")
    reported_to: dt.datetime | None = moment("登记时间止（日期含当日） · reported before; a date includes its day.")
    person_id: uuid.UUID | None = Field(None, description="涉及此人的案件 · cases in which this person is a party.")
    organisation_id: uuid.UUID | None = Field(None, description="涉及此单位的案件 · cases in which this organisation is a party.")
    sort: Literal["relevance", "newest", "oldest"] | None = Field(
        None,
        description=(
            "排序：relevance 相关度（仅前 1000 件）、newest 最新登记、oldest 最早登记 · order: relevance (of the first 1,000 cases), "
            "newest or oldest report; relevance where q is no whole number or id, else newest."
        ),
    )
    facets: str = listed(
        FACETS, f"逗号分隔的分面：{'、'.join(FACETS)} · facets to count, any of these, separated by commas.", "category,grade"
    )
    total: Flag = Field(False, description="是否计总数 · whether to count all cases found.")
    cursor: CursorText | None = Field(None, description="上一页的 next_cursor · next_cursor of the page before.")
    limit: int = Field(20, ge=1, le=200, description="每页条数 · cases a page.")

    @property
    def facet_names(self) -> list[str]:
        """The facets by name, each once."""
        return list(dict.fromkeys(split(self.facets)))

    @field_validator("facets", mode="before")
    @classmethod
    def _are_facets(cls, value: object) -> object:
        require_listed(value, FACETS)
        return value

    @field_validator("reported_from", "reported_to", mode="before")
    @classmethod
    def _is_moment(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, int | float):  # pydantic would take seconds or milliseconds since 1970
            raise ValueError("写作 2025-01-03 或 2025-01-03T08:00:00+08:00 · write 2025-01-03 or 2025-01-03T08:00:00+08:00")
        return read_moment(value, day_end=info.field_name == "reported_to") if isinstance(value, str) else value


class CaseParts(Strict):
    """Which parts of a case are wanted beside its summary."""

    include: str = listed(
        INCLUDES, f"逗号分隔：{'、'.join(INCLUDES)} · any of these, separated by commas.", "records,parties,timeline,lineage,links"
    )

    @property
    def parts(self) -> frozenset[str]:
        """The parts by name."""
        return frozenset(split(self.include))

    @field_validator("include", mode="before")
    @classmethod
    def _are_parts(cls, value: object) -> object:
        require_listed(value, INCLUDES)
        return value
