"""The disputes of the world: who has one with whom, of which kind, where, when and about what. One row a case, a column an attribute.

Enters: rates and how many records there shall be. Leaves: `Cases`, whose persons and organisations are numbers into the population.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.columns import SECONDS_A_DAY, Flags, Floats, Ints, Random, below, chance, draw, spread, words
from simulator.organisations import organisation_kinds
from simulator.places import METRES_A_DEGREE, ROADSIDE, Address, Places, settle
from simulator.rates import CaseRates

SOLE, JOINT, SPOUSE, COLLECTIVE = range(4)
#: Kinds of dispute over which many people petition together, and those where a firm petitions or a professional does.
_COLLECTIVE = ("wages", "housing_quality", "property_management", "demolition", "consumer", "noise", "pollution", "education", "fraud")
_BY_FIRMS = ("contract", "loan")
_BY_PROFESSIONALS = ("consumer", "food_safety")
#: Days the world looks back.
SPAN_DAYS = 540


def categories() -> dict[str, dict[str, Any]]:
    """What kinds of dispute there are, by hub code, in the order of their numbers."""
    return words("disputes")


def category_numbers(*names: str) -> Ints:
    """The numbers of these kinds of dispute."""
    listed = list(categories())
    return np.array([listed.index(name) for name in names], dtype=np.int64)


@dataclass(frozen=True)
class Outline:
    """What a case is before it has people: its kind, its records, its petitioners."""

    category: Ints
    size: Ints  # records
    members: Ints  # petitioners
    form: Ints  # sole, joint, spouse, collective
    by_firm: Flags  # an organisation petitions
    by_professional: Flags
    again: Ints  # cases whose petitioner has another case …
    before: Ints  # … namely these
    same_respondent: Flags  # one flag for each of them: against the same respondent


def outline(rng: Random, rates: CaseRates, records: int) -> Outline:
    """Cases with exactly this many records."""
    size = _sizes(rng, rates, records)
    count = len(size)
    category = draw(rng, [entry["share"] for entry in categories().values()], count)
    order = rng.permutation(count)
    pairs = min(count // 2, max(2, round(rates.two_disputes * count))) if count > 8 else 0
    again, before = order[:pairs], order[pairs : 2 * pairs]
    same = chance(rng, rates.same_respondent_again, pairs)
    category[again[same]] = category[before[same]]
    free = np.ones(count, dtype=np.bool_)
    free[order[: 2 * pairs]] = False
    form, members = _forms(rng, rates, category, size, free)
    alone = free & (form == SOLE)
    return Outline(
        category=category,
        size=size,
        members=members,
        form=form,
        by_firm=alone & np.isin(category, category_numbers(*_BY_FIRMS)) & chance(rng, rates.organisation_petitions, count),
        by_professional=alone & np.isin(category, category_numbers(*_BY_PROFESSIONALS)) & chance(rng, rates.professional, count),
        again=again,
        before=before,
        same_respondent=same,
    )


def _sizes(rng: Random, rates: CaseRates, records: int) -> Ints:
    """Records of each case; the last case has what is left."""
    drawn = 1 + draw(rng, rates.records_per_case, records)
    reached = np.cumsum(drawn)
    cases = int(np.searchsorted(reached, records)) + 1
    size = drawn[:cases]
    size[-1] -= reached[cases - 1] - records
    return size


def _forms(rng: Random, rates: CaseRates, category: Ints, size: Ints, free: Flags) -> tuple[Ints, Ints]:
    """How many petition, and how they belong together. One petition is as large as they get."""
    count = len(category)
    kinds = free & np.isin(category, category_numbers(*_COLLECTIVE)) & (size > 1)
    # The share is of all cases of these kinds, and those with a single record cannot show one petition twice.
    share = rates.collective * max(1.0, count / max(1, int(kinds.sum()))) if kinds.any() else 0.0
    collective = kinds & chance(rng, share, count)
    if count > 100 and not collective.any():
        collective[np.flatnonzero(kinds)[:1]] = True
    several = free & ~collective & (size > 1)
    joint = several & chance(rng, rates.joint, count)
    spouse = several & ~joint & chance(rng, rates.spouse_files / max(1e-9, 1 - rates.joint), count)
    crowd = np.clip(np.exp(rng.normal(2.2, 0.7, count)).astype(np.int64), 5, rates.collective_most)
    members = np.where(collective, crowd, np.where(joint, rng.integers(2, 5, count), np.where(spouse, 2, 1)))
    members[np.flatnonzero(collective)[:1]] = rates.collective_most
    return np.select([collective, joint, spouse], [COLLECTIVE, JOINT, SPOUSE], SOLE), members


@dataclass(frozen=True)
class Sides:
    """Who stands on which side of a case."""

    first_member: Ints  # where a case's petitioners begin in `member`
    member: Ints  # persons
    petitioner_firm: Ints  # -1: persons petition
    respondent: Ints  # organisation; -1: none
    second: Ints  # a further organisation; -1: none
    opponent: Ints  # a person complained of; -1: none


def respondent_kinds(rng: Random, plan: Outline) -> tuple[Ints, Flags, Flags]:
    """For each case the kind of organisation complained of (-1: none), whether a person is complained of, whether it is one's kin."""
    kinds, entries = organisation_kinds(), list(categories().values())
    wanted = [entry.get("kind", entry["respondent"]) for entry in entries]
    of_category = np.array([kinds.index(name) if name in kinds else -1 for name in wanted], dtype=np.int64)
    said = np.array([entry["respondent"] for entry in entries])[plan.category]
    person = np.isin(said, ["person", "kin"]) | ((said == "mixed") & chance(rng, 0.5, len(plan.category)))
    person[plan.again[plan.same_respondent]] = person[plan.before[plan.same_respondent]]
    return np.where(person, -1, of_category[plan.category]), person, said == "kin"


