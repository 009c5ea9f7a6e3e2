"""One row as JSON text, or as bytes with the reason why it cannot be: PostgreSQL's jsonb holds neither U+0000 nor half a character."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson

from connectors.values import plain
from schema.records import INDEXED_LONGEST

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_MAY_HOLD_NUMBERS = frozenset({float, dict, list, tuple})
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
NO_OBJECT_FAULT = "不是对象 · not an object"
NO_JSON_FAULT = "不是 JSON · not JSON"
ENCODING_FAULT = "有不属于文件编码的字节 · bytes that are not in the file's encoding"
CUT_FAULT = "有不属于文件编码的字节，或某列切断了字符 · bytes that are not in the file's encoding, or a column that cuts a character"
NUL_FAULT = "文本中有 U+0000 · text with U+0000"
SURROGATE_FAULT = "文本中有不完整的字符（孤立代理项） · text with half a character (a lone surrogate)"
NUMBER_FAULT = "JSON 不支持的数字 · a number that JSON does not have"
DEPTH_FAULT = "嵌套过深，无法保存 · nested too deep to be kept"
KEY_FAULT = (
    f"主键超过 {INDEXED_LONGEST} 个字符（是否因引号未闭合而并入了后续各行？） · "
    f"a key of more than {INDEXED_LONGEST} characters (a quote that swallowed some lines?)"
)


@dataclass(frozen=True)
class Unreadable:
    """A row that cannot be read, or that JSON cannot hold: its bytes, and why, and what of it could be read (for its key)."""

    raw: bytes
    fault: str
    row: dict[str, Any] | None = None


Row = dict[str, Any] | Unreadable


@dataclass(frozen=True)
class Encoded:
    """Rows with their payloads; of one that cannot be read, what could be told of it, for its key.

    Attributes:
        rows: each as a dictionary.
        payloads: JSON text with sorted keys; None where there is none.
        bad: those that cannot be read or kept, by position.
    """

    rows: list[dict[str, Any]]
    payloads: list[bytes | None]
    bad: dict[int, Unreadable]


def encode(rows: Sequence[Row]) -> Encoded:
    """Rows as JSON, all at once where all of them can be."""
    bad = {index: row for index, row in enumerate(rows) if isinstance(row, Unreadable)}
    if not bad:
        try:
            texts: list[bytes | None] = [orjson.dumps(row, default=plain, option=_OPTIONS) for row in rows]
            joined = b"".join(cast("list[bytes]", texts))
            if b"\\u0000" not in joined and not (b"null" in joined and any(_has_no_number(row) for row in rows)):
                return Encoded(cast("list[dict[str, Any]]", list(rows)), texts, bad)
        except TypeError:
            pass
    found: list[dict[str, Any]] = []
    texts = []
    for index, row in enumerate(rows):
        if isinstance(row, Unreadable):
            found.append(row.row or {})
            texts.append(None)
            continue
        text, fault = _encode(row)
        found.append(row)
        texts.append(text if fault is None else None)
        if fault is not None:
            bad[index] = Unreadable(text, fault, row)
    return Encoded(found, texts, bad)


def as_bytes(value: Any) -> bytes:
    """What there is of a row that cannot be read and has no bytes of its own, as JSON."""
    return _encode(value)[0]


def as_row(value: Any) -> Row:
    """What stands in a list of rows: an object, or else something that is kept as it is and is none."""
    return value if isinstance(value, dict) else Unreadable(_encode(value)[0], NO_OBJECT_FAULT)


def _encode(row: Any) -> tuple[bytes, str | None]:
    try:
        text = orjson.dumps(row, default=plain, option=_OPTIONS)
    except TypeError:  # an integer beyond 64 bits, half a character, or deeper than orjson goes
        return _encode_slowly(row)
    if b"null" in text and _has_no_number(row):
        return _encode_slowly(row)
    return text, NUL_FAULT if b"\\u0000" in text and _NUL.search(text) else None


def _has_no_number(value: Any) -> bool:
    """Whether there is a NaN or an infinity in it, which orjson writes as null."""
    kind = type(value)
    if kind is float:
        return not math.isfinite(value)
    if kind is dict:
        value = value.values()
    elif kind is not list and kind is not tuple:
        return False
    if _MAY_HOLD_NUMBERS.isdisjoint(map(type, value)):
        return False
    return any(_has_no_number(each) for each in value if type(each) in _MAY_HOLD_NUMBERS)


def _encode_slowly(row: Any) -> tuple[bytes, str | None]:
    def dumps(**options: Any) -> str:
        return json.dumps(row, default=plain, sort_keys=True, separators=(",", ":"), **options)

    try:
        text = dumps(ensure_ascii=False, allow_nan=False).encode("utf-8")
    except UnicodeEncodeError:
        return dumps().encode("ascii"), SURROGATE_FAULT
    except ValueError:
        return dumps().encode("ascii"), NUMBER_FAULT
    except RecursionError:
        return b"", DEPTH_FAULT
    return text, NUL_FAULT if _NUL.search(text) else None
