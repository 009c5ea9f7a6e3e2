"""Addresses by parts: street, community, road, number, estate, building, room; never compared as one string.

Enters a column of addresses as written, leaves the columns of `ADDRESS`. A part that an address does not name is null.
"""

from __future__ import annotations

from functools import cache

import polars as pl

from matching.characters import fold, once, or_null
from matching.own_thread import in_own_thread
from matching.vocabulary import vocabulary
from schema.codes import communities, streets

#: The parts, outermost first.
ADDRESS = ("street", "community", "road", "number", "estate", "building", "room")
#: The district or, of another city, the city: the same road is in many. A district that was once part of another counts as that one.
DISTRICT = "address_district"

_HAN = r"\p{Han}"
# A room's digits stand before 室 or 房, or last after a building, a unit or a road's number, which has been taken off.
ROOM_NAMED = r"([A-Z]?\d{2,4}[A-Z]?)(?:室|房|号房|号铺|铺)"
ROOM_LAST = r"(?:^|栋|幢|座|号楼|单元|#|-|排\d{1,3}号)[A-Z]?(\d{3,4}[A-Z]?)$"
ROADS = "大道|大街|公路|环路|一路|二路|三路|四路|五路|东路|西路|南路|北路|中路|路|街|巷|道|胡同"
#: Province, city and district (or county) are passed over; 小区, 园区 and the like are no districts.
ADMINISTRATION = rf"^(?:{_HAN}{{2,3}}省|{_HAN}{{2,5}}自治区)?(?:{_HAN}{{2,4}}?市)?(?:{_HAN}{{1,4}}?(?:[^小社园业住地矿校院发]区|县|市))?"
STREET = rf"^({_HAN}{{2,4}}?(?:街道办事处|街道办|街道|镇|乡))"
# 合水口新村 is an estate in the community 合水口.
COMMUNITY = rf"^({_HAN}{{0,4}}?(?:{_HAN}(?:村?社区|居委会|村委会)|[\p{{Han}}&&[^新]]村))"
FRONT = rf"^({_HAN}{{2,6}}?(?:花园|小区|苑|家园|雅居|新村|公寓|名庭|华府|大厦|工业园|科技园))"
ROAD = rf"^({_HAN}{{1,6}}?(?:{ROADS}))"
ASIDE = r"[((][^))]*[))]|[,。,.;;、:'\"|]"
COMMITTEE = "(?:社区|居委会|村委会)$"
VILLAGE = rf"^({_HAN}{{2,}})村$"
HOME = "光明"
BUILDING = r"([0-9A-Z一二三四五六七八九十]{1,4})(?:栋|幢|座|号楼|#)"
#: Houses of a village stand in rows: 十排19号.
ROW = r"([0-9一二三四五六七八九十]{1,3})排(\d{1,3})号"
NUMBER = r"^([A-Z]?\d{1,5}(?:[-–之]\d{1,4})?)号(?:[^楼]|$)"


#: What is taken off an address's beginning, one after another.
IN_TURN = (("street", STREET), ("community", COMMUNITY), ("front", FRONT), ("road", ROAD))


def addresses(values: pl.Series, placeholders: frozenset[str] = frozenset()) -> pl.DataFrame:
    """The columns of ADDRESS, DISTRICT, and `places`: the spots named, to meet by (an estate stands on a road, and either may be said).

    Args:
        values: addresses as written, of any department.
        placeholders: folded texts that are no address.
    """
    return once(values, _parts, placeholders)


def street_name(code: str | None) -> str | None:
    """`street_names` of one code."""
    return None if code is None else streets().get(code)


def community_name(code: str | None) -> str | None:
    """`community_names` of one code."""
    name = None if code is None else communities().get(code)
    return None if name is None else _bare_community(name)


def street_names(codes: pl.Series) -> pl.Series:
    """Names of street codes; a code that is not of the list becomes null."""
    return codes.replace_strict(list(streets()), list(streets().values()), default=None, return_dtype=pl.String)


def community_names(codes: pl.Series) -> pl.Series:
    """Names of community codes, without 社区, as `addresses` gives them."""
    names = [_bare_community(name) for name in communities().values()]
    return codes.replace_strict(list(communities()), names, default=None, return_dtype=pl.String)


