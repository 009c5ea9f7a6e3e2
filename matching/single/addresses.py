"""Addresses, one at a time: `matching.addresses` for one value."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

from matching import addresses
from matching.addresses import ADDRESS, DISTRICT, HOME
from matching.characters import fold_one
from matching.single.patterns import REMEMBERED, column, contains, extract, is_ordinary, without, without_first
from matching.vocabulary import vocabulary
from schema.codes import streets

_NOWHERE: Mapping[str, Any] = dict.fromkeys((*ADDRESS, DISTRICT, "places"))
_NUMERALS = str.maketrans("一二三四五六七八九", "123456789")


@lru_cache(REMEMBERED)
def address(text: str | None, placeholders: frozenset[str]) -> Mapping[str, Any]:
    """The columns of ADDRESS, DISTRICT and `places` of one address as written."""
    if text is None:
        return _NOWHERE
    if not is_ordinary(text):
        return column(partial(addresses.addresses, placeholders=placeholders), text)
    plain = fold_one(text)
    if plain is None or plain in placeholders:
        return {**_NOWHERE, "places": []}
    whole = without(addresses.ASIDE, plain)
    rest, taken = without_first(addresses.ADMINISTRATION, whole), dict[str, str | None]()
    for part, pattern in addresses.IN_TURN:
        found = extract(pattern, rest)
        if part == "front" and found is not None and contains(f"^(?:{addresses.ROADS})", rest.removeprefix(found)):
            found = None
        taken[part] = found
        rest = rest.removeprefix(found or "")
    number = extract(addresses.NUMBER, rest) if taken["road"] is not None else None
    named = _named(taken, number, rest.removeprefix(f"{number}号") if number is not None else rest)
    return {**named, DISTRICT: _district(whole, taken["street"])}


def _district(whole: str, street: str | None) -> str | None:
    city, divisions = extract(addresses.outside(), whole), vocabulary().divisions
    if city is not None:
        return city
    named = extract(addresses.district_named(), whole)
    return divisions[named or HOME] if named is not None or street in streets().values() else None


def _named(taken: Mapping[str, str | None], number: str | None, rest: str) -> Mapping[str, Any]:
    """What the parts are called, and the rest looked through for what may stand anywhere in it."""
    road, community = taken["road"], taken["community"]
    if community is not None:
        community = without_first(addresses.VILLAGE, without_first(addresses.COMMITTEE, community), lambda found: found[1])
    else:
        community = extract(addresses.community_and_road(), road)
    road = extract(addresses.community_and_road(), road, 2) or road
    number = None if number is None else without("[之–]", number, "-")
    estate = taken["front"] if taken["front"] is not None else extract(addresses.estate_named(), rest)
    room, row = extract(addresses.ROOM_NAMED, rest), _numeral(extract(addresses.ROW, rest))
    spots = (None if road is None or number is None else f"{road}/{number}", estate)
    return {
        "street": taken["street"],
        "community": community,
        "road": road,
        "number": number,
        "estate": estate,
        "building": _numeral(extract(addresses.BUILDING, rest)) if row is None else f"{row}-{extract(addresses.ROW, rest, 2)}",
        "room": room if room is not None else extract(addresses.ROOM_LAST, rest),
        "places": [spot for spot in spots if spot is not None],
    }


def _numeral(text: str | None) -> str | None:
    if text is None:
        return None
    ten = without_first("^十", without_first("^十$", text, "10"), "1")
    return without_first("十", without_first("十$", ten, "0")).translate(_NUMERALS)
