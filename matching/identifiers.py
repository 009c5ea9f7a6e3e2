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

from matching.characters import fold, once, without

_Flags: TypeAlias = npt.NDArray[np.bool_]
_Characters: TypeAlias = npt.NDArray[np.uint8]

#: GB 11643: weights of the first 17 digits, and the check character by remainder.
_ID_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2], dtype=np.int64)
_ID_CHECK = np.frombuffer(b"10X98765432", dtype=np.uint8)
#: GB 32100: 31 characters without I, O, S, V and Z; weights are powers of three modulo 31.
_CODE_ALPHABET = b"0123456789ABCDEFGHJKLMNPQRTUWXY"
_CODE_WEIGHTS = np.array([3**i % 31 for i in range(17)], dtype=np.int64)
_ONE_DIGIT = r"^(?:0+|1+|2+|3+|4+|5+|6+|7+|8+|9+)$"


def id_numbers(numbers: pl.Series, placeholders: frozenset[str]) -> pl.DataFrame:
    """ID numbers, 15 digits made 18.

    Returns:
        `id_no`; `id_state` verified, converted (from 15 digits), broken, or other (another document);
        `id_birth_date` and `id_gender` as the number tells them, null where its date is no date.
    """
    return once(numbers, lambda distinct: _id_numbers(distinct, placeholders))


def credit_codes(codes: pl.Series, placeholders: frozenset[str]) -> pl.DataFrame:
    """Unified social credit codes: `uscc` and `uscc_state`, verified or broken."""
    return once(codes, lambda distinct: _credit_codes(distinct, placeholders))


def phones(numbers: pl.Series, placeholders: frozenset[str]) -> pl.Series:
    """Phone numbers as digits, without the country's code; placeholders, one digit repeated and short numbers are null."""
    return once(numbers, lambda distinct: _phones(distinct, placeholders).to_frame("phone"))["phone"]


def _id_numbers(numbers: pl.Series, placeholders: frozenset[str]) -> pl.DataFrame:
    plain = without(_only(fold(numbers), r"[^0-9A-Z*]"), placeholders)
    was_short = plain.str.contains(r"^\d{15}$").fill_null(False)
    long = pl.select(pl.when(was_short).then(pl.lit("19").pipe(_between, plain)).otherwise(plain)).to_series()
    has_shape = long.str.contains(r"^\d{17}[\dX]$|^\d{17}$").fill_null(False)
    check = _id_check(long.str.slice(0, 17), has_shape)
    full = pl.select(pl.when(was_short).then(long + check).otherwise(long)).to_series()
    born = full.str.slice(6, 8).str.to_date("%Y%m%d", strict=False)
    has_shape &= full.str.len_chars() == 18
    is_dated = has_shape & born.is_not_null() & (born.dt.year() > 1890) & full.str.contains("^[1-8]")
    is_checked = is_dated & (full.str.slice(17, 1) == check)
    is_male = full.str.slice(16, 1).cast(pl.Int8, strict=False) % 2 == 1
    no_number = full.is_null() | full.str.contains(_ONE_DIGIT) | full.str.contains(r"\*") | (full.str.len_chars() < 6)
    return pl.select(
        pl.when(~no_number).then(full).alias("id_no"),
        pl.when(no_number)
        .then(None)
        .when(is_dated & was_short)
        .then(pl.lit("converted"))
        .when(is_checked)
        .then(pl.lit("verified"))
        .when(full.str.contains(r"^\d{14,20}[\dX]?$"))
        .then(pl.lit("broken"))
        .otherwise(pl.lit("other"))
        .alias("id_state"),
        pl.when(is_dated).then(born).alias("id_birth_date"),
        pl.when(is_dated & is_male).then(pl.lit("male")).when(is_dated).then(pl.lit("female")).alias("id_gender"),
    )


def _between(century: pl.Expr, number: pl.Series) -> pl.Expr:
    """A 15-digit number's place, century, and rest."""
    return pl.concat_str(pl.lit(number.str.slice(0, 6)), century, pl.lit(number.str.slice(6, 9)))


def _id_check(first_17: pl.Series, has_shape: pl.Series) -> pl.Series:
    """The check character that the first 17 digits ask for; null where they are not 17 digits."""
    shaped = has_shape.to_numpy()
    digits = _matrix(first_17.filter(has_shape), 17).astype(np.int64) - ord("0")
    check = _ID_CHECK[(digits @ _ID_WEIGHTS) % 11]
    return _spread(check, shaped)


def _credit_codes(codes: pl.Series, placeholders: frozenset[str]) -> pl.DataFrame:
    plain = without(_only(fold(codes), r"[^0-9A-Z]"), placeholders)
    has_shape = plain.str.contains(f"^[{_CODE_ALPHABET.decode()}]{{18}}$").fill_null(False)
    values = np.full(256, 0, dtype=np.int64)
    values[np.frombuffer(_CODE_ALPHABET, dtype=np.uint8)] = np.arange(31)
    digits = values[_matrix(plain.filter(has_shape), 18)]
    agrees = (31 - (digits[:, :17] @ _CODE_WEIGHTS) % 31) % 31 == digits[:, 17]
    is_verified = np.zeros(plain.len(), dtype=np.bool_)
    is_verified[has_shape.to_numpy()] = agrees
    known = plain.is_not_null() & ~plain.str.contains(_ONE_DIGIT) & (plain.str.len_chars() >= 15)
    state = pl.when(pl.lit(pl.Series(is_verified))).then(pl.lit("verified")).otherwise(pl.lit("broken"))
    return pl.select(pl.when(known).then(plain).alias("uscc"), pl.when(known).then(state).alias("uscc_state"))


def _phones(numbers: pl.Series, placeholders: frozenset[str]) -> pl.Series:
    # Of several numbers in one field the first is taken; a masked one (138****1234) is none.
    first = fold(numbers).str.extract(r"^([^/;,、;,或]+)")
    digits = _only(first, r"[^0-9*]").str.replace(r"^(?:0086|86)(1\d{10}|0\d{9,11})$", "${1}").str.replace(r"^0(1[3-9]\d{9})$", "${1}")
    digits = without(digits, placeholders)
    none = digits.str.contains(r"\*") | digits.str.contains(_ONE_DIGIT) | digits.str.contains("0{7}|1{8}|8{8}|9{8}|12345678$")
    usable = ~none & digits.str.len_chars().is_between(7, 15)
    return pl.select(pl.when(usable).then(digits)).to_series()


def _only(values: pl.Series, others: str) -> pl.Series:
    return values.str.replace_all(others, "")


def _matrix(values: pl.Series, width: int) -> _Characters:
    """ASCII values of one width as a matrix of characters."""
    return np.frombuffer("".join(values.to_list()).encode("ascii"), dtype=np.uint8).reshape(-1, width)


def _spread(characters: _Characters, where: _Flags) -> pl.Series:
    """One-character strings laid out where the flags say, null elsewhere."""
    letters = np.full(len(where), None, dtype=object)
    letters[where] = list(characters.tobytes().decode("ascii"))
    return pl.Series(letters.tolist(), dtype=pl.String)