@in_own_thread
def _parts(values: pl.Series, placeholders: frozenset[str]) -> pl.DataFrame:
    """Take off what an address begins with, a part at a time: a short expression for each costs a third of one for all."""
    rest = pl.col("rest")
    plain = or_null(rest, placeholders).str.replace_all(ASIDE, "")
    frame = fold(values).to_frame("rest").select(plain)
    district = rest.str.extract(outside()).alias("city"), rest.str.extract(district_named()).alias("district")
    frame = frame.select(rest.str.replace(ADMINISTRATION, ""), *district)
    for part, pattern in IN_TURN:
        found = rest.str.extract(pattern)
        if part == "front":  # 东明花园路 is a road and no estate
            found = pl.when(~rest.str.strip_prefix(found).str.contains(f"^(?:{ROADS})")).then(found)
        frame = frame.with_columns(found.alias(part)).with_columns(rest.str.strip_prefix(pl.col(part).fill_null("")))
    frame = frame.with_columns(number=pl.when(pl.col("road").is_not_null()).then(rest.str.extract(NUMBER)))
    counted = pl.concat_str("number", pl.lit("号"))
    frame = frame.with_columns(rest.str.strip_prefix(counted.fill_null("")))
    known_community = pl.col("road").str.extract(community_and_road(), 1)
    in_row = pl.concat_str(_numeral(rest.str.extract(ROW, 1)), rest.str.extract(ROW, 2), separator="-")
    parts = frame.select(
        "street",
        pl.coalesce(pl.col("community").str.replace(COMMITTEE, "").str.replace(VILLAGE, "$1"), known_community),
        # 合水口长春路 is 合水口社区长春路: a known community's name before a road of two characters or more.
        pl.coalesce(pl.col("road").str.extract(community_and_road(), 2), "road"),
        pl.col("number").str.replace_all("[之–]", "-"),
        pl.coalesce("front", rest.str.extract(estate_named())).alias("estate"),
        pl.coalesce(in_row, _numeral(rest.str.extract(BUILDING))).alias("building"),
        pl.coalesce(rest.str.extract(ROOM_NAMED), rest.str.extract(ROOM_LAST)).alias("room"),
        _district().alias(DISTRICT),
    )
    spots = pl.concat_list(pl.concat_str("road", "number", separator="/"), "estate").list.drop_nulls()
    return parts.with_columns(places=spots)


def _district() -> pl.Expr:
    """The city where it is another, else the district that is named, or that the street is in."""
    divisions = vocabulary().divisions
    of_street = pl.when(pl.col("street").is_in(sorted(streets().values()))).then(pl.lit(divisions[HOME]))
    return pl.coalesce("city", pl.col("district").replace_strict(divisions, default=None, return_dtype=pl.String), of_street)


@cache
def district_named() -> str:
    """A district of the city, at the beginning."""
    return rf"^(?:广东省?)?(?:深圳市?)?({'|'.join(vocabulary().divisions)})新?区"


@cache
def outside() -> str:
    """Another city, at the beginning or after its province, 省 and 自治区 left out or not; 中山市场 is none."""
    words = vocabulary()
    return rf"^(?:(?:{'|'.join(words.provinces)})(?:省|{_HAN}{{0,3}}自治区)?)?({'|'.join(words.other_cities)})市[^场]"


def _numeral(text: pl.Expr) -> pl.Expr:
    """Chinese numerals up to 99 as digits (十二 → 12)."""
    ten = text.str.replace(r"^十$", "10").str.replace(r"^十", "1").str.replace(r"十$", "0").str.replace("十", "")
    return ten.str.replace_many(list("一二三四五六七八九"), list("123456789"))


@cache
def estate_named() -> str:
    """An estate by its ending, anywhere."""
    kinds = "|".join(vocabulary().estates)
    return rf"([\p{{Han}}&&[^号]][{_HAN}A-Z0-9]{{1,9}}?(?:{kinds}))"


@cache
def community_and_road() -> str:
    """A known community's name before a road's."""
    known = sorted((_bare_community(name) for name in communities().values()), key=len, reverse=True)
    return rf"^({'|'.join(known)})({_HAN}{{2,6}}(?:大道|路|街|巷))$"


def _bare_community(name: str) -> str:
    return name.removesuffix("社区")
