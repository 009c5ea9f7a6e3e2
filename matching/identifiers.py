"""Numbers that name a person or a firm: resident ID numbers, credit codes, phone numbers.

Enters columns as normalised, leaves comparable numbers and how far each can be trusted. `verified` is a number whose
own check character agrees; only two different verified numbers prove that two parties are two (a 15-digit ID number
has no check character, so that a slip in it cannot be told).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.characters import once, or_null, plain_text
from schema.identifiers import CENTURIES, CODE_ALPHABET, CODE_WEIGHTS, ID_CHECKS, ID_WEIGHTS, PROVINCES

_Characters: TypeAlias = npt.NDArray[np.uint8]

_ID_WEIGHTS = np.array(ID_WEIGHTS, dtype=np.int64)
_ID_CHECKS = np.frombuffer(ID_CHECKS.encode("ascii"), dtype=np.uint8)
_CODE_WEIGHTS = np.array(CODE_WEIGHTS, dtype=np.int64)
FIRST_PHONE = r"^([^/;,、或]+)"
FLOAT = r"^(\+?[0-9]+)\.0{1,6}$"
#: Scientific notation and decimals, not 0755.2712.3456: figures are lost, or some are there that nobody dials.
ROUNDED = r"[0-9][eE][+-]?[0-9]|^[+-]?[0-9]\.[0-9]+$|[0-9]{8}\.[0-9]"
ABROAD = r"^(?:0086|86)(1[0-9]{10}|0[0-9]{9,11})$"
#: +86-755-27123456: an area's code without its 0, and seven or eight figures of which the first is none of 0 and 1.
AREA_ABROAD = r"^(?:0086|86)((?:10|2[0-9])[2-9][0-9]{7}|[3-9][0-9]{2}[2-9][0-9]{6,7})$"
LONG_DISTANCE = r"^0(1[3-9][0-9]{9})$"
BROKEN_ID = r"^[0-9]{14,20}[0-9X]?$"
ONE_DIGIT = r"^(?:0+|1+|2+|3+|4+|5+|6+|7+|8+|9+)$"
NO_ID = rf"\*|{ONE_DIGIT}"
NO_PHONE = rf"\*|{ONE_DIGIT}|0{{7}}|1{{8}}|8{{8}}|9{{8}}|12345678$"


def id_numbers(numbers: pl.Series, placeholders: frozenset[str]) -> pl.DataFrame:
    """ID numbers, 15 digits made 18.

    Returns:
        `id_no`; `id_state` verified, converted (from 15 digits), broken, or other (another document);
        `id_birth_date` and `id_gender` as the number tells them, null where its date is no date.
    """
    return once(numbers, _id_numbers, placeholders)


def credit_codes(codes: pl.Series, placeholders: frozenset[str]) -> pl.DataFrame:
    """Unified social credit codes: `uscc` and `uscc_state`, verified or broken."""
    return once(codes, _credit_codes, placeholders)


def phones(numbers: pl.Series, placeholders: frozenset[str]) -> pl.Series:
    """Phone numbers as digits, without the country's code; placeholders, one digit repeated and short numbers are null."""
    return once(numbers, _phones, placeholders)["phone"]


