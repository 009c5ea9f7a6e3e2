"""Transforms of identifiers: documents of persons, credit codes of organisations, phones, gender.

They read shapes only. Whether a check digit is right is for expectations to count and for matching to weigh: a number
with one slip is still evidence.
"""

from __future__ import annotations

import re
from functools import partial

import phonenumbers
import polars as pl

from pipeline.columns.checks import credit_code_shape
from pipeline.columns.transforms.base import VALUE, Options, Read, judged, known, looked_up, nulled, where_null, worked
from schema.identifiers import CENTURIES

_MASK = r"[*●•×＊]|[0-9][xX]{2,}"
_MOBILE = r"^(?:(?:\+|00)?86)?(1[3-9][0-9]{9})$"
_EXTENSION = r"(?:(?:-|转|分机|ext\.?|x|#)[0-9]{1,6})?"
_LANDLINE = rf"^(?:(?:\+|00)?86-?\(?0?|\(?0)(10|2[0-9]|[3-9][0-9]{{2}})\)?-?([2-9][0-9]{{6,7}}){_EXTENSION}$"
_PHONE_PARTS = re.compile(r"[/、,;，；|\n]|或|和")
_SPOKEN_EXTENSION = re.compile(r"(?<!\s)\s*(?:转|分机|内线|ext\.?|x|#)\s*[0-9]{1,6}$", re.IGNORECASE)
#: Of a field with more figures than any number has, the numbers that are dialled: a mobile one, and an area code with its number.
_LONGEST_PHONE = 15
_MOBILE_AMONG = re.compile(r"(?<![0-9])(?:(?:\+|00)?86[\s-]{0,2})?(1[3-9][0-9][\s-]?[0-9]{4}[\s-]?[0-9]{4})(?![0-9])")
_LANDLINE_AMONG = re.compile(r"(?<![0-9])\(?(0(?:10|2[0-9]|[3-9][0-9]{2}))\)?[\s-]?([2-9][0-9]{6,7})(?![0-9])")
_FLOAT = re.compile(r"\s*(\+?[0-9]+)\.0{1,6}\s*")
#: What a spreadsheet or a float has made of a number: figures are lost, or some are there that nobody dials. 0755.2712.3456 is none.
_ROUNDED = re.compile(r"[0-9][eE][0-9]|[0-9]\s*[eE]\s*[+-]\s*[0-9]|^\s*[+-]?[0-9]\.[0-9]+\s*$|[0-9]{8}\.[0-9]")
#: Document shapes, tried in this order.
_DOCUMENTS = (
    (
        r"^(?:8[123]0000|9[0-9]{5})[0-9]{11}[0-9X]$",
        "residence_permit",
    ),  # of Hong Kong, Macau and Taiwan residents; of foreigners (since 2023)
    (r"^[0-9]{17}[0-9X]$", "resident_id"),
    (r"^[0-9]{15}$", "resident_id"),
    (r"^[HMC][0-9]{8}(?:[0-9]{2})?$", "hk_macau_permit"),
    (r"^[A-Z]{3}[0-9]{12}$", "residence_permit"),
    (r"^[0-9]{8}$", "taiwan_permit"),
    (r"^(?:[A-Z]{1,3}[0-9][A-Z0-9]{4,9}|[0-9]{2}[A-Z]{2}[0-9]{5})$", "passport"),
)
_GENDERS = {
    **dict.fromkeys(("男", "男性", "1", "M", "MALE", "MAN", "先生", "01"), "male"),
    **dict.fromkeys(("女", "女性", "2", "F", "FEMALE", "WOMAN", "女士", "02"), "female"),
}
_IS_MASKED = VALUE.str.contains(_MASK)
_ID_TYPE = pl.coalesce(pl.when(VALUE.str.contains(pattern)).then(pl.lit(id_type)) for pattern, id_type in _DOCUMENTS)
_PLAIN = pl.when(VALUE.str.contains(r"^[0-9A-Z]+$")).then(VALUE)
_CLEANED = VALUE.str.normalize("NFKC").str.replace_all(r"[\s'`’‘\-‐–—_]", "").str.to_uppercase()
_CLEAR_MOBILE = pl.when(~_IS_MASKED).then(VALUE.str.extract(_MOBILE, 1))
_WORDS = VALUE.str.normalize("NFKC").str.to_uppercase()
_SHOWN_DAY = rf"^[1-9*][0-9*]{{5}}((?:{'|'.join(CENTURIES)})[0-9]{{6}})[0-9*]{{3}}[0-9X*●•×]$"
_SHOWN_SEX = r"^[1-9*][0-9*]{15}([0-9])[0-9X*●•×]$"
_GENDER_UNSTATED = ("0", "9", "00", "09", "未说明", "未说明的性别", "未知的性别", "其他", "U", "UNKNOWN")


def id_no(values: pl.Series, options: Options) -> Read:
    """A document number: half width, upper case, without blanks, hyphens or a spreadsheet's leading quote.

    A masked one (440306********1234) is no number: null. What it still shows is `shown_by_masks`.
    """
    given = known(values)
    numbers = bare(given)
    return judged(given, nulled(numbers, id_types(numbers).is_null()), dropped=_IS_MASKED)


