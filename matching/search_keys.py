"""Keys by which a name is found although it is typed otherwise: variant characters, sound, pinyin, look, one character off.

Enter names as written; leave text keys, each with a `NameAgreement` of its own: two names that share a key agree in that way.
A name's keys depend on the name alone, so that each distinct name needs them worked out once. `matching.single.search_keys` has
those of what somebody typed.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Literal

import polars as pl

from matching.characters import fold
from matching.firms import organisation_names
from matching.names import addressed_pattern, person_names

LONGEST = 100  # characters of what is typed as a name
_SPOKEN_MOST = 60  # characters of what is typed in Latin letters
SLIPS_MOST = 10  # a longer name has no keys of one character off: they would be many, and its other keys tell enough
SLIPS_LEAST = 3  # of two characters, one off leaves one: borne by thousands


class NameAgreement(IntEnum):
    """How a name agrees with what was asked for, the closest first."""

    EXACT = 1  # as written, widths and blanks aside
    VARIANT = 2  # traditional and variant characters; a firm's core without place and legal form
    STEM = 3  # a firm by the part of its name that is its own
    PINYIN = 4  # the same sound
    ACCENT = 5  # the same sound but for zh/z, ch/c, sh/s, ang/an, eng/en, ing/in
    LOOK = 6  # look-alike characters, or the same in another order
    SLIP = 7  # one character other, missing or too many
    INITIALS = 8  # the first letters of the sound


#: Prefix of a key → how names that share it agree.
AGREEMENTS = {
    "w": NameAgreement.EXACT,
    "n": NameAgreement.VARIANT,
    "c": NameAgreement.VARIANT,
    "t": NameAgreement.STEM,
    "s": NameAgreement.PINYIN,
    "a": NameAgreement.ACCENT,
    "l": NameAgreement.LOOK,
    "o": NameAgreement.LOOK,
    "d": NameAgreement.SLIP,
    "x": NameAgreement.SLIP,
    "i": NameAgreement.INITIALS,
}
#: Whose name something typed is taken for, or that it is pinyin or initials.
TypedAs = Literal["person", "organisation", "either", "spoken"]
_LATIN = re.compile(r"[a-zü](?:[ '·-]?[a-zü])*")  # one letter a turn: there is one way to read a text, however long
_SYLLABLE = (
    "(?:zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw])?(?:iang|iong|uang|ang|eng|ing|ong|uai|iao|ian|uan|ai|ei|ui|ao|ou|iu|ie|ve|ue|er|an|en|in|un|vn|"
    "ia|ua|uo|a|o|e|i|u|v)"
)
_SPOKEN = re.compile(f"(?:{_SYLLABLE}){{2,8}}")
INITIALS = re.compile(r"[a-z]{2,4}")


def person_keys(names: pl.Series) -> pl.DataFrame:
    """(name, key): every key of each distinct name of a person; a masked name or one that says nobody has none.

    陈生 may be a name all the same: whoever types it finds it as it is written.
    """
    distinct = names.drop_nulls().unique(maintain_order=True)
    forms = person_names(distinct, frozenset()).select("name_written", "name", "name_pinyin", "name_look", "is_masked")
    every = pl.concat([distinct.alias("as_given").to_frame(), forms, fold(distinct).alias("folded").to_frame()], how="horizontal")
    known = every.filter(pl.col("name").is_not_null() & ~pl.col("is_masked"))
    addressed = every.filter(pl.col("is_masked") & pl.col("folded").str.contains(addressed_pattern()))
    as_written = _together(addressed, {"w": pl.col("name_written").str.to_uppercase(), "n": pl.col("folded")}, None)
    whole = _together(
        known,
        {
            "w": pl.col("name_written").str.to_uppercase(),
            "n": pl.col("name"),
            "s": _sound("name_pinyin"),
            "a": _accent("name_pinyin"),
            "l": pl.col("name_look"),
            "o": _in_order("name"),
            "i": _initials("name_pinyin"),
        },
        "name",
    )
    return pl.concat([whole, as_written])


def organisation_keys(names: pl.Series) -> pl.DataFrame:
    """(name, key): every key of each distinct name of an organisation."""
    distinct = names.drop_nulls().unique(maintain_order=True)
    forms = organisation_names(distinct, frozenset())
    known = pl.concat([distinct.alias("as_given").to_frame(), forms], how="horizontal").filter(pl.col("name").is_not_null())
    long_stem = pl.when(pl.col("stem").str.len_chars() >= SLIPS_LEAST)
    written = pl.col("as_given").str.normalize("NFKC").str.replace_all(r"[\s\p{Cc}\p{Cf}]+", "").str.to_uppercase()
    whole = _together(
        known,
        {
            "w": written,
            "n": pl.col("name"),
            "c": pl.when(pl.col("core").str.len_chars() >= SLIPS_LEAST).then("core"),
            "t": long_stem.then("stem"),
            "s": long_stem.then(_sound("stem_pinyin")),
            "a": long_stem.then(_accent("stem_pinyin")),
            "l": long_stem.then("stem_look"),
        },
        "stem",
    )
    core = _together(known, {"s": _sound("core_pinyin"), "a": _accent("core_pinyin")}, None)
    return pl.concat([whole, core]).unique(maintain_order=True)


def spoken(typed: str) -> str | None:
    """Latin letters that may be a name's pinyin or its initials, without blanks and tones, or None: "Zhang Wei" → zhangwei."""
    lowered = typed.strip().lower()
    if len(lowered) > _SPOKEN_MOST or not _LATIN.fullmatch(lowered):
        return None
    letters = re.sub("[^a-zü]", "", lowered).replace("ü", "v")
    return letters if _SPOKEN.fullmatch(letters) or INITIALS.fullmatch(letters) else None


