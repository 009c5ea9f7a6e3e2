"""Names of organisations, comparable: place, stem, industry, legal form and branch apart.

Enters names as written, leaves the columns of `ORGANISATION_NAME`. 深圳市维珍妮鞋业有限公司 has the city 深圳, the stem
维珍妮, the industry 鞋业, and the core 维珍妮鞋业; a school or an office keeps its place, which is part of its name.
"""

from __future__ import annotations

import re
from functools import cache

import polars as pl

from matching.characters import fold, look, once, pinyin, without
from matching.vocabulary import vocabulary

ORGANISATION_NAME: dict[str, type[pl.DataType]] = {
    "name": pl.String,  # whole, simplified, without brackets
    "core": pl.String,  # without place, legal form and branch
    "core_pinyin": pl.String,
    "stem": pl.String,  # the core without its industry
    "stem_pinyin": pl.String,
    "stem_head": pl.String,  # the stem's first two syllables: a slip further on leaves them whole
    "stem_look": pl.String,
    "industry": pl.String,
    "city": pl.String,  # null where the name tells none, or only the district's own
    "part": pl.String,  # branch, and the numerals that tell 第一小学 from 第二小学
    "is_whole": pl.Boolean,  # with its legal form, or the word that says what kind of body it is
}
_HAN = r"\p{Han}"
_HOME = ("广东", "光明新区", "光明", "宝安", "公明", "中国", "中华", "全国")
_NUMERALS = "一二三四五六七八九十"


def organisation_names(names: pl.Series, placeholders: frozenset[str]) -> pl.DataFrame:
    """The columns of ORGANISATION_NAME for a column of names as written."""
    return once(names, lambda distinct: _parts(without(fold(distinct), placeholders)))


def _parts(names: pl.Series) -> pl.DataFrame:
    whole = names.str.replace_all(r"[\[【]", "(").str.replace_all(r"[\]】]", ")")
    name = whole.str.replace_all(r"[^\p{Han}A-Z0-9]", "")
    bare = whole.str.replace_all(_aside(), "").str.replace_all(r"[^\p{Han}A-Z0-9]", "")
    for short, long in vocabulary().short_for.items():
        bare = bare.str.replace(f"{short}$", long)
    bare = bare.str.replace("^光明区?第", "第").str.replace(r"有限公\p{Han}|有限\p{Han}司|\p{Han}限公司", "有限公司")
    is_body = bare.str.contains(f"(?:{'|'.join(vocabulary().bodies)})$")
    firm = bare.str.extract_groups(_firm()).struct.unnest()
    body = bare.str.extract_groups(_body()).struct.unnest()
    frame = pl.DataFrame({"name": name, "is_body": is_body, "firm": firm.to_struct(), "body": body.to_struct()})
    chosen = [
        pl.when("is_body").then(_field("body", part)).otherwise(_field("firm", part)).alias(part)
        for part in ("place", "stem", "industry", "part")
    ]
    frame = frame.with_columns(*chosen, is_whole=pl.col("is_body") | (_field("firm", "legal").fill_null("") != ""))
    return _sounds(_restored(frame).with_columns(city=_city(frame["place"])))


def _restored(frame: pl.DataFrame) -> pl.DataFrame:
    """Stem, industry and part made whole: where the stem is but an industry (光明电子厂), the place belongs to it."""
    words = vocabulary()
    only_industry = pl.col("stem").is_in(sorted({*words.industries, *words.legal_forms, *words.bodies}))
    frame = frame.with_columns(stem=pl.when(only_industry).then(pl.concat_str("place", "stem")).otherwise("stem"))
    numerals = pl.col("stem").str.replace_all(f"[^0-9{_NUMERALS}]", "")
    part = pl.concat_str(pl.col("part").fill_null(""), pl.when("is_body").then(numerals).otherwise(pl.lit("")))
    return frame.with_columns(
        pl.concat_str("stem", "industry").alias("core"),
        pl.when(pl.col("industry") != "").then("industry").alias("industry"),
        pl.when(part != "").then(part).alias("part"),
    )


def _sounds(frame: pl.DataFrame) -> pl.DataFrame:
    stem = pinyin(frame["stem"])
    return frame.with_columns(
        pinyin(frame["core"]).alias("core_pinyin"),
        stem.alias("stem_pinyin"),
        stem.str.extract(r"^(\S+ \S+)").fill_null(stem).alias("stem_head"),
        look(frame["stem"]).alias("stem_look"),
    ).select(*ORGANISATION_NAME)


def _field(struct: str, part: str) -> pl.Expr:
    return pl.col(struct).struct.field(part)


def _city(places: pl.Series) -> pl.Series:
    """The city that a place names; the district and the province, which go with any of its firms, name none."""
    city = places.str.replace_all(f"{'|'.join(_HOME)}|[省市县区]|新区|经济特区|{_HAN}{{2,4}}(?:街道|镇|社区)", "")
    return city.to_frame("city").select(pl.when(pl.col("city") != "").then("city"))["city"]


@cache
def _aside() -> str:
    """What stands in brackets and is no part of the name: a place, a legal form."""
    words = vocabulary()
    places = "|".join(f"{re.escape(place)}市?" for place in words.places)
    return rf"\((?:{places}|{'|'.join(words.legal_forms)})\)"


def _places() -> str:
    # 超市, 城市 and the like end in 市 and are no cities.
    named = rf"{_HAN}{{2,3}}省|{_HAN}{{1,2}}[^超城都门夜]市|{_HAN}{{2,3}}县|{_HAN}{{1,2}}[^小社园业景]区|{_HAN}{{2,3}}(?:街道|镇|社区)"
    return f"(?:{named}|(?:{'|'.join(vocabulary().places)})市?)"


@cache
def _firm() -> str:
    words = vocabulary()
    return (
        rf"^(?P<place>{_places()}*)(?P<stem>.{{2,}}?)(?P<industry>(?:{'|'.join(words.industries)})*)"
        rf"(?P<legal>(?:{'|'.join(words.legal_forms)})*)(?P<part>{_HAN}{{0,8}}(?:分公司|分店|分部|分厂|分行|支行|项目部))?$"
    )


@cache
def _body() -> str:
    """A school, a hospital, an office: province, city and the district itself are passed over, the rest is its name."""
    bodies = "|".join(vocabulary().bodies)
    return rf"^(?P<place>(?:广东省|广东|深圳市|深圳|光明新区|光明区)*)(?P<stem>.{{2,}}?|.*?)(?P<industry>(?:{bodies}))(?P<part>)$"
