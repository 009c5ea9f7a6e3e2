"""LINKAGE of any table, without a store: forms → candidate pairs → training where weights are missing → edges → clusters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl
import polars.selectors as cs
import pyarrow as pa

from matching.blocking import rule_keys
from matching.clustering import cluster
from matching.comparison import compare
from matching.contraction import contract
from matching.model import BlockingRule, Comparison, Model
from matching.repeats import SourceSeen, apart, source_of, sources_seen, without_repeats
from matching.table_forms import table_forms
from matching.table_model import TableModel
from matching.table_names import OF_FORMS
from matching.training import Sources, Training, train
from matching.weights import weigh
from schema.records import PAIR

_TRIED = 10_000  # rows, to see whether things of one group are taken for one

#: Told before each step: its name, in English.
Progress = Callable[[str], None]


@dataclass(frozen=True)
class RuleReport:
    """What one blocking rule brought.

    Args:
        name: of the rule.
        pairs: that it finds.
        new: of those, pairs that no rule before it finds.
        passed_over: blocks larger than `block_limit`, of which no pairs were formed.
        rows_passed_over: rows in the largest of them.
        largest: rows in the largest block that formed pairs.
    """

    name: str
    pairs: int
    new: int
    passed_over: int
    rows_passed_over: int
    largest: int = 0


@dataclass(frozen=True)
class TableLinkage:
    """What became of a table.

    Args:
        clusters: CLUSTER, a row a row of the table.
        edges: EDGE of every pair that met.
        rules: what each blocking rule brought.
        model: that decided, trained.
        training: how it was trained; None where the model brought its weights.
        sources: what was seen of each source, where the model does not say which hold nothing twice and was trained.
    """

    clusters: pa.Table
    edges: pa.Table
    rules: tuple[RuleReport, ...]
    model: Model
    training: Training | None
    sources: tuple[SourceSeen, ...] = ()

    def trained(self, table: TableModel) -> TableModel:
        """The table's model as it decided: with its weights, and the sources that were found to hold nothing twice."""
        once = without_repeats(self.sources) if self.sources else table.unique_within
        return replace(table, model=self.model, unique_within=once)


def link_table(rows: pl.DataFrame, table: TableModel, on_step: Progress = lambda _: None, *, trains: bool = True) -> TableLinkage:
    """Link the rows of a table with one another.

    Args:
        rows: as read.
        table: its model.
        on_step: told before each step.
        trains: whether to find weights that the model lacks; one that lacks none is never trained anew.

    Raises:
        ContractError: the table lacks a column, or the model names a form column that there is none of.
    """
    model, sources = table.model, _sources(table)
    on_step("forms")
    forms = table_forms(rows, table)
    on_step("blocking")
    pairs, found_by, rules = candidates(forms, model)
    on_step("comparing")
    met = _Met(forms, compare(model.relation, forms, pairs, model), found_by)
    training, seen = None, tuple[SourceSeen, ...]()
    if trains and not model.is_trained:
        on_step("training")
        met, seen = _without_repeats(rows, table, met, sources)
        training = train(met.forms, met.levels, met.found_by, model, sources)
        model = training.model
        if model.rarity:
            met = replace(met, levels=compare(model.relation, met.forms, met.levels.select(["left", "right"]), model))
    on_step("clustering")
    edges = weigh(met.levels, model)
    order = _order(rows, table)
    clusters = cluster(met.forms.select(["id", "identifier", "apart"]).append_column("key", order.to_arrow()), edges)
    if table.clusters == "evidence":
        clusters = contract(clusters, edges, model.link, order)
    return TableLinkage(clusters, edges, rules, model, training, seen)


#: Columns that no text is made of; what a model compares are others.
_NO_TEXT = cs.nested() | cs.binary() | cs.object() | cs.duration()


def _order(rows: pl.DataFrame, table: TableModel) -> pl.Series:
    """Of each row its place by its id, or by all that it says: between links of one weight it decides, and not where the row stands."""
    named = (pl.col(table.id) if table.id else ~_NO_TEXT).cast(pl.String).fill_null("")
    said = pl.concat_str(named, separator="\x1f")
    return rows.select(said.rank("ordinal").cast(pl.Int64).alias("key")).to_series()


@dataclass(frozen=True)
class _Met:
    """Forms, the levels of the pairs that met, and the rules that found each."""

    forms: pa.Table
    levels: pa.Table
    found_by: npt.NDArray[np.int64]


def _without_repeats(
    rows: pl.DataFrame, table: TableModel, met: _Met, sources: Sources, sampled_from: int | None = None
) -> tuple[_Met, tuple[SourceSeen, ...]]:
    """What met without the pairs of each source that holds nothing twice, where the model leaves that to be found; and what was seen."""
    source = source_of(rows, table)
    if source is None or table.unique_within is not None:
        return met, ()
    model = train(met.forms, met.levels, met.found_by, replace(table.model, told_apart_by=()), sources, sampled_from).model
    share = len(rows) / max(sampled_from or len(rows), 1)
    seen = sources_seen(met.levels, weigh(met.levels, model), model, source, sources.say_where, share)
    of = apart(rows, replace(table, unique_within=without_repeats(seen)))
    one, other = (of.gather(met.levels.column(side).to_numpy()) for side in ("left", "right"))
    kept = (one != other).fill_null(value=True)
    forms = met.forms.set_column(met.forms.column_names.index("apart"), "apart", of.to_arrow())
    return _Met(forms, met.levels.filter(kept.to_arrow()), met.found_by[kept.to_numpy()]), seen


