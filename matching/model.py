"""The model of a relation: what is compared, what each outcome weighs, which records meet, and what is decided.

Nothing in a model depends on what a store holds at the moment: placeholders, over-common values and how rare a value is
are written down in the version. `model_file` reads one, `training` works out its weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isnan, log2, nan

RELATIONS = ("person", "organisation", "case")
MOST_RARITY = 15  # bits that a rare or common value may add or take
MOST_APART = 4  # comparisons by which things of one group are told apart
MOST_LEVELS = 63  # of a comparison: with the one that says nothing as many as six bits tell apart
MOST_RULES = 63  # of blocking: a bit each says of a pair which of them found it
RELATED = "related"  # under which the bits stand that a group in common takes away
TIES = "ties"  # under which those stand that are taken away because comparisons say the same
TABLE = "table"  # the relation of rows of any other table

#: Kind of comparison → the level names it may give. A level that a model leaves out is no evidence.
OUTCOMES: dict[str, tuple[str, ...]] = {
    "apart": ("together",),
    "identifier": ("same", "same_unverified", "one_off", "conflict", "differ", "differ_broken"),
    "person_name": (
        "exact",
        "variant",
        "exact_common",
        "same_pinyin",
        "same_pinyin_common",
        "look_alike",
        "near",
        "married",
        "similar_look",
        "same_given",
        "masked_given",
        "masked",
        "two_slips",
        "same_surname",
        "differ",
    ),
    "organisation_name": (
        "exact",
        "shop",
        "formal",
        "exact_short",
        "core",
        "core_alike",
        "same_pinyin",
        "look_alike",
        "alias",
        "alias_short",
        "near",
        "short_alike",
        "other_part",
        "other_industry",
        "other_place",
        "differ",
    ),
    "phone": ("same", "one_off", "differ"),
    "date": ("same", "near", "differ"),
    "equal": ("same", "differ"),
    "address": ("room", "neighbour", "building", "number", "estate", "road", "community", "street", "differ"),
    "citation": ("cites", "same_citation"),
    "parties": ("shared", "shared_organisation", "crossed", "differ"),
    "category": ("same", "same_own", "compatible", "differ"),
    "count": ("same_many", "differ"),
}
#: Kind of comparison → the limit by which its levels, named freely and taken in order, are told apart.
GRADED: dict[str, str] = {
    "days": "at_most",
    "kilometres": "at_most",
    "difference": "at_most",
    "ratio": "at_most",
    "text": "at_least",
    "shared": "at_most",
    "overlap": "at_least",
}
#: What a level of kind `string` may ask of two texts, and what it is asked with: see `string_comparison`.
TESTS: dict[str, type] = {
    "exact": bool,
    "edits": int,  # at most so many characters put in, left out, changed, or swapped with a neighbour
    "jaro_winkler": float,  # 0–1, at least
    "similarity": float,  # 0–1, at least: share of characters that two texts have in common, in order
    "words": float,  # 0–1, at least: cosine of their words, rare ones weighing more
    "ngrams": float,  # 0–1, at least: cosine of their pieces of three characters, rare ones weighing more
    "contains": bool,  # one is a piece of the other, whole words alone
    "ending": int,  # so many characters at their ends are equal: a phone with and without the country's digits
    "swapped_with": str,  # a field: each side's value stands in the other side's field
}


@dataclass(frozen=True)
class Level:
    """One graded outcome of a comparison.

    Args:
        name: what it is called, in EDGE.levels too.
        bits: its weight of evidence, log2; negative speaks against; NaN until it is trained.
        cannot_link: forbids the link, through any chain; of the hub's own relations unless the pair's total still says link.
        limit: of a graded kind: days, kilometres, share of the larger amount, similarity 0–1; None takes the rest.
        tests: of kind string: any of TESTS; it is reached where one of them holds, and without any by the rest.
        m: how probable it is where two records are one, as trained.
        u: how probable it is where they are two.
        stated: bits before people's verdicts moved them; None where none did.
    """

    name: str
    bits: float = nan
    cannot_link: bool = False
    limit: float | None = None
    tests: tuple[tuple[str, float | str], ...] = ()
    m: float | None = None
    u: float | None = None
    stated: float | None = None

    def trained(self, m: float, u: float) -> Level:
        """The same level, weighed."""
        return replace(self, bits=round(log2(m / u), 3), m=m, u=u)


@dataclass(frozen=True)
class Comparison:
    """One attribute compared: `column` names the form column, or the stem of several."""

    name: str
    kind: str
    column: str
    levels: tuple[Level, ...]
    groups: tuple[frozenset[str], ...] = ()
    own: frozenset[str] = frozenset()  # categories of which each has a claim of his own
    term_frequency: bool = False

    def index(self, level: str) -> int:
        """Number of a level in a levels table, 0 (no evidence) where the model leaves it out."""
        return self._numbers.get(level, 0)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {level.name: number for number, level in reversed([*enumerate(self.levels, 1)])}


@dataclass(frozen=True)
class BlockingRule:
    """Records that share all `fields` meet; those with an over-common value must share `refine` as well.

    Blocks of more than `block_limit` form no pairs; None: the model's limit holds.
    """

    name: str
    fields: tuple[str, ...]
    refine: tuple[str, ...] = ()
    block_limit: int | None = None


@dataclass(frozen=True)
class Adjustment:
    """A correction where comparisons are not independent: added when each named one is at one of its levels. `stated` as of a level."""

    name: str
    when: Mapping[str, frozenset[str]]
    bits: float
    cannot_link: bool = False
    stated: float | None = None


@dataclass(frozen=True)
class Rarity:
    """How often the values of a column occur, for agreement on a rare one to weigh more than on a common one.

    Args:
        shares: value → its share of the records that have one; of the commonest alone.
        rest: the share of any other value.
        agreement: the share of pairs that agree, over all values: what the level's own bits stand for.
    """

    shares: Mapping[str, float]
    rest: float
    agreement: float

    def bits(self, values: Sequence[str | None]) -> list[int]:
        """What agreement on each value adds to the level's bits, in whole bits within ±`MOST_RARITY`."""
        added = (log2(self.agreement / self.shares.get(value or "", self.rest)) for value in values)
        return [min(MOST_RARITY, max(-MOST_RARITY, round(bits))) for bits in added]


