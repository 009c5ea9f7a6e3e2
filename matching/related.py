"""RELATED pairs: of one group, and yet two. Tracks of one album, members of one household, requests about one spot.

They agree in what the group shares, far oftener than pairs drawn at random do, and training with two sorts of pairs alone takes
them for one. Here they are a third sort, between those that are one and those that are two: in the comparisons by which things of
one group are told apart they agree by chance alone, and in all others as often as is found. Chance is what random pairs show, in these
comparisons together: what a request tells goes with its category.

Which comparisons these are is a matter of what the rows are: a table of persons who moved looks like one of homes with many persons.
So a model may state them (`told_apart_by`). Where it does not they are looked for if far more pairs are taken for one than there are
rows, and never among what tells where somebody is or how to reach him.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import log2
from typing import Any

import numpy as np
import numpy.typing as npt

from matching.expectation import PRIOR, ROUNDS, SETTLED_SHARE, Evidence, Expected, Floats, Guess, Ints, apart, first_guess, shares_of
from matching.level_order import in_order
from matching.model import MOST_APART, Comparison, Related

_RARE = 1e-9  # a share that is none
_SETTLED = 1e-5  # of every m and share, from one round to the next; of the priors see `SETTLED_SHARE`
_LIKELIER = 0.001  # bits a pair taken for one, by which an earlier round must be likelier than the last to be kept
_TRIED = 25  # rounds, to choose between
_PLAUSIBLE = -25.0  # bits, from which a combination may be more than chance
_TELLING = 1.0  # bits that a comparison tells of a pair that is one, on average, for it to tell things of a group apart …
_TELLING_TOGETHER = 3.0  # … and two of them together
_TELLING_ALONE = 5.0  # … and one alone
_SHARE = 0.25  # of those that are one: fewer that agree so are rather slips
_SHARE_ALONE = 1.0  # … where one alone tells them apart: in what is filled in anew each time two of five may differ
_SHARE_OF_WORDS = 0.1  # … but where it is of words, in any order: those that are one hardly ever have none in common …
_HARDLY_EVER = 0.05  # … so that no more of them reach its last level than this
_GAIN = 0.01  # bits a pair, on average, for one more
_FEW = 5.0  # random pairs, beside which a few more or less say nothing
_CROWDED = 0.3  # pairs a row that are taken for one, from which some of them may be of one group alone
_SELDOM = 0.02  # of the pairs that are farther apart in time than chance has it, that are one all the same
_PATTERNS = 20_000  # the commonest, to choose by


@dataclass(frozen=True)
class Grouped:
    """What three sorts of pairs came to.

    Args:
        expected: of those that are one.
        shares: of the related, for each comparison the shares of its levels; u, of those in which they agree by chance.
        prior: the share of all pairs that are related.
        count: pairs among those that met which are expected to be related.
        chance: what tells them apart.
        likelihood: log2 of how probable what was met is.
        near: places of comparisons that tell related pairs apart, and in which they may be near each other.
    """

    expected: Expected
    shares: list[Floats]
    prior: float
    count: float
    chance: Chance
    likelihood: float
    near: frozenset[int] = frozenset()

    def bits(self, comparisons: Sequence[Comparison]) -> Related:
        """As a model has it; of the comparisons what their trained levels are beside."""
        guess, names = self.expected.guess, [comparison.name for comparison in comparisons]
        found = {}
        for place, (comparison, kin) in enumerate(zip(comparisons, self.shares, strict=True)):
            if place not in self.chance.places or place in self.near:
                ones = np.array([level.m for level in comparison.levels], dtype=np.float64)
                # A level that hardly any of them shows would else say more that two are one than the better ones before it.
                shares = in_order(comparison, kin, ones, rises=True)
                found[comparison.name] = tuple(round(float(bits), 3) for bits in np.log2(shares / guess.u[place]))
        together = zip(self.chance.level.tolist(), self.chance.together(guess).round(2).tolist(), strict=True)
        prior = round(log2(self.prior / (1 - guess.prior - self.prior)), 3)
        kept = {tuple(levels): bits for levels, bits in together if bits}
        return Related(prior, found, tuple(names[place] for place in self.chance.places), kept)


@dataclass(frozen=True)
class Chance:
    """Combinations of the levels of some comparisons that pairs met show, and how often random pairs do.

    Args:
        places: of the comparisons.
        level: (combinations, comparisons).
        of: for each pattern its combination.
        shown: random pairs that show each, those that are one left aside.
        among: of them those in which the same comparisons have a level.
    """

    places: tuple[int, ...]
    level: Ints
    of: Ints
    shown: Floats
    among: Floats

    @classmethod
    def of_places(cls, evidence: Evidence, places: Sequence[int]) -> Chance:
        """Those of some comparisons."""
        level, of = np.unique(evidence.met.level[:, places], axis=0, return_inverse=True)
        random, many = evidence.random[:, places], [len(evidence.agreed[place]) + 1 for place in places]
        shown = _counted(random, evidence.two, level, many)
        among = _counted(random > 0, evidence.two, level > 0, [2] * len(many))
        return cls(tuple(places), level, of.reshape(-1), shown, among)

    def together(self, guess: Guess) -> Floats:
        """log2 of how much oftener chance shows each combination than its levels' shares say; 0 where too few pairs tell."""
        twos = np.ones(len(self.level))
        for column, place in enumerate(self.places):
            twos *= np.concatenate(([1.0], guess.u[place]))[self.level[:, column]]
        bits: Floats = np.log2((self.shown + _FEW) / (self.among * twos + _FEW))
        return bits