def _id_numbers(numbers: pl.Series, placeholders: frozenset[str]) -> pl.DataFrame:
    number = or_null(plain_text(pl.col("n")).str.to_uppercase().str.replace_all(r"[^0-9A-Z*]", ""), placeholders)
    frame = numbers.to_frame("n").select(number).with_columns(short=pl.col("n").str.contains(r"^[0-9]{15}$"))
    century = pl.concat_str(pl.col("n").str.slice(0, 6), pl.lit("19"), pl.col("n").str.slice(6, 9))
    frame = frame.with_columns(first=pl.when("short").then(century).otherwise(pl.col("n").str.extract(r"^([0-9]{17})[0-9X]$")))
    frame = frame.with_columns(_id_check(frame["first"]), born=pl.col("first").str.slice(6, 8).str.to_date("%Y%m%d", strict=False))
    full = pl.when("short").then(pl.concat_str("first", "check")).otherwise("n")
    is_known = pl.col("first").str.slice(0, 2).is_in(PROVINCES) & pl.col("first").str.slice(6, 2).is_in(CENTURIES)
    is_dated = pl.col("born").is_not_null() & is_known
    is_none = full.str.contains(NO_ID) | (full.str.len_chars() < 6)
    is_male = pl.col("first").str.slice(16, 1).is_in(list("13579"))
    state = (
        pl.when(is_dated & pl.col("short"))
        .then(pl.lit("converted"))
        .when(is_dated & (pl.col("n").str.slice(17, 1) == pl.col("check")))
        .then(pl.lit("verified"))
        .when(full.str.contains(BROKEN_ID))
        .then(pl.lit("broken"))
        .otherwise(pl.lit("other"))
    )
    return frame.select(
        pl.when(~is_none).then(full).alias("id_no"),
        pl.when(~is_none).then(state).alias("id_state"),
        pl.when(is_dated).then("born").alias("id_birth_date"),
        pl.when(is_dated).then(pl.when(is_male).then(pl.lit("male")).otherwise(pl.lit("female"))).alias("id_gender"),
    )


def _id_check(first: pl.Series) -> pl.Series:
    """The check character that 17 digits ask for; null for null."""
    known = first.is_not_null().to_numpy()
    digits = _matrix(first, 17).astype(np.int64) - ord("0")
    check = np.full(len(known), None, dtype=object)
    check[known] = list(_ID_CHECKS[(digits @ _ID_WEIGHTS) % 11].tobytes().decode("ascii"))
    return pl.Series("check", check.tolist(), dtype=pl.String)


def _credit_codes(codes: pl.Series, placeholders: frozenset[str]) -> pl.DataFrame:
    code = or_null(plain_text(pl.col("c")).str.to_uppercase().str.replace_all(r"[^0-9A-Z]", ""), placeholders)
    shaped = pl.col("c").str.extract(f"^([{CODE_ALPHABET}]{{18}})$")
    frame = codes.to_frame("c").select(code).with_columns(shaped=shaped)
    value = np.zeros(256, dtype=np.int64)
    value[np.frombuffer(CODE_ALPHABET.encode("ascii"), dtype=np.uint8)] = np.arange(31)
    digits = value[_matrix(frame["shaped"], 18)]
    is_verified = np.zeros(frame.height, dtype=np.bool_)
    is_verified[frame["shaped"].is_not_null().to_numpy()] = (31 - (digits[:, :17] @ _CODE_WEIGHTS) % 31) % 31 == digits[:, 17]
    known = ~pl.col("c").str.contains(ONE_DIGIT) & (pl.col("c").str.len_chars() >= 15)
    state = pl.when(pl.Series(is_verified)).then(pl.lit("verified")).otherwise(pl.lit("broken"))
    return frame.select(pl.when(known).then("c").alias("uscc"), pl.when(known).then(state).alias("uscc_state"))


def _phones(numbers: pl.Series, placeholders: frozenset[str]) -> pl.DataFrame:
    # Of several numbers in one field the first is taken; a masked one (138****1234) is none.
    first = plain_text(pl.col("phone")).str.extract(FIRST_PHONE).str.replace(FLOAT, "${1}")
    dialled = pl.when(~first.str.contains(ROUNDED)).then(first.str.replace_all(r"[^0-9*]", ""))
    local = dialled.str.replace(ABROAD, "${1}").str.replace(AREA_ABROAD, "0${1}").str.replace(LONG_DISTANCE, "${1}")
    digits = pl.col("phone")
    none = digits.str.contains(NO_PHONE) | ~digits.str.len_chars().is_between(7, 15)
    return numbers.to_frame("phone").select(or_null(local, placeholders)).select(pl.when(~none).then(digits))


def _matrix(values: pl.Series, width: int) -> _Characters:
    """ASCII values of one width, nulls passed over, as a matrix of characters."""
    joined = "".join([value for value in values.to_list() if value is not None])
    return np.frombuffer(joined.encode("ascii"), dtype=np.uint8).reshape(-1, width)
