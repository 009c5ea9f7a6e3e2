"""Who is in which case: people and organisations of the right kinds for every side of every case."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.columns import SECONDS_A_DAY, Ints, Random, chance
from simulator.disputes import (
    COLLECTIVE,
    JOINT,
    SPOUSE,
    Cases,
    Outline,
    Sides,
    assign_organisations,
    categories,
    member_layout,
    respondent_kinds,
    second_kinds,
    settle_facts,
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
    case, position, first_member = member_layout(plan)
    member, opponent, counts = _numbers(rng, rates, plan, firms.person, case, position)
    people = draw_people(rng, rates.people, places, counts.all, counts.ordinary, now // SECONDS_A_DAY)
    related = _related(rng, rates, plan, firms.is_kin, case, position, member, opponent)
    relate(rng, rates.people, people, related, now // SECONDS_A_DAY)
    sides = Sides(first_member, member, firms.petitioner, firms.respondent, firms.second, opponent)
    _gather_members(rng, plan, people, case, position, sides)
    homes = people.home.take(member[first_member])
    facts = settle_facts(rng, plan, sides, homes, organisations, places, now)
    persons = finish(rng, rates.people, people)
    return Cast(Cases(plan, sides, facts), persons, organisations, np.arange(counts.all - counts.lawyers, counts.all))


@dataclass(frozen=True)
class _Firms:
    respondent: Ints
    second: Ints
    petitioner: Ints
    person: Ints  # cases in which a person is complained of
    is_kin: Ints  # flags


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
    ordinary: int
    lawyers: int
    all: int


def _numbers(rng: Random, rates: Rates, plan: Outline, person: Ints, case: Ints, position: Ints) -> tuple[Ints, Ints, _Counts]:
    """A person's number for every petitioner and every person complained of."""
    of_spouse = (plan.form[case] == SPOUSE) & (position == 1)
    of_professional = plan.by_professional[case]
    repeated = np.isin(case, plan.again)
    fresh = ~(of_spouse | of_professional | repeated)
    ordinary = int(fresh.sum()) + len(person)
    # Twins and the like stand side by side among the ordinary; a shuffle puts them into cases far apart.
    shuffled = rng.permutation(ordinary)
    member = np.empty(len(case), dtype=np.int64)
    member[fresh] = shuffled[: int(fresh.sum())]
    opponent = np.full(len(plan.category), -1, dtype=np.int64)
    opponent[person] = shuffled[int(fresh.sum()) :]
    spouses, bought = int(of_spouse.sum()), int(of_professional.sum())
    member[of_spouse] = ordinary + np.arange(spouses)
    professionals = max(1, round(bought / rates.cases.professional_cases))
    member[of_professional] = ordinary + spouses + rng.integers(0, professionals, bought)
    lawyers = max(2, len(plan.category) // 160)
    first = np.flatnonzero(position == 0)
    member[first[plan.again]] = member[first[plan.before]]
    same = plan.same_respondent
    opponent[plan.again[same]] = opponent[plan.before[same]]
    return member, opponent, _Counts(ordinary, lawyers, ordinary + spouses + professionals + lawyers)


def _related(rng: Random, rates: Rates, plan: Outline, is_kin: Ints, case: Ints, position: Ints, member: Ints, opponent: Ints) -> Related:
    """Spouses, kin, neighbours and juveniles, from the roles they have in their cases."""
    first = np.flatnonzero(position == 0)
    spouse_cases = np.flatnonzero(plan.form == SPOUSE)
    kin = np.flatnonzero(is_kin & (opponent >= 0))
    neighbour = np.flatnonzero((plan.category == list(categories()).index("neighbours")) & (opponent >= 0))
    rough = np.flatnonzero(np.isin(plan.category, [list(categories()).index(name) for name in ("public_order", "fraud")]) & (opponent >= 0))
    return Related(
        spouses=member[first[spouse_cases] + 1],
        spouse_of=member[first[spouse_cases]],
        kin=opponent[kin],
        kin_of=member[first[kin]],
        neighbours=opponent[neighbour],
        neighbour_of=member[first[neighbour]],
        juveniles=opponent[rough[chance(rng, rates.cases.juvenile, len(rough))]],
    )


def _gather_members(rng: Random, plan: Outline, people: People, case: Ints, position: Ints, sides: Sides) -> None:
    """Joint petitioners of one place live there: same estate, other building or room. Twins and the like keep their homes."""
    at_home = np.array([entry["place"] == "home" for entry in categories().values()])[plan.category]
    joint = np.isin(plan.form, [JOINT, COLLECTIVE])[case] & at_home[case] & (position > 0)
    rows = np.flatnonzero(joint)
    rows = rows[people.relation[sides.member[rows]] == UNRELATED]
    member, head = sides.member[rows], sides.member[sides.first_member[case[rows]]]
    home = people.home.take(head)
    home.building[:] = np.maximum(1, home.building + rng.integers(-1, 2, len(rows)))
    home.room[:] = rng.integers(1, 33, len(rows)) * 100 + rng.integers(1, 9, len(rows))
    people.home.set(member, home)
    people.moved[member] = 0
