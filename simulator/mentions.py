"""Who is named in which record, and in which role: one row a party, before anything is misspelt.

Enters: cases and their records. Leaves: `Mentions`, ordered by record and ordinal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.cast import Cast
from simulator.columns import Flags, Floats, Ints, Random, below, chance, spread, words
from simulator.disputes import COLLECTIVE, JOINT, SPOUSE
from simulator.filings import Filings
from simulator.rates import DepartmentRates, Rates

PERSON, ORGANISATION = 0, 1
ROLES = ("petitioner", "reporter", "plaintiff", "household_head", "patient", "victim", "respondent", "defendant", "suspect", "agent")


@dataclass(frozen=True)
class Mentions:
    """The parties of all records, a column an attribute."""

    record: Ints
    ordinal: Ints
    role: Ints  # number in ROLES
    kind: Ints
    entity: Ints  # number of the person or organisation
    is_anonymous: Flags
    anonymous_records: Flags  # one flag a record


@dataclass(frozen=True)
class _Part:
    record: Ints
    role: Ints
    kind: int
    entity: Ints


def by_department(rates: Rates, name: str, department: Ints) -> Floats:
    """A rate of each record's department."""
    listed: list[DepartmentRates] = list(rates.departments.values())
    return np.array([getattr(entry, name) for entry in listed], dtype=np.float64)[department]


def mention(rng: Random, rates: Rates, company: Cast, filings: Filings) -> Mentions:
    """Name the parties of every record."""
    anonymous = _anonymous(rng, rates, company, filings)
    parts = [
        *_petitioners(rng, rates, company, filings),
        _agents(rng, rates, company, filings),
        *_respondents(rng, rates, company, filings),
    ]
    record = np.concatenate([part.record for part in parts])
    order = np.argsort(record, kind="stable")
    record = record[order]
    counts = np.bincount(record, minlength=len(filings.case))
    kind = np.concatenate([np.full(len(part.record), part.kind) for part in parts])[order]
    role = np.concatenate([part.role for part in parts])[order]
    petitions = role <= ROLES.index("victim")
    return Mentions(
        record=record,
        ordinal=spread(counts)[1],
        role=role,
        kind=kind,
        entity=np.concatenate([part.entity for part in parts])[order],
        is_anonymous=anonymous[record] & petitions & (kind == PERSON),
        anonymous_records=anonymous,
    )


def _anonymous(rng: Random, rates: Rates, company: Cast, filings: Filings) -> Flags:
    """Records whose reporter would not be named."""
    plan = company.cases.plan
    single = (plan.form[filings.case] != COLLECTIVE) & (company.cases.sides.petitioner_firm[filings.case] < 0)
    flags: Flags = single & chance(rng, by_department(rates, "anonymous", filings.department), len(filings.case))
    filings.notes.add("anonymous", flags)
    return flags


def _roles(rates: Rates, department: Ints, side: str) -> Ints:
    """What somebody on this side is called, by department."""
    called = [ROLES.index(words("departments")[code].get(side, side)) for code in rates.department_codes]
    return np.array(called, dtype=np.int64)[department]


def _petitioners(rng: Random, rates: Rates, company: Cast, filings: Filings) -> list[_Part]:
    """Persons: the one who files, or as many of those who petition together as the department lists."""
    plan, sides, case = company.cases.plan, company.cases.sides, filings.case
    count, form, members = len(case), plan.form[case], plan.members[case]
    listed = np.array([entry.listed for entry in rates.departments.values()], dtype=np.int64)[filings.department]
    together = (form == COLLECTIVE) | ((form == JOINT) & (listed >= 5) & chance(rng, 0.4, count))
    sizes = np.where(together, np.minimum(members, listed), 1)
    other = (members > 1) & (filings.position > 0) & chance(rng, rates.cases.other_member_files, count)
    other |= form == COLLECTIVE
    start = np.where(other, np.where(form == COLLECTIVE, below(rng, members), 1 + below(rng, members - 1)), 0)
    filings.notes.add("spouse_filed", (form == SPOUSE) & (start > 0))
    filings.notes.add("another_petitioner", np.isin(form, [JOINT, COLLECTIVE]) & (start > 0) & (sizes < members))
    firm = sides.petitioner_firm[case]
    sizes = np.where(firm >= 0, 0, sizes)
    record, turn = spread(sizes)
    member = sides.member[sides.first_member[case[record]] + (start[record] + turn) % members[record]]
    role = _roles(rates, filings.department, "petitioner")
    firms = np.flatnonzero(firm >= 0)
    return [_Part(record, role[record], PERSON, member), _Part(firms, role[firms], ORGANISATION, firm[firms])]


def _agents(rng: Random, rates: Rates, company: Cast, filings: Filings) -> _Part:
    """Lawyers before the court; each has several cases."""
    at_court = filings.department == rates.department_codes.index("court")
    record = np.flatnonzero(at_court & chance(rng, rates.records.agent, len(at_court)))
    # A case keeps its lawyer.
    lawyer = company.lawyers[(filings.case[record] * 2_654_435_761 >> 7) % len(company.lawyers)]
    return _Part(record, np.full(len(record), ROLES.index("agent")), PERSON, lawyer)


def _respondents(rng: Random, rates: Rates, company: Cast, filings: Filings) -> list[_Part]:
    """Whoever is complained of, unless the record names nobody."""
    sides, case = company.cases.sides, filings.case
    count = len(case)
    share = rates.records.no_respondent * by_department(rates, "nameless", filings.department)
    nameless = chance(rng, share, count)
    known = (sides.respondent[case] >= 0) | (sides.opponent[case] >= 0)
    filings.notes.add("no_respondent", nameless & known)
    role = _roles(rates, filings.department, "respondent")
    firm = np.where(nameless, -1, sides.respondent[case])
    strict = np.isin(filings.department, [rates.department_codes.index(code) for code in ("court", "labour", "housing")])
    second = np.where(~nameless & chance(rng, np.where(strict, 0.9, 0.4), count), sides.second[case], -1)
    person = np.where(nameless, -1, sides.opponent[case])
    parts = []
    for entity, kind in ((firm, ORGANISATION), (second, ORGANISATION), (person, PERSON)):
        record = np.flatnonzero(entity >= 0)
        parts.append(_Part(record, role[record], kind, entity[record]))
    return parts