def _counted(random: npt.NDArray[Any], weight: Floats, wanted: npt.NDArray[Any], many: Sequence[int]) -> Floats:
    """What rows weigh that are as each of those that are wanted; in each column there may be so many different numbers, from 0 on."""
    scale = np.cumprod([1, *many[:-1]])
    counts = np.bincount(random.astype(np.int64) @ scale, weights=weight, minlength=int(np.prod(many)))
    found: Floats = counts[wanted.astype(np.int64) @ scale]
    return found


def grouped(evidence: Evidence, apart_by: Sequence[int], near: Sequence[int] = (), most: int = ROUNDS) -> Grouped:
    """m, u and the prior, pairs being one, two, or related.

    Args:
        evidence: what is learned from.
        apart_by: places of the comparisons in which related pairs agree by chance.
        near: of them those in which related pairs may be near each other all the same: numbers that are given one after another.
        most: rounds.
    """
    met, guess, prior = evidence.met, evidence.first_guess(), evidence.first
    chance, kin = Chance.of_places(evidence, apart_by), [first_guess(len(each)) for each in evidence.agreed]
    fading = [place for place in apart_by if place in evidence.fading]
    likeliest: Grouped | None = None
    rounds, is_settled = 0, False
    while rounds < most and not is_settled:
        kin = _by_chance(guess, kin, apart_by, near)
        (ones, related), likelihood = _sorted(evidence, guess, chance, (prior, kin))
        if likeliest is None or likelihood > likeliest.likelihood or fading:  # what recurs left out, all that is there is less likely
            expected = Expected(guess, rounds, float(ones.sum()), settled=False)
            likeliest = Grouped(expected, kin, prior, float(related.sum()), chance, likelihood, frozenset(near))
        before, known, share = guess, kin, prior
        guess = _fading(evidence.learned(ones, guess), fading)
        kin = [shares_of(met.level[:, place], related, each) for place, each in enumerate(kin)]
        prior = float(np.clip(related.sum() / evidence.total, *PRIOR)) * (1 - 1e-9)
        guess = _without(evidence, guess, prior, kin, apart_by)
        shared = [float(np.abs(new - old).max()) for place, (new, old) in enumerate(zip(kin, known, strict=True)) if place not in apart_by]
        stands = guess.stands(before) and abs(prior - share) <= SETTLED_SHARE * max(share, before.prior)
        rounds, is_settled = rounds + 1, stands and max([guess.moved(before), *shared]) <= _SETTLED
    # Comparisons learn from different pairs: rounds may lead to what is less likely, as they never do where all learn from the same.
    if likeliest is not None and (not is_settled or likeliest.likelihood - likelihood > _LIKELIER * ones.sum()):
        return replace(likeliest, expected=replace(likeliest.expected, settled=is_settled))
    kin = _by_chance(guess, kin, apart_by, near)
    expected = Expected(guess, rounds, float(ones.sum()), settled=True)
    return Grouped(expected, kin, prior, float(related.sum()), chance, likelihood, frozenset(near))


def _fading(guess: Guess, places: Sequence[int]) -> Guess:
    """The guess, without what recurs in its m of how many days lie between: a street light that fails again agrees with the one before in
    all but the day, and passes for one. It shows in levels that chance reaches more often than what is one: hardly any of them are.
    """

    def without(ones: Floats, twos: Floats) -> Floats:
        recurs = max((ratio for ratio in ones / twos if ratio < 1), default=0.0)
        left = np.maximum(ones - recurs * twos, _SELDOM * ones)
        share: Floats = left / left.sum()
        return share

    m = [without(ones, twos) if place in places else ones for place, (ones, twos) in enumerate(zip(guess.m, guess.u, strict=True))]
    return replace(guess, m=m)


def _by_chance(guess: Guess, kin: list[Floats], apart_by: Sequence[int], near: Sequence[int]) -> list[Floats]:
    """Shares of the levels of related pairs: what tells them apart is equal by chance, and no nearer than that but where it may be."""

    def share(place: int, learned: Floats) -> Floats:
        twos = guess.u[place]
        if place not in apart_by:
            return learned
        if place not in near:
            return twos
        rest = np.maximum(learned[1:], _RARE)
        return np.concatenate((twos[:1], rest / rest.sum() * (1 - twos[0])))

    return [share(place, learned) for place, learned in enumerate(kin)]


