"""TIES: comparisons that say the same of pairs that are two, as city and postcode do, or an address and its coordinates.

Enters pairs drawn at random; leaves the ties between comparisons, a tree of them at most: how much oftener chance shows two
levels together than each alone would say (Chow & Liu 1968). Taken for independent, both would speak, and neighbours pass for one.

Pairs that are one agree in all comparisons, and would tie each to each. So what pairs taken for one would show is taken off, and two
comparisons are tied only where twice as many are left: neighbours are more than that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import TypeAlias

import numpy as np

from matching.expectation import Floats, Guess, Patterns
from matching.model import Comparison, Tie

_Found: TypeAlias = tuple[float, int, int, tuple[tuple[float, ...], ...]]  # what it tells, the places of the two, the bits

_TOLD = 0.1  # of what the lesser of two comparisons tells, that the other tells, too, for them to be tied
_LEAST = 0.005  # bits a random pair, on average: of one group or family are few of these
_BESIDE_ONES = 2.0  # pairs that go together beyond chance, beside those taken for one, which what is found of them falls short of
_FEW = 5.0  # random pairs, beside which a few more or less say nothing


def ties_of(random: Patterns, guess: Guess, comparisons: Sequence[Comparison], may_tie: Sequence[int]) -> tuple[Tie, ...]:
    """The ties between comparisons, those that tell most first, none that closes a circle.

    Args:
        random: what pairs drawn at random show.
        guess: m, u and the prior, all comparisons taken for independent.
        comparisons: the model's.
        may_tie: places of those that may be tied.
    """
    found = []
    for one, other in combinations(may_tie, 2):
        shape = (len(guess.m[one]) + 1, len(guess.m[other]) + 1)
        codes = random.level[:, one] * shape[1] + random.level[:, other]
        shown = np.bincount(codes, weights=random.count, minlength=shape[0] * shape[1]).reshape(shape)[1:, 1:]
        among = max(float(shown.sum()), 1.0)
        chance = np.outer(guess.u[one], guess.u[other]) * among
        rest = np.maximum(shown - guess.prior * among * np.outer(guess.m[one], guess.m[other]), np.minimum(shown, chance))
        told = _told(rest)
        if told and np.maximum(rest - chance, 0).sum() > _BESIDE_ONES * guess.prior * among:
            bits = np.log2((rest + _FEW) / (chance + _FEW)).round(2)
            found.append((told, one, other, tuple(tuple(row) for row in bits.tolist())))
    return tuple(Tie(comparisons[one].name, comparisons[other].name, bits) for _, one, other, bits in _tree(found))


def _told(shown: Floats) -> float:
    """Bits that one of two comparisons tells of the other, on average; 0 where that is little of what it tells at all."""
    shares = shown / max(float(shown.sum()), 1.0)
    ours, theirs = _entropy(shares.sum(axis=1)), _entropy(shares.sum(axis=0))
    both = ours + theirs - _entropy(shares.ravel())
    return both if both > max(_TOLD * min(ours, theirs), _LEAST) else 0.0


def _entropy(shares: Floats) -> float:
    held = shares[shares > 0]
    return float(-(held * np.log2(held)).sum())


def _tree(found: Sequence[_Found]) -> Iterator[_Found]:
    """Of the ties found those that close no circle, by what they tell."""
    joined = dict[int, int]()
    for told, one, other, bits in sorted(found, key=lambda each: (-each[0], each[1:3])):
        ours, theirs = joined.setdefault(one, one), joined.setdefault(other, other)
        if ours != theirs:
            yield told, one, other, bits
            joined = {place: ours if group == theirs else group for place, group in joined.items()}