@dataclass(frozen=True)
class FirstLook:
    """What some of the rows of a table show, for a draft to state.

    Args:
        model: trained by them.
        told_apart_by: comparisons by which training tells things of one group apart.
        sources: what was seen of each source.
    """

    model: Model
    told_apart_by: tuple[str, ...]
    sources: tuple[SourceSeen, ...]


def first_look(rows: pl.DataFrame, table: TableModel, where: frozenset[str] = frozenset()) -> FirstLook:
    """Look at some of the rows.

    Args:
        rows: as read.
        table: its model, whose weights are still to be trained.
        where: comparisons of what says where somebody is: by these nothing is told apart.
    """
    tried = rows if len(rows) <= _TRIED else rows.sample(_TRIED, seed=1)
    limit = max(2, table.model.block_limit * len(tried) // max(len(rows), 1))  # what is too large a block stays one in the sample
    model = replace(table.model, block_limit=limit)
    forms = table_forms(tried, table)
    pairs, found_by, _ = candidates(forms, model)
    met, sources = _Met(forms, compare(model.relation, forms, pairs, model), found_by), _sources(table)
    sources = replace(sources, where=sources.where | where)
    met, seen = _without_repeats(tried, table, met, sources, len(rows))
    found = train(met.forms, met.levels, met.found_by, model, sources, len(rows))
    return FirstLook(found.model, found.told_apart_by, seen)


def candidates(forms: pa.Table, model: Model) -> tuple[pa.Table, npt.NDArray[np.int64], tuple[RuleReport, ...]]:
    """PAIR that the rules find, each once; for each pair the rules that found it, a bit each; and what each rule brought.

    Raises:
        ContractError: a rule names a column that there is none of.
    """
    met, blocks = [], []
    for place, rule in enumerate(model.blocking):
        pairs, sizes = _rule_pairs(forms, rule, model)
        met.append(pairs.with_columns(rule=pl.lit(1 << place, pl.Int64)))
        blocks.append(sizes)
    every = pl.concat(met).group_by("left", "right").agg(pl.col("rule").sum()).sort("left", "right")
    found_by = every["rule"].to_numpy()
    reports = []
    for place, (rule, sizes) in enumerate(zip(model.blocking, blocks, strict=True)):
        found = (found_by >> place) & 1 == 1
        is_new = found & (found_by & ((1 << place) - 1) == 0)
        limit = model.limit_of(rule)
        over, kept = sizes.filter(sizes > limit), sizes.filter(sizes <= limit)
        largest = (max(each.to_list(), default=0) for each in (over, kept))
        reports.append(RuleReport(rule.name, int(found.sum()), int(is_new.sum()), len(over), *largest))
    return every.select("left", "right").to_arrow().cast(PAIR), found_by, tuple(reports)


def _rule_pairs(forms: pa.Table, rule: BlockingRule, model: Model) -> tuple[pl.DataFrame, pl.Series]:
    """Pairs that a rule finds, and the sizes of its blocks of two rows and more."""
    keys = pl.DataFrame(rule_keys(forms, rule, model)).with_columns(size=pl.len().over("key"))
    keys = keys.join(pl.DataFrame(forms.select(["id", "apart"])), on="id")
    sizes = keys.filter(pl.col("size") > 1).group_by("key").agg(pl.len().alias("size"))["size"]
    kept = keys.filter(pl.col("size").is_between(2, model.limit_of(rule))).select("id", "key", "apart").lazy()
    may_be_one = (pl.col("apart") != pl.col("apart_other")).fill_null(value=True)  # of one source without duplicates they are two
    met = kept.join(kept, on="key", suffix="_other").filter((pl.col("id") < pl.col("id_other")) & may_be_one)
    return met.select(left="id", right="id_other").unique().collect(), sizes


_SAYS_WHERE = frozenset({"phone", "address", "place"})  # forms


def _sources(table: TableModel) -> Sources:
    rules = {rule.name: table.columns_of(*rule.fields, *rule.refine) for rule in table.model.blocking}
    comparisons = {comparison.name: _columns_of(comparison, table) for comparison in table.model.comparisons}
    moving = [set(field.columns) for field in table.fields if field.form in _SAYS_WHERE]
    where = frozenset(name for name, columns in comparisons.items() if any(columns <= each for each in moving))
    companies = {field.name for field in table.fields if field.form == "company"}
    return Sources(rules, comparisons, where, frozenset(each.name for each in table.model.comparisons if each.column in companies))


def _columns_of(comparison: Comparison, table: TableModel) -> frozenset[str]:
    """Columns of the table that a comparison reads: of a kind of the hub's own, those of the field made as it needs."""
    forms = {comparison.column} if comparison.kind == "identifier" else {*OF_FORMS.get(comparison.kind, ())}
    own = frozenset(name for field in table.fields if field.form in forms for name in field.columns)
    return own or table.columns_of(comparison.column)