def _together(names: pl.DataFrame, keys: dict[str, pl.Expr], slips: str | None) -> pl.DataFrame:
    """(name, key) of single keys, and those of one character off of a column."""
    single = [names.select(name="as_given", key=pl.concat_str(pl.lit(f"{prefix}:"), key)).drop_nulls("key") for prefix, key in keys.items()]
    found = pl.concat([*single, *_slips(names, slips)] if slips else single)
    return found.filter(pl.col("key").str.len_chars() > 2)


def _slips(names: pl.DataFrame, column: str) -> list[pl.DataFrame]:
    """A key for each character that may be another, and for each that may be missing."""
    value, length = pl.col(column), pl.col(column).str.len_chars()
    short = names.filter(length.is_between(SLIPS_LEAST, SLIPS_MOST) & value.str.contains(r"\p{Han}"))
    found = [short.select(name="as_given", key=pl.concat_str(pl.lit("x:"), value))]
    for place in range(SLIPS_MOST):
        here = short.filter(length > place)
        if here.is_empty():
            break
        before, after = value.str.slice(0, place), value.str.slice(place + 1)
        found.append(here.select(name="as_given", key=pl.concat_str(pl.lit("d:"), before, pl.lit("_"), after)))
        missing = here.filter(length > SLIPS_LEAST)
        found.append(missing.select(name="as_given", key=pl.concat_str(pl.lit("x:"), before, after)))
    return found


def _sound(column: str) -> pl.Expr:
    return pl.col(column).str.replace_all(" ", "", literal=True).str.to_lowercase()


def _accent(column: str) -> pl.Expr:
    """Sound as many in the south type it: without the difference of zh and z, ang and an."""
    return _sound(column).str.replace_all("([zcs])h", "$1").str.replace_all("ng", "n", literal=True).str.replace_all("v", "u", literal=True)


def _initials(column: str) -> pl.Expr:
    return pl.col(column).str.to_lowercase().str.extract_all(r"(?:^| )[a-z]").list.join("").str.replace_all(" ", "", literal=True)


def _in_order(column: str) -> pl.Expr:
    """The name's characters in an order of their own: swapped ones make no difference."""
    characters = pl.col(column).str.split("").list.eval(pl.element().filter(pl.element() != "")).list.sort().list.join("")
    return pl.when(pl.col(column).str.len_chars() >= SLIPS_LEAST).then(characters)
