"""COLUMN PROFILES: what each column of a table seems to hold, from its name and its values.

Enters a table as read; leaves a profile a column with one of ROLES. It is a guess, to be looked at by whoever knows the
table: only distinct values are looked at, and of a large table some of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

from matching.company_names import share_of_companies
from matching.ways_of_writing import abbreviated_to, pattern_of

#: What a column may be taken for, the surest sign first.
ROLES = (
    "nothing", "truth", "source", "id", "longitude", "latitude", "id_no", "uscc", "phone", "email", "url", "address", "organisation_name",
    "person_name", "birth", "birth_date", "date", "year", "short_year", "duration", "number", "category", "telephone", "code",
    "name", "phrase",
)  # fmt: skip

_LOOKED_AT = 20_000  # distinct values of a column
_LEAST_FILLED = 0.02  # of the rows; what stands in fewer tells too little
_MOST = 0.8  # of the values must look so
_COMPANIES = 0.25  # of the values tell a legal form
_SOME = 0.02  # of the values look otherwise
#: A word of letters and figures within a text: HV-950X.
CODE = r"\b([A-Za-z]{1,5}-?\d{2,}[A-Za-z0-9-]*)\b"
_PATTERNS = {
    "digits": r"^\d+$",
    "code": CODE,
    "email": r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
    "url": r"^(?:https?://|www\.)?[\w-]+(?:\.[\w-]+)+(?:/\S*)?$",
    "id_no": r"^\d{17}[\dXx]$",
    "uscc": r"^[0-9A-HJ-NPQRTUWXY]{18}$",
    "mobile": r"^1[3-9]\d{9}$",
    "date": r"^(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./]\d{4})(?:[ T].*)?$",
    "date_by_year": r"^\d{4}[-/.]",
    "month_first": r"^(?:0?[1-9]|1[0-2])[-/.](?:1[3-9]|2\d|3[01])[-/.]\d{4}",
    "day_first": r"^(?:1[3-9]|2\d|3[01])[-/.](?:0?[1-9]|1[0-2])[-/.]\d{4}",
    "packed_date": r"^(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$",
    "year": r"^(?:1[5-9]|20)\d\d$",
    "short_year": r"^['’]?(?:(?:1[5-9]|20)\d\d|\d\d?)$",
    "duration": r"(?i)^\d+(?:\.\d+)?$|^[\d:]+(?:\.\d+)?$|^(?:\d+(?:\.\d+)?\s*(?:[hms][a-z]*|小时|分钟?|秒)\s*)+$",
    "united": r"(?i)\d\s*[:a-z小时分秒]",
    "decimal": r"^-?\d{1,3}(?:,\d{3})*\.\d+$|^-?\d+\.\d+$",
    "number": r"^-?\d+(?:\.\d+)?$",
    "telephone": r"^\+?[\d\s().\-/]{6,}$",
    "han": r"\p{Han}",
    "han_name": r"^\p{Han}[\p{Han}·*]{1,3}$",
    "firm": r"(?:公司|厂|店|局|学校|医院|中心|委员会|合作社|事务所|集团|银行)$",
    "place": r"(?:街道|社区|路|号|村|小区|花园|大厦|栋).*\d|(?:省|市|区|县).*(?:路|街|镇|村)",
}
_CALLED = {
    "truth": r"^(?:truth|true_?id|gold(?:_?id)?|cluster(?:_?id)?|entity(?:_?id)?|match_?id|真值|实体)$",
    "source": r"^(?:source|src|system|origin|dataset|database|provider|来源|数据源|部门|department)(?:_?(?:id|name))?$",
    "id": r"(?:^|_)(?:[a-z]{0,4}id|key|guid|no|num|number|nr|编号|序号|主键)$|^(?:rec|record|row|unique)_?|^(?:记录|流水|行)(?:号|编码)$",
    "longitude": r"^(?:lon|lng|long|longitude|经度)$",
    "latitude": r"^(?:lat|latitude|纬度)$",
    "birth": r"birth|born|dob|出生|生日",
    "date": r"date|time|day|日期|时间",
    "year": r"year|年份|年度",
    "duration": r"length|duration|runtime|running.?time|playtime|时长|片长",
    "telephone": r"phone|tel|mobile|fax|电话|手机",
    "code": r"code|zip|post|ssn|soc_?sec|isbn|ean|number|号|编码|(?:^|_)(?:no|model|sku|reg|vat|ref|serial|invoice)(?:_|$)",
    "amount": r"price|amount|cost|salary|income|quantity|(?:^|_)(?:fee|qty)(?:_|$)|employees|population|价格|金额|数量|人数|员工|面积",
    "person_name": r"姓名|名字|name|当事人|申请人|联系人|person",
    "address": r"地址|住址|address|addr",
}


@dataclass(frozen=True)
class Profile:
    """A column.

    Args:
        name: of the column.
        role: one of ROLES.
        filled: share of rows that hold something.
        distinct: values.
        length: characters of a value, on average; `words` likewise.
        is_han: most values hold Chinese characters.
        is_month_first: of its dates those that tell have the month before the day.
        has_codes: it is a phrase, and most values hold a word of letters and figures, as models are called.
        pattern: what is to be taken of each value for those of several ways of writing to be the same.
        abbreviated: characters that a category's values share with those that are cut off; 0 where none are.
        is_company: it is of names or phrases, and many end in a company's legal form.
    """

    name: str
    role: str
    filled: float
    distinct: int
    length: float
    words: float
    is_han: bool
    is_month_first: bool = False
    has_codes: bool = False
    is_company: bool = False
    pattern: str | None = None
    abbreviated: int = 0


def profiles(rows: pl.DataFrame, truth: str | None = None) -> tuple[Profile, ...]:
    """A profile of every column. One at most is the id, one the source, one the truth: the named column, where one is named."""
    found: list[Profile] = []
    taken: set[str] = set() if truth is None else {"truth"}
    for name in rows.columns:
        if name == truth:
            found.append(Profile(name, "truth", 1.0, 0, 0.0, 0.0, False))
            continue
        profile = _profile(rows, name, taken)
        taken.add(profile.role)
        found.append(profile)
    return tuple(found)


def _profile(rows: pl.DataFrame, name: str, taken: set[str]) -> Profile:
    values = rows[name].cast(pl.String).str.strip_chars()
    values = values.filter(values.str.len_chars() > 0).drop_nulls()
    distinct = values.unique()
    looked_at = distinct.head(_LOOKED_AT) if len(distinct) <= _LOOKED_AT else distinct.sample(_LOOKED_AT, seed=1)
    shares = {word: float(looked_at.str.contains(pattern).mean() or 0.0) for word, pattern in _PATTERNS.items()}  # type: ignore[arg-type]
    filled = len(values) / max(len(rows), 1)
    length = float(looked_at.str.len_chars().mean() or 0.0)  # type: ignore[arg-type]
    words = float(looked_at.str.count_matches(r"\S+").mean() or 0.0)  # type: ignore[arg-type]
    known = _Known(name.lower(), shares, filled, len(distinct), len(values), length, words)
    is_month_first = shares["month_first"] > shares["day_first"]
    role, is_han, has_codes = known.role(taken), shares["han"] >= _MOST / 2, shares["code"] >= _MOST / 2
    is_company = role in ("name", "phrase") and not is_han and share_of_companies(looked_at) >= _COMPANIES
    return Profile(
        name,
        role,
        filled,
        len(distinct),
        length,
        words,
        is_han,
        is_month_first,
        role == "phrase" and has_codes,
        is_company,
        pattern_of(looked_at) if role == "code" else None,
        abbreviated_to(distinct) if role == "category" else 0,
    )


@dataclass(frozen=True)
class _Known:
    """What a role is guessed from."""

    name: str
    shares: dict[str, float]
    filled: float
    distinct: int
    values: int
    length: float
    words: float

    def role(self, taken: set[str]) -> str:
        """The first of ROLES that fits."""
        if self.filled < _LEAST_FILLED or self.distinct <= 1:
            return "nothing"
        for role in ("truth", "source", "id"):
            if role not in taken and self._is_about_the_row(role):
                return role
        return self._by_name() or self._by_values()

    def _called(self, role: str) -> bool:
        return re.search(_CALLED[role], self.name) is not None

    def _mostly(self, pattern: str) -> bool:
        return self.shares[pattern] >= _MOST

    def _is_about_the_row(self, role: str) -> bool:
        if not self._called(role):
            return False
        if role == "source":
            return self.distinct <= 100 and self.distinct * 5 <= self.values  # a few systems, many rows of each
        return role == "truth" or (self.filled == 1 and self.distinct == self.values)

    def _by_name(self) -> str | None:
        """Roles that the column's name tells, where its values do not speak against it."""
        for role in ("longitude", "latitude"):
            if self._called(role) and self._mostly("number"):
                return role
        if self._called("birth") and (self._mostly("date") or self._mostly("digits")):
            is_mixed = _SOME < self.shares["date_by_year"] < self.shares["date"] - _SOME  # as figures they would never be the same
            return "birth_date" if is_mixed else "birth"
        if self._called("year") and self._mostly("short_year") and self.shares["year"] > _SOME:
            return "year" if self._mostly("year") else "short_year"
        if self._called("duration") and self._mostly("duration") and self.shares["united"] > _SOME:
            return "duration"
        if self._called("telephone") and self._mostly("telephone") and not self._mostly("mobile"):
            return "telephone"
        if self._called("date") and (self._mostly("date") or self._mostly("packed_date")):
            return "date"
        return None

    def _by_values(self) -> str:
        for role, pattern in (("id_no", "id_no"), ("phone", "mobile"), ("email", "email"), ("date", "date"), ("url", "url")):
            if self._mostly(pattern) and not (pattern == "url" and self._mostly("number")):
                return role
        if self._mostly("uscc") and not self._mostly("digits"):
            return "uscc"
        if self._mostly("han"):
            return self._chinese()
        if self._mostly("decimal"):
            return "number"
        return self._plain()

    def _chinese(self) -> str:
        if self.shares["firm"] >= _MOST / 2:
            return "organisation_name"
        if self._called("address") or (self.shares["place"] >= _MOST / 2 and self.length < 60):  # an address and no story
            return "address"
        if self._mostly("han_name") and self._called("person_name"):
            return "person_name"
        return self._plain()

    def _plain(self) -> str:
        if self._is_category():
            return "category"
        if self._mostly("number"):
            is_code = self._mostly("digits") and not self._called("amount")
            return "year" if self._mostly("year") else "code" if is_code else "number"
        if self._called("code") and self.words < 1.5:  # one word, or nearly
            return "code"
        wordy = self.length > 12 if self.shares["han"] >= _MOST / 2 else self.words > 3  # more than a name
        return "phrase" if wordy else "name"

    def _is_category(self) -> bool:
        """A few values, each in many rows."""
        return self.distinct <= 30 and self.distinct * 20 <= self.values  # of these there are many each
