"""Names of organisations, comparable: place, stem, industry, legal form and branch apart.

Enters names as written, leaves the columns of `ORGANISATION_NAME`. 深圳市维珍妮鞋业有限公司 has the city 深圳, the stem
维珍妮, the industry 鞋业, and the core 维珍妮鞋业; a school or an office keeps its place, which is part of its name.
"""

from __future__ import annotations

import re
from functools import cache

import polars as pl

from matching.characters import fold, look, once, or_null, pinyin, pinyin_one
from matching.own_thread import in_own_thread
from matching.vocabulary import vocabulary

ORGANISATION_NAME: dict[str, type[pl.DataType]] = {
    "name": pl.String,  # whole, simplified, without brackets
    "core": pl.String,  # without place, legal form and branch
    "core_pinyin": pl.String,
    "core_look": pl.String,
    "stem": pl.String,  # the core without its industry
    "stem_pinyin": pl.String,
    "stem_head": pl.String,  # the stem's first two syllables: a slip further on leaves them whole
    "stem_look": pl.String,
    "trading_stem": pl.String,  # the stem's sound where the name tells an industry, too
    "industry": pl.String,
    "city": pl.String,  # and district; null where the name tells none, or only the district's own
    "part": pl.String,  # branch, and the numerals that tell 第一小学 from 第二小学
    "formal": pl.String,  # core, part and legal form in its usual words; null where the name is not whole
    "is_whole": pl.Boolean,  # with its legal form, or the word that says what kind of body it is
    "is_shop": pl.Boolean,  # called as many shops are, without its place: 兰州拉面, 美宜佳便利店
}
_HAN = r"\p{Han}"
NO_LETTER = r"[^\p{Han}A-Z0-9]"
_WIDE = ("广东", "中国", "中华", "全国")
BODY_PLACE = "^((?:广东省|广东|深圳市|深圳|光明新区|光明区)+)"
NUMERALS = "一二三四五六七八九十"
FORMER = r"\((?:原|曾用名|又名|别名|以下简称|以下称|简称|下称)[^)]*\)"
HOME_FIRST = "^光明区?第"
LEGAL_SLIP = rf"有限公{_HAN}|有限{_HAN}司|{_HAN}限公司"
LEGAL_SHORT = "有限公?$"
POLICE = rf"公安局({_HAN}{{2,3}})分局"
HOME_PLACE = "^(?:广东省|广东|深圳市|深圳)+"
FORMER_DISTRICT = "宝安区?(光明|公明)"
OF_PROVINCE = "^广东省?$"
HOME_SLIP = "[光广][明名鸣铭茗](新?区)"
A_CITY = rf"({_HAN}{{2}})市"
DIVISIONS = rf"{'|'.join(_WIDE)}|新区|经济特区|[省市县区]|[^省市县区]{{2,4}}(?:街道|镇|社区)"
STEM_HEAD = r"^(\S+ \S+)"
LEGAL_USUAL = "^(?:有限责任)?公司$"
#: No more than these: many of them are words of two, and Python tries each way to part 集团有限公司集团有限公司…, twice as many for each.
WORDS_AT_END = "((?:{}){{1,6}})$"


def organisation_names(names: pl.Series, placeholders: frozenset[str]) -> pl.DataFrame:
    """The columns of ORGANISATION_NAME for a column of names as written."""
    return once(names, _folded_parts, placeholders)


@in_own_thread
def _folded_parts(names: pl.Series, placeholders: frozenset[str]) -> pl.DataFrame:
    return _parts(fold(names).to_frame("name").select(or_null(pl.col("name"), placeholders)))


