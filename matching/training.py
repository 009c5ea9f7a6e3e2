"""TRAINING: m and u of every level from the records themselves, without a truth.

u, how often two records that are two agree, comes from pairs drawn at random, less those that are one or of one group; m, how often two
records that are one agree, from the pairs that met, by expectation maximisation (Fellegi–Sunter). What a blocking rule
asks for agrees in every pair that it finds, and says nothing of m: a comparison learns from pairs that a rule on other
columns found. Both, the prior and how rare values are go into a model, which then decides alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import log2

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from matching.comparison import compare
from matching.expectation import PRIOR, Evidence, Flags, Floats, Guess, Ints, Patterns, maximise, tied, without_ones
from matching.level_order import in_order
from matching.model import Comparison, Model, Rarity, Tie
from matching.related import grouped, is_crowded, is_of_codes, is_of_words, suggested
from matching.ties import ties_of
from matching.whereabouts import says_where
from schema.records import PAIR

RANDOM_PAIRS = 1_000_000  # of which u is estimated; all there are, where there are no more
_SELECTIVE = 2.0  # pairs a row, up to which a rule finds mostly what is one
_COMMONEST = 1_000  # values whose share a model remembers


@dataclass(frozen=True)
class Sources:
    """Columns of the table that each blocking rule and each comparison reads, by its name; comparisons of what says where one is, and of
    companies' names: those of one group have a word in common.
    """

    rules: Mapping[str, frozenset[str]]
    comparisons: Mapping[str, frozenset[str]]
    where: frozenset[str] = frozenset()
    companies: frozenset[str] = frozenset()

    @property
    def say_where(self) -> frozenset[str]:
        """Comparisons of what says where one is, by what they are stated to be or by what their columns are called."""
        return self.where | {name for name, columns in self.comparisons.items() if says_where(columns)}


@dataclass(frozen=True)
class Training:
    """What training found.

    Args:
        model: weighed.
        rounds: of expectation maximisation.
        matches: pairs among those that met which are expected to be one.
        settled: the last round changed nothing.
        related: pairs among them that are expected to be of one group, and two.
        told_apart_by: comparisons by which these were told apart; none where they were not.
    """

    model: Model
    rounds: int
    matches: float
    settled: bool
    related: float = 0.0
    told_apart_by: tuple[str, ...] = ()


def random_pairs(count: int, most: int = RANDOM_PAIRS, seed: int = 1) -> pa.Table:
    """PAIR of ids 0 … count − 1: all of them where they are no more than `most`, else that many drawn at random."""
    if count * (count - 1) // 2 <= most:
        left, right = np.triu_indices(count, 1)
    else:
        drawn = np.random.default_rng(seed).integers(0, count, (2, most))
        drawn = drawn[:, drawn[0] != drawn[1]]
        left, right = drawn.min(axis=0), drawn.max(axis=0)
    return pa.table([left.astype(np.int64), right.astype(np.int64)], schema=PAIR)


def train(forms: pa.Table, levels: pa.Table, found_by: Ints, model: Model, sources: Sources, sampled_from: int | None = None) -> Training:
    """Weigh every level of a model.

    Args:
        forms: with ids 0 … n − 1 in order.
        levels: of the pairs that met, as `compare` gives them.
        found_by: for each of those pairs the blocking rules that found it, a bit each.
        model: whose weights are to be found.
        sources: what its rules and comparisons read.
        sampled_from: the rows of which these were drawn; None where these are all.
    """
    model, count = replace(model, related=None, ties=()), forms.num_rows
    share = count / (sampled_from or count or 1)  # of a sample so many of the pairs are one, beside the whole table
    total = max(1.0, count * (count - 1) / 2)
    chance = compare(model.relation, forms, random_pairs(count), model)
    random = np.stack([chance.column(comparison.name).to_numpy() for comparison in model.comparisons], axis=1)
    is_all_alike = _is_all_alike(random)
    shown = random[:0] if is_all_alike else random
    agreed = [_shares(shown[:, place], len(comparison.levels)) for place, comparison in enumerate(model.comparisons)]
    met = Patterns.of(levels, found_by, model)
    first = float(np.clip(share * count / 2 / total, *PRIOR))
    learns = _learns(met, model, sources, _SELECTIVE * count * share)
    fading = tuple(place for place, comparison in enumerate(model.comparisons) if comparison.kind == "days")
    evidence = Evidence(met, learns, random, np.ones(len(random)), agreed, total, first, fading)
    names = [comparison.name for comparison in model.comparisons]
    near = [place for place, comparison in enumerate(model.comparisons) if is_of_codes(comparison)]
    of_words = [place for place, comparison in enumerate(model.comparisons) if is_of_words(comparison)]
    expected, apart_by = maximise(evidence), [names.index(name) for name in model.told_apart_by or ()]
    ties = () if is_all_alike else _ties(chance, expected.guess, model, sources.say_where)
    if ties:
        evidence = replace(evidence, met=replace(met, tied=tied(ties, names)))
        expected = maximise(evidence)
    if apart_by or (model.told_apart_by is None and not is_all_alike and is_crowded(expected, count * share)):
        evidence = without_ones(evidence, expected.guess)
        telling = [place for place, name in enumerate(names) if name not in sources.say_where]
        apart_by = apart_by or suggested(evidence, expected, telling, near, of_words)
    if not apart_by:
        trained = replace(_weighed(model, forms, expected.guess), ties=ties)
        trained = replace(trained, rarity={}) if is_all_alike else trained  # of one value alone nothing is rare or common
        return Training(trained, expected.rounds, expected.matches, expected.settled)
    if len(apart_by) > 1:  # names alone would tell nothing apart if those of one group might be alike
        near = [place for place, name in enumerate(names) if place in near or name in sources.companies]
    found = grouped(evidence, apart_by, near)
    trained = _weighed(model, forms, found.expected.guess, found.prior)
    trained, expected = replace(trained, ties=ties, related=found.bits(trained.comparisons)), found.expected
    return Training(trained, expected.rounds, expected.matches, expected.settled, found.count, tuple(names[place] for place in apart_by))


def _ties(chance: pa.Table, guess: Guess, model: Model, where: frozenset[str]) -> tuple[Tie, ...]:
    """What says the same of pairs drawn at random, as no rule found them. Codes of one family go together too, and the third sort of
    pairs tells of these; codes that say where, as postcodes do, are not meant by that.
    """
    may_tie = [place for place, each in enumerate(model.comparisons) if each.name in where or not is_of_codes(each)]
    return ties_of(Patterns.of(chance, np.zeros(chance.num_rows, dtype=np.int64), model), guess, model.comparisons, may_tie)


def _is_all_alike(random: npt.NDArray[np.int8]) -> bool:
    """Whether no two rows differ in anything compared: how often two that are two agree is then not to be learned from them."""
    return bool(random.any()) and int(random.max()) == 1


def _weighed(model: Model, forms: pa.Table, guess: Guess, related: float = 0.0) -> Model:
    """The model with the weights of a guess; `related` is the share of pairs that are neither one nor simply two."""
    comparisons, rarity = [], {}
    for comparison, learned, twos in zip(model.comparisons, guess.m, guess.u, strict=True):
        # Few pairs show a rare level: what they show by chance would make a near value better evidence than an equal one.
        ones = in_order(comparison, learned, twos, rises=False)
        levels = [level.trained(float(m), float(u)) for level, m, u in zip(comparison.levels, ones, twos, strict=True)]
        comparisons.append(replace(comparison, levels=tuple(levels)))
        if comparison.term_frequency:
            rarity[comparison.name] = _rarity(forms, comparison, float(twos[0]))
    prior = round(log2(guess.prior / (1 - guess.prior - related)), 3)
    return replace(model, comparisons=tuple(comparisons), prior=prior, rarity=rarity)


def _learns(met: Patterns, model: Model, sources: Sources, most: float) -> list[Flags]:
    """For each comparison, the combinations to learn from: those that selective rules on other columns found.

    Of the pairs that a loose rule finds few are one, and what goes with it (an address that holds the name) would be taken for
    what being one looks like. Where no rule on other columns is selective, the most selective of them is learnt from; where
    there is none at all, every combination.
    """
    pairs = [float(met.count[(met.rules >> place) & 1 == 1].sum()) for place in range(len(model.blocking))]
    flags = []
    for columns in (sources.comparisons[comparison.name] for comparison in model.comparisons):
        others = [place for place, rule in enumerate(model.blocking) if pairs[place] and not sources.rules[rule.name] & columns]
        least = min((pairs[place] for place in others), default=0.0)
        chosen = sum(1 << place for place in others if pairs[place] <= max(most, least))
        free = (met.rules & chosen) != 0
        flags.append(free if free.any() else np.ones(len(free), dtype=np.bool_))
    return flags


def _shares(levels: npt.NDArray[np.int8], count: int) -> Floats:
    """Share of each level among the pairs that have one, half a pair added to each so that none is nought."""
    counted = np.bincount(levels, minlength=count + 1)[1:].astype(np.float64)
    shares: Floats = (counted + 0.5) / (counted.sum() + 0.5 * count)
    return shares


def _rarity(forms: pa.Table, comparison: Comparison, agreement: float) -> Rarity:
    """Shares of the commonest values that stand more than once; all others share what is left."""
    values = pl.Series("value", forms.column(comparison.column)).drop_nulls().cast(pl.String)
    rows = max(len(values), 1)
    counted = values.value_counts(sort=True, name="rows").sort(["rows", "value"], descending=[True, False])
    most = counted.head(_COMMONEST).filter(pl.col("rows") > 1)
    left = rows - int(most["rows"].sum())
    rest = max(1.0, left / max(counted.height - most.height, 1)) / rows
    shares = (most["rows"] / rows).round(9)
    return Rarity(dict(zip(most["value"].to_list(), shares.to_list(), strict=True)), rest, agreement)
