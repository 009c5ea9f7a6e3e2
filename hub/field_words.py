"""What is wrong with a field of a request, a setting or a file: Chinese, and pydantic's English. Nothing that was sent is repeated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OWN = "value_error"  # of a check of the hub's own, which says it in both languages
_OWN_PREFIX = "Value error, "
_NO_JSON = "请求内容不是 JSON · the body is not JSON"
_ELSE = "不符合要求"
_MOMENT = "应为日期或时间"
_INTEGER = "应为整数"
_NUMBER = "应为数字"

#: pydantic's type of an error → what is wrong; names in braces are of the error's context.
WORDS = {
    "missing": "缺少此项",
    "extra_forbidden": "没有此字段",
    "too_long": "至多 {max_length} 项",
    "too_short": "至少 {min_length} 项",
    "string_too_long": "至多 {max_length} 个字符",
    "string_too_short": "至少 {min_length} 个字符",
    "string_pattern_mismatch": "格式不符",
    "string_type": "应为文本",
    "less_than_equal": "不得大于 {le}",
    "less_than": "应小于 {lt}",
    "greater_than_equal": "不得小于 {ge}",
    "greater_than": "应大于 {gt}",
    "finite_number": _NUMBER,
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "int_parsing": _INTEGER,
    "int_from_float": _INTEGER,
    "int_type": _INTEGER,
    "enum": "不在可用值之中",
    "literal_error": "不在可用值之中",
    "bool_parsing": "应为 true 或 false",
    "bool_type": "应为 true 或 false",
    "date_from_datetime_parsing": _MOMENT,
    "date_parsing": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_type": _MOMENT,
    "list_type": "应为列表",
    "dict_type": "应为对象",
    "model_type": "应为对象",
    "model_attributes_type": "应为对象",
    "none_required": "不得填写",
    "uuid_parsing": "应为 UUID 标识",
    "uuid_type": "应为 UUID 标识",
}


def told(error: Mapping[str, Any]) -> str:
    """One error of pydantic's, Chinese first."""
    kind, message = str(error["type"]), str(error["msg"])
    if kind == "json_invalid":
        return _NO_JSON
    if kind == _OWN:
        own = message.removeprefix(_OWN_PREFIX)
        return own if " · " in own else f"{_ELSE} · {own}"
    return f"{WORDS.get(kind, _ELSE).format(**error.get('ctx', {}))} · {message}"
