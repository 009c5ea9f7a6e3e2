"""The made-up map of the district, and how an address is told: communities, estates, parks, road-side addresses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from schema import codes
from simulator.columns import Flags, Floats, Ints, Random, chance, draw, glue, pick, strings, words
from simulator.rates import AddressRates

ESTATE, PARK, ROADSIDE = 0, 1, 2
KINDS = {"home": ESTATE, "estate": ESTATE, "park": PARK, "road": ROADSIDE}
#: Places of a kind in one community.
_PER_COMMUNITY = (40, 10, 40)
METRES_A_DEGREE = 111_320.0
_BUILDING_WORDS = ("栋", "座", "号楼", "幢")
_MOST_BUILDINGS, _MOST_ROOMS = 40, 3_400


@dataclass(frozen=True)
class Address:
    """Where something is: a place of the map, a building of it and a room; 0 where it has none."""

    place: Ints
    building: Ints
    room: Ints

    @property
    def parts(self) -> tuple[Ints, Ints, Ints]:
        """Place, building, room."""
        return self.place, self.building, self.room

    def take(self, rows: Ints) -> Address:
        """The addresses of these rows."""
        return Address(self.place[rows], self.building[rows], self.room[rows])

    def set(self, rows: Ints, other: Address) -> None:
        """Put other addresses into these rows."""
        self.place[rows], self.building[rows], self.room[rows] = other.place, other.building, other.room


@dataclass(frozen=True)
class Places:
    """All places of the map; a place is its number."""

    kind: Ints
    community: Ints  # number in `communities`
    street: Ints  # number in `streets`
    road: pl.Series
    name: pl.Series  # of the estate or park; empty at the road side
    longitude: Floats
    latitude: Floats
    buildings: Ints
    community_codes: pl.Series
    community_names: pl.Series
    street_codes: pl.Series
    street_names: pl.Series

    def of_kind(self, kind: int) -> Ints:
        """The places of a kind."""
        return np.flatnonzero(self.kind == kind)


def build_places(rng: Random) -> Places:
    """Lay out the map."""
    vocabulary, listed, streets = words("places"), codes.communities(), codes.streets()
    middles = np.array([vocabulary["middles"][name] for name in listed.values()])
    kind = np.tile(np.repeat(np.arange(3), _PER_COMMUNITY), len(listed))
    community = np.repeat(np.arange(len(listed)), sum(_PER_COMMUNITY))
    count = len(kind)
    offset = np.clip(rng.normal(0, 300, (count, 2)), -700, 700) / METRES_A_DEGREE
    street_list = list(streets)
    return Places(
        kind=kind,
        community=community,
        street=np.array([street_list.index(code[:9]) for code in listed], dtype=np.int64)[community],
        road=_roads(rng, vocabulary, community),
        name=_names(rng, vocabulary, kind),
        longitude=middles[community, 0] + offset[:, 0] / np.cos(np.radians(22.75)),
        latitude=middles[community, 1] + offset[:, 1],
        buildings=np.where(kind == ESTATE, rng.integers(3, 30, count), np.where(kind == PARK, rng.integers(2, 14, count), 0)),
        community_codes=strings(list(listed)),
        community_names=strings(list(listed.values())),
        street_codes=strings(street_list),
        street_names=strings(list(streets.values())),
    )


def _roads(rng: Random, vocabulary: dict[str, list[str] | str], community: Ints) -> pl.Series:
    """A road with a number for each place; a community has a dozen roads."""
    stems, kinds = str(vocabulary["road_stems"]).split(), strings(vocabulary["road_kinds"])
    of_community = rng.integers(0, len(stems), (community.max() + 1, 12))
    of_kind = rng.integers(0, len(kinds), (community.max() + 1, 12))
    which = rng.integers(0, 12, len(community))
    numbers = pl.Series(rng.integers(1, 400, len(community))).cast(pl.String)
    return glue(pick(strings(stems), of_community[community, which]), pick(kinds, of_kind[community, which]), numbers, "号")


def _names(rng: Random, vocabulary: dict[str, list[str] | str], kind: Ints) -> pl.Series:
    """Estates and parks by name; nothing at the road side."""
    count = len(kind)
    estates = glue(_some(rng, str(vocabulary["estate_stems"]).split(), count), _some(rng, vocabulary["estate_kinds"], count))
    parks = glue(_some(rng, str(vocabulary["park_stems"]).split(), count), _some(rng, vocabulary["park_kinds"], count))
    stacked = pl.concat([estates, parks, strings([""])])
    at = np.arange(count)
    return stacked.gather(np.where(kind == ESTATE, at, np.where(kind == PARK, count + at, 2 * count)))


def _some(rng: Random, vocabulary: list[str] | str, count: int) -> pl.Series:
    return pick(strings(list(vocabulary)), rng.integers(0, len(vocabulary), count))


def settle(rng: Random, places: Places, place: Ints) -> Address:
    """A building and a room at each place."""
    estate, park = places.kind[place] == ESTATE, places.kind[place] == PARK
    count = len(place)
    building = np.where(places.buildings[place] > 0, 1 + (rng.random(count) * places.buildings[place]).astype(np.int64), 0)
    home = rng.integers(1, 33, count) * 100 + rng.integers(1, 9, count)
    shop = np.where(chance(rng, 0.6, count), 100 + rng.integers(1, 20, count), 0)
    return Address(place.copy(), building, np.where(estate, home, np.where(park, rng.integers(1, 9, count), shop)))


@dataclass(frozen=True)
class Manner:
    """How an address is told: what is left out, and in which words the rest is said."""

    province: Flags
    city: Flags
    street: Flags
    community: Flags
    road: Flags
    building: Flags
    room: Flags
    swapped: Flags
    wording: Ints


def in_full(count: int) -> Manner:
    """Told in full."""
    no, yes = np.zeros(count, dtype=np.bool_), np.ones(count, dtype=np.bool_)
    return Manner(yes, yes, yes, yes, yes, yes, yes, no, np.zeros(count, dtype=np.int64))


def manners(rng: Random, rates: AddressRates, count: int) -> Manner:
    """As people tell it, at the stated rates."""
    city = ~chance(rng, rates.no_city, count)
    building = ~chance(rng, rates.no_building, count)
    return Manner(
        province=city & ~chance(rng, rates.no_province, count),
        city=city,
        street=~chance(rng, rates.no_street, count),
        community=~chance(rng, rates.no_community, count),
        road=~chance(rng, rates.no_road, count),
        building=building,
        room=building & ~chance(rng, rates.no_room, count),
        swapped=chance(rng, rates.other_order, count),
        wording=np.where(chance(rng, rates.other_words, count), rng.integers(1, 12, count), 0),
    )


def spell(places: Places, address: Address, manner: Manner) -> pl.Series:
    """Addresses as text."""
    return glue(_fronts(places, address.place, manner), *_backs(places, address, manner))


def _fronts(places: Places, place: Ints, manner: Manner) -> pl.Series:
    """Province down to the estate; each way of telling a place is put together once."""
    flags = (manner.province, manner.city, manner.street, manner.community, manner.road, manner.swapped)
    key = place.copy()
    for flag in flags:
        key = key * 2 + flag
    distinct, back = np.unique(key, return_inverse=True)
    bits = [(distinct >> (len(flags) - 1 - number)) & 1 == 1 for number in range(len(flags))]
    told = distinct >> len(flags)
    named = places.kind[told] != ROADSIDE
    road = _if(pick(places.road, told), bits[4] | ~named)
    name = pick(places.name, told)
    swapped = bits[5] & named
    return pick(
        glue(
            _if("广东省", bits[0]),
            _if("深圳市", bits[1]),
            "光明区",
            _if(pick(places.street_names, places.street[told]), bits[2]),
            _if(pick(places.community_names, places.community[told]), bits[3]),
            _if(name, swapped),
            road,
            _if(name, ~swapped),
        ),
        back,
    )


def _if(piece: pl.Series | str, flags: Flags) -> pl.Series:
    words_ = strings([piece]).gather(np.zeros(len(flags), dtype=np.int64)) if isinstance(piece, str) else piece
    return pl.select(pl.when(pl.Series(flags)).then(words_).otherwise(pl.lit(""))).to_series()


def _backs(places: Places, address: Address, manner: Manner) -> tuple[pl.Series, pl.Series]:
    """Building and room, from tables of all there can be."""
    building_word, room_word = manner.wording % len(_BUILDING_WORDS), manner.wording // len(_BUILDING_WORDS)
    table = [""] + [f"{number}{word}" for word in _BUILDING_WORDS for number in range(1, _MOST_BUILDINGS + 1)]
    building = np.where(manner.building & (address.building > 0), building_word * _MOST_BUILDINGS + address.building, 0)
    kind = places.kind[address.place]
    line = np.select([kind == PARK, kind == ROADSIDE], [3, 4], np.minimum(room_word, 2))
    room = np.where(manner.room & (address.room > 0), line * _MOST_ROOMS + address.room, 0)
    return pick(strings(table), building), pick(_room_table(), room)


def _room_table() -> pl.Series:
    numbers = pl.Series(np.arange(_MOST_ROOMS)).cast(pl.String)
    lines = [glue(numbers, ending) for ending in ("房", "室", "", "楼", "铺")]
    return pl.concat([strings([""]), lines[0].slice(1), *lines[1:]])


def short_names(places: Places, place: Ints, rng: Random, rough: Flags) -> pl.Series:
    """A place in running text: by its community, its estate or its road."""
    which = np.where(rough, 0, draw(rng, [0.0, 0.45, 0.2, 0.35], len(place)))
    community = pick(places.community_names, places.community)
    street = pick(places.street_names, places.street)
    named = pl.select(pl.when(places.name == "").then(places.road).otherwise(places.name)).to_series()
    table = pl.concat([community, glue(community, named), glue(street, named), named])
    return pick(table, which * len(places.kind) + place)


def move(rng: Random, longitude: Floats, latitude: Floats, metres: float | Floats) -> tuple[Floats, Floats]:
    """Points spread about by so many metres (one standard deviation)."""
    east, north = rng.normal(0, 1, (2, len(longitude))) * metres / METRES_A_DEGREE
    return np.round(longitude + east / np.cos(np.radians(22.75)), 6), np.round(latitude + north, 6)