def shown_by_masks(values: pl.Series) -> pl.DataFrame:
    """What masked resident numbers still show: (birth_date, gender), null where a value is not masked, or that part of it is hidden;
    no columns where none is masked.

    440306********1234 shows whether it is a man's, 44030619900101**** when he was born: enough to tell two of one name apart.
    """
    masked = nulled(values, ~worked(values, _IS_MASKED))
    if masked.null_count() == len(masked):
        return pl.DataFrame()
    frame = (
        worked(masked, _CLEANED).to_frame("value").select_seq(VALUE.str.head(17).str.replace_all(r"[●•×X]", "*") + VALUE.str.slice(17))
    )  # the last may be an X itself
    day, odd = VALUE.str.extract(_SHOWN_DAY), VALUE.str.extract(_SHOWN_SEX).is_in(list("13579"))
    return frame.select_seq(
        birth_date=day.str.strptime(pl.Date, "%Y%m%d", strict=False),
        gender=pl.when(odd).then(pl.lit("male")).when(~odd).then(pl.lit("female")),
    )


def id_types(numbers: pl.Series) -> pl.Series:
    """resident_id, passport … by a number's shape; null where no document has it."""
    return worked(numbers, _ID_TYPE)


def uscc(values: pl.Series, options: Options) -> Read:
    """A unified social credit code, or one of the codes it replaced (15-digit registration, 9-place organisation code)."""
    given = known(values)
    codes = bare(given)
    return judged(given, nulled(codes, ~credit_code_shape(codes)), dropped=_IS_MASKED)


def phone(values: pl.Series, options: Options) -> Read:
    """Chinese numbers as people dial them (11 digits; area code and number), others as E.164; of several the first mobile, else the first.

    An extension is left out. A masked number (138****0000) is null; what has no digit is refused,
    and so is one in scientific notation (1.38E+10) or with decimals, but for a float's `.0`.
    """
    given = known(values)
    mobile = worked(given, _CLEAR_MOBILE)
    if mobile.null_count() == given.null_count():
        return judged(given, mobile)
    clear = nulled(given, worked(given, _IS_MASKED))
    return judged(given, where_null(clear, mobile, _phones_as_written), dropped=_IS_MASKED)


def gender(values: pl.Series, options: Options) -> Read:
    """GB/T 2261.1 codes or words → male, female; "not stated" is null."""
    given = known(values)
    return judged(given, looked_up(worked(given, _WORDS), _GENDERS, pl.String), dropped=_WORDS.is_in(_GENDER_UNSTATED))


def bare(values: pl.Series) -> pl.Series:
    """Half width, upper case, nothing but letters and digits."""
    return where_null(values, worked(values, _PLAIN), partial(worked, expression=_CLEANED))


def _phones_as_written(values: pl.Series) -> pl.Series:
    """The common forms by pattern; what is left goes through phonenumbers, which takes 50 µs a number."""
    closed = values.str.normalize("NFKC").str.replace_all(r"\s", "")
    mobile = closed.str.replace_all(r"[-()]", "").str.extract(_MOBILE, 1)
    groups = closed.str.extract_groups(_LANDLINE).struct.unnest()
    landline = groups.select(number=pl.lit("0") + pl.col("1") + pl.col("2"))["number"]
    return where_null(values, mobile.zip_with(mobile.is_not_null(), landline), _phones_parsed)


def _phones_parsed(values: pl.Series) -> pl.Series:
    return pl.Series([_dialled(value) for value in values.str.normalize("NFKC")], dtype=pl.String)


def _dialled(value: str) -> str | None:
    pieces = [piece for piece in _PHONE_PARTS.split(value) if sum(map(str.isdigit, piece)) >= 7]
    written = _SPOKEN_EXTENSION.sub("", pieces[0] if pieces else value)
    whole = _FLOAT.fullmatch(written)
    if whole is not None:
        written = whole[1]
    elif _ROUNDED.search(written):
        return None
    several = _first_of_several(value)
    if several is not None:
        return several
    digits = re.sub(r"[^0-9]", "", written)
    if not digits:
        return None
    number = _parsed(written)
    if number is None:
        return digits  # 12345, 110, a number without its area code
    national = phonenumbers.national_significant_number(number)
    if number.country_code != 86:
        return f"+{number.country_code}{national}"
    is_fixed = phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.FIXED_LINE
    return f"0{national}" if is_fixed else national


def _first_of_several(value: str) -> str | None:
    """Of several numbers in one field, whatever stands between them, the first mobile: a line is a household's or a firm's."""
    if sum(map(str.isdigit, value)) <= _LONGEST_PHONE:
        return None
    found = _MOBILE_AMONG.search(value) or _LANDLINE_AMONG.search(value)
    return None if found is None else re.sub(r"[^0-9]", "", "".join(found.groups()))


def _parsed(written: str) -> phonenumbers.PhoneNumber | None:
    start = re.search(r"[+0-9(]", written)
    if start is None:
        return None
    try:
        number = phonenumbers.parse(written[start.start() :], "CN")
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None