def second_kinds(rng: Random, rates: CaseRates, plan: Outline) -> Ints:
    """For each case the kind of a further organisation that is named (-1: none)."""
    kinds = organisation_kinds()
    of_category = np.array([kinds.index(entry["second"]) if "second" in entry else -1 for entry in categories().values()], dtype=np.int64)
    return np.where(chance(rng, rates.second_respondent, len(plan.category)), of_category[plan.category], -1)


def assign_organisations(rng: Random, rates: CaseRates, wanted: Ints, records: int) -> tuple[Ints, Ints]:
    """An organisation for each place that wants one of a kind: a few very large ones take a stated share, the others have two or three.

    Returns:
        The kind of each organisation made, and for each place the number of its organisation (-1: none).
    """
    made: list[Ints] = []
    chosen = np.full(len(wanted), -1, dtype=np.int64)
    begun = 0
    largest = max(4.0, rates.large_size * records / 100_000)
    for kind in range(len(organisation_kinds())):
        rows = np.flatnonzero(wanted == kind)
        if not len(rows):
            continue
        large = max(1, round(rates.large_share * len(rows) / largest))
        others = max(2, round((1 - rates.large_share) * len(rows) / rates.disputes_per_organisation))
        to_large = chance(rng, rates.large_share, len(rows))
        chosen[rows] = begun + np.where(to_large, rng.integers(0, large, len(rows)), large + rng.integers(0, others, len(rows)))
        made.append(np.full(large + others, kind, dtype=np.int64))
        begun += large + others
    return np.concatenate(made) if made else np.zeros(0, dtype=np.int64), chosen


@dataclass(frozen=True)
class Facts:
    """What a case is about, and where and when."""

    occurred: Ints  # seconds since 1970
    amount: Floats  # yuan; NaN where the kind has none
    people: Ints
    address: Address
    longitude: Floats
    latitude: Floats
    thing: Ints  # numbers of facts among those of the kind
    detail: Ints
    other_detail: Ints
    told: dict[str, Ints]  # spot, span, after, ask, more: facts of the common lists


@dataclass(frozen=True)
class Cases:
    """Everything that is true of the cases."""

    plan: Outline
    sides: Sides
    facts: Facts


