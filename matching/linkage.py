"""LINKAGE: the steps put together, for one chunk of a store or for a whole table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import numpy as np
import polars as pl
import pyarrow as pa

from matching.blocking import pairs_within, representatives
from matching.clustering import cluster
from matching.comparison import compare
from matching.forms import CONSTRAINTS, case_forms, organisation_forms, person_forms
from matching.model import Model
from matching.model_file import model_of
from matching.weights import weigh
from schema.records import EDGE, PAIR

#: What clustering asks of an edge.
DECISIVE = pa.schema([EDGE.field(name) for name in ("left", "right", "match_weight", "decision")])
_FORMS: dict[str, Callable[[pa.Table, Model], pa.Table]] = {
    "person": person_forms,
    "organisation": organisation_forms,
    "case": case_forms,
}
#: Rows whose forms are made at a time, and pairs that are compared at a time: what either needs beside its result is some
#: ten times as large. A form depends on its own row and a level on its own pair, so that nothing depends on where they are
#: cut; where it would, they are not: see `_batches`.
ROWS_AT_ONCE = 200_000
PAIRS_AT_ONCE = 250_000


def link(relation: str, new_forms: pa.Table, known_forms: pa.Table | None, pairs: pa.Table, model: Model) -> pa.Table:
    """EDGE of every pair: compared and weighed.

    Args:
        relation: person, organisation or case.
        new_forms: forms of the chunk.
        known_forms: forms of the candidates that are not of the chunk; None where there are none.
        pairs: PAIR between any of them.
        model: of that relation.
    """
    model = model_of(relation, model)
    if not pairs.num_rows:
        return weigh(compare(relation, new_forms, pairs, model), model)
    forms = new_forms if known_forms is None else pa.concat_tables([new_forms, known_forms.cast(new_forms.schema)])
    return weigh(compare(relation, forms, pairs, model), model)


def deduplicate(relation: str, inputs: pa.Table, model: Model) -> pa.Table:
    """CLUSTER of a whole table, worked out in memory.

    Args:
        relation: person, organisation or case.
        inputs: PERSON_INPUT, ORGANISATION_INPUT or CASE_INPUT.
        model: of that relation.
    """
    return cluster_forms(relation, all_forms(relation, inputs, model), model)


def all_forms(relation: str, inputs: pa.Table, model: Model) -> pa.Table:
    """Forms of a whole table, made a slice of rows at a time."""
    model = model_of(relation, model)
    make = _FORMS[relation]
    starts = range(0, max(inputs.num_rows, 1), ROWS_AT_ONCE)
    return pa.concat_tables([make(inputs.slice(start, ROWS_AT_ONCE), model) for start in starts])


def cluster_forms(relation: str, forms: pa.Table, model: Model) -> pa.Table:
    """CLUSTER of all forms among themselves."""
    pairs = all_pairs(relation, forms, model)
    return cluster(forms.select(CONSTRAINTS), decisive_edges(relation, forms, pairs, model))


def decisive_edges(relation: str, forms: pa.Table, pairs: pa.Table, model: Model) -> pa.Table:
    """DECISIVE of the pairs that join or forbid, compared a batch at a time.

    Args:
        relation: person, organisation or case.
        forms: of every id that a pair names, and any others.
        pairs: PAIR.
        model: of that relation.
    """
    kept = [DECISIVE.empty_table()]
    for batch in edges_of(relation, forms, pairs, model):
        edges = pl.DataFrame(batch.select(DECISIVE.names))
        kept.append(edges.filter(pl.col("decision").is_in(["link", "cannot_link"])).to_arrow().cast(DECISIVE))
    return pa.concat_tables(kept)


def edges_of(relation: str, forms: pa.Table, pairs: pa.Table, model: Model) -> Iterator[pa.Table]:
    """EDGE of the pairs, a batch after the other; takes what `decisive_edges` takes."""
    model = model_of(relation, model)
    for batch in _batches(pairs, model):
        yield link(relation, _forms_of(batch, forms), None, batch, model)


def all_pairs(relation: str, forms: pa.Table, model: Model, alone: Collection[int] = ()) -> pa.Table:
    """PAIR of all forms among themselves; forms of one fingerprint meet others through their representative alone.

    Args:
        relation: person, organisation or case.
        forms: all of them.
        model: of that relation.
        alone: see `matching.blocking.representatives`.
    """
    model = model_of(relation, model)
    own = PAIR.empty_table()
    if "fingerprint" in forms.column_names:
        stands_for = pl.DataFrame(representatives(forms, alone))
        is_represented = stands_for["id"] != stands_for["representative"]
        own = stands_for.filter(is_represented).select(left="representative", right="id").to_arrow().cast(PAIR)
        forms = forms.filter((~is_represented).to_arrow())
    return pa.concat_tables([pairs_within(forms, model), own])


def _batches(pairs: pa.Table, model: Model) -> Iterator[pa.Table]:
    """Pairs a batch at a time; all at once where a measure asks how rare a piece is in the table as a whole."""
    looks_around = any(test in ("words", "ngrams") for one in model.comparisons for level in one.levels for test, _ in level.tests)
    size = max(pairs.num_rows, 1) if looks_around else PAIRS_AT_ONCE
    for start in range(0, pairs.num_rows, size):
        yield pairs.slice(start, size)


def _forms_of(pairs: pa.Table, forms: pa.Table) -> pa.Table:
    """The forms that the pairs name."""
    ends = np.unique(np.concatenate([pairs.column(side).to_numpy() for side in PAIR.names]))
    return forms.filter(pa.array(np.isin(forms.column("id").to_numpy(), ends)))
