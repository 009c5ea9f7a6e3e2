"""WEIGHTS: levels → bits → decision.

Enters a table of levels, leaves EDGE: the sum of the levels' bits, the prior and the adjustments, and what the thresholds
say of it. A combination of levels is weighed once, however many pairs show it.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from matching.expectation import tied, together
from matching.model import MOST_LEVELS, RELATED, TABLE, TIES, Model
from schema.records import EDGE

_Ints: TypeAlias = npt.NDArray[np.int64]
_Floats: TypeAlias = npt.NDArray[np.float64]
_Flags: TypeAlias = npt.NDArray[np.bool_]

RARITY = ".rarity"
_RADIX = MOST_LEVELS + 1  # numbers of a level, none among them; a rarity has fewer steps
_AT_ONCE = 6  # columns that one number tells apart, beside the combinations so far


def weigh(levels: pa.Table, model: Model) -> pa.Table:
    """EDGE of every pair: weight in bits, prior included; decision; levels as a JSON object without those missing.

    An adjustment that applies stands in `levels` under its own name, as "applied"; the bits that a rare or common value adds
    stand under `<comparison>.rarity`, signed; those that comparisons which say the same take away under `ties`, and a group in common
    under `related`.

    Args:
        levels: as `comparison.compare` gives them for this model.
        model: the same model.
    """
    if not levels.num_rows:
        return EDGE.empty_table()
    rarities = [name for name in levels.column_names if name.endswith(RARITY)]
    combination, distinct = _combinations(levels, [*(comparison.name for comparison in model.comparisons), *rarities])
    distinct, rarity = distinct[:, : len(model.comparisons)], distinct[:, len(model.comparisons) :]
    applied = _applied(distinct, model)
    weight, forbidden = _weights(distinct, applied, model)
    lost = {TIES: _tied(distinct, model)}
    lost[RELATED] = _related(distinct, rarity, rarities, lost[TIES], model)
    weight = (weight + rarity.sum(axis=1) + sum(lost.values())).round(6)
    links = weight >= model.link
    if model.relation == TABLE:  # of the hub's own relations enough other evidence outweighs what forbids
        links &= ~forbidden
    decision = np.select([links, forbidden, weight >= model.review], ["link", "cannot_link", "review"], "no_link")
    texts = _texts(distinct, applied, rarity, rarities, lost, model)
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
    given = ({RELATED} if model.related else set()) | ({TIES} if model.ties else set())
    steps = {name: float(level) if name.endswith(RARITY) or name in given else bits[name][level] for name, level in levels.items()}
    return {"prior": model.prior} | steps


class Step(NamedTuple):
    """One step of a waterfall.

    Args:
        name: the comparison or adjustment, or "prior".
        level: what it came to; empty of the prior.
        bits: what it adds.
        so_far: what all steps up to it come to.
    """

    name: str
    level: str
    bits: float
    so_far: float


def waterfall(levels: Mapping[str, str], steps: Mapping[str, float]) -> list[Step]:
    """The steps that `explain` gives, each with its level and what they come to so far."""
    sums = accumulate(steps.values())
    return [Step(name, levels.get(name, ""), bits, so_far) for (name, bits), so_far in zip(steps.items(), sums, strict=True)]


def applied(levels: pa.Table, model: Model) -> _Flags:
    """For each pair and adjustment of the model whether it applies.

    Args:
        levels: as `comparison.compare` gives them for this model.
        model: the same model.
    """
    columns = [levels.column(comparison.name).to_numpy().astype(np.int64) for comparison in model.comparisons]
    return _applied(np.stack(columns, axis=1), model)


def _combinations(levels: pa.Table, names: list[str]) -> tuple[_Ints, _Ints]:
    """For each pair the number of its combination of levels, and the combinations, a column for each name."""
    combination = np.zeros(levels.num_rows, dtype=np.int64)
    distinct = np.zeros((1, 0), dtype=np.int64)
    for start in range(0, len(names), _AT_ONCE):
        columns = [levels.column(name).to_numpy().astype(np.int64) for name in names[start : start + _AT_ONCE]]
        least = [int(column.min()) for column in columns]
        code = combination
        for column, low in zip(columns, least, strict=True):
            code = code * _RADIX + (column - low)
        found, combination = np.unique(code, return_inverse=True)
        parts = np.zeros((len(found), len(columns)), dtype=np.int64)
        for position in range(len(columns) - 1, -1, -1):
            found, part = np.divmod(found, _RADIX)
            parts[:, position] = part + least[position]
        distinct = np.hstack((distinct[found], parts))
    return combination, distinct


def _applied(distinct: _Ints, model: Model) -> _Flags:
    """For each combination and adjustment, whether it applies."""
    position = {comparison.name: column for column, comparison in enumerate(model.comparisons)}
    flags = np.ones((len(distinct), len(model.adjustments)), dtype=np.bool_)
    for number, (_, when) in enumerate(model.corrections):
        for name, levels in when:
            flags[:, number] &= np.isin(distinct[:, position[name]], sorted(levels))
    return flags


def _weights(distinct: _Ints, applied: _Flags, model: Model) -> tuple[_Floats, _Flags]:
    weight, forbidden = np.full(len(distinct), model.prior), np.zeros(len(distinct), dtype=np.bool_)
    for column, comparison in enumerate(model.comparisons):
        weight += np.array([0.0, *(level.bits for level in comparison.levels)])[distinct[:, column]]
        forbidden |= np.array([False, *(level.cannot_link for level in comparison.levels)])[distinct[:, column]]
    for number, adjustment in enumerate(model.adjustments):
        weight += np.where(applied[:, number], adjustment.bits, 0.0)
        forbidden |= applied[:, number] & adjustment.cannot_link
    return weight, forbidden


def _tied(distinct: _Ints, model: Model) -> _Floats:
    """For each combination the bits that it loses because some of its levels go together by chance, in hundredths."""
    place = {each.name: number for number, each in enumerate(model.comparisons)}
    without = [place[name] for name in model.related.apart_by] if model.related else []  # what goes together in these is counted there
    lost: _Floats = -together(distinct, tied(model.ties, list(place)), without).round(2) + 0.0
    return lost


def _related(distinct: _Ints, rarity: _Ints, rarities: list[str], ties: _Floats, model: Model) -> _Floats:
    """For each combination the bits that it loses because pairs of one group show it too, in hundredths.

    What says that two are one says it against both sorts that are two, those of one group and all others: the more of the former show
    a combination, and the oftener chance shows it, the less it says.
    """
    if model.related is None:
        return np.zeros(len(distinct))
    likelier, place = np.full(len(distinct), model.related.prior), {each.name: number for number, each in enumerate(model.comparisons)}
    for name, bits in model.related.bits.items():
        likelier += np.array([0.0, *bits])[distinct[:, place[name]]]
    for column, name in enumerate(rarities):
        if name.removesuffix(RARITY) in model.related.bits:  # what is rare is so in a group, too
            likelier += rarity[:, column]
    likelier += ties  # what chance shows together is as little evidence of a group
    apart = distinct[:, [place[name] for name in model.related.apart_by]].tolist()
    chance = np.array([model.related.together.get(tuple(levels), 0.0) for levels in apart])
    lost: _Floats = -(np.logaddexp2(0.0, likelier) + chance).round(2)
    return lost


def _texts(distinct: _Ints, applied: _Flags, rarity: _Ints, rarities: list[str], lost: dict[str, _Floats], model: Model) -> list[str]:
    named = [
        ["", *(f"{_quoted(comparison.name)}:{_quoted(level.name)}" for level in comparison.levels)] for comparison in model.comparisons
    ]
    changes = [f'{_quoted(adjustment.name)}:"applied"' for adjustment in model.adjustments]
    texts = []
    taken = np.stack([*lost.values()], axis=1).tolist()
    for row, flags, bits, less in zip(distinct.tolist(), applied.tolist(), rarity.tolist(), taken, strict=True):
        parts = [words[number] for words, number in zip(named, row, strict=True) if number]
        parts += [f'{_quoted(name)}:"{bit:+}"' for name, bit in zip(rarities, bits, strict=True) if bit]
        parts += [change for change, applies in zip(changes, flags, strict=True) if applies]
        parts += [f'{_quoted(name)}:"{each:+}"' for name, each in zip(lost, less, strict=True) if each]
        texts.append("{" + ",".join(parts) + "}")
    return texts


def _quoted(text: str) -> str:
    return orjson.dumps(text).decode()
