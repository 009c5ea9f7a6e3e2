"""The people of the world: names, birth dates, numbers, homes, and who they are to one another.

Persons are columns. Couples, twins, fathers and sons, namesakes and people who share a telephone stand two by two, so that one column
of partners tells them all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from simulator.columns import Flags, Ints, Random, chance, draw, either, glue, pick, strings, words
from simulator.numbers import areas, phones, resident_ids
from simulator.places import ESTATE, Address, Places, settle
from simulator.rates import PeopleRates

UNRELATED, TWINS, FATHER_SON, NAMESAKES, SHARED_PHONE, COUPLE = range(6)
RELATIONS = ("unrelated", "twins", "father_son", "same_name_street", "shared_phone", "couple")
_YEAR = 365.2425


@dataclass
class People:
    """The people, a column an attribute. A person is their number."""

    surname: Ints
    first: Ints
    second: Ints  # number of a character; 0 is none
    is_male: Ints
    birth: Ints  # days since 1970
    area: Ints
    phone: Ints  # number in `phone_numbers`
    second_phone: Ints  # -1: none
    home: Address
    former_home: Address
    moved: Ints  # seconds since 1970; before it the former home holds; 0: never moved
    relation: Ints
    partner: Ints  # -1: none


@dataclass(frozen=True)
class Persons:
    """The people as they stand in the world's frame, and what records call them by."""

    people: People
    name: pl.Series
    other_name: pl.Series  # the married name, null where none
    id_no: pl.Series
    phone: pl.Series
    second_phone: pl.Series


@dataclass(frozen=True)
class Related:
    """Who is whose: the numbers of the second of each pair and of the first."""

    spouses: Ints
    spouse_of: Ints
    kin: Ints
    kin_of: Ints
    neighbours: Ints
    neighbour_of: Ints
    juveniles: Ints


def draw_people(rng: Random, rates: PeopleRates, places: Places, count: int, paired: int, today: int) -> People:
    """People of all ages, of whom the first `paired` hold the stated shares of twins and other pairs."""
    vocabulary = _characters()
    is_male = rng.integers(0, 2, count)
    birth = today - (np.clip(rng.gamma(6.5, 3.8, count) + 17, 18, 88) * _YEAR).astype(np.int64)
    first, second = _given(rng, rates, is_male, birth)
    home = settle(rng, places, places.of_kind(ESTATE)[rng.integers(0, len(places.of_kind(ESTATE)), count)])
    people = People(
        surname=draw(rng, vocabulary.surname_weights, count),
        first=first,
        second=second,
        is_male=is_male,
        birth=birth,
        area=areas(rng, birth),
        phone=np.arange(count),
        second_phone=np.where(chance(rng, rates.second_phone, count), count + np.arange(count), -1),
        home=home,
        former_home=settle(rng, places, rng.permutation(home.place)),
        moved=np.where(chance(rng, rates.moved_house, count), today * 86_400 - (rng.random(count) * 480 * 86_400).astype(np.int64), 0),
        relation=np.zeros(count, dtype=np.int64),
        partner=np.full(count, -1, dtype=np.int64),
    )
    _pair(rng, rates, places, people, paired)
    return people


@dataclass(frozen=True)
class _Characters:
    surnames: pl.Series
    surname_weights: list[float]
    letters: pl.Series
    by_era: list[Ints]  # old man, old woman, … new woman: numbers in `letters`
    twin: Ints


def _characters() -> _Characters:
    vocabulary = words("people")
    listed = vocabulary["surnames"].split()
    eras = list(vocabulary["given"].values())
    letters = ["", *sorted(set("".join(eras) + vocabulary["twin"]))]
    number = {letter: place for place, letter in enumerate(letters)}
    return _Characters(
        surnames=strings(listed[0::2]),
        surname_weights=[float(weight) for weight in listed[1::2]],
        letters=strings(letters),
        by_era=[np.array([number[letter] for letter in era]) for era in eras],
        twin=np.array([number[letter] for letter in vocabulary["twin"]]),
    )


def _given(rng: Random, rates: PeopleRates, is_male: Ints, birth: Ints) -> tuple[Ints, Ints]:
    """Given names by sex and generation; the characters stand in order of use, and fall off as such lists do."""
    era = np.digitize(birth, [-5 * _YEAR, 20 * _YEAR]) * 2 + (1 - is_male)
    lists = _characters().by_era
    first, second = np.zeros((2, len(era)), dtype=np.int64)
    for number, listed in enumerate(lists):
        rows = np.flatnonzero(era == number)
        weights = 1 / (np.arange(len(listed)) + 9.0)
        first[rows] = listed[draw(rng, weights, len(rows))]
        second[rows] = listed[draw(rng, weights, len(rows))]
    single = chance(rng, rates.single_given, len(era))
    return first, np.where(single, 0, second)


