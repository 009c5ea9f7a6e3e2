"""What is wrong with a field is told in Chinese with pydantic's English beside it, and without the value."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from hub import field_words


class _Question(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: int = Field(1, ge=1, le=200)
    name: str = Field("ab", min_length=2, max_length=3, pattern="^[a-z]*$")
    names: list[str] = Field(["a"], min_length=1, max_length=2)
    day: dt.date = dt.date(2025, 1, 3)
    state: Literal["open", "closed"] = "open"
    own: str = ""
    plain: str = ""

    @field_validator("own")
    @classmethod
    def _is_empty(cls, value: str) -> str:
        if value:
            raise ValueError("不得填写 · leave it out")
        return value

    @field_validator("plain")
    @classmethod
    def _is_empty_too(cls, value: str) -> str:
        if value:
            raise ValueError("leave it out")
        return value


def _told(values: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as refused:
        _Question.model_validate(values)
    return field_words.told(dict(refused.value.errors()[0]))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param({"limit": 201}, "不得大于 200 · Input should be less than or equal to 200", id="above"),
        pytest.param({"limit": 0}, "不得小于 1 · Input should be greater than or equal to 1", id="below"),
        pytest.param({"limit": "x"}, "应为整数 · Input should be a valid integer, unable to parse string as an integer", id="no integer"),
        pytest.param({"name": "a"}, "至少 2 个字符 · String should have at least 2 characters", id="too short"),
        pytest.param({"name": "abcd"}, "至多 3 个字符 · String should have at most 3 characters", id="too long"),
        pytest.param({"name": "AB"}, "格式不符 · String should match pattern '^[a-z]*$'", id="pattern"),
        pytest.param({"names": ["a", "b", "c"]}, "至多 2 项 · List should have at most 2 items after validation, not 3", id="too many"),
        pytest.param({"state": "shut"}, "不在可用值之中 · Input should be 'open' or 'closed'", id="literal"),
        pytest.param({"other": 1}, "没有此字段 · Extra inputs are not permitted", id="unknown field"),
        pytest.param({"own": "x"}, "不得填写 · leave it out", id="a check of the hub's own"),
        pytest.param({"plain": "x"}, "不符合要求 · leave it out", id="another's check"),
    ],
)
def test_what_is_wrong_is_told_in_both_languages(values: dict[str, Any], told: str) -> None:
    assert _told(values) == told


def test_a_time_that_cannot_be_read_is_told() -> None:
    assert _told({"day": "yesterday"}).startswith("应为日期或时间 · ")


def test_what_is_not_listed_is_told_all_the_same() -> None:
    assert field_words.told({"type": "url_parsing", "msg": "Input should be a valid URL"}) == "不符合要求 · Input should be a valid URL"


def test_a_body_that_is_no_json_is_told() -> None:
    assert field_words.told({"type": "json_invalid", "msg": "JSON decode error"}) == "请求内容不是 JSON · the body is not JSON"
