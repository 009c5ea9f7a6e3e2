"""Plain builders of what matching takes: a row with all its columns, some of them set."""

from __future__ import annotations

import datetime
import itertools
from typing import Any

import polars as pl
import pyarrow as pa

from matching.blocking import blocking_keys
from matching.forms import case_forms, organisation_forms, person_forms
from matching.linkage import link
from schema.records import CASE_INPUT, EDGE, ORGANISATION_INPUT, PAIR, PERSON_INPUT

FORMS = {"person": person_forms, "organisation": organisation_forms, "case": case_forms}
_SCHEMAS = {"person": PERSON_INPUT, "organisation": ORGANISATION_INPUT, "case": CASE_INPUT}
DAY = datetime.datetime(2026, 3, 2, 9, tzinfo=datetime.UTC)


def day(number: int) -> datetime.datetime:
    """So many days after DAY."""
    return DAY + datetime.timedelta(days=number)


def make_inputs(relation: str, *rows: dict[str, Any]) -> pa.Table:
    """Input rows with ids from 1; each party is of a record of its own unless it says otherwise."""
    defaults: dict[str, Any] = {} if relation == "case" else {"role": "petitioner" if relation == "person" else "respondent"}
    filled = []
    for number, row in enumerate(rows, 1):
        own = {"id": number} if relation == "case" else {"id": number, "record_id": number}
        filled.append({**own, **defaults, "department": "petition", **row})
    return pa.Table.from_pylist(filled, schema=_SCHEMAS[relation])


def make_forms(relation: str, *rows: dict[str, Any]) -> pa.Table:
    """Forms of such rows."""
    return FORMS[relation](make_inputs(relation, *rows))


def make_pairs(*pairs: tuple[int, int]) -> pa.Table:
    """PAIR."""
    return pa.table([[left for left, _ in pairs], [right for _, right in pairs]], schema=PAIR)


def edges_of(relation: str, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    """EDGE rows of all pairs of such rows, whether or not blocking brings them together."""
    forms = make_forms(relation, *rows)
    pairs = make_pairs(*itertools.combinations(range(1, len(rows) + 1), 2))
    edges: list[dict[str, Any]] = link(relation, forms, None, pairs).to_pylist()
    return edges


def decision(relation: str, one: dict[str, Any], other: dict[str, Any]) -> str:
    """What the engine says of two rows."""
    return str(edges_of(relation, one, other)[0]["decision"])


def meet(relation: str, one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether blocking brings two rows together."""
    pairs = candidate_pairs(blocking_keys(relation, make_forms(relation, one, other)))
    return bool(pairs.num_rows)


def make_edges(*edges: tuple[int, int, float, str]) -> pa.Table:
    """EDGE of (left, right, weight, decision)."""
    rows = [{"left": a, "right": b, "match_weight": w, "decision": d, "levels": "{}"} for a, b, w, d in edges]
    return pa.Table.from_pylist(rows, schema=EDGE)


def candidate_pairs(left_keys: pa.Table, right_keys: pa.Table | None = None) -> pa.Table:
    """Pairs that share a key, each once, as PAIR: by one join, to check pairs by that are found in less memory.

    Args:
        left_keys: (id, key), as `blocking_keys` gives them.
        right_keys: the same for the other side; left out, pairs are formed within `left_keys`.
    """
    left = pl.DataFrame(left_keys)
    right = left if right_keys is None else pl.DataFrame(right_keys)
    met = left.lazy().join(right.lazy(), on="key", suffix="_other").filter(pl.col("id") != pl.col("id_other"))
    if right_keys is None:
        met = met.filter(pl.col("id") < pl.col("id_other"))
    ordered = met.select(left=pl.min_horizontal("id", "id_other"), right=pl.max_horizontal("id", "id_other"))
    return ordered.unique().sort("left", "right").collect().to_arrow().cast(PAIR)
