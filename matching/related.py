"""RELATED pairs: of one group, and yet two. Tracks of one album, members of one household, requests about one spot.

They agree in what the group shares, far oftener than pairs drawn at random do, and training with two sorts of pairs alone takes
them for one. Here they are a third sort, between those that are one and those that are two: in the comparisons by which things of
one group are told apart they agree by chance alone, and in all others as often as is found.

Which comparisons these are is a matter of what the rows are: a table of persons who moved looks like one of homes with many persons.
So a model may state them (`told_apart_by`). Where it does not they are looked for if far more pairs are taken for one than there are
rows, and never among what tells where somebody is or how to reach him.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import log2

import numpy as np

from matching.expectation import PRIOR, ROUNDS, SETTLED, Evidence, Expected, Floats, Guess, first_guess, learned
from matching.model import Comparison, Related

_HELD = 10  # rounds in which those that are one agree in what tells apart: else the group is soon taken for the one
_TRIED = 25  # rounds, to choose between
_PLAUSIBLE = -10.0  # bits, from which a combination may be more than chance
_TELLING = 1.0  # bits that a comparison tells of a pair that is one, on average, for it to tell things of a group apart …
_TELLING_TOGETHER = 3.0  # … and two of them together
_SHARE = 0.25  # of those that are one: fewer that agree so are rather slips
_CROWDED = 1.25  # pairs a row that are taken for one, from which some of them may be of one group alone

_WORDS = frozenset({"lat", "lon", "lng", "tel", "fax", "zip", "plz", "web", "url", "city", "town", "state", "road", "ort", "ville", "unit"})
_BEGINNINGS = ("addr", "stra", "street", "suburb", "district", "region", "count", "post", "domain", "website", "location") + (
    "phone",
    "mobile",
    "mail",
    "email",
    "latitude",
    "longitude",
)
_SAYS_WHERE = re.compile("地址|住址|街|路|区|市|省|县|村|栋|房|楼|电话|手机|邮|经度|纬度|网址|坐标")


@dataclass(frozen=True)
class Grouped:
    """What three sorts of pairs came to.

    Args:
        expected: of those that are one.
        shares: of the related, for each comparison the shares of its levels.
        prior: the share of all pairs that are related.
        count: pairs among those that met which are expected to be related.
        likelihood: log2 of how probable what was met is.
    """

    expected: Expected
    shares: list[Floats]
    prior: float
    count: float
    likelihood: float

    def bits(self, comparisons: Sequence[Comparison]) -> Related:
        """As a model has it."""
        guess = self.expected.guess
        found = {
            comparison.name: tuple(round(float(bits), 3) for bits in np.log2(kin / twos))
            for comparison, kin, twos in zip(comparisons, self.shares, guess.u, strict=True)
            if kin is not twos
        }
        return Related(round(log2(self.prior / (1 - guess.prior - self.prior)), 3), found)


def grouped(evidence: Evidence, apart_by: Sequence[int], most: int = ROUNDS) -> Grouped:
    """m, u and the prior, pairs being one, two, or related.

    Args:
        evidence: what is learned from.
        apart_by: places of the comparisons in which related pairs agree by chance.
        most: rounds.
    """
    met, guess, prior = evidence.met, evidence.first_guess(), evidence.first
    kin = [first_guess(len(each)) for each in evidence.agreed]
    rounds, is_settled = 0, False
    while rounds < most and not is_settled:
        kin = [guess.u[place] if place in apart_by else each for place, each in enumerate(kin)]
        ones, twos, related, likelihood = _sorted(evidence, guess, kin, prior)
        before, guess = guess, evidence.learned(ones, guess, apart_by if rounds < _HELD else ())
        kin = [learned(met.level[:, place], related, each) for place, each in enumerate(kin)]
        prior = float(np.clip(related.sum() / evidence.total, *PRIOR)) * (1 - 1e-9)
        rounds, is_settled = rounds + 1, rounds > _HELD and guess.moved(before) < SETTLED
    kin = [guess.u[place] if place in apart_by else each for place, each in enumerate(kin)]
    return Grouped(Expected(guess, rounds, float(ones.sum()), is_settled), kin, prior, float(related.sum()), likelihood)


def _sorted(evidence: Evidence, guess: Guess, kin: list[Floats], prior: float) -> tuple[Floats, Floats, Floats, float]:
    """Of each combination the pairs that are one, two and related, and log2 of how probable all of it is."""
    met = evidence.met
    logs = [
        met.log2(guess.m) + log2(guess.prior),
        met.log2(guess.u) + log2(max(1 - guess.prior - prior, PRIOR[0])),
        met.log2(kin) + log2(prior),
    ]
    top = np.maximum.reduce(logs)
    parts = [np.exp2(each - top) for each in logs]
    whole = parts[0] + parts[1] + parts[2]
    ones, twos, related = (met.count * part / whole for part in parts)
    return ones, twos, related, float((met.count * (top + np.log2(whole))).sum())


def suggested(evidence: Evidence, found: Expected, rows: float, may_tell: Sequence[int]) -> list[int]:
    """Places of the two comparisons by which things of one group may be told apart, if pairs of groups seem to be taken for one.

    Args:
        evidence: what was learned from.
        found: with two sorts of pairs.
        rows: of the table; of a sample so many as its pairs are fewer.
        may_tell: places of the comparisons that may tell things apart.
    """
    if found.matches < _CROWDED * rows:
        return []
    tried = evidence.at(evidence.met.bits(found.guess) >= _PLAUSIBLE)
    best: tuple[float, tuple[int, int]] | None = None
    for pair in combinations(may_tell, 2):
        each = grouped(tried, pair, _TRIED)
        telling = [_information(each.expected.guess, place) for place in pair]
        is_telling = min(telling) >= _TELLING and sum(telling) >= _TELLING_TOGETHER
        is_kept = is_telling and each.count >= _SHARE * each.expected.matches
        if is_kept and (best is None or each.likelihood > best[0]):
            best = (each.likelihood, pair)
    return [] if best is None else list(best[1])


def _information(guess: Guess, place: int) -> float:
    """Bits that a comparison tells of a pair that is one, on average."""
    ones, twos = guess.m[place], guess.u[place]
    return float((ones * np.log2(ones / twos)).sum())


def says_where(columns: Iterable[str]) -> bool:
    """Whether columns are called as what tells where somebody is or how to reach them: that changes, and whose it is does not."""
    for column in columns:
        words = re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column).lower())
        if any(word in _WORDS or word.startswith(_BEGINNINGS) for word in words) or _SAYS_WHERE.search(column):
            return True
    return False
