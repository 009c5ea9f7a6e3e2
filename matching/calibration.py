"""CALIBRATION: what people said of pairs moves the weights of a model that has them.

Every judged pair is a small piece of evidence on each level that it reached. The bits that explain the verdicts best are
looked for near those that the model has (logistic regression, a normal prior of two bits around each weight), so that ten
verdicts move a little and a thousand as far as they must. Pairs are judged because they are doubtful: that does no harm, for
they were chosen by their levels and not by what they are.

A weight that was moved keeps what was stated before (`stated`), and is looked for near that: all verdicts are counted each time, and
none twice, so that calibrating again without new ones changes nothing.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from math import log
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import yaml
from scipy.optimize import minimize

from hub.errors import RequestError
from matching.model import Adjustment, Level, Model
from matching.weights import applied, weigh

_Floats: TypeAlias = npt.NDArray[np.float64]
_Weighed = TypeVar("_Weighed", Level, Adjustment)

_SPREAD = 2.0  # bits: how far a weight is believed to be from where it should be
_FORBIDDING = -50.0  # bits; what weighs less than this is a rule and no evidence


@dataclass(frozen=True)
class Calibration:
    """A model and what verdicts made of it.

    Args:
        model: with the weights moved.
        pairs: judged yes or no.
        before: log loss of a verdict in bits under the model as it was; `after` under the new one.
    """

    model: Model
    pairs: int
    before: float
    after: float


def calibrate(levels: pa.Table, said: pa.Array, model: Model) -> Calibration:
    """Move a model's weights to what people said.

    Args:
        levels: of the judged pairs, as `comparison.compare` gives them for this model.
        said: for each pair whether the two are one.
        model: with a weight for every level.

    Raises:
        RequestError: no pair was judged.
    """
    if not levels.num_rows:
        raise RequestError(
            "尚无人复核 · nobody has judged a pair yet",
            remedy="用 `casehub review next` 复核，或用 `casehub match sample` 抽取关联供复核 · "
            "casehub review next; casehub match sample draws links to judge",
        )
    yes = np.asarray(said.to_numpy(zero_copy_only=False), dtype=np.float64)
    stated = _as_stated(model)
    weight = _weights(levels, stated)
    features, places = _features(levels, stated)
    kept = weight > _FORBIDDING
    moved = _fitted(features[kept], weight[kept], yes[kept]) if kept.any() else np.zeros(len(places))
    new = _moved(stated, dict(zip(places, moved.tolist(), strict=True)))
    return Calibration(new, len(yes), _loss(_weights(levels, model), yes), _loss(_weights(levels, new), yes))


def _weights(levels: pa.Table, model: Model) -> _Floats:
    return np.asarray(weigh(levels, model).column("match_weight").to_numpy(), dtype=np.float64)


def calibrated_document(document: object, model: Model) -> str:
    """A model's document as YAML with the weights of `model`, its version raised if any differs; comments are not kept."""
    kept: dict[str, Any] = deepcopy(document) if isinstance(document, dict) else {}
    for comparison, entry in zip(model.comparisons, kept["comparisons"], strict=True):
        levels = {str(level["name"]): level for level in entry["levels"]}
        entry["levels"] = [_weighed(levels[level.name], level) for level in comparison.levels]
    if model.adjustments:
        kept["adjustments"] = [_weighed(entry, one) for one, entry in zip(model.adjustments, kept["adjustments"], strict=True)]
    if kept != document:
        kept["version"] = int(kept["version"]) + 1
    return yaml.safe_dump(kept, allow_unicode=True, sort_keys=False, width=140)


def _weighed(entry: dict[str, Any], one: Level | Adjustment) -> dict[str, Any]:
    """An entry of the document with its bits, and those stated before where they differ."""
    if one.stated is None:  # it stands where it was stated, or is back there
        return {key: value for key, value in entry.items() if key != "stated"} | ({"bits": one.bits} if "stated" in entry else {})
    unlearned = {key: value for key, value in entry.items() if key not in ("m", "u")}  # what people said stands above what was trained
    return unlearned | {"bits": one.bits, "stated": one.stated}


def _features(levels: pa.Table, model: Model) -> tuple[_Floats, list[tuple[str, str]]]:
    """A column for each level and adjustment that some pair reached and that is no rule, and which they are."""
    columns, places = [], []
    for comparison in model.comparisons:
        reached = levels.column(comparison.name).to_numpy()
        for number, level in enumerate(comparison.levels, 1):
            if level.bits > _FORBIDDING and (reached == number).any():
                columns.append(reached == number)
                places.append((comparison.name, level.name))
    for adjustment, flags in zip(model.adjustments, applied(levels, model).T, strict=True):
        if adjustment.bits > _FORBIDDING and flags.any():
            columns.append(flags)
            places.append((adjustment.name, ""))
    return np.stack(columns, axis=1).astype(np.float64) if columns else np.zeros((levels.num_rows, 0)), places


def _fitted(features: _Floats, weight: _Floats, yes: _Floats) -> _Floats:
    """Bits to add to each column's weight."""

    def loss(moved: _Floats) -> tuple[float, _Floats]:
        odds = (weight + features @ moved) * log(2)
        total = float(np.sum(np.logaddexp(0.0, odds) - yes * odds) + np.sum(moved**2) / (2 * _SPREAD**2))
        wrong = 1 / (1 + np.exp(-np.clip(odds, -500, 500))) - yes
        return total, features.T @ wrong * log(2) + moved / _SPREAD**2

    found: _Floats = minimize(loss, np.zeros(features.shape[1]), jac=True, method="L-BFGS-B").x
    return found


def _as_stated(model: Model) -> Model:
    """The model with its weights as they were before any verdict moved them."""

    def stated(one: _Weighed) -> _Weighed:
        return one if one.stated is None else replace(one, bits=one.stated, stated=None)

    comparisons = tuple(replace(each, levels=tuple(map(stated, each.levels))) for each in model.comparisons)
    return replace(model, comparisons=comparisons, adjustments=tuple(map(stated, model.adjustments)))


def _moved(model: Model, by: dict[tuple[str, str], float]) -> Model:
    def moved(one: _Weighed, name: tuple[str, str]) -> _Weighed:
        bits = round(one.bits + by.get(name, 0.0), 3)
        return one if bits == round(one.bits, 3) else replace(one, bits=bits, stated=one.bits)

    comparisons = []
    for comparison in model.comparisons:
        levels = tuple(moved(level, (comparison.name, level.name)) for level in comparison.levels)
        comparisons.append(replace(comparison, levels=levels))
    adjustments = tuple(moved(one, (one.name, "")) for one in model.adjustments)
    return replace(model, comparisons=tuple(comparisons), adjustments=adjustments)


def _loss(weight: _Floats, yes: _Floats) -> float:
    """Bits that a verdict surprises the model by, on average."""
    odds = np.clip(weight, -500, 500) * log(2)
    return float(np.mean(np.logaddexp(0.0, odds) - yes * odds)) / log(2)