@dataclass(frozen=True)
class Haunts:
    """Where a case may have happened: one home a case, the firm complained of, the seats of firms."""

    homes: Address
    firm: Ints
    seats: Address


def settle_facts(rng: Random, plan: Outline, now: int, address: Address, places: Places) -> Facts:
    """When, and about what, at these addresses."""
    count = len(plan.category)
    thing, detail, other = _matters(rng, plan)
    common = words("speech")
    told = {name: rng.integers(0, len(common[name].split()), count) for name in ("span", "after", "ask", "more")}
    told["spot"] = rng.integers(0, len(words("places")["spots"].split()), count)
    jitter = rng.normal(0, 60, (2, count)) / METRES_A_DEGREE
    return Facts(
        occurred=_when(rng, plan, now),
        amount=_amounts(rng, plan),
        people=_people(rng, plan),
        address=address,
        longitude=places.longitude[address.place] + jitter[0],
        latitude=places.latitude[address.place] + jitter[1],
        thing=thing,
        detail=detail,
        other_detail=other,
        told=told,
    )


def where(rng: Random, places: Places, plan: Outline, haunts: Haunts) -> Address:
    """At the first petitioner's home, the firm's seat, or somewhere along a road."""
    roads = places.of_kind(ROADSIDE)
    address = settle(rng, places, roads[rng.integers(0, len(roads), len(plan.category))])
    said = np.array([entry["place"] for entry in categories().values()])[plan.category]
    at_home = np.flatnonzero(said == "home")
    address.set(at_home, haunts.homes.take(at_home))
    at_firm = np.flatnonzero((said == "firm") & (haunts.firm >= 0))
    address.set(at_firm, haunts.seats.take(haunts.firm[at_firm]))
    return address


def _when(rng: Random, plan: Outline, now: int) -> Ints:
    """When it happened; two cases of one person against one firm lie two months apart at least."""
    count = len(plan.category)
    hour = np.clip(rng.normal(14, 4.5, count), 0, 23.9) * 3600
    ago = rng.integers(2, SPAN_DAYS, count)
    apart = rng.integers(60, 300, len(plan.again))
    turned = ago[plan.before] + apart
    ago[plan.again] = np.where(turned < SPAN_DAYS, turned, np.maximum(ago[plan.before] - apart, 2))
    midnight = now // SECONDS_A_DAY * SECONDS_A_DAY - 8 * 3600
    return midnight - ago * SECONDS_A_DAY + hour.astype(np.int64)


def _amounts(rng: Random, plan: Outline) -> Floats:
    """Money at stake, larger where many petition."""
    shape = np.array([entry["amount"] for entry in categories().values()], dtype=np.float64)[plan.category]
    amount = shape[:, 0] * np.exp(rng.normal(0, 1, len(shape)) * shape[:, 1]) * plan.members**0.9
    step = np.where(chance(rng, 0.6, len(shape)), np.where(amount > 20_000, 100.0, 10.0), 1.0)
    return np.where(shape[:, 0] > 0, np.maximum(np.round(amount / step) * step, 20.0), np.nan)


def _people(rng: Random, plan: Outline) -> Ints:
    """People involved: the petitioners, or now and then a street full of them."""
    many = np.where(chance(rng, 0.08, len(plan.members)), rng.integers(2, 40, len(plan.members)), 1)
    return np.maximum(plan.members, many)


def _matters(rng: Random, plan: Outline) -> tuple[Ints, Ints, Ints]:
    """What was done and two circumstances, as numbers within the kind's lists."""
    things = np.array([len(words("facts")[name]["thing"].split()) for name in categories()], dtype=np.int64)
    details = np.array([len(words("facts")[name]["detail"].split()) for name in categories()], dtype=np.int64)
    detail = below(rng, details[plan.category])
    other = (detail + 1 + below(rng, details[plan.category] - 1)) % details[plan.category]
    return below(rng, things[plan.category]), detail, other


def member_layout(plan: Outline) -> tuple[Ints, Ints, Ints]:
    """Petitioners laid out case by case: their case, their position in it, and where each case begins."""
    case, position = spread(plan.members)
    return case, position, np.cumsum(plan.members) - plan.members
