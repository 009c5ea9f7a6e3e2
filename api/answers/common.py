"""What several answers have in common: codes with names, acknowledgements, references to records."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Coded(BaseModel):
    """A code of the hub's lists with its names."""

    model_config = ConfigDict(
        frozen=True, json_schema_extra={"example": {"code": "wages", "zh": "欠薪劳资", "en": "unpaid wages and labour"}}
    )

    code: str
    zh: str
    en: str | None = None


class Acknowledged(BaseModel):
    """A record exists at this department, and its desk may be asked; more is not said."""

    department: Coded
    desk: str | None = Field(None, examples=["法院数据专班 · data desk of the court"])
    contact: str | None = None


class RecordRef(BaseModel):
    """A record, by its department and the department's own id."""

    department: Coded
    source_record_id: str
    version: int | None = None


class Health(BaseModel):
    """The process is up, or ready to answer."""

    status: Literal["ok", "ready"]
