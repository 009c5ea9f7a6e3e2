"""COMPARISON: one function per kind of attribute → the level a pair reaches.

Enters forms and candidate pairs, leaves a table of levels: `left`, `right`, and a small integer for each comparison of
the model: 0 where there is nothing to compare, else the number of the level in the model, from 1. Where the model knows
how rare values are, a column `<comparison>.rarity` holds the bits that agreement on this very value adds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from matching import case_comparison, name_comparison, shared_comparison, string_comparison
from matching.addresses import DISTRICT
from matching.levels import Levels, first_of
from matching.model import Comparison, Model, Rarity
from matching.model_file import model_of
from matching.sides import Flags, Sides


def compare(relation: str, forms: pa.Table, pairs: pa.Table, model: Model) -> pa.Table:
    """Levels of every pair.

    Args:
        relation: person, organisation or case.
        forms: of every id that a pair names.
        pairs: PAIR.
        model: of that relation.

    Raises:
        ContractError: a pair names an id that has no form.
    """
    model = model_of(relation, model)
    sides = Sides(forms, pairs)
    columns: dict[str, pa.Array] = {"left": pairs.column("left"), "right": pairs.column("right")}
    for comparison in model.comparisons:
        columns[comparison.name] = pa.array(KINDS[comparison.kind](sides, comparison), type=pa.int8())
        if comparison.name in model.rarity:
            rarity = _rarity(sides, comparison.column, model.rarity[comparison.name])
            columns[f"{comparison.name}.rarity"] = pa.array(rarity, type=pa.int8())
    return pa.table(columns)


def _rarity(sides: Sides, column: str, rarity: Rarity) -> Levels:
    """Bits by which agreement on a value says more, or less, than agreement at large; 0 where the sides do not agree."""
    codes, _ = sides.codes(column)
    same = sides.same(column)
    bits = np.array([*rarity.bits(sides.written(column)), 0], dtype=np.int8)
    return np.where(same, bits[codes], 0).astype(np.int8)


def _apart(sides: Sides, comparison: Comparison) -> Levels:
    """Two parties on one side of one record are two, unless it lists one of them twice: by ID number, or by role and name."""
    twice = sides.same("identifier")
    if {"name", "role"} <= {*sides.forms.columns}:  # columns of parties; a table may have one of them alone
        twice |= sides.same("name") & ~sides.same("role")
    return first_of(comparison, [("together", sides.same("apart") & ~twice)], len(sides))


def _identifier(sides: Sides, comparison: Comparison) -> Levels:
    """Numbers with a state of their own; one digit off counts only where a check character shows that a slip was made."""
    number, state = comparison.column, f"{comparison.column.removesuffix('_no')}_state"
    both, same = sides.both(number), sides.same(number)
    states = sides.forms[state].to_numpy()
    left, right = states[sides.left], states[sides.right]
    broken = (left == "broken") | (right == "broken")
    proven = (left == "verified") & (right == "verified")
    near = sides.edits(number, both & broken & ~same, 1) <= 1
    return first_of(
        comparison,
        [
            ("same", same & proven),
            ("same_unverified", same),
            ("conflict", both & proven),
            ("one_off", near),
            ("differ_broken", both & broken),
            ("differ", both),
        ],
        len(sides),
    )


def _phone(sides: Sides, comparison: Comparison) -> Levels:
    both, same = sides.both(comparison.column), sides.same(comparison.column)
    near = sides.edits(comparison.column, both & ~same, 1) <= 1
    return first_of(comparison, [("same", same), ("one_off", near), ("differ", both)], len(sides))


def _date(sides: Sides, comparison: Comparison) -> Levels:
    """Near: month and day swapped, or but one of year, month and day differs."""
    dates = sides.forms[comparison.column]
    parts = [part.fill_null(0).to_numpy().astype(np.int64) for part in (dates.dt.year(), dates.dt.month(), dates.dt.day())]
    both, same = sides.both(comparison.column), sides.same(comparison.column)
    (y, m, d), (y2, m2, d2) = ([part[rows] for part in parts] for rows in (sides.left, sides.right))
    agree = (y == y2).astype(int) + (m == m2) + (d == d2)
    near = both & ((agree == 2) | ((y == y2) & (m == d2) & (d == m2)))
    return first_of(comparison, [("same", same), ("near", near), ("differ", both)], len(sides))


def _equal(sides: Sides, comparison: Comparison) -> Levels:
    return first_of(comparison, [("same", sides.same(comparison.column)), ("differ", sides.both(comparison.column))], len(sides))


def _address(sides: Sides, comparison: Comparison) -> Levels:
    """The finest part that agrees; a building or room that differs is worth its neighbourhood only, and in another district nothing."""

    def conflict(column: str) -> Flags:
        return sides.both(column) & ~sides.same(column)

    elsewhere = conflict(DISTRICT)
    on_number, in_estate, same_road = (sides.same(*parts) & ~elsewhere for parts in (("road", "number"), ("estate",), ("road",)))
    spot = on_number | in_estate
    building, room = sides.same("building"), sides.same("room")
    inside = spot & ~conflict("building")
    differs = elsewhere | conflict("street") | conflict("community") | conflict("road") | conflict("estate")
    steps: Sequence[tuple[str, Flags]] = [
        ("room", inside & room),
        ("neighbour", inside & building & conflict("room")),
        ("building", inside & building),
        ("number", on_number & inside),
        ("estate", spot),
        ("road", same_road),
        ("community", sides.same("community") & ~elsewhere),
        ("street", sides.same("street") & ~conflict("community") & ~elsewhere),
        ("differ", differs),
    ]
    return first_of(comparison, steps, len(sides))


#: Kind → its function: (sides, comparison) → a level for each pair.
KINDS: dict[str, Callable[[Sides, Comparison], Levels]] = {
    "apart": _apart,
    "identifier": _identifier,
    "person_name": name_comparison.person_name,
    "organisation_name": name_comparison.organisation_name,
    "phone": _phone,
    "date": _date,
    "equal": _equal,
    "address": _address,
    "citation": case_comparison.citation,
    "parties": case_comparison.parties,
    "category": case_comparison.category,
    "count": case_comparison.count,
    "days": case_comparison.days,
    "kilometres": case_comparison.kilometres,
    "ratio": case_comparison.ratio,
    "text": case_comparison.text,
    "difference": case_comparison.difference,
    "shared": shared_comparison.shared,
    "overlap": shared_comparison.overlap,
    "string": string_comparison.string,
}
