"""COMPARISON and WEIGHTS of one pair: `comparison.compare` and `weights.weigh` for two forms.

Enters what was asked and what is known, in this order; leaves the decision, its bits and its levels. Kinds of comparison
that only models of other tables have are not among `KINDS`.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from matching.addresses import DISTRICT
from matching.model import GRADED, MOST_RARITY, Comparison, Model
from matching.single import case_comparison
from matching.single.name_comparison import both, edits, organisation_name, person_name, same
from matching.weights import RARITY

Form: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Weighed:
    """A pair, compared and weighed.

    Args:
        decision: link, review, no_link or cannot_link.
        match_weight: bits, prior included.
        levels: as EDGE has them, parsed.
    """

    decision: str
    match_weight: float
    levels: Mapping[str, str]


@dataclass(frozen=True)
class Turn:
    """Comparisons that a part of a form makes possible.

    Args:
        comparisons: the model's, in its order.
        left: bits that all later ones may add at most.
    """

    comparisons: Sequence[Comparison]
    left: float


_MILLION = 1e6
_ROUNDED = 1 / _MILLION  # by no more is a weight rounded


def is_known(model: Model) -> bool:
    """Whether every comparison of a model can be made of one pair, and nothing else weighs."""
    return model.related is None and not model.ties and all(comparison.kind in KINDS for comparison in model.comparisons)


def weigh_pair(one: Form, other: Form, model: Model) -> Weighed:
    """Compare two forms and weigh what they show."""
    weight, is_forbidden = model.prior, False
    reached: dict[str, str] = {}
    numbers: dict[str, int] = {}
    rarities: dict[str, int] = {}
    for comparison in model.comparisons:
        number = numbers[comparison.name] = KINDS[comparison.kind](one, other, comparison)
        if number:
            level = comparison.levels[number - 1]
            reached[comparison.name] = level.name
            weight += level.bits
            is_forbidden |= level.cannot_link
        if comparison.name in model.rarity and same(one, other, comparison.column):
            rarities[comparison.name] = model.rarity[comparison.name].bits([one[comparison.column]])[0]
    applied = {}
    for adjustment, when in model.corrections:
        if all(numbers[name] in levels for name, levels in when):
            weight += adjustment.bits
            is_forbidden |= adjustment.cannot_link
            applied[adjustment.name] = "applied"
    rare = {f"{name}{RARITY}": f"{bits:+}" for name, bits in rarities.items() if bits}
    weight = float(np.rint((weight + sum(rarities.values())) * _MILLION) / _MILLION)  # as np.round does, which takes five times as long
    return Weighed(_decision(weight, model, is_forbidden=is_forbidden), weight, {**reached, **rare, **applied})


def in_turn(model: Model, later: Sequence[frozenset[str]]) -> list[Turn]:
    """A model's comparisons by the part of the form that they wait for.

    Args:
        model: what is compared.
        later: of each part after the first, the columns that it brings.
    """
    waits = {comparison.name: _part_of(comparison, later) for comparison in model.comparisons}
    lifted = sum(max(0.0, adjustment.bits) for adjustment in model.adjustments)
    return [
        Turn(
            [comparison for comparison in model.comparisons if waits[comparison.name] == part],
            lifted + sum(model.most_bits[name] for name, waited in waits.items() if waited > part),
        )
        for part in range(len(later) + 1)
    ]


def weigh_in_turn(one: Form, parts: Iterable[Form], turns: Sequence[Turn], model: Model) -> Weighed | None:
    """`weigh_pair` with a form that is made in parts; None as soon as no review can come of it any more, and no further part is made."""
    other: dict[str, Any] = {}
    most = model.prior
    for part, turn in zip(parts, turns, strict=True):
        other |= part
        most += sum(_most(one, other, comparison, model) for comparison in turn.comparisons)
        if most + turn.left < model.review - _ROUNDED:
            return None
    return weigh_pair(one, other, model)


def _most(one: Form, other: Form, comparison: Comparison, model: Model) -> float:
    """Bits that a comparison shows, with as much as it may tell by what is rare."""
    number = KINDS[comparison.kind](one, other, comparison)
    return (comparison.levels[number - 1].bits if number else 0.0) + MOST_RARITY * (comparison.name in model.rarity)


def _part_of(comparison: Comparison, later: Sequence[frozenset[str]]) -> int:
    return max((part for part, columns in enumerate(later, 1) if comparison.column in columns), default=0)


def _decision(weight: float, model: Model, *, is_forbidden: bool) -> str:
    if weight >= model.link:
        return "link"
    if is_forbidden:
        return "cannot_link"
    return "review" if weight >= model.review else "no_link"


def _apart(one: Form, other: Form, _: Comparison) -> str | None:
    if not same(one, other, "apart") or same(one, other, "identifier"):
        return None
    twice = "role" in one and same(one, other, "name") and not same(one, other, "role")
    return None if twice else "together"


def _identifier(one: Form, other: Form, comparison: Comparison) -> str | None:
    number, state = comparison.column, f"{comparison.column.removesuffix('_no')}_state"
    if not both(one, other, number):
        return None
    states = (one[state], other[state])
    is_proven = states == ("verified", "verified")
    if one[number] == other[number]:
        return "same" if is_proven else "same_unverified"
    if is_proven:
        return "conflict"
    if "broken" in states:
        return "one_off" if edits(one[number], other[number]) <= 1 else "differ_broken"
    return "differ"


def _phone(one: Form, other: Form, comparison: Comparison) -> str | None:
    value, theirs = one[comparison.column], other[comparison.column]
    if value is None or theirs is None:
        return None
    return "same" if value == theirs else "one_off" if edits(value, theirs) <= 1 else "differ"


def _date(one: Form, other: Form, comparison: Comparison) -> str | None:
    date: dt.date | None = one[comparison.column]
    theirs: dt.date | None = other[comparison.column]
    if date is None or theirs is None:
        return None
    if date == theirs:
        return "same"
    agree = (date.year == theirs.year) + (date.month == theirs.month) + (date.day == theirs.day)
    is_swapped = date.year == theirs.year and date.month == theirs.day and date.day == theirs.month
    return "near" if agree == 2 or is_swapped else "differ"  # of year, month and day


def _equal(one: Form, other: Form, comparison: Comparison) -> str | None:
    if not both(one, other, comparison.column):
        return None
    return "same" if same(one, other, comparison.column) else "differ"


def _address(one: Form, other: Form, _: Comparison) -> str | None:
    def conflict(column: str) -> bool:
        return both(one, other, column) and one[column] != other[column]

    if conflict(DISTRICT):
        return "differ"
    on_number, in_estate, same_road = (
        same(one, other, "road") and same(one, other, "number"),
        same(one, other, "estate"),
        same(one, other, "road"),
    )
    if on_number or in_estate:
        if conflict("building"):
            return "estate"
        if same(one, other, "room"):
            return "room"
        if same(one, other, "building"):
            return "neighbour" if conflict("room") else "building"
        return "number" if on_number else "estate"
    if same_road:
        return "road"
    if same(one, other, "community"):
        return "community"
    if same(one, other, "street") and not conflict("community"):
        return "street"
    return "differ" if any(conflict(column) for column in ("street", "community", "road", "estate")) else None


def _named(level: Callable[[Form, Form, Comparison], str | None]) -> Callable[[Form, Form, Comparison], int]:
    """The number of the level that a function names; 0 for None, or where the model leaves the level out."""

    def number(one: Form, other: Form, comparison: Comparison) -> int:
        name = level(one, other, comparison)
        return 0 if name is None else comparison.index(name)

    return number


def _graded(measure: Callable[[Form, Form, Comparison], float | None]) -> Callable[[Form, Form, Comparison], int]:
    """The number of the first level whose limit a measure keeps; 0 where there is none to measure."""

    def number(one: Form, other: Form, comparison: Comparison) -> int:
        measured = measure(one, other, comparison)
        if measured is None or math.isnan(measured):
            return 0
        at_most = GRADED[comparison.kind] == "at_most"
        for place, level in enumerate(comparison.levels, 1):
            if level.limit is None or (measured <= level.limit if at_most else measured >= level.limit):
                return place
        return 0

    return number


#: Kind → its function: (what was asked, what is known, comparison) → the number of the level.
KINDS: dict[str, Callable[[Form, Form, Comparison], int]] = {
    "apart": _named(_apart),
    "identifier": _named(_identifier),
    "person_name": _named(person_name),
    "organisation_name": _named(organisation_name),
    "phone": _named(_phone),
    "date": _named(_date),
    "equal": _named(_equal),
    "address": _named(_address),
    "citation": _named(case_comparison.citation),
    "parties": _named(case_comparison.parties),
    "category": _named(case_comparison.category),
    "count": _named(case_comparison.count),
    "days": _graded(case_comparison.days),
    "kilometres": _graded(case_comparison.kilometres),
    "ratio": _graded(case_comparison.ratio),
    "text": _graded(case_comparison.text),
}
