"""Which departments hear of a case, when, and how far they have got: one row a record, a column an attribute.

Enters: cases. Leaves: `Filings`, the records before their parties, texts and numbers, with the noise of
dates, amounts and categories applied.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from schema import codes
from simulator.columns import SECONDS_A_DAY, Flags, Floats, Ints, Notes, Random, chance, draw, draw_rows, spread, words
from simulator.disputes import Cases, Outline, categories
from simulator.rates import Rates

#: The day and hour of the first pull, 2026-06-30 18:00 in Shenzhen; tick t is t days later.
NOW = 1_782_813_600
TICKS = 3
#: Departments that hear of any kind of dispute now and then.
_EARS = ("petition", "political_legal", "police", "justice", "urban_management")
STATUS = ("received", "accepted", "in_progress", "resolved", "confirmed", "fed_back", "rejected", "withdrawn")
GRADES = ("red", "yellow", "green")
CHANNELS = tuple(codes.load("channel"))


@dataclass
class Filings:
    """The records, a column an attribute. A record is its number. Times are seconds since 1970; -1 is none."""

    case: Ints
    position: Ints  # 0: the case's first record
    department: Ints
    tick: Ints  # the pull at which it is first there
    is_late: Flags
    occurred: Ints
    reported: Ints
    accepted: Ints
    resolved: Ints
    confirmed: Ints
    fed_back: Ints
    updated: Ints
    status: Ints
    category: Ints
    amount: Floats  # NaN: none
    people: Ints
    grade: Ints
    channel: Ints
    notes: Notes


def file_records(rng: Random, rates: Rates, cases: Cases, later: int, late: int) -> Filings:
    """Records of the cases, of which `later` arrive and `late` are committed after the first pull."""
    plan, facts = cases.plan, cases.facts
    case, position = spread(plan.size)
    department = _departments(rng, rates, plan, case, position)
    count, notes = len(case), Notes()
    lag = _customs(rates, "delay", "settle")[department]
    wait = (lag[:, 0] * np.exp(rng.normal(0, 0.6, count)) * SECONDS_A_DAY).astype(np.int64) + 600
    reported = np.minimum(facts.occurred[case] + wait, NOW - 1800 - (rng.random(count) * 1.5 * SECONDS_A_DAY).astype(np.int64))
    tick, is_late = _arrivals(rng, reported, later, late)
    moment = np.where(is_late, NOW, NOW + tick * SECONDS_A_DAY)
    fresh = (tick > 0) & ~is_late
    reported = np.where(fresh, moment - 600 - (rng.random(count) * 0.9 * SECONDS_A_DAY).astype(np.int64), reported)
    accepted, resolved, confirmed, fed_back, status = _progress(rng, reported, lag[:, 1], moment)
    amount = _amounts(rng, rates, facts.amount[case], notes)
    category = _categories(rng, rates, plan.category[case], notes)
    stages = np.stack([reported, accepted, resolved, confirmed, fed_back])
    return Filings(
        case=case,
        position=position,
        department=department,
        tick=tick,
        is_late=is_late,
        occurred=_occurred(rng, rates, facts.occurred[case], reported, notes),
        reported=reported,
        accepted=accepted,
        resolved=resolved,
        confirmed=confirmed,
        fed_back=fed_back,
        updated=stages.max(axis=0) + rng.integers(0, 300, count),
        status=status,
        category=category,
        amount=amount,
        people=facts.people[case],
        grade=_grades(facts.people[case], amount, category),
        channel=_channels(rng, rates, department),
        notes=notes,
    )


def _departments(rng: Random, rates: Rates, plan: Outline, case: Ints, position: Ints) -> Ints:
    """A case's departments, without repetition but at the stated rate."""
    listed = rates.department_codes
    hears = [entry["departments"] for entry in categories().values()]
    shares = np.array([[shares.get(code, 0.08 if code in _EARS else 0) for code in listed] for shares in hears])
    with np.errstate(divide="ignore"):
        appeal = np.log(shares)[plan.category] + rng.gumbel(size=(len(plan.category), len(listed)))
    ranked = np.argsort(-appeal, axis=1)[:, : int(plan.size.max(initial=1))]
    chosen: Ints = ranked[case, position]
    again = (position > 0) & chance(rng, rates.cases.same_department_again, len(case))
    first = np.arange(len(case)) - position
    strict = _customs(rates, "one_file")[:, 0].astype(np.bool_)[chosen[first]]
    rows = np.flatnonzero(again & ~strict)
    chosen[rows] = chosen[first[rows]]
    return chosen


def _customs(rates: Rates, *names: str) -> Floats:
    """Customs of the departments, a line each."""
    return np.array([[words("departments")[code].get(name, 0) for name in names] for code in rates.department_codes], dtype=np.float64)


def _arrivals(rng: Random, reported: Ints, later: int, late: int) -> tuple[Ints, Flags]:
    """The pull each record is first there at: the last reported come later, and any may be committed late."""
    count = len(reported)
    tick = np.zeros(count, dtype=np.int64)
    order = np.argsort(reported + rng.integers(0, 60 * SECONDS_A_DAY, count), kind="stable")
    newest = order[count - later :]
    tick[newest] = 1 + np.arange(later) * TICKS // max(1, later)
    tardy = rng.permutation(order[: count - later])[:late]
    tick[tardy] = 1 + np.arange(late) % TICKS
    is_late = np.zeros(count, dtype=np.bool_)
    is_late[tardy] = True
    return tick, is_late


