"""Personal values as somebody of another department may see them: enough to recognise, too little to use."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from schema.numbers import replaced

_WRITTEN = """欧阳 司马 上官 诸葛 东方 皇甫 尉迟 公孙 慕容 司徒 令狐 夏侯 轩辕 宇文 长孙 端木 南宫 独孤 百里 呼延 闻人 申屠 太史 澹台 濮阳
歐陽 司馬 諸葛 東方 尉遲 公孫 軒轅 長孫 南宮 獨孤 聞人 澹臺 濮陽"""
COMPOUND_SURNAMES = frozenset(_WRITTEN.split())


def mask_name(name: str) -> str:
    """The surname and two stars, however long the name is: 王小明 → 王**, 欧阳娜娜 → 欧阳**."""
    name = name.strip()
    kept = 2 if name[:2] in COMPOUND_SURNAMES and len(name) > 2 else 1
    return f"{name[:kept]}**"


def mask_id_no(number: str, kept: tuple[int, int] = (4, 4)) -> str:
    """The region's four digits and the last four, or as many as are kept; of shorter documents the first and the last one at most."""
    first, last = kept if len(number) >= 15 else (min(kept[0], 1), min(kept[1], 1))
    hidden = max(len(number) - first - last, 4)
    return f"{number[:first]}{'*' * hidden}{number[len(number) - last :]}"


def mask_phone(number: str, kept: tuple[int, int] = (3, 4)) -> str:
    """138****0000, or as many digits as are kept; of landlines and shorter numbers the last two digits at most."""
    digits = re.sub(r"\D", "", number)
    if len(digits) == 11 and digits[0] == "1":
        return f"{digits[: kept[0]]}****{digits[11 - min(kept[1], 11 - kept[0]) :]}"
    return f"****{digits[len(digits) - min(kept[1], 2) :]}" if len(digits) >= 7 else "****"


def mask_address(address: str) -> str:
    """A person's address down to the road: every number in it becomes a star."""
    return re.sub(r"[0-9０-９]+|[A-Za-zＡ-Ｚ]+(?=[座栋幢单元])", "*", address)


def mask_birth_date(date: str) -> str:
    """The year of an ISO date."""
    return f"{date[:4]}-**-**"


@dataclass(frozen=True)
class Masks:
    """The masks that a policy chooses.

    Attributes:
        name: the surname is shown, or nothing.
        id_no: characters kept at the beginning and at the end.
        phone: the same of mobile phones.
        birth_date: the year is shown, or nothing.
    """

    name: Literal["surname", "hidden"] = "surname"
    id_no: tuple[int, int] = (4, 4)
    phone: tuple[int, int] = (3, 4)
    birth_date: Literal["year", "hidden"] = "year"

    def of(self, field: str, value: str, names: Iterable[str] = ()) -> str:
        """A personal field's value, masked; an organisation's name and address are not personal and come through `text`."""
        if field == "name":
            return mask_name(value) if self.name == "surname" else "**"
        if field == "id_no":
            return mask_id_no(value, self.id_no)
        if field == "phone":
            return mask_phone(value, self.phone)
        if field == "birth_date":
            return mask_birth_date(value) if self.birth_date == "year" else "****-**-**"
        return self.text(value, names)

    def text(self, text: str, names: Iterable[str]) -> str:
        """Free text without ID numbers, phones and the given persons' names."""
        masked = replaced(text, lambda number: self.of("id_no", number), lambda number: self.of("phone", number))
        stated = [name for name in names if len(name) > 1 and name in masked]
        for name in sorted(stated, key=lambda name: (-len(name), name)):
            if name in masked:
                masked = masked.replace(name, self.of("name", name))
        return masked


def mask_text(text: str, names: Iterable[str]) -> str:
    """Free text masked as usual."""
    return Masks().text(text, names)
