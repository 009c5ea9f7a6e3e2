"""Names of persons, comparable: title and mask recognised, surname and given name apart, sound and look.

Enters names as written, leaves the columns of `PERSON_NAME`. A masked name (张先生, 张*, 张某某, 小张) becomes its known
characters with one `*` for what is hidden, and so does 陈生 (Mr Chan); placeholders (无名氏, 匿名) become null.
"""

from __future__ import annotations

from functools import cache

import polars as pl

from matching.characters import fold, look, once, or_null, pinyin, plain_text
from matching.own_thread import in_own_thread
from matching.vocabulary import vocabulary

PERSON_NAME: dict[str, type[pl.DataType]] = {
    "name_written": pl.String,  # as written, widths and blanks aside: tells a variant character from the same one
    "name": pl.String,  # simplified, without title; `*` hides one or more characters
    "name_pinyin": pl.String,  # null where masked
    "name_look": pl.String,  # null where masked
    "surname": pl.String,
    "surname_pinyin": pl.String,
    "given_pinyin": pl.String,
    "last_pinyin": pl.String,  # of the name's last character
    "is_masked": pl.Boolean,
    "is_common": pl.Boolean,  # borne by many: agreement tells less
    "title_gender": pl.String,
}
_HAN = r"\p{Han}"
MASK = r"[*×○●□◯※某?]+"
NOTE = r"[((【\[].*?[))】\]]"
OTHERS = r"等[0-9一二两三四五六七八九十百余多几数]*[人名户位]?$"
DOTS = r"[·•・‧.,,。、'`\"-]"
NICKNAME = rf"^[小老阿]({_HAN})$"
IS_CHINESE = f"^{_HAN}+\\*?{_HAN}*$"
HEAD = r"^([^·*]+)"
TAIL = "·([^*]+)$"
LAST = r"([^ ]+)$"


def person_names(names: pl.Series, placeholders: frozenset[str]) -> pl.DataFrame:
    """The columns of PERSON_NAME for a column of names as written."""
    return once(names, _cleaned_parts, placeholders)


@cache
def title_pattern() -> str:
    """A title at the end: 先生, 女士, 师傅."""
    titles = vocabulary().titles
    return f"({'|'.join((*titles['male'], *titles['female'], *titles['none']))})$"


@cache
def addressed_pattern() -> str:
    """A surname with what it is called out with, and no more: 陈生 is Mr Chan, 陈德生 a name."""
    words = vocabulary()
    called = "|".join(word for kind in words.addressed.values() for word in kind)
    return rf"^([\p{{Han}}&&[^小老阿某]]|{'|'.join(sorted(words.compound_surnames))})({called})$"


def gender_of(title: str) -> str | None:
    """The gender that a title, or what stands for one, tells."""
    words = vocabulary()
    return next((gender for gender in ("male", "female") if title in words.titles[gender] or title in words.addressed[gender]), None)


@cache
def prefix_pattern() -> str:
    """What stands before a name and is none of it."""
    return f"^(?:{'|'.join(vocabulary().name_prefixes)})[::]?"


def _clean(names: pl.Series, placeholders: frozenset[str]) -> pl.DataFrame:
    """Written and folded name, without notes, prefixes, "and others", and with its mask and title read."""
    words = vocabulary()
    male, female = ((*words.titles[kind], *words.addressed[kind]) for kind in ("male", "female"))
    title, addressed = title_pattern(), addressed_pattern()
    name = pl.col("name")
    bare = (
        or_null(name, placeholders)
        .str.replace_all(NOTE, "")
        .str.replace(prefix_pattern(), "")
        .str.replace(OTHERS, "")
        .str.replace_all(DOTS, "·")
        .str.strip_chars("·")
    )
    written = pl.DataFrame({"name_written": names, "name": fold(names)}).select(plain_text(pl.col("name_written")), bare)
    base = name.str.replace(title, "")
    # X hides a character beside Chinese ones (张XX) and is a letter elsewhere (ALEX).
    hidden = pl.when(name.str.contains(_HAN)).then(base.str.replace_all("X+", "*")).otherwise(base).str.replace_all(MASK, "*")
    untitled = pl.when(~name.str.contains(title)).then(name)
    told = pl.coalesce(name.str.extract(title), untitled.str.extract(addressed, 2))
    shown = pl.coalesce(untitled.str.extract(addressed, 1) + "*", hidden.str.replace(NICKNAME, "${1}*"))
    gender = pl.when(told.is_in(male)).then(pl.lit("male")).when(told.is_in(female)).then(pl.lit("female"))
    masked = written.with_columns(shown.alias("name"), title_gender=gender)
    # A surname alone is a masked name, with a title or without.
    alone = (name.str.len_chars() == 1) | name.is_in(sorted(words.compound_surnames))
    whole = pl.when(alone & name.str.contains(f"^{_HAN}")).then(name + "*").otherwise(name)
    return masked.with_columns(whole.alias("name")).with_columns(or_null(name, placeholders | {"*"}).alias("name"))


@in_own_thread
def _cleaned_parts(names: pl.Series, placeholders: frozenset[str]) -> pl.DataFrame:
    return _split(_clean(names, placeholders))


def _split(frame: pl.DataFrame) -> pl.DataFrame:
    """Surname, given name, sound, look, and how common."""
    words = vocabulary()
    name = pl.col("name")
    is_compound = name.str.slice(0, 2).is_in(sorted(words.compound_surnames)) & (name.str.len_chars() > 2)
    is_chinese = name.str.contains(IS_CHINESE)
    first = name.str.slice(0, pl.when(is_compound).then(2).otherwise(1))
    other = pl.when(name.str.contains(f"^{_HAN}|^[A-Z]")).then(name.str.extract(HEAD))
    frame = frame.with_columns(is_chinese=is_chinese, surname=pl.when(is_chinese).then(first).otherwise(other))
    rest = name.str.slice(pl.col("surname").str.len_chars())
    given = pl.when("is_chinese").then(rest).otherwise(name.str.extract(TAIL))
    frame = frame.with_columns(given=given, is_masked=name.str.contains("*", literal=True))
    frame = frame.with_columns(
        once(frame["surname"], _surname_pinyin)["surname_pinyin"],
        pinyin(frame["given"]).alias("given_pinyin"),
        look(frame["name"]).alias("name_look"),
    )
    plain = ~pl.col("is_masked")
    is_common = (pl.col("given").str.len_chars() == 1) | pl.col("given").is_in(sorted(words.common_given))
    return frame.with_columns(
        name_pinyin=pl.when(plain).then(pl.concat_str("surname_pinyin", "given_pinyin", separator=" ", ignore_nulls=True)),
        given_pinyin=pl.when(plain & (pl.col("given_pinyin") != "")).then("given_pinyin"),
        last_pinyin=pl.when(plain & (pl.col("given_pinyin") != "")).then(pl.col("given_pinyin").str.extract(LAST)),
        is_common=plain & is_common.fill_null(False),
        # Half of all forms leave out the dot between the parts of a name: it has told the parts, and tells no more.
        name=pl.when(name.str.contains(f"^{_HAN}")).then(name.str.replace_all("·", "")).otherwise(name),
        name_look=pl.when(plain).then(pl.col("name_look").str.replace_all("·", "")),
    ).select(*PERSON_NAME)


def _surname_pinyin(surnames: pl.Series) -> pl.DataFrame:
    readings = vocabulary().surname_readings
    sounds = [readings.get(name, sound) for name, sound in zip(surnames.to_list(), pinyin(surnames).to_list(), strict=True)]
    return pl.DataFrame({"surname_pinyin": pl.Series(sounds, dtype=pl.String)})
