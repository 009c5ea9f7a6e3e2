"""Levels from conditions: the first that holds, or the first limit that is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from matching.model import GRADED, Comparison
from matching.sides import Flags, Floats

Levels: TypeAlias = npt.NDArray[np.int8]


def first_of(comparison: Comparison, steps: Sequence[tuple[str, Flags]], count: int) -> Levels:
    """Number of the first level whose condition holds; 0 where none does, or where the model leaves the level out."""
    levels = np.zeros(count, dtype=np.int8)
    for name, holds in reversed(steps):
        levels[holds] = comparison.index(name)
    return levels


def graded(comparison: Comparison, measure: Floats) -> Levels:
    """Number of the first level whose limit the measure keeps; 0 where the measure is NaN."""
    levels = np.zeros(len(measure), dtype=np.int8)
    known = ~np.isnan(measure)
    at_most = GRADED[comparison.kind] == "at_most"
    for number, level in reversed(list(enumerate(comparison.levels, 1))):
        if level.limit is None:
            levels[known] = number
        else:
            levels[known & (measure <= level.limit if at_most else measure >= level.limit)] = number
    return levels