def _parts(names: pl.DataFrame) -> pl.DataFrame:
    """Take the name apart from both ends: branch, legal form, place, industry; what is left is the stem."""
    words = vocabulary()
    # Worked out before they are looked at from several sides: nobody else would see that it is the same.
    bracketed = pl.col("bracketed")
    frame = names.select(_name_alone(pl.col("name").str.replace_all(r"[\[【]", "(").str.replace_all(r"[\]】]", ")")).alias("bracketed"))
    frame = frame.select(
        bracketed.str.replace_all(NO_LETTER, "").alias("name"),
        bracketed.str.replace_all(aside(), "").str.replace_all(NO_LETTER, "").alias("bare"),
        bracketed.str.extract(place_aside()).alias("aside_place"),
    )
    frame = frame.with_columns(_usual_words(frame["bare"]))
    frame = frame.with_columns(stem="bare")
    stem, is_body = pl.col("stem"), pl.col("is_body")
    frame = frame.with_columns(is_body=stem.str.contains(ends(words.bodies, "(?:{})$")))
    branch = pl.coalesce(*(stem.str.extract(branch_after(before)) for before in (words.legal_forms, words.industries)))
    frame = frame.with_columns(part=pl.when(~is_body).then(branch))
    frame = frame.with_columns(_without_end("part"))
    # The stem keeps two characters at least, so that what stands there is never taken for a form or an industry.
    frame = frame.with_columns(legal=pl.when(~is_body).then(stem.str.slice(2).str.extract(ends(words.legal_forms, WORDS_AT_END))))
    frame = frame.with_columns(_without_end("legal"))
    # 市政 is an industry: its 市 ends no city's name.
    of_firm = stem.str.replace_all("市政", "·").str.extract(firm_place())
    frame = frame.with_columns(place=pl.when(is_body).then(stem.str.extract(BODY_PLACE)).otherwise(of_firm))
    rest = stem.str.strip_prefix(pl.col("place").fill_null(""))
    frame = frame.with_columns(stem=pl.when(is_body | (rest.str.len_chars() >= 2)).then(rest).otherwise(stem))
    frame = _without_inner_place(frame)
    trade = stem.str.slice(2).str.extract(ends(words.industries, WORDS_AT_END))
    frame = frame.with_columns(industry=pl.when(is_body).then(stem.str.extract(ends(words.bodies, "((?:{}))$"))).otherwise(trade))
    frame = _without_inner_place(frame.with_columns(_without_end("industry")))
    return _sounds(_restored(frame.with_columns(is_whole=_is_whole(), is_shop=_is_shop())))


def _without_inner_place(frame: pl.DataFrame) -> pl.DataFrame:
    """华盛科技深圳有限公司 is 华盛科技(深圳)有限公司: a whole name that does not begin with its place has it within, in brackets or not."""
    stem, legal = pl.col("stem"), pl.col("legal")
    may_be = ~pl.col("is_body") & legal.is_not_null() & ~legal.is_in(sorted(vocabulary().spoken_forms)) & ~_is_placed()
    inner = pl.when(may_be).then(stem.str.extract(inner_place(), 2))
    return frame.with_columns(
        aside_place=pl.coalesce("aside_place", inner),
        stem=pl.when(inner.is_not_null()).then(stem.str.extract(inner_place())).otherwise(stem),
    )


def _is_whole() -> pl.Expr:
    """Whether the name is told from others by its own words: with a legal form, one of common speech only beside place or trade."""
    legal = pl.col("legal")
    told = pl.col("industry").is_not_null() | _is_placed() | ~legal.is_in(sorted(vocabulary().spoken_forms))
    return pl.col("is_body") | pl.col("part").is_not_null() | (legal.is_not_null() & told & ~_is_shop())


def _is_shop() -> pl.Expr:
    """Whether the name is one that many shops have, and does not say where it is."""
    called = pl.col("bare").str.contains(shop_name())
    return called & ~pl.col("is_body") & pl.col("part").is_null() & ~_is_placed()


def _is_placed() -> pl.Expr:
    return (pl.col("place").fill_null("") != "") | pl.col("aside_place").is_not_null()


def _name_alone(name: pl.Expr) -> pl.Expr:
    """Without what a form or a letter puts around the name: a role before it, "and others" after it, a note in brackets."""
    words = vocabulary()
    return name.str.replace(ends(words.firm_prefixes, "^(?:{}):"), "").str.replace_all(FORMER, "").str.replace(others(), "${1}")


