"""What was typed into the one box: a case's id or number, an ID number, a phone, a credit code, a name, a firm, an address or words.

Pure. Text enters; a reading leaves, with the forms under which the store may hold it. Whether a number is some
department's case number only the store can say, so `Reading.numbers` is looked up before the reading by shape counts.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
import uuid
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import polars as pl

from api.masking import COMPOUND_SURNAMES
from hub.errors import RequestError
from matching.search_keys import spoken
from pipeline.columns.transforms.base import Options
from pipeline.columns.transforms.identifiers import phone as dialled
from schema.identifiers import id_check
from schema.numbers import holds_number
from schema.search import Query, number_part, query_of, tsquery

MAX_CHARACTERS = 200
PART_LEAST = 4  # characters of a number's part: fewer are in too many
_PART_MOST = 40


class Kind(StrEnum):
    """How an entry was read."""

    CASE_ID = "case_id"
    CASE_NUMBER = "case_number"
    ID_NUMBER = "id_number"
    PHONE = "phone"
    CREDIT_CODE = "credit_code"
    PARTIAL_NUMBER = "partial_number"
    NAME = "name"
    PINYIN = "pinyin"
    ORGANISATION = "organisation"
    ADDRESS = "address"
    WORDS = "words"


LABELS: dict[Kind, tuple[str, str]] = {
    Kind.CASE_ID: ("案件标识", "case id"),
    Kind.CASE_NUMBER: ("案号", "case number"),
    Kind.ID_NUMBER: ("证件号码", "ID number"),
    Kind.PHONE: ("电话", "phone"),
    Kind.CREDIT_CODE: ("统一社会信用代码", "credit code"),
    Kind.PARTIAL_NUMBER: ("号码片段", "part of a number"),
    Kind.NAME: ("姓名", "name of a person"),
    Kind.PINYIN: ("姓名拼音", "a name's pinyin"),
    Kind.ORGANISATION: ("单位名称", "name of an organisation"),
    Kind.ADDRESS: ("地址", "address"),
    Kind.WORDS: ("关键词", "words"),
}
IDENTIFIERS = frozenset({Kind.ID_NUMBER, Kind.PHONE, Kind.CREDIT_CODE})


@dataclass(frozen=True)
class Reading:
    """An entry as read: its kind by shape, and the forms under which it may stand in the store."""

    kind: Kind
    text: str  # width folded, trimmed
    values: tuple[str, ...] = ()  # of identifiers and ids: every form to look for
    numbers: tuple[str, ...] = ()  # the entry as case numbers are written; empty where it has no digit
    spoken: str | None = None  # it may be pinyin or initials: its letters
    part: str | None = None  # it may be a part of a case number, without brackets and marks
    tail: str | None = None  # it may be the end of a phone or an ID number
    of_own: bool = True  # whether records of the caller's own department are looked through,
    of_others: bool = True  # and those of others: not where what it names is hidden from him
    is_few: bool | None = None  # whether so few hold the number that it is that they are gathered; None: to be counted

    @property
    def may_be_name(self) -> bool:
        """Whether these words may be a name that nobody would take for one."""
        return self.kind is Kind.WORDS and len(self.text) <= _SHORT and " " not in self.text and not self.numbers

    @property
    def texts(self) -> tuple[str, ...]:
        """What of it is looked for among words."""
        return self.values if self.kind in IDENTIFIERS else (self.text,)

    @cached_property
    def query(self) -> Query:
        """The text as words are looked for."""
        return query_of(self.text)

    @cached_property
    def tokens(self) -> str:
        """`tsquery` text that finds any of `texts`; empty, it finds nothing."""
        queries = map(tsquery, self.texts) if self.kind in IDENTIFIERS else [self.query.whole]
        return " | ".join(query for query in queries if query)


_GAP = r"[ \-.]?"
_PROVINCES = "1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|9[0-9]"
_ID_18 = re.compile(rf"(?:{_PROVINCES})\d{{4}}((?:19|20)\d{{6}})\d{{3}}[\dX]")
_ID_15 = re.compile(rf"(?:{_PROVINCES})\d{{4}}(\d{{6}})\d{{3}}")
_CREDIT_CODE = re.compile(r"[0-9A-HJ-NPQRTUWXY]{2}\d{6}[0-9A-HJ-NPQRTUWXY]{10}")
_PERMIT = re.compile(r"[HMC]\d{8}(?:\d{2})?|[A-Z]{3}\d{12}|[EGDSPK][A-Z]?\d{7,8}")
_MOBILE = re.compile(r"(?:(?:00)?86)?1[3-9]\d{9}")
_LANDLINE = re.compile(r"\(?0\d{2,3}\)?[ -]?\d{7,8}")
_LONG_NUMBER = re.compile(rf"(?<![0-9A-Z])[0-9A-Z](?:{_GAP}[0-9A-Z]){{7,17}}(?![0-9A-Z])")
_MOBILE_INSIDE = re.compile(rf"(?<!\d)(?:\+?(?:00)?86{_GAP})?1{_GAP}[3-9](?:{_GAP}\d){{9}}(?!\d)")
_LANDLINE_INSIDE = re.compile(r"(?<!\d)\(?0\d{2,3}\)?[ -]?\d{7,8}(?!\d)")
_ID_INSIDE = re.compile(rf"(?<!\d)[1-9](?:{_GAP}\d){{16}}{_GAP}[\dX](?!\d)")
_COURT_NUMBER = re.compile(r"\(\d{4}\).*\d号?$|字第?\d+号$")
_TAIL = re.compile(r"\d{3,16}[\dX]")
_NUMBER_SHAPE = re.compile(r"[0-9A-Za-z()\[\]/_.#\- 〔〕【】]+")
_SHORT = 12  # characters of words that may be a name
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

_SURNAMES = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹"
    "熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤康易乔赖文庄施洪欧伍柯纪梅温詹古关凌颜翁张陈刘黄吴许郑谢馮蔣葉蘇呂盧鐘譚陸範"
    "張劉陳楊黃趙吳孫馬羅鄭許韓鄧馮蕭蔣餘葉蘇呂盧鍾譚陸賈龍賀顧萬錢嚴莊歐紀關顏"
)
_TITLES = ("先生", "女士", "小姐")
_FIRM = re.compile(
    r"(?:公司|集团|厂|店|局|中心|学校|小学|中学|医院|幼儿园|合作社|事务所|委员会|物业|银行|酒店|餐厅|超市|商行|经营部|工作室|工程队|个体户)$"
)
_ADDRESS = re.compile(r"街道|社区|[路街巷道]\S{0,3}\d|\d+[号栋座室楼]|小区|花园|大道|工业[区园]|村|大厦|广场|新城|公寓")
_HAN = re.compile(r"[\u3400-\u9fff]+")
_BRACKETS = str.maketrans("〔〕【】[]", "()()()")


def recognise(entry: str) -> Reading:
    """Read an entry by its shape.

    Raises:
        RequestError: there is nothing in it, or it is longer than `MAX_CHARACTERS`.
    """
    text = _plain(entry)
    if not text or len(text) > MAX_CHARACTERS:
        raise RequestError(
            f"q 须为 1 至 {MAX_CHARACTERS} 个字 · q must be 1 to {MAX_CHARACTERS} characters",
            remedy="输入案号、姓名、单位、地址或关键词 · give a case number, a name, a firm, an address or words",
        )
    numbers = _number_forms(entry, text) if any(character.isdigit() for character in text) else ()
    compact = _compact(text)
    case_id = _case_id(text)
    if case_id is not None:
        return Reading(Kind.CASE_ID, text, (case_id,), numbers)
    kind, values = _identifier(text, compact)
    if kind is not None:
        return Reading(kind, text, values, numbers)
    return _loosely_read(text, compact, numbers)


def _plain(entry: str) -> str:
    """An entry with its width folded, and one blank wherever it has any: as it is read, looked for and judged."""
    return " ".join(_CONTROL.sub(" ", unicodedata.normalize("NFKC", entry)).split())


def _compact(text: str) -> str:
    return re.sub(r"[\s\-.]", "", text).upper()


def _loosely_read(text: str, compact: str, numbers: tuple[str, ...]) -> Reading:
    """What is no whole identifier: words, and what else it may be."""
    kind = _words_kind(text)
    letters = spoken(text) if kind is Kind.WORDS else None
    part = number_part(text)
    part = part if numbers and part.isalnum() and PART_LEAST <= len(part) <= _PART_MOST else ""
    tail = compact if _TAIL.fullmatch(compact) else None
    if letters is not None:
        kind = Kind.PINYIN
    elif kind is Kind.WORDS and part and _NUMBER_SHAPE.fullmatch(text):
        kind = Kind.PARTIAL_NUMBER
    return Reading(kind, text, (), numbers, letters, part or None, tail)


def holds_identifier(entry: str) -> bool:
    """Whether an ID number, phone or credit code stands anywhere in an entry, however it is spaced."""
    text = _plain(entry).upper()
    if _identifier(text, _compact(text))[0] is not None:
        return True
    if _MOBILE_INSIDE.search(text) or _LANDLINE_INSIDE.search(text) or holds_number(text):
        return True
    for found in _ID_INSIDE.finditer(text):  # between letters, where case numbers begin with a region and a date, the check digit decides
        compact = re.sub(r"[ \-.]", "", found.group())
        if _is_id_number(compact) and id_check(compact[:17]) == compact[17]:
            return True
    return any(_is_identifier(re.sub(r"[ \-.]", "", found.group())) for found in _LONG_NUMBER.finditer(text))


def numbers_in(entry: str | None) -> int:
    """How many phones and ID numbers an entry asks about: one, if it is one, or the end of one, or has one in it."""
    if entry is None or not any(map(str.isdigit, unicodedata.normalize("NFKC", entry))):
        return 0
    reading = recognise(entry)
    if reading.kind is Kind.CASE_ID:
        return 0
    if reading.kind is Kind.CREDIT_CODE:  # among words it is looked for by its pieces, of which one may be a number
        return int(any(map(holds_number, reading.values)))
    return int(reading.kind in IDENTIFIERS or reading.tail is not None or holds_identifier(reading.text))


def _is_identifier(compact: str) -> bool:
    return bool(_is_id_number(compact) or _is_credit_code(compact) or _PERMIT.fullmatch(compact) or _MOBILE.fullmatch(compact))


def _identifier(text: str, compact: str) -> tuple[Kind | None, tuple[str, ...]]:
    if _is_id_number(compact):
        return Kind.ID_NUMBER, _id_forms(compact)
    if _is_credit_code(compact):
        return Kind.CREDIT_CODE, (compact,)
    if _MOBILE.fullmatch(compact.lstrip("+")):
        return Kind.PHONE, (compact[-11:],)
    if _LANDLINE.fullmatch(text):
        number = dialled(pl.Series([text]), Options()).values[0]
        return Kind.PHONE, (number or re.sub(r"\D", "", text),)
    if _PERMIT.fullmatch(compact):
        return Kind.ID_NUMBER, (compact,)
    return None, ()


def _case_id(text: str) -> str | None:
    try:
        return str(uuid.UUID(text)) if len(text) == 36 else None
    except ValueError:
        return None


def _is_id_number(compact: str) -> bool:
    """By region and birthday, whatever its check digit: a slip in a real number is personal all the same."""
    found = _ID_18.fullmatch(compact)
    if found:
        return _is_date(found.group(1))
    found = _ID_15.fullmatch(compact)
    return bool(found) and _is_date("19" + found.group(1))  # type: ignore[union-attr]


def _is_date(digits: str) -> bool:
    try:
        dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True


def _is_credit_code(compact: str) -> bool:
    return bool(_CREDIT_CODE.fullmatch(compact)) and not compact.isdigit()


def _id_forms(number: str) -> tuple[str, ...]:
    """A resident's number in both lengths: 15 digits are the 18 without the century and the check digit."""
    if len(number) == 15:
        body = number[:6] + "19" + number[6:]
        return (number, body + id_check(body))
    if number[6:8] == "19":
        return (number, number[:6] + number[8:17])
    return (number,)


def _number_forms(entry: str, text: str) -> tuple[str, ...]:
    """A case number as typed, and with each kind of brackets that departments write: 粤光信〔2025〕12号."""
    plain = text.translate(_BRACKETS)
    forms = [entry.strip(), text, text.upper(), plain, plain.upper()]
    for left, right in ("〔〕", "[]", "()", "（）", "【】"):
        forms.append(plain.upper().replace("(", left).replace(")", right))
    forms += [form.replace(" ", "") for form in forms]
    return tuple(dict.fromkeys(_CONTROL.sub("", form) for form in forms))


def _words_kind(text: str) -> Kind:
    if _COURT_NUMBER.search(text.translate(_BRACKETS)):
        return Kind.CASE_NUMBER
    if _FIRM.search(text):
        return Kind.ORGANISATION
    if _ADDRESS.search(text):
        return Kind.ADDRESS
    if _HAN.fullmatch(text) and _looks_like_name(text):
        return Kind.NAME
    return Kind.WORDS


def _looks_like_name(text: str) -> bool:
    if text[:2] in COMPOUND_SURNAMES or text.endswith(_TITLES):
        return 2 <= len(text) <= 4
    return 2 <= len(text) <= 3 and text[0] in _SURNAMES
