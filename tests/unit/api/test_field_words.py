"""What is wrong with a field is told in Chinese with pydantic's English beside it, and without the value."""

from __future__ import annotations

import ast
import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from api import field_words
from hub import errors

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_ROOT = Path(__file__).parents[3]
_CLASSES = {name for name, found in vars(errors).items() if isinstance(found, type) and issubclass(found, errors.HubError)}


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


def _texts(file: Path) -> Iterator[tuple[int, str]]:
    """Literal words of the errors that a file raises."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CLASSES | {"refuse"}:
            for part in (*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg == "remedy")):
                words = "".join(each.value for each in ast.walk(part) if isinstance(each, ast.Constant) and isinstance(each.value, str))
                if isinstance(part, ast.Constant | ast.JoinedStr) and any(map(str.isalpha, words)):
                    yield node.lineno, words


@pytest.mark.parametrize("folder", ["api", "cli"])
def test_every_error_and_remedy_is_in_both_languages(folder: str) -> None:
    told = [(file, line, words) for file in sorted((_ROOT / folder).rglob("*.py")) for line, words in _texts(file)]
    assert len(told) > 30
    assert [f"{file.name}:{line}: {words}" for file, line, words in told if not _CHINESE.search(words)] == []
