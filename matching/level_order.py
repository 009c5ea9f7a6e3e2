"""Levels in order: no share of a level is to contradict those of better and worse ones, because few pairs show it."""

from __future__ import annotations

import numpy as np
from scipy.optimize import isotonic_regression

from matching.expectation import Flags, Floats
from matching.model import GRADED, Comparison

_ORDERED = {"string", "equal", "date", "phone", *GRADED}  # kinds whose levels stand from the best to the worst


def in_order(comparison: Comparison, shares: Floats, beside: Floats, *, rises: bool) -> Floats:
    """The shares of levels with which, from the best level to the worst, their ratio to those beside rises, or falls; neighbours that
    go the other way are given the ratio of both together.

    Levels of the hub's own kinds are not in such an order, and what stands in another field (`swapped_with`) is evidence of another
    sort: their shares stay.
    """
    ordered = _ordered(comparison)
    if ordered.sum() < 2:  # two can be out of order
        return shares
    smoothed = shares.copy()
    fitted = isotonic_regression(shares[ordered] / beside[ordered], weights=beside[ordered], increasing=rises)
    smoothed[ordered] = fitted.x * beside[ordered]
    return smoothed


def _ordered(comparison: Comparison) -> Flags:
    tested = np.array([all(test != "swapped_with" for test, _ in level.tests) for level in comparison.levels], dtype=np.bool_)
    ordered: Flags = tested & (comparison.kind in _ORDERED)
    return ordered
