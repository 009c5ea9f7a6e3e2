"""JSON answers: the text, exact and in its encoding, and the rows and counts within it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import orjson

from connectors.masking import told_keys
from connectors.paths import compile_path
from connectors.rows import Row, as_row
from hub.errors import SourceFormatError
from hub.wording import Words

if TYPE_CHECKING:  # an inbox is read without a client of HTTP
    from connectors.transports.http import Answer

NO_CONTENT = 204
_CHARSET = re.compile(r"charset\s*=\s*\"?([\w.:-]{1,20})", re.ASCII | re.IGNORECASE)
#: All figures made one, and all that can stand before a number: inside a text long runs of figures are nothing unusual.
_FIGURES = bytes.maketrans(b"123456789,[-\t\n\r ", b"0" * 9 + b":" * 7)
_TOO_LARGE = re.compile(rb"[0-9.][eE]\+?[0-9]{3}")  # orjson refuses the whole text
_LONG_NUMBER = b":" + b"0" * 19


def whole(value: Any) -> int | None:
    """A count, as a number or as digits."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return int(value) if value.strip().isdigit() else None
    return int(value) if isinstance(value, (int, float)) else None


def read_json(answer: Answer, department: str) -> Any:
    """An answer as JSON; null where the source has nothing to say.

    Raises:
        SourceFormatError: it is HTML, not JSON, or not in UTF-8.
    """
    if answer.status == NO_CONTENT:
        return None
    head = answer.body[:200].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html")) or (answer.media_type == "text/html" and head[:1] not in (b"{", b"[")):
        raise SourceFormatError(
            f"{department}: 来源返回的是 HTML 页面，不是 JSON（登录页或维护页？） · "
            "the source answers with an HTML page instead of JSON (a login or maintenance page?)",
            remedy="用浏览器打开该地址，核对契约中的 path: 和 auth: · open the address in a browser; check path: and auth: in the contract",
            department=department,
            status=answer.status,
        )
    try:
        return loads(answer.body, with_infinity=True)
    except ValueError:
        raise _no_json(answer, department) from None


def _no_json(answer: Answer, department: str) -> SourceFormatError:
    remedy = "核对契约中的 path:，或询问部门 · check path: in the contract; ask the department's desk"
    what = Words("不是 JSON", "is not JSON")
    charset = _charset(answer)
    if charset is not None:
        what = Words("不是 UTF-8", "is not in UTF-8")
        remedy = f"编码为 {charset}：请部门以 UTF-8 返回 JSON · it is in {charset}: ask the department's desk for JSON in UTF-8"
    return SourceFormatError(
        f"{department}: 来源的应答（{len(answer.body)} 字节）{what.zh} · the source's answer of {len(answer.body)} bytes {what.en}",
        remedy=remedy,
        department=department,
        status=answer.status,
    )


def _charset(answer: Answer) -> str | None:
    """What an answer is written in that is not UTF-8: as it says itself, or what it can be read in."""
    try:
        answer.body.decode("utf-8")
    except UnicodeDecodeError:
        said = _CHARSET.search(answer.headers.get("content-type", ""))
        if said is not None and said[1].lower().replace("-", "") != "utf8":
            return said[1]
        try:
            answer.body.decode("gb18030")
        except UnicodeDecodeError:
            return "another encoding"
        return "gb18030 (GBK)"
    return None


def loads(text: bytes, *, with_infinity: bool = False) -> Any:
    """JSON, with every integer exact (orjson alone would round those beyond 64 bits), and half characters kept.

    Args:
        text: the document.
        with_infinity: read 1e400, for one such number in a page of rows: `encode` refuses it with its row.

    Raises:
        ValueError: not JSON, or nested deeper than anything that is kept.
    """
    text = text.removeprefix(b"\xef\xbb\xbf")
    try:
        return _loads(text, with_infinity=with_infinity)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _loads(text: bytes, *, with_infinity: bool) -> Any:
    try:
        has_long = _LONG_NUMBER in (b":" + text).translate(_FIGURES)
        return json.loads(text, parse_constant=_refuse_constant) if has_long else orjson.loads(text)
    except orjson.JSONDecodeError:
        if rb"\ud" in text.lower() or (with_infinity and _TOO_LARGE.search(text)):
            return json.loads(text, parse_constant=_refuse_constant)
        raise


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def items(document: Any, path: str, department: str) -> list[Row]:
    """The rows of a document.

    Raises:
        SourceFormatError: there is no list at the path.
    """
    found = document if path == "@" else compile_path(path).search(document)
    if isinstance(found, dict):
        found = [found]
    if found is None and is_there(document, path):
        return []
    if not isinstance(found, list):
        seen = Words("应答不是对象", "the answer is no object")
        if isinstance(document, dict):
            keys = told_keys(document)
            seen = Words(f"应答的键：{keys.zh}", f"the answer's keys are {keys.en}")
        raise SourceFormatError(
            f"{department}: {path!r} 处没有列表；{seen.zh} · there is no list at {path!r}; {seen.en}",
            remedy="更正契约中的 items: · correct items: in the contract",
            department=department,
            path=path,
        )
    return [as_row(row) for row in found]


def is_there(document: Any, path: str) -> bool:
    """Whether the path leads to something that is there, if only a null: some sources write that for an empty list."""
    parent, _, name = path.rpartition(".")
    holder = compile_path(parent).search(document) if parent else document
    return isinstance(holder, dict) and name.strip('"') in holder
