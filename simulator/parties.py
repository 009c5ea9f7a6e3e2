"""The parties as the departments write them down: names, numbers, telephones, addresses, with the noise of each department.

Enters: mentions and the population. Leaves: the world's `parties` frame, and what the other side is called in each record.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from simulator import noise
from simulator.cast import Cast
from simulator.columns import Flags, Floats, Ints, Notes, Random, blank, chance, draw, either, glue, pick, put, strings, words
from simulator.filings import Filings
from simulator.mentions import ORGANISATION, PERSON, ROLES, Mentions, by_department
from simulator.places import Address, Places, manners, spell
from simulator.rates import Rates

#: Numbers of fifteen digits were given until 1999, to people born before this day (1984-01-01).
_OLD_NUMBER_BEFORE = 5113
_KINDS = ("person", "organisation")


@dataclass(frozen=True)
class Scene:
    """What every step here needs."""

    rates: Rates
    places: Places
    company: Cast
    filings: Filings
    mentions: Mentions


def write_parties(rng: Random, scene: Scene) -> pl.DataFrame:
    """The parties frame."""
    mentions = scene.mentions
    persons = _persons(rng, scene, np.flatnonzero(mentions.kind == PERSON))
    organisations = _organisations(rng, scene, np.flatnonzero(mentions.kind == ORGANISATION))
    stacked = pl.concat([persons, organisations], how="diagonal")
    order = np.empty(len(mentions.record), dtype=np.int64)
    order[stacked["at"].to_numpy()] = np.arange(stacked.height)
    return stacked[order].select(
        pl.Series("row", mentions.record),
        pl.Series("ordinal", mentions.ordinal, dtype=pl.Int32),
        pick(strings(ROLES), mentions.role).alias("role"),
        pick(strings(_KINDS), mentions.kind).alias("kind"),
        *("name", "id_no", "uscc", "phone", "address", "gender", "birth_date", "person_truth_id", "organisation_truth_id", "noise"),
    )


def _persons(rng: Random, scene: Scene, rows: Ints) -> pl.DataFrame:
    """Persons as written down."""
    mentions, people = scene.mentions, scene.company.persons.people
    who, record = mentions.entity[rows], mentions.record[rows]
    department, hidden, notes = scene.filings.department[record], mentions.is_anonymous[rows], Notes()
    notes.add("anonymous", hidden)
    is_agent = mentions.role[rows] == ROLES.index("agent")
    opponent = (mentions.role[rows] > ROLES.index("victim")) & ~is_agent
    # The other side's number and address are known to courts and police, hardly to anybody else.
    official = np.isin(department, [scene.rates.department_codes.index(code) for code in ("court", "police", "procuratorate", "justice")])
    known = np.where(is_agent, 0.0, np.where(opponent & ~official, 0.25, 1.0))
    name = _person_names(rng, scene, who, department, hidden, notes)
    id_no = _id_numbers(rng, scene, who, department, known * ~hidden, notes)
    phone = _phones(rng, scene, who, department, np.where(is_agent, 1.3, np.where(opponent, 0.5, np.where(hidden, 0.35, 1.0))), notes)
    address = _homes(rng, scene, who, record, known * ~hidden, notes)
    born = chance(rng, by_department(scene.rates, "birth", department) * known * ~hidden, len(rows))
    nothing = hidden & phone.is_null().to_numpy()
    return pl.DataFrame(
        {
            "at": rows,
            "name": name,
            "id_no": id_no,
            "phone": phone,
            "address": address,
            "gender": blank(pick(strings(["female", "male"]), people.is_male[who]), born),
            "birth_date": blank(pl.Series(people.birth[who]).cast(pl.Date), born),
            "person_truth_id": blank(pl.Series(who), ~nothing),
            "noise": notes.lists(len(rows)),
        }
    )


def _person_names(rng: Random, scene: Scene, who: Ints, department: Ints, hidden: Flags, notes: Notes) -> pl.Series:
    """Names: the married name, slips by care, masks by custom, nothing told by the anonymous."""
    rates, persons, count = scene.rates.names, scene.company.persons, len(who)
    care = by_department(scene.rates, "care", department)
    other = pick(persons.other_name, who)
    married = other.is_not_null().to_numpy() & chance(rng, rates.former, count) & ~hidden
    notes.add("married_name", married)
    name = either(married, other, pick(persons.name, who))
    masked = ~hidden & chance(rng, by_department(scene.rates, "masked", department), count)
    plain = ~hidden & ~masked
    # One slip at most: four kinds share one draw.
    bounds = np.cumsum([rates.homophone, rates.look_alike, rates.traditional, rates.typo])[:, None] * care
    slip = (rng.random(count) >= bounds).sum(axis=0)
    name = noise.misspell(rng, name, plain & (slip == 0), noise.HOMOPHONE, notes)
    name = noise.misspell(rng, name, plain & (slip == 1), noise.LOOK_ALIKE, notes)
    name = noise.to_traditional(name, plain & (slip == 2), notes)
    name = noise.drop_or_double(rng, name, plain & (slip == 3), notes)
    surname = pick(strings(words("people")["surnames"].split()[0::2]), persons.people.surname[who])
    name = noise.mask(rng, name, surname, persons.people.is_male[who], masked, notes)
    listed = strings(words("people")["anonymous_names"])
    rows = np.flatnonzero(hidden)
    return put(name, rows, pick(listed, rng.integers(0, len(listed), len(rows))))


def _id_numbers(rng: Random, scene: Scene, who: Ints, department: Ints, known: Floats, notes: Notes) -> pl.Series:
    """Identity numbers: often absent, now and then of fifteen digits, with a small x, or with a digit wrong."""
    rates, persons, count = scene.rates.identity, scene.company.persons, len(who)
    given = chance(rng, by_department(scene.rates, "id", department) * known, count)
    id_no = noise.keep(pick(persons.id_no, who), given, notes, "id_missing")
    old = persons.people.birth[who] < _OLD_NUMBER_BEFORE
    id_no = noise.fifteen(id_no, old & chance(rng, rates.id15 * by_department(scene.rates, "id15", department), count), notes)
    id_no = noise.lower_x(id_no, chance(rng, rates.lower_x * by_department(scene.rates, "lower_x", department), count), notes)
    return noise.one_digit_off(rng, id_no, chance(rng, rates.one_digit_off, count), notes, "id_one_digit_off", first=10)


def _phones(rng: Random, scene: Scene, who: Ints, department: Ints, known: Floats, notes: Notes) -> pl.Series:
    """Telephones: the second of two, a placeholder, the reception's, a digit wrong, or none."""
    rates, persons, count = scene.rates.identity, scene.company.persons, len(who)
    second = pick(persons.second_phone, who)
    use_second = second.is_not_null().to_numpy() & chance(rng, rates.phone_second, count)
    phone = either(use_second, second, pick(persons.phone, who))
    given = chance(rng, by_department(scene.rates, "phone", department) * known, count)
    phone = noise.keep(phone, given, notes, "phone_missing")
    notes.add("second_phone", use_second & given)
    phone = noise.one_digit_off(rng, phone, given & chance(rng, rates.phone_one_off, count), notes, "phone_one_digit_off", first=3)
    empty = np.flatnonzero(given & chance(rng, rates.phone_placeholder, count))
    listed = strings(words("people")["placeholder_phones"])
    notes.add("phone_placeholder", empty)
    phone = put(phone, empty, pick(listed, draw(rng, [6, 3, 2, 1], len(empty))))
    shared = np.flatnonzero(given & chance(rng, rates.phone_reception, count))
    # One reception a street and department: 0755 and eight digits.
    desk = 27_400_000 + scene.company.persons.people.home.place[who[shared]] % 6 * 16 + department[shared]
    notes.add("phone_reception", shared)
    return put(phone, shared, glue("0755", pl.Series(desk).cast(pl.String)))