def _usual_words(names: pl.Series) -> pl.Expr:
    """Short forms in full, numerals in characters, one slip in the legal form mended: it would hide where the stem ends.

    Dozens of patterns: few names have any of them to be read for.
    """
    name = pl.col(names.name)
    if names.str.contains(ends(tuple(vocabulary().short_for), "(?:{})$")).any():
        for short, long in vocabulary().short_for.items():
            name = name.str.replace(f"{short}$", long)
    if names.str.contains("第[0-9]").any():
        for number, numeral in enumerate(NUMERALS, 1):
            name = name.str.replace(rf"第{number}(\D)", f"第{numeral}${{1}}")
    name = name.str.replace(HOME_SLIP, "光明${1}").str.replace(HOME_FIRST, "第").str.replace(LEGAL_SLIP, "有限公司")
    return name.str.replace(LEGAL_SHORT, "有限公司").str.replace(POLICE, "${1}公安分局")


def _without_end(end: str) -> pl.Expr:
    return pl.col("stem").str.strip_suffix(pl.col(end).fill_null("")).alias("stem")


def _restored(frame: pl.DataFrame) -> pl.DataFrame:
    """Stem, industry and part made whole: where the stem is but an industry (光明电子厂), the place belongs to it."""
    only_industry = pl.col("stem").is_in(["", *sorted(trade_words())])
    frame = frame.with_columns(place=_spelt_right(frame["place"]))
    home = pl.when("is_body").then(pl.col("place").str.replace(HOME_PLACE, "")).otherwise("place")
    restored = pl.concat_str(home.fill_null(""), "stem")
    frame = frame.with_columns(stem=pl.when(only_industry).then(restored).otherwise("stem"))
    numerals = pl.when("is_body").then(pl.col("stem").str.replace_all(f"[^0-9{NUMERALS}]", "")).otherwise(pl.lit(""))
    return frame.with_columns(
        core=or_null(pl.concat_str("stem", pl.col("industry").fill_null(""))),
        stem=or_null(pl.col("stem")),
        part=or_null(pl.concat_str(pl.col("part").fill_null(""), numerals)),
        city=or_null(_city(pl.coalesce(pl.when(pl.col("place") != "").then("place"), "aside_place"))),
    )


def _spelt_right(places: pl.Series) -> pl.Series:
    """A city in other characters of its sound (冬莞市) is that city: as another it would keep apart all who name the one or the other."""
    meant = once(places.str.extract(A_CITY), _meant)["city"]
    return pl.select(pl.when(meant.is_not_null()).then(pl.concat_str(pl.lit(meant), pl.lit("市"))).otherwise(pl.lit(places))).to_series()


def _meant(cities: pl.Series) -> pl.DataFrame:
    """The city that sounds like each; null of one that there is."""
    return pl.DataFrame({"city": pl.Series([city_meant(city) for city in cities.to_list()], dtype=pl.String)})


def _city(place: pl.Expr) -> pl.Expr:
    """City and district without 市 and 区; the province before a city says nothing, and alone it is where the name is registered:
    广东华盛 and 深圳市华盛 are two.

    The home district was once a part of its neighbour; alone it is how people call any firm that works there. Of the home city
    none but its known districts count: 广明区 is a slip and no other place.
    """
    of_province = place.str.contains(OF_PROVINCE)
    place = place.str.replace_all(FORMER_DISTRICT, "${1}").str.replace_all("公明", "光明").str.replace_all("(?:光明)+", "光明")
    place = place.str.replace_all(DIVISIONS, "")
    place = place.str.replace("^光明$", "").str.replace(ends(vocabulary().districts, "^({})$"), "深圳${1}")
    known = place.str.contains(ends(vocabulary().districts, "^深圳(?:{})?$"))
    city = pl.when(place.str.starts_with("深圳") & ~known).then(pl.lit("深圳")).otherwise(place)
    return pl.when(of_province).then(pl.lit("广东")).otherwise(city)


