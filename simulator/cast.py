"""Who is in which case: people and organisations of the right kinds for every side of every case."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.columns import SECONDS_A_DAY, Flags, Ints, Random, chance
from simulator.disputes import (
    COLLECTIVE,
    JOINT,
    SPOUSE,
    Cases,
    Haunts,
    Outline,
    Sides,
    assign_organisations,
    categories,
    category_numbers,
    member_layout,
    respondent_kinds,
    second_kinds,
    settle_facts,
    where,
)
from simulator.organisations import Organisations, build_organisations, organisation_kinds
from simulator.places import Places
from simulator.population import UNRELATED, People, Persons, Related, draw_people, finish, relate
from simulator.rates import Rates


@dataclass(frozen=True)
class Cast:
    """The population with its cases."""

    cases: Cases
    persons: Persons
    organisations: Organisations
    lawyers: Ints


def cast(rng: Random, rates: Rates, places: Places, plan: Outline, now: int) -> Cast:
    """Make people and organisations for the outlined cases, and settle what the cases are about."""
    firms, firm_kinds = _firms(rng, rates, plan)
    organisations = build_organisations(rng, rates.organisations, places, firm_kinds)
    petitions, counts = _petitions(rng, rates, plan, firms)
    today = now // SECONDS_A_DAY
    people = draw_people(rng, rates.people, places, counts.all, counts.paired, today)
    relate(rng, rates.people, people, _related(rng, rates, plan, firms, petitions), today)
    _gather_members(rng, plan, people, petitions)
    sides = Sides(petitions.first, petitions.member, firms.petitioner, firms.respondent, firms.second, petitions.opponent)
    homes = people.home.take(petitions.member[petitions.first])
    facts = settle_facts(rng, plan, now, where(rng, places, plan, Haunts(homes, sides.respondent, organisations.seat)), places)
    persons = finish(rng, rates.people, people)
    return Cast(Cases(plan, sides, facts), persons, organisations, np.arange(counts.all - counts.lawyers, counts.all))


@dataclass(frozen=True)
class _Firms:
    respondent: Ints
    second: Ints
    petitioner: Ints
    person: Ints  # cases in which a person is complained of
    is_kin: Flags


def _firms(rng: Random, rates: Rates, plan: Outline) -> tuple[_Firms, Ints]:
    """Organisations for respondents, further respondents and petitioners alike."""
    kind, person, is_kin = respondent_kinds(rng, plan)
    second = second_kinds(rng, rates.cases, plan)
    own = np.where(plan.by_firm, organisation_kinds().index("employer"), -1)
    made, chosen = assign_organisations(rng, rates.cases, np.concatenate([kind, second, own]), int(plan.size.sum()))
    respondent, further, petitioner = np.split(chosen, 3)
    repeat, earlier = plan.again[plan.same_respondent], plan.before[plan.same_respondent]
    respondent[repeat] = respondent[earlier]
    further[further == respondent] = -1
    petitioner[petitioner == respondent] = -1
    return _Firms(respondent, further, petitioner, np.flatnonzero(person), is_kin), made


@dataclass(frozen=True)
class _Counts:
    paired: int  # people among whom there are twins and the like
    lawyers: int
    all: int


@dataclass(frozen=True)
class _Petitions:
    """Petitioners laid out case by case, and whom they complain of."""

    case: Ints
    position: Ints
    first: Ints  # where each case begins
    member: Ints
    opponent: Ints  # one a case; -1: no person


def _petitions(rng: Random, rates: Rates, plan: Outline, firms: _Firms) -> tuple[_Petitions, _Counts]:
    """A person's number for every petitioner and every person complained of."""
    case, position, first = member_layout(plan)
    of_spouse = (plan.form[case] == SPOUSE) & (position == 1)
    of_professional = plan.by_professional[case]
    fresh = ~(of_spouse | of_professional | np.isin(case, plan.again))
    paired, spouses, bought = int(fresh.sum()), int(of_spouse.sum()), int(of_professional.sum())
    member = np.empty(len(case), dtype=np.int64)
    # Twins and the like stand side by side among the numbers; a shuffle puts them into cases far apart.
    member[fresh] = rng.permutation(paired)
    opponent = np.full(len(plan.category), -1, dtype=np.int64)
    opponent[firms.person] = paired + np.arange(len(firms.person))
    given = paired + len(firms.person)
    member[of_spouse] = given + np.arange(spouses)
    professionals = max(1, round(bought / rates.cases.professional_cases))
    member[of_professional] = given + spouses + rng.integers(0, professionals, bought)
    lawyers = max(2, len(plan.category) // 160)
    member[first[plan.again]] = member[first[plan.before]]
    same = plan.same_respondent
    opponent[plan.again[same]] = opponent[plan.before[same]]
    return _Petitions(case, position, first, member, opponent), _Counts(paired, lawyers, given + spouses + professionals + lawyers)


def _related(rng: Random, rates: Rates, plan: Outline, firms: _Firms, petitions: _Petitions) -> Related:
    """Spouses, kin, neighbours and juveniles, from the roles they have in their cases."""
    petitioner, opponent = petitions.member[petitions.first], petitions.opponent
    spouse_cases = np.flatnonzero(plan.form == SPOUSE)
    kin = np.flatnonzero(firms.is_kin & (opponent >= 0))
    neighbour = np.flatnonzero(np.isin(plan.category, category_numbers("neighbours")) & (opponent >= 0))
    rough = np.flatnonzero(np.isin(plan.category, category_numbers("public_order", "fraud")) & (opponent >= 0))
    return Related(
        spouses=petitions.member[petitions.first[spouse_cases] + 1],
        spouse_of=petitioner[spouse_cases],
        kin=opponent[kin],
        kin_of=petitioner[kin],
        neighbours=opponent[neighbour],
        neighbour_of=petitioner[neighbour],
        juveniles=opponent[rough[chance(rng, rates.cases.juvenile, len(rough))]],
    )


def _gather_members(rng: Random, plan: Outline, people: People, petitions: _Petitions) -> None:
    """Joint petitioners of one place live there: same estate, other building or room. Twins and the like keep their homes."""
    at_home = np.array([entry["place"] == "home" for entry in categories().values()])[plan.category]
    joint = (np.isin(plan.form, [JOINT, COLLECTIVE]) & at_home)[petitions.case] & (petitions.position > 0)
    rows = np.flatnonzero(joint)
    rows = rows[people.relation[petitions.member[rows]] == UNRELATED]
    home = people.home.take(petitions.member[petitions.first[petitions.case[rows]]])
    home.building[:] = np.maximum(1, home.building + rng.integers(-1, 2, len(rows)))
    home.room[:] = rng.integers(1, 33, len(rows)) * 100 + rng.integers(1, 9, len(rows))
    people.home.set(petitions.member[rows], home)
    people.moved[petitions.member[rows]] = 0