def _homes(rng: Random, scene: Scene, who: Ints, record: Ints, known: Floats, notes: Notes) -> pl.Series:
    """Homes as told; before a move the former one."""
    people, count = scene.company.persons.people, len(who)
    department = scene.filings.department[record]
    given = chance(rng, by_department(scene.rates, "address", department) * known, count)
    moved = scene.filings.reported[record] < people.moved[who]
    now, then = people.home.take(who), people.former_home.take(who)
    home = Address(
        *(np.where(moved, old, new) for new, old in ((now.place, then.place), (now.building, then.building), (now.room, then.room)))
    )
    notes.add("moved_house", moved & given)
    rows = np.flatnonzero(given)
    manner = manners(rng, scene.rates.addresses, len(rows))
    notes.add("address_part", rows[~manner.room])
    told = spell(scene.places, home.take(rows), manner)
    return put(pl.Series([None] * count, dtype=pl.String), rows, told)


def _organisations(rng: Random, scene: Scene, rows: Ints) -> pl.DataFrame:
    """Organisations as written down."""
    mentions, firms = scene.mentions, scene.company.organisations
    which, record, notes = mentions.entity[rows], mentions.record[rows], Notes()
    department = scene.filings.department[record]
    count, rates = len(rows), scene.rates.identity
    name = _firm_names(rng, scene, which, department, scene.filings.reported[record], notes)
    coded = chance(rng, by_department(scene.rates, "uscc", department), count)
    uscc = noise.keep(pick(firms.uscc, which), coded, notes, "uscc_missing")
    uscc = noise.one_digit_off(rng, uscc, chance(rng, rates.uscc_one_off, count), notes, "uscc_one_off", first=9)
    called = chance(rng, 0.28, count)
    placed = np.flatnonzero(chance(rng, 0.42, count))
    address = spell(scene.places, firms.seat.take(which[placed]), manners(rng, scene.rates.addresses, len(placed)))
    return pl.DataFrame(
        {
            "at": rows,
            "name": name,
            "uscc": uscc,
            "phone": blank(pick(firms.phone, which), called),
            "address": put(pl.Series([None] * count, dtype=pl.String), placed, address),
            "organisation_truth_id": which,
            "noise": notes.lists(count),
        }
    )