def _progress(rng: Random, reported: Ints, settle: Floats, moment: Ints) -> tuple[Ints, Ints, Ints, Ints, Ints]:
    """Times of the closed loop as far as a record has got by the moment it is pulled, and where that leaves it."""
    count = len(reported)
    hours = np.exp(rng.normal(0, 0.8, (4, count))) * np.stack([np.full(count, 1.2), settle * 10, np.full(count, 2.5), np.full(count, 5.0)])
    times = reported + np.cumsum((hours * 3600).astype(np.int64) + 60, axis=0)
    reached = times <= moment
    # Some stop on the way: nobody has confirmed yet, or the matter drags on.
    stops = draw(rng, [0.006, 0.02, 0.05, 0.10], count)
    halted = chance(rng, 0.22, count)
    reached &= ~(halted & (np.arange(4)[:, None] > stops))
    reached = np.minimum.accumulate(reached, axis=0)
    status = np.array([0, 1, 3, 4, 5])[reached.sum(axis=0)]
    status = np.where((status == 1) & chance(rng, 0.6, count), 2, status)
    ended = chance(rng, 0.014, count) & (status < 3)
    status = np.where(ended, np.where(chance(rng, 0.5, count), 6, 7), status)
    accepted, resolved, confirmed, fed_back = np.where(reached, times, -1)
    return np.where(status == 6, -1, accepted), resolved, confirmed, fed_back, status


def _occurred(rng: Random, rates: Rates, occurred: Ints, reported: Ints, notes: Notes) -> Ints:
    """When it happened, as this department was told."""
    count, share = len(occurred), rates.records
    shifted = chance(rng, share.date_shift, count)
    days = rng.choice([-4, -3, -2, -1, 1, 2, 3, 4], count, p=[0.04, 0.06, 0.15, 0.25, 0.25, 0.15, 0.06, 0.04])
    told = np.where(shifted, occurred + days * SECONDS_A_DAY, occurred)
    rough = chance(rng, share.date_rough, count)
    told = np.where(rough, (told + 8 * 3600) // SECONDS_A_DAY * SECONDS_A_DAY - 8 * 3600, told // 60 * 60)
    told = np.minimum(told, reported // 60 * 60)
    missing = chance(rng, share.occurred_missing, count)
    notes.add("date_shift", shifted & ~missing)
    notes.add("date_rough", rough & ~missing)
    notes.add("occurred_missing", missing)
    return np.where(missing, -1, told)


def _amounts(rng: Random, rates: Rates, amount: Floats, notes: Notes) -> Floats:
    count, share, held = len(amount), rates.records, ~np.isnan(amount)
    missing = held & chance(rng, share.amount_missing, count)
    rough = held & ~missing & chance(rng, share.amount_rough, count)
    other = held & ~missing & ~rough & chance(rng, share.amount_other, count)
    with np.errstate(invalid="ignore"):
        magnitude = 10 ** np.floor(np.log10(np.where(held, amount, 1.0)))
        rounded = np.maximum(np.round(amount / magnitude), 1) * magnitude
    told = np.where(rough, rounded, np.where(other, np.round(amount * rng.uniform(0.6, 1.5, count), -1), amount))
    notes.add("amount_missing", missing)
    notes.add("amount_rough", rough & (told != amount))
    notes.add("amount_other", other & (told != amount))
    return np.where(missing, np.nan, told)


def _categories(rng: Random, rates: Rates, category: Ints, notes: Notes) -> Ints:
    """The kind it is filed under; now and then one that it is confused with."""
    listed, confused = list(categories()), [entry["confused"] for entry in categories().values()]
    table = np.array([[listed.index(others[place % len(others)]) for place in range(6)] for others in confused])
    wrong = chance(rng, rates.records.wrong_category, len(category))
    notes.add("wrong_category", wrong)
    return np.where(wrong, table[category, rng.integers(0, 6, len(category))], category)


def _grades(people: Ints, amount: Floats, category: Ints) -> Ints:
    """Red, yellow or green by people, money and urgency."""
    urgent = np.isin(category, [list(categories()).index(name) for name in ("safety_hazard", "public_order")])
    money = np.nan_to_num(amount)
    red = (people >= 30) | (money >= 1_000_000)
    yellow = (people >= 5) | (money >= 100_000) | urgent
    return np.where(red, 0, np.where(yellow, 1, 2))


def _channels(rng: Random, rates: Rates, department: Ints) -> Ints:
    """How the resident came in, from what each department offers."""
    offered = [words("departments")[code]["channels"] for code in rates.department_codes]
    table = np.array([[shares.get(channel, 0) for channel in CHANNELS] for shares in offered], dtype=np.float64)
    bounds = np.cumsum(table / table.sum(axis=1, keepdims=True), axis=1)
    bounds[:, -1] = 1.0
    return draw_rows(rng, bounds, department)


def times(seconds: Ints) -> pl.Series:
    """Seconds since 1970 as times; null where negative."""
    column = pl.Series(seconds)
    told = pl.when(column >= 0).then(column * 1_000_000).cast(pl.Datetime("us", "UTC"))
    return pl.select(told).to_series()
