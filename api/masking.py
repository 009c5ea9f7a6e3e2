"""Personal values as somebody of another department may see them: enough to recognise, too little to use."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WRITTEN = """欧阳 司马 上官 诸葛 东方 皇甫 尉迟 公孙 慕容 司徒 令狐 夏侯 轩辕 宇文 长孙 端木 南宫 独孤 百里 呼延 闻人 申屠 太史 澹台 濮阳
歐陽 司馬 諸葛 東方 尉遲 公孫 軒轅 長孫 南宮 獨孤 聞人 澹臺 濮陽"""
COMPOUND_SURNAMES = frozenset(_WRITTEN.split())
_FULL_WIDTH = str.maketrans("０１２３４５６７８９", "0123456789")
_ID_NUMBER = re.compile(r"(?<!\d)[1-9](?:[ -]?\d){16}[ -]?[\dXx](?![\dXx])|(?<!\d)[1-9]\d{14}(?!\d)")
_PHONE = re.compile(r"(?<!\d)1[3-9]\d(?:[ -]?\d{4}){2}(?!\d)|(?<!\d)0\d{2,3}[ -]?\d{7,8}(?!\d)")


def mask_name(name: str) -> str:
    """The surname and two stars, however long the name is: 王小明 → 王**, 欧阳娜娜 → 欧阳**."""
    name = name.strip()
    kept = 2 if name[:2] in COMPOUND_SURNAMES and len(name) > 2 else 1
    return f"{name[:kept]}**"


def mask_id_no(number: str) -> str:
    """The region's four digits and the last four; of shorter documents the first and the last one."""
    kept = (4, 4) if len(number) >= 15 else (1, 1)
    hidden = max(len(number) - sum(kept), 4)
    return f"{number[: kept[0]]}{'*' * hidden}{number[-kept[1] :]}"


def mask_phone(number: str) -> str:
    """138****0000; of landlines and shorter numbers the last two digits alone."""
    digits = re.sub(r"\D", "", number)
    if len(digits) == 11 and digits[0] == "1":
        return f"{digits[:3]}****{digits[-4:]}"
    return f"****{digits[-2:]}" if len(digits) >= 7 else "****"


def mask_address(address: str) -> str:
    """A person's address down to the road: every number in it becomes a star."""
    return re.sub(r"[0-9０-９]+|[A-Za-zＡ-Ｚ]+(?=[座栋幢单元])", "*", address)


def mask_birth_date(date: str) -> str:
    """The year of an ISO date."""
    return f"{date[:4]}-**-**"


def mask_text(text: str, names: Iterable[str]) -> str:
    """Free text without ID numbers, phones and the given persons' names."""
    masked = text.translate(_FULL_WIDTH)
    masked = _ID_NUMBER.sub(lambda found: mask_id_no(re.sub("[ -]", "", found.group())), masked)
    masked = _PHONE.sub(lambda found: mask_phone(found.group()), masked)
    for name in sorted((name for name in names if len(name) > 1), key=lambda name: (-len(name), name)):
        if name in masked:
            masked = masked.replace(name, mask_name(name))
    return masked