def _without(evidence: Evidence, guess: Guess, prior: float, kin: list[Floats], apart_by: Sequence[int]) -> Guess:
    """The guess, its u without what is related: random pairs hold some, which agree in what the group shares."""
    u = [
        twos if place in apart_by else apart(shares, [(guess.prior, ones), (prior, each)])
        for place, (twos, shares, ones, each) in enumerate(zip(guess.u, evidence.agreed, guess.m, kin, strict=True))
    ]
    return replace(guess, u=u)


def _sorted(
    evidence: Evidence, guess: Guess, chance: Chance, related: tuple[float, list[Floats]] | None
) -> tuple[tuple[Floats, Floats], float]:
    """Of each combination the pairs that are one and those that are related (their share, and the shares of levels), and log2 of
    how probable all of it is.
    """
    met, together = evidence.met, chance.together(guess)[chance.of]
    share, kin = (0.0, guess.u) if related is None else related
    rest = max(1 - guess.prior - share, PRIOR[0])
    logs = np.stack(
        [
            met.log_likelihood(guess.m) + log2(guess.prior),
            met.log_likelihood(guess.u) + together + met.together(chance.places) + log2(rest),
            met.log_likelihood(kin) + together + log2(max(share, PRIOR[0])),
        ]
    )
    top = logs.max(axis=0)
    parts = np.exp2(logs - top)
    whole = parts.sum(axis=0)
    return (met.count * parts[0] / whole, met.count * parts[2] / whole), float((met.count * (top + np.log2(whole))).sum())


def is_of_codes(comparison: Comparison) -> bool:
    """Whether a comparison is of numbers and codes, by a few edits alone: models of one family have numbers that are near each other."""
    tests = {test for level in comparison.levels for test, _ in level.tests}
    return "edits" in tests and tests <= {"exact", "edits"}


def is_of_words(comparison: Comparison) -> bool:
    """Whether a comparison is of words, of which two slips leave some and a change of order all."""
    return any(test == "words" for level in comparison.levels for test, _ in level.tests)


def is_crowded(found: Expected, rows: float) -> bool:
    """Whether so many pairs are taken for one that some of them may be of one group alone.

    Args:
        found: with two sorts of pairs.
        rows: of the table; of a sample so many as its pairs are fewer.
    """
    return found.matches > _CROWDED * rows


def suggested(
    evidence: Evidence, found: Expected, may_tell: Sequence[int], near: Sequence[int] = (), of_words: Sequence[int] = ()
) -> list[int]:
    """Places of the comparisons by which things of one group may be told apart; none where groups do not seem to be taken for one.

    The two by which three sorts explain most that two sorts do not, and others that groups do not share either.

    Args:
        evidence: what was learned from.
        found: with two sorts of pairs.
        may_tell: places of the comparisons that may tell things apart.
        near: as `grouped` takes them.
        of_words: places of the comparisons of words.
    """
    most_apart = min(MOST_APART, len(evidence.agreed) - 1)  # a group has something in common
    tried = evidence.at(evidence.met.bits(found.guess) >= _PLAUSIBLE)
    tried = tried.at(np.isin(np.arange(len(tried.met.count)), np.argsort(-tried.met.count, kind="stable")[:_PATTERNS]))
    most, best, likelihood, held = 0.0, list[int](), 0.0, _held(tried, found.guess)
    for places in (*combinations(may_tell, 2), *combinations(may_tell, 1)):
        if len(places) > most_apart or len(best) > len(places):
            continue
        each = grouped(tried, places, near, _TRIED)
        gain = each.likelihood - _sorted(tried, found.guess, each.chance, None)[1]
        telling = [_information(each.expected.guess, place) * held[place] for place in places]
        together, share = (_TELLING_ALONE, _SHARE_ALONE) if len(places) == 1 else (_TELLING_TOGETHER, _SHARE)
        if len(places) == 1 and places[0] in of_words and each.expected.guess.m[places[0]][-1] <= _HARDLY_EVER:
            share = _SHARE_OF_WORDS
        is_telling = min(telling) >= _TELLING and sum(telling) >= together
        if is_telling and each.count >= share * each.expected.matches and gain > most:
            most, best, likelihood = gain, list(places), each.likelihood
    while best and len(best) < most_apart:
        further = [(grouped(tried, [*best, place], near, _TRIED).likelihood, place) for place in may_tell if place not in best]
        likelier, place = max(further, default=(likelihood, 0))
        if likelier - likelihood < _GAIN * tried.met.count.sum():
            break
        best, likelihood = [*best, place], likelier
    return best


def _held(evidence: Evidence, guess: Guess) -> Floats:
    """For each comparison the share of pairs taken for one in which both sides hold what it compares: what few hold tells few apart."""
    ones = evidence.met.weights(guess) * evidence.met.count
    held: Floats = (ones @ (evidence.met.level > 0)) / max(float(ones.sum()), _RARE)
    return held


def _information(guess: Guess, place: int) -> float:
    """Bits that a comparison tells of a pair that is one, on average."""
    ones, twos = guess.m[place], guess.u[place]
    return float((ones * np.log2(ones / twos)).sum())
