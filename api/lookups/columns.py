"""What each column of an uploaded file is looked up as: said by the caller, else told by its header, else by its values."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import polars as pl

from api.recognise import Kind, holds_identifier
from hub.errors import RequestError
from matching.column_profiles import profiles

ENTRY = "entry"  # read as the one box reads: whatever it is
CARRIED = ""  # not looked up, only carried along
KINDS: tuple[str, ...] = (
    Kind.CREDIT_CODE.value,
    Kind.ID_NUMBER.value,
    Kind.CASE_NUMBER.value,
    Kind.PHONE.value,
    Kind.ORGANISATION.value,
    Kind.NAME.value,
    Kind.ADDRESS.value,
    ENTRY,
)

_CARRIED_WORDS = re.compile(r"性质|类型|类别|日期|时间|状态|备注|数量|type|date|time|status|remark|count")
_HEADERS = {
    Kind.CREDIT_CODE.value: re.compile(r"信用代码|uscc|credit_?code"),
    Kind.ID_NUMBER.value: re.compile(r"身份证|证件号|id_?(?:no|number|card)"),
    Kind.CASE_NUMBER.value: re.compile(r"案号|案件编?号|文号|case_?(?:no|number)"),
    Kind.PHONE.value: re.compile(r"电话|手机|联系方式|phone|mobile"),
    Kind.ADDRESS.value: re.compile(r"地址|住址|address"),
    Kind.ORGANISATION.value: re.compile(r"单位|企业|公司|机构|organi[sz]ation|company|firm"),
    Kind.NAME.value: re.compile(r"姓名|名字|当事人|申请人|诉求人|person|^name$|full_?name"),
    ENTRY: re.compile(r"查询|关键词|^q$|query"),
}
#: Roles of matching.column_profiles → what they are looked up as.
_ROLES = {
    "id_no": Kind.ID_NUMBER.value,
    "uscc": Kind.CREDIT_CODE.value,
    "phone": Kind.PHONE.value,
    "organisation_name": Kind.ORGANISATION.value,
    "person_name": Kind.NAME.value,
}
_REMEDY = (
    "首行写列名（姓名、身份证号、电话、单位、统一社会信用代码、案号、查询内容），"
    "或用参数 columns=列名=phone 指明（网址中须作百分号编码） · "
    f"name the columns in the first line, or say columns=NAME=KIND, percent-encoded in the URL; kinds: {', '.join(KINDS)}"
)


def column_kinds(columns: Sequence[str], rows: Sequence[list[Any] | None], said: str | None) -> tuple[str, ...]:
    """The kind of each column, one of `KINDS` or `CARRIED`.

    Args:
        columns: names as the file has them.
        rows: cells in that order.
        said: `name=kind,name=kind` of the caller, who then decides alone.

    Raises:
        RequestError: no column is known, one that is named is not there, or the first line holds values.
    """
    if said:
        return _said(columns, said)
    if any(holds_identifier(name) for name in columns):
        raise RequestError("首行是数据而不是列名 · the first line holds values, not names of columns", remedy=_REMEDY)
    found = tuple(_by_header(name) for name in columns)
    if not any(found):
        found = _by_values(columns, rows)
    if not any(found):
        raise RequestError("没有可识别的列 · no column is known", remedy=_REMEDY)
    return found


def _said(columns: Sequence[str], said: str) -> tuple[str, ...]:
    wanted: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in said.split(","))):
        name, _, kind = part.rpartition("=")
        if kind not in KINDS:
            raise RequestError("columns 中有未知的种类 · columns names an unknown kind", remedy=_REMEDY)
        wanted[name.strip()] = kind
    if not wanted or not set(wanted) <= set(columns):
        raise RequestError("columns 指明的列不在文件中 · columns names a column that the file does not have", remedy=_REMEDY)
    return tuple(wanted.get(name, CARRIED) for name in columns)


def _by_header(name: str) -> str:
    word = re.sub(r"[\s_-]+", "_", unicodedata.normalize("NFKC", name).strip().lower())
    if _CARRIED_WORDS.search(word):
        return CARRIED
    return next((kind for kind, pattern in _HEADERS.items() if pattern.search(word)), CARRIED)


def _by_values(columns: Sequence[str], rows: Sequence[list[Any] | None]) -> tuple[str, ...]:
    cells = [[None if value is None else str(value) for value in row] for row in rows if row is not None]
    if not cells:
        return (CARRIED,) * len(columns)
    frame = pl.DataFrame(cells, schema=dict.fromkeys(columns, pl.String), orient="row")
    return tuple(_ROLES.get(profile.role, CARRIED) for profile in profiles(frame))