def _sounds(frame: pl.DataFrame) -> pl.DataFrame:
    sounds = frame.with_columns(
        pinyin(frame["core"]).alias("core_pinyin"),
        look(frame["core"]).alias("core_look"),
        pinyin(frame["stem"]).alias("stem_pinyin"),
        look(frame["stem"]).alias("stem_look"),
    )
    head = pl.coalesce(pl.col("stem_pinyin").str.extract(STEM_HEAD), "stem_pinyin")
    trading = pl.when(pl.col("industry").is_not_null()).then("stem_pinyin")
    legal = pl.col("legal").fill_null("").str.replace(LEGAL_USUAL, "有限公司")
    formal = pl.when("is_whole").then(pl.concat_str("core", pl.lit("|"), legal, pl.lit("|"), pl.col("part").fill_null("")))
    return sounds.with_columns(stem_head=head, trading_stem=trading, formal=formal).select(*ORGANISATION_NAME)


@cache
def ends(words: tuple[str, ...], pattern: str) -> str:
    """A pattern with the words where it says `{}`."""
    return pattern.format("|".join(words))


@cache
def others() -> str:
    """A legal form or kind of body with "and others" after it."""
    words = vocabulary()
    return f"({'|'.join((*words.legal_forms, *words.bodies))})等[0-9{NUMERALS}两几多]*[家个]?(?:公司|企业|单位)?$"


@cache
def city_meant(city: str) -> str | None:
    """The known city that sounds like one that there is not: 东莞 for 冬莞, none for 抚州."""
    words = vocabulary()
    known = (*words.places, *words.other_cities, *words.sounding_cities)
    return None if city in known else _cities_by_sound().get(pinyin_one(city))


@cache
def _cities_by_sound() -> dict[str, str]:
    return {pinyin_one(city): city for city in ("深圳", *vocabulary().other_cities)}


@cache
def trade_words() -> frozenset[str]:
    """Words that are no stem by themselves."""
    words = vocabulary()
    return frozenset((*words.industries, *words.legal_forms, *words.bodies))


@cache
def place_aside() -> str:
    """A place in brackets."""
    return rf"\(({'|'.join(vocabulary().places)})市?\)"


@cache
def inner_place() -> str:
    """A city or the province at the end of a stem, and what stands before it."""
    words = vocabulary()
    cities = "|".join(place for place in words.places if place in ("广东", "深圳", *words.other_cities))
    return rf"^({_HAN}{{2,}}?)({cities})市?$"


@cache
def aside() -> str:
    """What stands in brackets and is no part of the name: a place, a legal form."""
    words = vocabulary()
    places = "|".join(f"{re.escape(place)}市?" for place in words.places)
    return rf"\((?:{places}|{'|'.join(words.legal_forms)})\)"


@cache
def firm_place() -> str:
    """Province, city, district, street, each at most once; 超市, 城市 and the like end in 市 and are no cities."""
    known = f"(?:{'|'.join(vocabulary().places)})"
    return (
        rf"^((?:{_HAN}{{2,3}}省|{known}市?)?(?:{known}市?|{_HAN}{{1,2}}[^超城都门夜]市)?(?:{known}|{_HAN}{{1,2}}[^小社园业景]区|{_HAN}{{2,3}}县)?"
        rf"(?:{_HAN}{{2,3}}(?:街道|镇|社区))?)"
    )


@cache
def shop_name() -> str:
    """A name that many shops have: 兰州拉面, 便民超市, 阿强汽修店."""
    words = vocabulary()
    names = "|".join(words.shop_names)
    return rf"^(?:(?:{names}|[阿老小]{_HAN}){_HAN}{{0,4}}(?:{'|'.join(words.shops)})|{names})$"


@cache
def branch_after(before: tuple[str, ...]) -> str:
    """A branch, after one of these words."""
    return rf"(?:{'|'.join(before)}){{1,6}}({_HAN}{{0,8}}(?:分公司|分店|分部|分厂|分行|支行|项目部))$"