def _firm_names(rng: Random, scene: Scene, which: Ints, department: Ints, reported: Ints, notes: Notes) -> pl.Series:
    """Full names, and the many ways of not using them."""
    rates, firms, count = scene.rates.organisations_named, scene.company.organisations, len(which)
    care = by_department(scene.rates, "care", department)
    stem, industry, form, region = (pick(column, which) for column in (firms.stem, firms.industry, firms.form, firms.region))
    forms = [pick(firms.short_name, which), glue(pick(strings(["", "光明"]), rng.integers(0, 2, count)), stem), glue(stem, industry, form)]
    forms += [glue(region, stem, industry), pick(firms.name, which)]
    bounds = np.cumsum([rates.short, rates.stem, rates.no_region, rates.no_form])[:, None] * np.minimum(care, 1.15)
    manner = (rng.random(count) >= bounds).sum(axis=0)
    # A branch is told by its full name, a parent's short name being another firm's.
    manner = np.where(firms.parent[which] >= 0, 4, manner)
    for number, note in enumerate(("org_short", "org_stem", "org_no_region", "org_no_form")):
        notes.add(note, manner == number)
    name = pl.concat(forms).gather(manner * count + np.arange(count))
    former = pick(firms.former_name, which)
    # Papers from before the change, and the careless after it, carry the former name.
    renamed = former.is_not_null().to_numpy() & (manner == 4) & chance(rng, scene.rates.names.former, count)
    notes.add("former_name", renamed)
    name = either(renamed, former, name)
    slip = chance(rng, rates.typo * care, count)
    half = chance(rng, 0.6, count)
    name = noise.misspell(rng, name, slip & half, noise.FIRM_HOMOPHONE, notes)
    return noise.misspell(rng, name, slip & ~half, noise.FIRM_LOOK, notes)


def other_side(parties: pl.DataFrame, records: int) -> pl.Series:
    """What the first of the other side is called in each record; null where nobody is named."""
    roles = ["respondent", "defendant", "suspect"]
    first = parties.filter(pl.col("role").is_in(roles)).unique("row", keep="first", maintain_order=True)
    return put(pl.Series([None] * records, dtype=pl.String), first["row"].to_numpy(), first["name"])


def incident_address(rng: Random, scene: Scene, address: Address, rough: Flags) -> pl.Series:
    """Where it happened, as each record tells it."""
    manner = manners(rng, scene.rates.addresses, len(rough))
    told = spell(scene.places, address, manner)
    street = pick(scene.places.street_names, scene.places.street[address.place])
    community = pick(scene.places.community_names, scene.places.community[address.place])
    return either(rough, glue("光明区", street, community), told)
