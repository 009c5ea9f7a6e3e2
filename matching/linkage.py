"""LINKAGE: the steps put together, for one chunk of a store or for a whole table."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pyarrow as pa

from matching.blocking import blocking_keys, candidate_pairs, representatives
from matching.clustering import cluster
from matching.comparison import compare
from matching.forms import CONSTRAINTS, case_forms, organisation_forms, person_forms
from matching.model import Model
from matching.model_file import model_of
from matching.weights import weigh
from schema.records import PAIR

_FORMS: dict[str, Callable[[pa.Table, Model | None], pa.Table]] = {
    "person": person_forms,
    "organisation": organisation_forms,
    "case": case_forms,
}


def link(relation: str, new_forms: pa.Table, known_forms: pa.Table | None, pairs: pa.Table, model: Model | None = None) -> pa.Table:
    """EDGE of every pair: compared and weighed.

    Args:
        relation: person, organisation or case.
        new_forms: forms of the chunk.
        known_forms: forms of the candidates that are not of the chunk; None where there are none.
        pairs: PAIR between any of them.
        model: the project's own where left out.
    """
    model = model_of(relation, model)
    if not pairs.num_rows:
        return weigh(compare(relation, new_forms, pairs, model), model)
    forms = new_forms if known_forms is None else pa.concat_tables([new_forms, known_forms.cast(new_forms.schema)])
    return weigh(compare(relation, forms, pairs, model), model)


def deduplicate(relation: str, inputs: pa.Table, model: Model | None = None) -> pa.Table:
    """CLUSTER of a whole table, worked out in memory.

    Args:
        relation: person, organisation or case.
        inputs: PERSON_INPUT, ORGANISATION_INPUT or CASE_INPUT.
        model: the project's own where left out.
    """
    return cluster_forms(relation, _FORMS[relation](inputs, model_of(relation, model)), model)


def cluster_forms(relation: str, forms: pa.Table, model: Model | None = None) -> pa.Table:
    """CLUSTER of all forms among themselves."""
    pairs = all_pairs(relation, forms, model)
    return cluster(forms.select(CONSTRAINTS), link(relation, forms, None, pairs, model))


def all_pairs(relation: str, forms: pa.Table, model: Model | None = None) -> pa.Table:
    """PAIR of all forms among themselves; forms of one fingerprint meet others through their representative alone."""
    if "fingerprint" not in forms.column_names:
        return candidate_pairs(blocking_keys(relation, forms, model))
    stands_for = pl.DataFrame(representatives(forms))
    represented = stands_for.filter(pl.col("id") != pl.col("representative"))
    alone = pl.DataFrame(forms).join(represented, on="id", how="anti").to_arrow()
    met = pl.DataFrame(candidate_pairs(blocking_keys(relation, alone, model)))
    own = represented.select(left="representative", right="id")
    return pl.concat([met, own]).to_arrow().cast(PAIR)