def _pair(rng: Random, rates: PeopleRates, places: Places, people: People, paired: int) -> None:
    """Make neighbours in the column into pairs of people who resemble one another."""
    shares = [rates.twins, rates.father_son, rates.same_name_street, rates.shared_phone]
    sizes = [max(min(2, paired // 16), round(share * paired / 2)) for share in shares]
    order = rng.permutation(paired // 2)[: sum(sizes)] * 2
    bounds = np.cumsum([0, *sizes])
    twins, sons, namesakes, sharers = (order[bounds[number] : bounds[number + 1]] for number in range(4))
    for relation, first in ((TWINS, twins), (FATHER_SON, sons), (NAMESAKES, namesakes), (SHARED_PHONE, sharers)):
        people.relation[first], people.relation[first + 1] = relation, relation
        people.partner[first], people.partner[first + 1] = first + 1, first
        people.moved[first], people.moved[first + 1] = 0, 0
    _make_twins(rng, rates, people, twins)
    _make_sons(rng, rates, people, sons)
    _make_namesakes(rng, places, people, namesakes)
    people.phone[sharers + 1] = people.phone[sharers]
    people.second_phone[sharers], people.second_phone[sharers + 1] = -1, -1


def _make_twins(rng: Random, rates: PeopleRates, people: People, first: Ints) -> None:
    second = first + 1
    twin = _characters().twin
    same_sex = chance(rng, 0.75, len(first))
    letter = twin[rng.integers(0, len(twin), len(first))]
    people.second[second] = np.where(letter == people.second[first], twin[0], letter)
    people.is_male[second] = np.where(same_sex, people.is_male[first], 1 - people.is_male[first])
    for name in ("surname", "first", "birth", "area"):
        getattr(people, name)[second] = getattr(people, name)[first]
    _share(rng, rates, people, first, second)


def _make_sons(rng: Random, rates: PeopleRates, people: People, father: Ints) -> None:
    son = father + 1
    old = (rng.uniform(48, 68, len(father)) * _YEAR).astype(np.int64)
    people.is_male[father], people.is_male[son] = 1, 1
    people.birth[father] = people.birth.max(initial=0) + int(18 * _YEAR) - old
    people.birth[son] = people.birth[father] + (rng.uniform(22, 30, len(father)) * _YEAR).astype(np.int64)
    people.surname[son] = people.surname[father]
    for rows in (father, son):
        people.area[rows] = areas(rng, people.birth[rows])
    _share(rng, rates, people, father, son)


def _make_namesakes(rng: Random, places: Places, people: People, first: Ints) -> None:
    second = first + 1
    for name in ("surname", "first", "second", "is_male"):
        getattr(people, name)[second] = getattr(people, name)[first]
    estates = places.of_kind(ESTATE)
    by_street = estates[np.argsort(places.street[estates], kind="stable")]
    streets = places.street[by_street]
    start, end = (
        np.searchsorted(streets, places.street[people.home.place[first]]),
        np.searchsorted(streets, places.street[people.home.place[first]], side="right"),
    )
    people.home.set(second, settle(rng, places, by_street[start + (rng.random(len(first)) * (end - start)).astype(np.int64)]))


def _share(rng: Random, rates: PeopleRates, people: People, first: Ints, second: Ints, address: Flags | None = None) -> None:
    """The second lives where the first does, and at the stated rate gives the first's telephone."""
    live = second if address is None else second[address]
    home = people.home.take(first if address is None else first[address])
    people.home.set(live, home)
    people.moved[second], people.moved[first] = 0, 0
    one_phone = chance(rng, rates.family_phone, len(first))
    people.phone[second] = np.where(one_phone, people.phone[first], people.phone[second])


def relate(rng: Random, rates: PeopleRates, people: People, related: Related, today: int) -> None:
    """Make spouses, kin, neighbours and juveniles out of people drawn for nothing."""
    spouse, of = related.spouses, related.spouse_of
    people.is_male[spouse] = 1 - people.is_male[of]
    people.birth[spouse] = people.birth[of] + rng.integers(-6 * 365, 6 * 365, len(of))
    _share(rng, rates, people, of, spouse, chance(rng, rates.couple_address, len(of)))
    people.relation[spouse], people.partner[spouse] = COUPLE, of
    kin, kin_of = related.kin, related.kin_of
    is_couple = chance(rng, 0.6, len(kin))
    years = np.where(is_couple, rng.integers(-5, 6, len(kin)), np.where(people.birth[kin_of] > today - 45 * _YEAR, -27, 26))
    people.birth[kin] = np.minimum(people.birth[kin_of] + (years * _YEAR).astype(np.int64), today - int(17 * _YEAR))
    people.is_male[kin] = np.where(is_couple, 1 - people.is_male[kin_of], people.is_male[kin])
    people.surname[kin] = np.where(is_couple, people.surname[kin], people.surname[kin_of])
    _share(rng, rates, people, kin_of, kin, chance(rng, 0.7, len(kin)))
    near, near_of = related.neighbours, related.neighbour_of
    home = people.home.take(near_of)
    home.room[:] = np.clip(home.room + rng.choice([-100, 100, 1, 2, 200], len(near)), 101, 3_300)
    people.home.set(near, home)
    people.moved[near] = 0
    people.birth[related.juveniles] = today - (rng.uniform(14.2, 17.6, len(related.juveniles)) * _YEAR).astype(np.int64)
    for rows in (spouse, kin, related.juveniles):
        people.first[rows], people.second[rows] = _given(rng, rates, people.is_male[rows], people.birth[rows])
        people.area[rows] = areas(rng, people.birth[rows])


def finish(rng: Random, rates: PeopleRates, people: People) -> Persons:
    """Spell the people: names, numbers, telephones."""
    vocabulary, count = _characters(), len(people.birth)
    given = glue(pick(vocabulary.letters, people.first), pick(vocabulary.letters, people.second))
    name = glue(pick(vocabulary.surnames, people.surname), given)
    married = (people.is_male == 0) & chance(rng, rates.married_name, count)
    if count > 40 and not married.any():
        married[np.flatnonzero(people.is_male == 0)[:2]] = True
    husband = pick(vocabulary.surnames, draw(rng, vocabulary.surname_weights, count))
    nothing = pl.Series([None] * count, dtype=pl.String)
    numbers = phones(rng, 2 * count)
    return Persons(
        people=people,
        name=name,
        other_name=either(married, glue(husband, name), nothing),
        id_no=resident_ids(rng, people.birth, people.is_male, people.area),
        phone=pick(numbers, people.phone),
        second_phone=either(people.second_phone >= 0, pick(numbers, np.maximum(people.second_phone, 0)), nothing),
    )
