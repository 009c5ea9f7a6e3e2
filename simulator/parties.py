"""The parties as the departments write them down: names, numbers, telephones, addresses, with the noise of each department.

Enters: mentions and the population. Leaves: the world's `parties` frame, and what the other side is called in each record.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from simulator import noise
from simulator.cast import Cast
from simulator.columns import Flags, Ints, Notes, Random, blank, chance, draw, either, glue, pick, put, strings, words
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


@dataclass(frozen=True)
class _Told:
    """What is told of each person mentioned."""

    who: Ints
    record: Ints
    department: Ints
    is_agent: Flags
    hidden: Flags
    masked: Flags
    id_no: Flags
    phone: Flags
    address: Flags
    birth: Flags


def _told(rng: Random, scene: Scene, rows: Ints) -> _Told:
    """By department: which number, telephone and address a record has. Of the other side less is known, but at courts and the police."""
    rates, codes, mentions = scene.rates, scene.rates.department_codes, scene.mentions
    record, hidden, role = mentions.record[rows], mentions.is_anonymous[rows], mentions.role[rows]
    department, count = scene.filings.department[record], len(rows)
    is_agent = role == ROLES.index("agent")
    opponent = (role > ROLES.index("victim")) & ~is_agent
    official = np.isin(department, [codes.index(code) for code in ("court", "police", "procuratorate", "justice")])
    known = np.select([is_agent | hidden, opponent & ~official], [0.0, rates.identity.opponent_known], 1.0)
    reached = np.select([is_agent, hidden, opponent & ~official], [1.0, rates.identity.anonymous_phone, rates.identity.opponent_known], 1.0)
    id_no, address, birth = (chance(rng, by_department(rates, name, department) * known, count) for name in ("id", "address", "birth"))
    phone = is_agent | chance(rng, by_department(rates, "phone", department) * reached, count)
    # Whoever gives neither number nor address is asked for a telephone.
    phone |= ~(id_no | address | hidden) & chance(rng, rates.identity.phone_insisted, count)
    masked = ~hidden & ~is_agent & chance(rng, by_department(rates, "masked", department), count)
    return _Told(mentions.entity[rows], record, department, is_agent, hidden, masked, id_no, phone, address, birth)


def _persons(rng: Random, scene: Scene, rows: Ints) -> pl.DataFrame:
    """Persons as written down."""
    told, notes = _told(rng, scene, rows), Notes()
    notes.add("anonymous", told.hidden)
    gender, birth = _birth(rng, scene, told, notes)
    nothing = (told.hidden | told.masked) & ~(told.id_no | told.phone | told.address)
    return pl.DataFrame(
        {
            "at": rows,
            "name": _person_names(rng, scene, told, notes),
            "id_no": _id_numbers(rng, scene, told, notes),
            "phone": _phones(rng, scene, told, notes),
            "address": _homes(rng, scene, told, notes),
            "gender": gender,
            "birth_date": birth,
            "person_truth_id": blank(pl.Series(told.who), ~nothing),
            "noise": notes.lists(len(rows)),
        }
    )


def _birth(rng: Random, scene: Scene, told: _Told, notes: Notes) -> tuple[pl.Series, pl.Series]:
    """Gender and birth date where they are asked for, now and then wrong."""
    rates, people, count = scene.rates.identity, scene.company.persons.people, len(told.who)
    wrong, off = told.birth & chance(rng, rates.gender_wrong, count), told.birth & chance(rng, rates.birth_off, count)
    notes.add("gender_wrong", wrong)
    notes.add("birth_off", off)
    gender = pick(strings(["female", "male"]), np.where(wrong, 1 - people.is_male[told.who], people.is_male[told.who]))
    day = people.birth[told.who] + np.where(off, rng.choice([-30, -10, -1, 1, 9, 31], count), 0)
    return blank(gender, told.birth), blank(pl.Series(day).cast(pl.Date), told.birth)


def _person_names(rng: Random, scene: Scene, told: _Told, notes: Notes) -> pl.Series:
    """Names: the married name, slips by care, masks by custom, nothing told by the anonymous."""
    rates, persons, count = scene.rates.names, scene.company.persons, len(told.who)
    other = pick(persons.other_name, told.who)
    married = other.is_not_null().to_numpy() & chance(rng, rates.former, count) & ~told.hidden
    notes.add("married_name", married)
    name = either(married, other, pick(persons.name, told.who))
    plain = ~told.hidden & ~told.masked
    # One slip at most: four kinds share one draw.
    care = by_department(scene.rates, "care", told.department)
    bounds = np.cumsum([rates.homophone, rates.look_alike, rates.traditional, rates.typo])[:, None] * care
    slip = (rng.random(count) >= bounds).sum(axis=0)
    name = noise.misspell(rng, name, plain & (slip == 0), noise.HOMOPHONE, notes)
    name = noise.misspell(rng, name, plain & (slip == 1), noise.LOOK_ALIKE, notes)
    name = noise.to_traditional(name, plain & (slip == 2), notes)
    name = noise.drop_or_double(rng, name, plain & (slip == 3), notes)
    surname = pick(strings(words("people")["surnames"].split()[0::2]), persons.people.surname[told.who])
    name = noise.mask(rng, name, surname, persons.people.is_male[told.who], told.masked, notes)
    listed = strings(words("people")["anonymous_names"])
    rows = np.flatnonzero(told.hidden)
    return put(name, rows, pick(listed, rng.integers(0, len(listed), len(rows))))


def _id_numbers(rng: Random, scene: Scene, told: _Told, notes: Notes) -> pl.Series:
    """Identity numbers: often absent, now and then of fifteen digits, with a small x, or with a digit wrong."""
    rates, persons, count = scene.rates.identity, scene.company.persons, len(told.who)
    id_no = noise.keep(pick(persons.id_no, told.who), told.id_no, notes, "id_missing")
    old = persons.people.birth[told.who] < _OLD_NUMBER_BEFORE
    old &= chance(rng, rates.id15 * by_department(scene.rates, "id15", told.department), count)
    id_no = noise.fifteen(id_no, old, notes)
    id_no = noise.lower_x(id_no, chance(rng, rates.lower_x * by_department(scene.rates, "lower_x", told.department), count), notes)
    return noise.one_digit_off(rng, id_no, chance(rng, rates.one_digit_off, count), notes, "id_one_digit_off", first=10)


def _phones(rng: Random, scene: Scene, told: _Told, notes: Notes) -> pl.Series:
    """Telephones: the second of two, a placeholder, the reception's, a digit wrong, or none."""
    rates, persons, count = scene.rates.identity, scene.company.persons, len(told.who)
    second = pick(persons.second_phone, told.who)
    # One mishap at most; a lawyer's number stands on the letterhead.
    shares = [rates.phone_second, rates.phone_one_off, rates.phone_placeholder, rates.phone_reception]
    mishap = np.where(told.phone & ~told.is_agent, draw(rng, [*shares, 1 - sum(shares)], count), len(shares))
    # Where the telephone is all there is, it is the person's own.
    mishap = np.where((mishap != 1) & ~(told.id_no | told.address), len(shares), mishap)
    use_second = (mishap == 0) & second.is_not_null().to_numpy()
    phone = either(use_second, second, pick(persons.phone, told.who))
    notes.add("second_phone", use_second)
    phone = noise.keep(phone, told.phone, notes, "phone_missing")
    phone = noise.one_digit_off(rng, phone, mishap == 1, notes, "phone_one_digit_off", first=3)
    empty, shared = np.flatnonzero(mishap == 2), np.flatnonzero(mishap == 3)
    listed = strings(words("people")["placeholder_phones"])
    notes.add("phone_placeholder", empty)
    phone = put(phone, empty, pick(listed, draw(rng, [6, 3, 2, 1], len(empty))))
    # One reception a street and department: 0755 and eight digits.
    desk = 27_400_000 + persons.people.home.place[told.who[shared]] % 6 * 16 + told.department[shared]
    notes.add("phone_reception", shared)
    return put(phone, shared, glue("0755", pl.Series(desk).cast(pl.String)))


def _homes(rng: Random, scene: Scene, told: _Told, notes: Notes) -> pl.Series:
    """Homes as told; before a move, and where the file was not brought up to date, the former one."""
    people, count = scene.company.persons.people, len(told.who)
    moved = scene.filings.reported[told.record] < people.moved[told.who]
    moved |= (people.moved[told.who] > 0) & chance(rng, scene.rates.people.former_home_kept, count)
    now, then = people.home.take(told.who), people.former_home.take(told.who)
    home = Address(*(np.where(moved, old, new) for new, old in zip(now.parts, then.parts, strict=True)))
    notes.add("moved_house", moved & told.address)
    rows = np.flatnonzero(told.address)
    manner = manners(rng, scene.rates.addresses, len(rows))
    notes.add("address_part", rows[~manner.room])
    spelt = spell(scene.places, home.take(rows), manner)
    return put(pl.Series([None] * count, dtype=pl.String), rows, spelt)


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
