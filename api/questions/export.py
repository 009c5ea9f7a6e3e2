"""What is asked of an export: any question of the single entry, what a row is, the format, and who gets it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from api.questions.cases import CaseQuery
from api.questions.common import Flag
from api.recognise import holds_identifier

Format = Literal["jsonl", "csv", "parquet"]
Level = Literal["cases", "records", "parties"]


class ExportQuery(CaseQuery):
    """A question of the single entry whose whole answer is wanted as one file."""

    format: Format = Field(description="文件格式 · jsonl: JSON Lines, csv: for Excel too, parquet.", examples=["csv"])
    level: Level = Field("cases", description="每行一个：案件、记录或当事人 · one row a case, record or party.")
    receiver: str = Field(
        min_length=2,
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        description="接收方，随访问记录保存 · who gets the file: an office or a system; kept with the audit log.",
        examples=["光明区人民法院立案庭 · filing desk of the court"],
    )
    sort: Literal["newest", "oldest"] = Field("newest", description="最新或最早登记在前 · newest or oldest report first.")
    facets: Literal[""] = Field("", description="不用于导出 · not of an export.")
    total: Annotated[Flag, Field(json_schema_extra={"enum": [False]})] = Field(False, description="不用于导出 · not of an export.")
    cursor: None = Field(None, description="不用于导出 · not of an export.")
    limit: int | None = Field(None, ge=1, description="最多行数，不超过角色上限 · most rows; the role's limit holds too.")  # type: ignore[assignment]

    @field_validator("total")
    @classmethod
    def _counts_nothing(cls, value: bool) -> bool:
        if value:
            raise ValueError("导出不预先计数 · an export counts nothing beforehand")
        return value

    @field_validator("receiver")
    @classmethod
    def _names_an_office(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("写明接收方 · say who gets the file")
        if holds_identifier(value):
            raise ValueError("写单位或系统名称，不得含个人号码 · name an office or a system, without numbers of persons")
        return value.strip()

    def page(self, cursor: str | None, cases: int) -> CaseQuery:
        """The question of one page of the single entry: in a stored order, for relevance ends at a thousand, and counting nothing."""
        asked = {name: getattr(self, name) for name in CaseQuery.model_fields}
        return CaseQuery.model_construct(
            **asked
            | {"cursor": cursor, "limit": cases, "sort": "oldest" if self.sort == "oldest" else "newest", "facets": "", "total": False}
        )
