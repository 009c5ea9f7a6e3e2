"""Vectorised checks of whole columns: identity numbers, credit codes, phones, division codes.

A column of text goes in, a column of booleans comes out; null stays null. Nothing here changes a value. Expectations,
normalise and the contract draft call it.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl

from schema import codes
from schema.identifiers import CENTURIES, CODE_ALPHABET, CODE_WEIGHTS, ID_CHECKS, ID_WEIGHTS, PROVINCES

_ID_WEIGHTS = np.array(ID_WEIGHTS, dtype=np.int64)
_ID_CHECKS = np.frombuffer(ID_CHECKS.encode("ascii"), dtype=np.uint8)
_CODE_WEIGHTS = np.array(CODE_WEIGHTS, dtype=np.int64)
_PHONE = (
    r"^(?:\+?86)?1[3-9][0-9]{9}$|^(?:\+?86)?0?(?:10|2[0-9]|[3-9][0-9]{2})[2-9][0-9]{6,7}$|"
    r"^[48]00[0-9]{7}$|^1[0-9]{2}$|^(?:12|9[56])[0-9]{3}$"
)

_NUMBER = pl.col("number")
_IS_18 = _NUMBER.str.contains(r"^[0-9]{17}[0-9X]$").fill_null(value=False)
_IS_15 = _NUMBER.str.contains(r"^[0-9]{15}$").fill_null(value=False)
_BIRTH_DATE = pl.coalesce(
    _NUMBER.str.extract(rf"^[0-9]{{6}}((?:{'|'.join(CENTURIES)})[0-9]{{6}})[0-9]{{3}}[0-9X]$", 1),
    pl.lit("19") + _NUMBER.str.extract(r"^[0-9]{6}([0-9]{6})[0-9]{3}$", 1),
).str.strptime(pl.Date, "%Y%m%d", strict=False)


def id_number_checksum(values: pl.Series) -> pl.Series:
    """Whether a resident number holds: GB 11643's check digit and a real date; of 15 digits, the date alone."""
    numbers = values.to_frame("number").select_seq(pl.col("number").str.to_uppercase())
    seen = numbers.select_seq(is_18=_IS_18, may_be=_BIRTH_DATE.is_not_null() & pl.col("number").str.head(2).is_in(PROVINCES), is_15=_IS_15)
    good = seen["is_15"].to_numpy().copy()
    rows = seen["is_18"].to_numpy()
    if rows.any():
        good[rows] = _id_check_digits(numbers["number"].filter(seen["is_18"]))
    holds = pl.Series(values.name, good) & seen["may_be"]
    return holds.set(values.is_null(), None) if values.null_count() else holds


def birth_dates(numbers: pl.Series) -> pl.Series:
    """The date inside a resident number of 15 or 18 places, null where there is none."""
    return numbers.to_frame("number").select_seq(_BIRTH_DATE).to_series().rename(numbers.name)


def genders(numbers: pl.Series) -> pl.Series:
    """Male or female by the parity of a resident number's sequence part, null where there is none."""
    sequence = numbers.str.extract(r"^[0-9]{14}[0-9]{2}([0-9])[0-9X]$", 1)
    sequence = sequence.zip_with(sequence.is_not_null(), numbers.str.extract(r"^[0-9]{14}([0-9])$", 1))
    is_male = sequence.str.to_integer(strict=False, dtype=pl.Int64) % 2 == 1
    return pl.DataFrame({"is_male": is_male}).select(
        gender=pl.when("is_male").then(pl.lit("male")).when(~pl.col("is_male")).then(pl.lit("female"))
    )["gender"]


def credit_code_checksum(values: pl.Series) -> pl.Series:
    """Whether a unified social credit code's last character agrees with the other seventeen (GB 32100)."""
    codes_ = values.str.to_uppercase()
    shaped = codes_.str.contains(rf"^[{CODE_ALPHABET}]{{18}}$").fill_null(value=False)
    good = np.zeros(len(codes_), dtype=bool)
    places = _credit_places()[_characters(codes_.filter(shaped), 18)]
    good[shaped.to_numpy()] = (31 - places[:, :17] @ _CODE_WEIGHTS % 31) % 31 == places[:, 17]
    return pl.Series(good).set(values.is_null(), None)


def credit_code_shape(values: pl.Series) -> pl.Series:
    """Whether it looks like a credit code, or like a code that it replaced (15-digit registration, organisation code)."""
    return values.str.contains(r"^(?:[0-9A-Z]{18}|[0-9]{15}|[0-9A-Z]{9})$")


def phone_number(values: pl.Series) -> pl.Series:
    """Whether it can be dialled in China: mobile, area code and number, 400 and 800 numbers, 110, 12345."""
    return values.str.replace_all(r"[\s()（）\-]", "").str.contains(_PHONE)


def region_code(values: pl.Series) -> pl.Series:
    """Whether it is a division code of the district, present or former: 6, 9 or 12 digits, trailing zeros allowed."""
    return values.str.replace(r"^([0-9]{6})(?:000|000000)$", "$1").str.replace(r"^([0-9]{9})000$", "$1").is_in(_district_codes())


@cache
def _district_codes() -> list[str]:
    aliases = codes.region_aliases()
    return sorted({*codes.streets(), *codes.communities(), *aliases, *(code[:6] for code in [*codes.streets(), *aliases])})


def _id_check_digits(numbers: pl.Series) -> npt.NDArray[np.bool_]:
    characters = _characters(numbers, 18)
    figures = characters[:, :17].astype(np.int64) - ord("0")
    holds: npt.NDArray[np.bool_] = _ID_CHECKS[figures @ _ID_WEIGHTS % 11] == characters[:, 17]
    return holds


@cache
def _credit_places() -> npt.NDArray[np.int64]:
    places = np.zeros(128, dtype=np.int64)
    places[[ord(character) for character in CODE_ALPHABET]] = range(len(CODE_ALPHABET))
    return places


def _characters(values: pl.Series, width: int) -> npt.NDArray[np.uint8]:
    """Values of `width` ASCII characters each → a matrix of their codes, one row a value."""
    return np.frombuffer("".join(values.to_list()).encode("ascii"), dtype=np.uint8).reshape(len(values), width)
