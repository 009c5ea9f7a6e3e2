"""WEIGHTS: levels → bits → decision.

Enters a table of levels, leaves EDGE: the sum of the levels' bits, the prior and the adjustments, and what the thresholds
say of it. A combination of levels is weighed once, however many pairs show it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from matching.model import Model
from schema.records import EDGE


def weigh(levels: pa.Table, model: Model) -> pa.Table:
    """EDGE of every pair: weight in bits, prior included; decision; levels as a JSON object without those missing.

    An adjustment that applies stands in `levels` under its own name, as "applied".

    Args:
        levels: as `comparison.compare` gives them for this model.
        model: the same model.
    """
    combination, distinct = _combinations(levels, model)
    weighed = [_weigh_one(row, model) for row in distinct]
    columns = zip(*weighed, strict=True) if weighed else ((), (), ())
    weight, decision, text = (pa.array(list(column)).take(pa.array(combination)) for column in columns)
    if not weighed:
        return EDGE.empty_table()
    return pa.table([levels.column("left"), levels.column("right"), weight, decision, text], schema=EDGE)


def explain(levels: Mapping[str, str], model: Model) -> dict[str, float]:
    """What each named level and adjustment of an edge weighs, prior first: the steps of its waterfall, in bits.

    Args:
        levels: EDGE.levels, parsed.
        model: the model of the version that the edge was weighed with.
    """
    bits = {comparison.name: {level.name: level.bits for level in comparison.levels} for comparison in model.comparisons}
    bits |= {adjustment.name: {"applied": adjustment.bits} for adjustment in model.adjustments}
    return {"prior": model.prior} | {name: bits[name][level] for name, level in levels.items()}


def _combinations(levels: pa.Table, model: Model) -> tuple[npt.NDArray[np.int64], list[list[int]]]:
    """For each pair the number of its combination of levels, and the combinations."""
    code = np.zeros(levels.num_rows, dtype=np.int64)
    radix = []
    for comparison in model.comparisons:
        radix.append(len(comparison.levels) + 1)
        code = code * radix[-1] + levels.column(comparison.name).to_numpy()
    found, combination = np.unique(code, return_inverse=True)
    distinct = np.zeros((len(found), len(radix)), dtype=np.int64)
    for position in range(len(radix) - 1, -1, -1):
        distinct[:, position] = found % radix[position]
        found = found // radix[position]
    return combination, distinct.tolist()


def _weigh_one(row: list[int], model: Model) -> tuple[float, str, str]:
    named: dict[str, str] = {}
    weight, forbidden = model.prior, False
    for comparison, number in zip(model.comparisons, row, strict=True):
        if number:
            level = comparison.levels[number - 1]
            named[comparison.name] = level.name
            weight += level.bits
            forbidden |= level.cannot_link
    applied = [change for change in model.adjustments if all(named.get(name, "missing") in at for name, at in change.when.items())]
    for change in applied:
        named[change.name] = "applied"
        weight += change.bits
        forbidden |= change.cannot_link
    weight = round(weight, 6)
    return weight, _decide(weight, forbidden, model), orjson.dumps(named).decode()


def _decide(weight: float, forbidden: bool, model: Model) -> str:
    if weight >= model.link:
        return "link"
    if forbidden:
        return "cannot_link"
    return "review" if weight >= model.review else "no_link"
