"""BLOCKING of a drafted model: by which rules to bring rows together, tried on the table.

Enters what each field makes of the rows; leaves rules. The first ones are taken by how many pairs each forms. Once a model is trained
by these, what pairs weigh tells which rules are worth it: some rows are compared with all that any rule at all would bring them, and
those rules are kept that together find most of what is likely one. Of a key that many rows hold, rules take the rarer values: a block
limit of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import polars as pl
import pyarrow as pa

from matching.comparison import compare
from matching.expectation import Flags, Ints
from matching.model import Model
from matching.model_reader import BLOCK_LIMIT
from matching.weights import weigh
from schema.records import PAIR

#: What rows may meet by, by the name that a rule gives it: its values, and the columns of the table that it is made of.
Keys = Mapping[str, tuple[pl.Series, frozenset[str]]]

_PAIRS_A_ROW = 8  # that one rule may form
_LEAST_PAIRS = 20_000  # … or as many, in a small table
_RULES = 10
_MOST_KEYS = 5_000_000  # of two lists in one rule, each of one with each of the other
_USES = 3  # of one column in rules on two
_PROBES = 1_000  # rows that are compared with all that any rule brings them
_COMPARED = 400_000  # pairs of these
_LEAST_LIKELY = 100  # pairs among them, for it to be said which rules find them
_MOST_RULES = 20
_SELECTIVE = 2  # pairs a row, up to which training learns from a rule
_CHEAP = 8  # rules of one field, no looser than that
_GAIN = 0.001  # of what is likely one, that a further rule must add


@dataclass(frozen=True)
class Rule:
    """A blocking rule that was tried.

    Args:
        fields: of it.
        columns: of the table that they read.
        pairs: that it forms.
        block_limit: rows of its largest block; None: the model's.
        found: of the pairs that are likely one, the share that it finds; None where that is not known.
    """

    fields: tuple[str, ...]
    columns: frozenset[str]
    pairs: int
    block_limit: int | None = None
    found: float | None = None


def first_rules(count: int, tried: int, keys: Keys) -> tuple[Rule, ...]:
    """Rules of one field, of each column the loosest that is bearable; then of two, of what is too loose alone.

    Args:
        count: rows of the table.
        tried: rows that the keys are of.
        keys: what rows may meet by.
    """
    scale = (count / max(tried, 1)) ** 2
    bearable = _bearable(count)
    alone = {name: Rule((name,), columns, int(_pairs([series]) * scale)) for name, (series, columns) in keys.items()}
    singles: dict[frozenset[str], Rule] = {}
    for rule in alone.values():
        if 0 < rule.pairs <= bearable and rule.pairs > singles.get(rule.columns, Rule((), frozenset(), 0)).pairs:
            singles[rule.columns] = rule
    loose = [name for name, rule in alone.items() if rule.pairs > bearable]
    doubles = []
    for one, other in combinations(loose, 2):
        (left, left_columns), (right, right_columns) = keys[one], keys[other]
        if left_columns & right_columns or _combined(left, right) * count > _MOST_KEYS * tried:
            continue
        pairs = int(_pairs([left, right]) * scale)
        if 0 < pairs <= bearable:
            doubles.append(Rule((one, other), left_columns | right_columns, pairs))
    chosen = sorted(singles.values(), key=lambda rule: rule.pairs)[:_RULES]
    return (*chosen, *_spread(doubles, _RULES - min(len(chosen), _RULES // 2)))


def _bearable(count: int) -> int:
    return max(_LEAST_PAIRS, _PAIRS_A_ROW * count)


def _spread(doubles: Sequence[Rule], most: int) -> tuple[Rule, ...]:
    """The loosest rules, no column in more than _USES of them, and no two on the same columns."""
    uses: dict[str, int] = {}
    kept: dict[frozenset[str], Rule] = {}
    for rule in sorted(doubles, key=lambda rule: -rule.pairs):
        if len(kept) < most and rule.columns not in kept and all(uses.get(column, 0) < _USES for column in rule.columns):
            kept[rule.columns] = rule
            uses |= {column: uses.get(column, 0) + 1 for column in rule.columns}
    return tuple(kept.values())


def _combined(*keys: pl.Series) -> int:
    """Keys that columns make together."""
    one, other = (each.list.len() if isinstance(each.dtype, pl.List) else each.is_not_null() for each in keys)
    return int((one.cast(pl.Int64) * other.cast(pl.Int64)).sum())


def _pairs(keys: Sequence[pl.Series]) -> int:
    """Pairs that share all keys, without blocks that are passed over as too large."""
    names = [f"key {place}" for place in range(len(keys))]
    frame = pl.DataFrame([series.alias(name) for series, name in zip(keys, names, strict=True)]).drop_nulls()
    for name in names:
        if isinstance(frame.schema[name], pl.List):
            frame = frame.explode(name).drop_nulls(name)
    sizes = frame.group_by(names).len("rows")["rows"].cast(pl.Int64)
    sizes = sizes.filter(sizes <= BLOCK_LIMIT)
    return int((sizes * (sizes - 1)).sum()) // 2


# --- by what they find ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Coded:
    """What a rule may ask for: of each row its keys, as numbers below `many`."""

    keys: pl.DataFrame  # row, key
    many: int
    columns: frozenset[str]

    @classmethod
    def of(cls, values: pl.Series, columns: frozenset[str]) -> _Coded:
        """Of a field."""
        frame = pl.DataFrame({"row": pl.int_range(len(values), dtype=pl.UInt32, eager=True), "key": values})
        if isinstance(values.dtype, pl.List):
            frame = frame.explode("key")
        frame = frame.drop_nulls().with_columns(pl.col("key").rank("dense").cast(pl.UInt64) - 1).unique()
        return cls(frame, int(frame["key"].n_unique()), columns)

    def with_other(self, other: _Coded) -> _Coded:
        """Both at once."""
        both = self.keys.join(other.keys, on="row", suffix="_other").select("row", key=pl.col("key") * other.many + pl.col("key_other"))
        return _Coded(both, self.many * other.many, self.columns | other.columns)


class _Trial:
    """Rules tried on some rows of a table, each with the pairs that it finds of a few of these, the probes."""

    def __init__(self, count: int, rows: int, apart: pl.Series) -> None:
        self.scale, self.bearable, self.rows = count / max(rows, 1), _bearable(count), rows
        probes = np.random.default_rng(1).permutation(rows)[:_PROBES]
        self.probes = pl.DataFrame({"row": probes}, schema={"row": pl.UInt32}).with_row_index("probe")
        self.apart = apart.to_frame("apart").with_row_index("row")
        self.rules: list[Rule] = []
        self.found: list[Ints] = []  # by each rule: the number of the probe, times the rows, and the other row

    def take(self, name: tuple[str, ...], coded: _Coded) -> bool:
        """Try a rule; whether all that agree on it are more than is bearable."""
        sizes = coded.keys.group_by("key").len("size").filter(pl.col("size") > 1)
        blocks = sizes.group_by("size").len("blocks").sort("size").cast(pl.Float64)
        pairs = blocks.select("size", pairs=(pl.col("size") * (pl.col("size") - 1) / 2 * pl.col("blocks")).cum_sum() * self.scale**2)
        share = 1.0  # of the pairs of all blocks, each once: of words two rows may share several
        for _ in range(2):
            limit, formed = self._bearable(pairs, share)
            if limit < 2:
                return len(pairs) > 0
            kept = coded.keys.join(sizes.filter(pl.col("size") <= limit).select("key"), on="key", how="semi")
            found, many = self._found(kept)
            if share == (share := len(found) / max(many, 1)):
                break
        is_whole = limit == pairs["size"].max()
        self.rules.append(Rule(name, coded.columns, int(formed * share), None if is_whole else max(2, round(limit * self.scale))))
        self.found.append(found)
        return len(pairs) > 0 and float(pairs["pairs"][-1]) * share > self.bearable

    def _bearable(self, pairs: pl.DataFrame, share: float) -> tuple[float, float]:
        """The rows of the largest block that a rule can have, and the pairs of all up to that; 0 of both where there is none."""
        fit = pairs.filter((pl.col("pairs") * share <= self.bearable) & (pl.col("size") * self.scale <= BLOCK_LIMIT))
        return fit.row(-1) if len(fit) else (0.0, 0.0)

    def _found(self, keys: pl.DataFrame) -> tuple[Ints, int]:
        """Pairs of the probes with any row, each once, and how many they were."""
        ours = keys.join(self.probes, on="row").join(self.apart, on="row")
        theirs = keys.join(ours.select("key").unique(), on="key", how="semi").join(self.apart, on="row")
        met = ours.join(theirs, on="key", suffix="_other").filter(
            (pl.col("row") != pl.col("row_other")) & (pl.col("apart") != pl.col("apart_other")).fill_null(value=True)
        )
        numbers = met.select(pl.col("probe").cast(pl.Int64) * self.rows + pl.col("row_other"))["probe"]
        return np.unique(numbers.to_numpy()), len(numbers)

    def likely(self, forms: pa.Table, model: Model) -> Ints:
        """Of all that rules find the pairs that are linked; of fewer probes, where there are too many to compare."""
        every = np.unique(np.concatenate(self.found))
        every = every[: int(np.searchsorted(every, every[_COMPARED] // self.rows * self.rows))] if len(every) > _COMPARED else every
        probe, other = np.divmod(every, self.rows)
        row = self.probes["row"].to_numpy().astype(np.int64)[probe]
        pairs = pa.table([np.minimum(row, other), np.maximum(row, other)], schema=PAIR)
        weight = weigh(compare(model.relation, forms, pairs, model), model).column("match_weight").to_numpy()
        linked: Ints = every[weight >= model.link]
        return linked


def best_rules(count: int, keys: Keys, forms: pa.Table, model: Model) -> tuple[Rule, ...]:
    """Rules that together find most of what is likely one; none where too little is likely one to tell.

    Args:
        count: rows of the table.
        keys: what rows may meet by, of the rows of `forms`.
        forms: of as many rows as are looked at, ids 0 … n − 1 in order.
        model: trained.
    """
    trial = _Trial(count, forms.num_rows, pl.Series("apart", forms.column("apart")))
    coded = {name: _Coded.of(values, columns) for name, (values, columns) in keys.items()}
    loose = [name for name, each in coded.items() if trial.take((name,), each)]
    for one, other in combinations(loose, 2):
        left, right = coded[one], coded[other]
        if not left.columns & right.columns and _combined(keys[one][0], keys[other][0]) * count <= _MOST_KEYS * forms.num_rows:
            trial.take((one, other), left.with_other(right))
    likely = trial.likely(forms, model)
    if len(likely) < _LEAST_LIKELY:
        return ()
    finds = [np.isin(likely, found, assume_unique=True) for found in trial.found]
    return tuple(_chosen(trial.rules, finds, count, [frozenset(each) for each in _compared(model, keys)]))


def _compared(model: Model, keys: Keys) -> Iterator[frozenset[str]]:
    """Columns of each comparison, as far as rules read them."""
    for comparison in model.comparisons:
        if comparison.column in keys:
            yield keys[comparison.column][1]


def _chosen(rules: Sequence[Rule], finds: Sequence[Flags], count: int, compared: Sequence[frozenset[str]]) -> Iterator[Rule]:
    """What costs next to nothing, as numbers and codes do; then the rule that finds most of what none before it does, for the pairs
    that it forms, again and again.

    Training learns of each comparison from rules on other columns, so that each has such a rule.
    """
    cost = np.array([rule.pairs + count for rule in rules], dtype=np.float64)
    chosen = [
        place for place, rule in enumerate(rules) if len(rule.fields) == 1 and rule.block_limit is None and rule.pairs <= _SELECTIVE * count
    ]
    chosen = sorted(chosen, key=lambda place: rules[place].pairs)[:_CHEAP]
    selective = [place for place, rule in enumerate(rules) if rule.pairs <= _SELECTIVE * count]
    for wanted, among in ((1, range(len(rules))), (2, selective)):  # twice, where that costs little: training learns by the others
        while len(chosen) < _MOST_RULES and among:
            left = np.sum([finds[place] for place in chosen], axis=0) < wanted if chosen else np.ones(len(finds[0]), dtype=np.bool_)
            gains = {place: float((finds[place] & left).sum()) for place in among if place not in chosen}
            best = max((place for place, gain in gains.items() if gain > _GAIN * len(left)), key=lambda n: gains[n] / cost[n], default=None)
            if best is None:
                break
            chosen.append(best)
    for columns in compared:
        if all(rules[place].columns & columns for place in chosen):
            others = [place for place, rule in enumerate(rules) if not rule.columns & columns]
            chosen += [max(others, key=lambda place: float(finds[place].sum()) / cost[place])] if others else []
    for place in chosen:
        yield replace(rules[place], found=float(finds[place].mean()))
