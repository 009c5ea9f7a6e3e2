"""COMPARISON of cases: cited numbers, parties, category, time, place, money, words."""

from __future__ import annotations

import numpy as np
import polars as pl

from matching.levels import Levels, first_of, graded
from matching.model import Comparison
from matching.sides import Floats, Sides
from matching.texts import similarity_0_1

_EARTH_KM = 6371.0


def citation(sides: Sides, comparison: Comparison) -> Levels:
    """One cites the other's number, or bears it too; or both cite a third."""
    cites, same_citation = sides.same("case_number"), np.zeros(len(sides), dtype=np.bool_)
    has_cites = sides.forms["cites"].is_not_null().to_numpy()
    where = has_cites[sides.left] | has_cites[sides.right]
    if where.any():
        (own, their_own), (cited, their_cited) = sides.gathered("case_number", where), sides.gathered("cites", where)
        found = pl.select(
            cites=(pl.lit(cited).list.contains(their_own) | pl.lit(their_cited).list.contains(own)).fill_null(False),
            same=(pl.lit(cited).list.set_intersection(their_cited).list.len() > 0).fill_null(False),
        )
        cites[where] |= found["cites"].to_numpy()
        same_citation[where] = found["same"].to_numpy()
    return first_of(comparison, [("cites", cites), ("same_citation", same_citation)], len(sides))


def parties(sides: Sides, comparison: Comparison) -> Levels:
    """Resolved persons and organisations on one side of the dispute: shared, on opposite sides, or others."""
    side = comparison.column
    opposite = {"petitioner": "respondent", "respondent": "petitioner"}[side]
    known = sides.filled(f"{side}_persons", f"{side}_organisations")
    crossed = np.zeros(len(sides), dtype=np.bool_)
    for kind in ("persons", "organisations"):
        crossed |= sides.overlap(f"{side}_{kind}", f"{opposite}_{kind}") | sides.overlap(f"{opposite}_{kind}", f"{side}_{kind}")
    return first_of(
        comparison,
        [
            ("shared", sides.overlap(f"{side}_persons", f"{side}_persons")),
            ("shared_organisation", sides.overlap(f"{side}_organisations", f"{side}_organisations")),
            ("crossed", crossed),
            ("differ", known),
        ],
        len(sides),
    )


def category(sides: Sides, comparison: Comparison) -> Levels:
    """Same, the same and one of which each has a claim of his own, of one of the model's groups of categories taken for one another,
    or different; `other` tells nothing.
    """
    left, right = sides.codes(comparison.column)
    words = sides.values(comparison.column)
    tells = np.array([word != "other" for word in words] + [False])  # the last stands for null, whose code is -1
    both = tells[left] & tells[right]
    compatible = np.zeros((len(words) + 1, len(words) + 1), dtype=np.bool_)
    for group in comparison.groups:
        member = np.array([word in group for word in words] + [False])
        compatible |= member[:, None] & member[None, :]
    own = np.array([word in comparison.own for word in words] + [False])
    same = both & (left == right)
    steps = [("same_own", same & own[left]), ("same", same), ("compatible", both & compatible[left, right]), ("differ", both)]
    return first_of(comparison, steps, len(sides))


def count(sides: Sides, comparison: Comparison) -> Levels:
    """The same number of people, three or more; smaller numbers are too often the same."""
    left, right = sides.numbers(comparison.column)
    both = ~np.isnan(left) & ~np.isnan(right)
    return first_of(comparison, [("same_many", both & (left == right) & (left >= 3)), ("differ", both & (left != right))], len(sides))


def days(sides: Sides, comparison: Comparison) -> Levels:
    """Days between what happened, else the nearest of what was happened and what was reported."""
    if comparison.column in sides.forms.columns:  # a date of a table's own
        left, right = sides.numbers(comparison.column)
        return graded(comparison, np.abs(left - right))
    occurred, reported = sides.numbers("occurred_day"), sides.numbers("reported_day")
    gap = np.abs(occurred[0] - occurred[1])
    others = [np.abs(one - other) for one, other in ((occurred[0], reported[1]), (reported[0], occurred[1]), (reported[0], reported[1]))]
    nearest = np.fmin(np.fmin(others[0], others[1]), others[2])
    return graded(comparison, np.where(np.isnan(gap), nearest, gap))


def kilometres(sides: Sides, comparison: Comparison) -> Levels:
    """Great-circle distance of the places."""
    longitude, latitude = (np.radians(sides.numbers(axis)) for axis in ("longitude", "latitude"))
    across = np.sin((longitude[1] - longitude[0]) / 2) ** 2 * np.cos(latitude[0]) * np.cos(latitude[1])
    share = np.sin((latitude[1] - latitude[0]) / 2) ** 2 + across
    distance: Floats = 2 * _EARTH_KM * np.arcsin(np.sqrt(share))
    return graded(comparison, distance)


def difference(sides: Sides, comparison: Comparison) -> Levels:
    """How far two numbers are apart, in their own unit."""
    left, right = sides.numbers(comparison.column)
    return graded(comparison, np.abs(left - right))


def ratio(sides: Sides, comparison: Comparison) -> Levels:
    """Difference of two amounts, as a share of the larger."""
    left, right = sides.numbers(comparison.column)
    larger = np.maximum(np.abs(left), np.abs(right))
    share = np.divide(np.abs(left - right), larger, out=np.full(len(sides), np.nan), where=larger > 0)
    return graded(comparison, share)


def text(sides: Sides, comparison: Comparison) -> Levels:
    """Cosine of the character bigrams of title and text."""
    where = sides.both(comparison.column)
    similarity = np.full(len(sides), np.nan)
    similarity[where] = similarity_0_1(*sides.gathered(comparison.column, where))
    return graded(comparison, similarity)
