"""EXPECTATION MAXIMISATION: how often pairs that are one reach each level, from the combinations of levels that pairs show.

Enters combinations with the pairs that show each and what pairs drawn at random show; leaves m, u and the prior. A comparison
learns from the combinations that it is told to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log2
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from matching.model import Model, Tie

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Flags: TypeAlias = npt.NDArray[np.bool_]

ROUNDS = 200
SETTLED = 1e-6  # of every m, from one round to the next …
SETTLED_SHARE = 1e-3  # … and of the prior, as a share of itself: it may grow for long after every m stands
PRIOR = (1e-12, 0.5)  # the least and the most that it may be
_LEAST = 1e-6  # no probability is nought: a level not met among so many may still be met


@dataclass(frozen=True)
class Guess:
    """The prior, and for each comparison m and u of its levels."""

    prior: float
    m: list[Floats]
    u: list[Floats]

    def moved(self, before: Guess) -> float:
        """The most that an m changed."""
        return max(float(np.abs(new - old).max()) for new, old in zip(self.m, before.m, strict=True))

    def stands(self, before: Guess) -> bool:
        """Whether the prior is what it was."""
        return abs(self.prior - before.prior) <= SETTLED_SHARE * before.prior


class Tied(NamedTuple):
    """A tie by the places of its comparisons, its bits by the numbers of their levels, 0 for none."""

    one: int
    other: int
    bits: Floats


def tied(ties: Sequence[Tie], names: Sequence[str]) -> tuple[Tied, ...]:
    """Ties between the comparisons of these names."""
    return tuple(Tied(names.index(tie.one), names.index(tie.other), np.pad(np.array(tie.bits), ((1, 0), (1, 0)))) for tie in ties)


def together(level: npt.NDArray[Any], ties: Sequence[Tied], without: Sequence[int] = ()) -> Floats:
    """Of each row of levels, log2 of how much oftener chance shows it than its levels alone would say.

    Args:
        level: (rows, comparisons): the number of the level.
        ties: between these.
        without: places of comparisons; ties among these alone are passed over.
    """
    bits = np.zeros(len(level))
    for tie in ties:
        if not {tie.one, tie.other} <= {*without}:
            bits += tie.bits[level[:, tie.one], level[:, tie.other]]
    return bits


@dataclass(frozen=True)
class Patterns:
    """Distinct combinations of levels and rules, with the pairs that show each.

    Args:
        level: (combinations, comparisons): the number of the level, 0 where there is none.
        rules: that found them, a bit each.
        count: pairs.
    """

    level: Ints
    rules: Ints
    count: Floats
    tied: tuple[Tied, ...] = ()

    @classmethod
    def of(cls, levels: pa.Table, found_by: Ints, model: Model) -> Patterns:
        """Of pairs, as `compare` gives their levels."""
        frame = pl.DataFrame(levels.select([comparison.name for comparison in model.comparisons]))
        counted = frame.with_columns(pl.Series("found by", found_by)).group_by(pl.all()).agg(pl.len().alias("pairs of it")).sort(pl.all())
        names = [comparison.name for comparison in model.comparisons]
        level = counted.select(names).to_numpy().astype(np.int64).reshape(len(counted), len(names))
        return cls(level, counted["found by"].to_numpy(), counted["pairs of it"].to_numpy().astype(np.float64))

    def at(self, places: Flags) -> Patterns:
        """Some of them."""
        return replace(self, level=self.level[places], rules=self.rules[places], count=self.count[places])

    def log_likelihood(self, shares: Sequence[Floats]) -> Floats:
        """log2 of how probable each combination is where levels have these shares; a comparison without a level says nothing."""
        bits = np.zeros(len(self.count))
        for place, share in enumerate(shares):
            bits += np.concatenate(([0.0], np.log2(share)))[self.level[:, place]]
        return bits

    def bits(self, guess: Guess) -> Floats:
        """What a pair of each combination weighs, the prior included."""
        bits = np.full(len(self.count), log2(guess.prior / (1 - guess.prior)))
        for place, (ones, twos) in enumerate(zip(guess.m, guess.u, strict=True)):
            bits += np.concatenate(([0.0], np.log2(ones / twos)))[self.level[:, place]]
        return bits - self.together()

    def together(self, without: Sequence[int] = ()) -> Floats:
        """log2 of how much oftener chance shows each combination than its levels alone would say, as far as ties tell."""
        return together(self.level, self.tied, without)

    def weights(self, guess: Guess) -> Floats:
        """How probably a pair of each combination is one."""
        return probability(self.bits(guess))


@dataclass(frozen=True)
class Evidence:
    """What is learned from.

    Args:
        met: pairs that met.
        learns: for each comparison the combinations that it learns from.
        random: (pairs drawn at random, comparisons): the number of the level.
        two: how probably each of these is not one.
        agreed: for each comparison the shares of its levels among these.
        total: pairs that there are, met or not.
        first: the prior to begin with.
        fading: places of the comparisons of days: what is one comes to pass once, and its records grow fewer as time goes by.
    """

    met: Patterns
    learns: list[Flags]
    random: npt.NDArray[np.int8]
    two: Floats
    agreed: list[Floats]
    total: float
    first: float
    fading: tuple[int, ...] = ()

    def at(self, places: Flags) -> Evidence:
        """The same of some combinations."""
        return replace(self, met=self.met.at(places), learns=[flags[places] for flags in self.learns])

    def first_guess(self) -> Guess:
        """Where learning begins."""
        return Guess(self.first, [first_guess(len(each)) for each in self.agreed], self.agreed)

    def learned(self, matched: Floats, before: Guess) -> Guess:
        """The next guess: what the pairs that are expected to be one show."""
        prior = float(np.clip(matched.sum() / self.total, *PRIOR))
        m = [shares_of(self.met.level[:, place], matched * self.learns[place], known) for place, known in enumerate(before.m)]
        return Guess(prior, m, [apart(shares, [(prior, ones)]) for shares, ones in zip(self.agreed, m, strict=True)])


@dataclass(frozen=True)
class Expected:
    """What expectation maximisation came to.

    Args:
        guess: the last.
        rounds: that it took.
        matches: pairs among those that met which are expected to be one.
        settled: the last round changed nothing.
    """

    guess: Guess
    rounds: int
    matches: float
    settled: bool


def maximise(evidence: Evidence) -> Expected:
    """m, u and the prior, pairs being one or two."""
    guess, matched = evidence.first_guess(), np.zeros(0)
    rounds, is_settled = 0, False
    while rounds < ROUNDS and not is_settled:
        matched = evidence.met.weights(guess) * evidence.met.count
        before, guess = guess, evidence.learned(matched, guess)
        rounds, is_settled = rounds + 1, guess.stands(before) and guess.moved(before) < SETTLED
    return Expected(guess, rounds, float(matched.sum()), is_settled)


def probability(bits: Floats) -> Floats:
    """How probable is what so many bits speak for."""
    found: Floats = 1 / (1 + np.exp2(np.clip(-bits, -500, 500)))
    return found


def without_ones(evidence: Evidence, found: Guess) -> Evidence:
    """The same, and of each random pair how probably it is not one, by all that it shows."""
    bits = np.full(len(evidence.random), log2(found.prior / (1 - found.prior)))
    for place, (ones, twos) in enumerate(zip(found.m, found.u, strict=True)):
        bits += np.concatenate(([0.0], np.log2(ones / twos)))[evidence.random[:, place]]
    return replace(evidence, two=1 - probability(bits - together(evidence.random, evidence.met.tied)))


def first_guess(count: int) -> Floats:
    """Most pairs that are one agree: each level is met a third as often as the one before."""
    guess = 0.3 ** np.arange(count, dtype=np.float64)
    guess[-1] = max(guess[-1], 0.05)
    share: Floats = guess / guess.sum()
    return share


def shares_of(levels: Ints, matched: Floats, before: Floats) -> Floats:
    """Shares of levels among pairs, weighed; what was before counts as one pair."""
    counted = np.bincount(levels, weights=matched, minlength=len(before) + 1)[1:]
    shares = (counted + before) / (counted.sum() + 1) if counted.sum() else before
    found = np.maximum(shares, _LEAST)
    share: Floats = found / found.sum()
    return share


def apart(shares: Floats, others: Sequence[tuple[float, Floats]]) -> Floats:
    """Each u, from what random pairs show, a few of which are of other sorts: of each its share, and the shares of its levels."""
    rest = 1 - sum(prior for prior, _ in others)
    left = shares - sum(prior * each for prior, each in others)
    found = np.maximum(left / rest, np.maximum(shares * 0.01, _LEAST / 100))
    share: Floats = found / found.sum()
    return share
