"""WEIGHTS: levels → bits → decision.

Enters a table of levels, leaves EDGE: the sum of the levels' bits, the prior and the adjustments, and what the thresholds
say of it. A combination of levels is weighed once, however many pairs show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from matching.model import Model
from schema.records import EDGE

_Ints: TypeAlias = npt.NDArray[np.int64]
_Floats: TypeAlias = npt.NDArray[np.float64]
_Flags: TypeAlias = npt.NDArray[np.bool_]


def weigh(levels: pa.Table, model: Model) -> pa.Table:
    """EDGE of every pair: weight in bits, prior included; decision; levels as a JSON object without those missing.

    An adjustment that applies stands in `levels` under its own name, as "applied".

    Args:
        levels: as `comparison.compare` gives them for this model.
        model: the same model.
    """
    if not levels.num_rows:
        return EDGE.empty_table()
    combination, distinct = _combinations(levels, model)
    applied = _applied(distinct, model)
    weight, forbidden = _weights(distinct, applied, model)
    decision = np.select([weight >= model.link, forbidden, weight >= model.review], ["link", "cannot_link", "review"], "no_link")
    texts = _texts(distinct, applied, model)
    columns = [pa.array(column).take(pa.array(combination)) for column in (weight, decision.tolist(), texts)]
    return pa.table([levels.column("left"), levels.column("right"), *columns], schema=EDGE)


def explain(levels: Mapping[str, str], model: Model) -> dict[str, float]:
    """What each named level and adjustment of an edge weighs, prior first: the steps of its waterfall, in bits.

    Args:
        levels: EDGE.levels, parsed.
        model: the model of the version that the edge was weighed with.
    """
    bits = {comparison.name: {level.name: level.bits for level in comparison.levels} for comparison in model.comparisons}
    bits |= {adjustment.name: {"applied": adjustment.bits} for adjustment in model.adjustments}
    return {"prior": model.prior} | {name: bits[name][level] for name, level in levels.items()}


def _combinations(levels: pa.Table, model: Model) -> tuple[_Ints, _Ints]:
    """For each pair the number of its combination of levels, and the combinations, a column for each comparison."""
    code = np.zeros(levels.num_rows, dtype=np.int64)
    radix = [len(comparison.levels) + 1 for comparison in model.comparisons]
    for comparison, size in zip(model.comparisons, radix, strict=True):
        code = code * size + levels.column(comparison.name).to_numpy()
    found, combination = np.unique(code, return_inverse=True)
    distinct = np.zeros((len(found), len(radix)), dtype=np.int64)
    for position in range(len(radix) - 1, -1, -1):
        found, distinct[:, position] = np.divmod(found, radix[position])
    return combination, distinct


def _applied(distinct: _Ints, model: Model) -> _Flags:
    """For each combination and adjustment, whether it applies."""
    position = {comparison.name: (column, comparison) for column, comparison in enumerate(model.comparisons)}
    flags = np.ones((len(distinct), len(model.adjustments)), dtype=np.bool_)
    for number, adjustment in enumerate(model.adjustments):
        for name, words in adjustment.when.items():
            column, comparison = position[name]
            flags[:, number] &= np.isin(distinct[:, column], [comparison.index(word) for word in words])
    return flags


def _weights(distinct: _Ints, applied: _Flags, model: Model) -> tuple[_Floats, _Flags]:
    weight, forbidden = np.full(len(distinct), model.prior), np.zeros(len(distinct), dtype=np.bool_)
    for column, comparison in enumerate(model.comparisons):
        weight += np.array([0.0, *(level.bits for level in comparison.levels)])[distinct[:, column]]
        forbidden |= np.array([False, *(level.cannot_link for level in comparison.levels)])[distinct[:, column]]
    for number, adjustment in enumerate(model.adjustments):
        weight += np.where(applied[:, number], adjustment.bits, 0.0)
        forbidden |= applied[:, number] & adjustment.cannot_link
    return weight.round(6), forbidden


def _texts(distinct: _Ints, applied: _Flags, model: Model) -> list[str]:
    named = [
        ["", *(f"{_quoted(comparison.name)}:{_quoted(level.name)}" for level in comparison.levels)] for comparison in model.comparisons
    ]
    changes = [f'{_quoted(adjustment.name)}:"applied"' for adjustment in model.adjustments]
    texts = []
    for row, flags in zip(distinct.tolist(), applied.tolist(), strict=True):
        parts = [words[number] for words, number in zip(named, row, strict=True) if number]
        parts += [change for change, applies in zip(changes, flags, strict=True) if applies]
        texts.append("{" + ",".join(parts) + "}")
    return texts


def _quoted(text: str) -> str:
    return orjson.dumps(text).decode()