@dataclass(frozen=True)
class Related:
    """Pairs of one group that are two, as tracks of one album: what they agree in is no evidence that they are one.

    Args:
        prior: log2 of how many pairs are such, beside those that are two.
        bits: comparison → of each of its levels, how much oftener it is met among them, log2.
        apart_by: the other comparisons, in which they agree by chance alone.
        together: numbers of the levels of `apart_by` → log2 of how much oftener chance shows them together than each alone would say:
            what a request tells goes with its category. 0 where a combination is left out.
    """

    prior: float
    bits: Mapping[str, tuple[float, ...]]
    apart_by: tuple[str, ...]
    together: Mapping[tuple[int, ...], float] = field(default_factory=dict)


@dataclass(frozen=True)
class Tie:
    """Two comparisons that say the same of pairs that are two, as city and postcode do.

    Args:
        one: name of a comparison.
        other: of another.
        bits: of each level of one, for each level of the other, log2 of how much oftener chance shows both than each alone would say.
    """

    one: str
    other: str
    bits: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Model:
    """All that decides a relation, under one version."""

    relation: str
    version: str
    prior: float
    link: float
    review: float
    block_limit: int
    blocking: tuple[BlockingRule, ...]
    comparisons: tuple[Comparison, ...]
    adjustments: tuple[Adjustment, ...] = ()
    placeholders: Mapping[str, frozenset[str]] = field(default_factory=dict)
    over_common: Mapping[str, frozenset[str]] = field(default_factory=dict)
    rarity: Mapping[str, Rarity] = field(default_factory=dict)
    told_apart_by: tuple[str, ...] | None = None  # comparisons in which things of one group differ; None: training is to see whether any do
    related: Related | None = None
    ties: tuple[Tie, ...] = ()

    @cached_property
    def is_trained(self) -> bool:
        """Every level has a weight."""
        return not any(isnan(level.bits) for comparison in self.comparisons for level in comparison.levels)

    def limit_of(self, rule: BlockingRule) -> int:
        """Rows of the largest block of a rule that forms pairs."""
        return self.block_limit if rule.block_limit is None else rule.block_limit

    @cached_property
    def most_bits(self) -> Mapping[str, float]:
        """Comparison → the bits that it, and how rare what agrees is, may add at most."""
        most = {comparison.name: max([0.0, *(level.bits for level in comparison.levels)]) for comparison in self.comparisons}
        return {name: bits + MOST_RARITY * (name in self.rarity) for name, bits in most.items()}

    @cached_property
    def corrections(self) -> tuple[tuple[Adjustment, tuple[tuple[str, frozenset[int]], ...]], ...]:
        """Each adjustment, and of each comparison the numbers of the levels at which it applies: 0 for one that the model leaves out."""
        comparisons = {comparison.name: comparison for comparison in self.comparisons}
        return tuple(
            (adjustment, tuple((name, frozenset(map(comparisons[name].index, words))) for name, words in adjustment.when.items()))
            for adjustment in self.adjustments
        )
