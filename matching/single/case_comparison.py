"""COMPARISON of cases, one pair: `matching.case_comparison` for two forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from matching.model import Comparison
from matching.single.name_comparison import both, same
from matching.single.texts import similarity_0_1

Form: TypeAlias = Mapping[str, Any]

_EARTH_KM = 6371.0
_MANY = 3  # people


def citation(one: Form, other: Form, _: Comparison) -> str | None:
    """One cites the other's number, or bears it too; or both cite a third."""
    cited, their_cited = set(one["cites"] or ()), set(other["cites"] or ())
    if same(one, other, "case_number") or other["case_number"] in cited or one["case_number"] in their_cited:
        return "cites"
    return "same_citation" if cited & their_cited else None


def parties(one: Form, other: Form, comparison: Comparison) -> str | None:
    """Resolved persons and organisations on one side of the dispute: shared, on opposite sides, or others."""
    side = comparison.column
    opposite = {"petitioner": "respondent", "respondent": "petitioner"}[side]
    if _overlap(one, other, f"{side}_persons", f"{side}_persons"):
        return "shared"
    if _overlap(one, other, f"{side}_organisations", f"{side}_organisations"):
        return "shared_organisation"
    for kind in ("persons", "organisations"):
        if _overlap(one, other, f"{side}_{kind}", f"{opposite}_{kind}") or _overlap(one, other, f"{opposite}_{kind}", f"{side}_{kind}"):
            return "crossed"
    is_known = all(form[f"{side}_persons"] or form[f"{side}_organisations"] for form in (one, other))
    return "differ" if is_known else None


def _overlap(one: Form, other: Form, ours: str, theirs: str) -> bool:
    return not set(one[ours] or ()).isdisjoint(other[theirs] or ())


def category(one: Form, other: Form, comparison: Comparison) -> str | None:
    """Same, the same and one of which each has a claim of his own, of one of the model's groups of categories taken for one another,
    or different; `other` tells nothing.
    """
    word, theirs = one[comparison.column], other[comparison.column]
    if word is None or theirs is None or "other" in (word, theirs):
        return None
    if word == theirs:
        return "same_own" if word in comparison.own else "same"
    return "compatible" if any(word in group and theirs in group for group in comparison.groups) else "differ"


def count(one: Form, other: Form, comparison: Comparison) -> str | None:
    """The same number of people, three or more; smaller numbers are too often the same."""
    if not both(one, other, comparison.column):
        return None
    if same(one, other, comparison.column):
        return "same_many" if one[comparison.column] >= _MANY else None
    return "differ"


def days(one: Form, other: Form, _: Comparison) -> float | None:
    """Days between what happened, else the nearest of what was happened and what was reported."""
    occurred, reported = (one["occurred_day"], other["occurred_day"]), (one["reported_day"], other["reported_day"])
    if occurred[0] is not None and occurred[1] is not None:
        return float(abs(occurred[0] - occurred[1]))
    pairs = ((occurred[0], reported[1]), (reported[0], occurred[1]), (reported[0], reported[1]))
    return min((float(abs(day - theirs)) for day, theirs in pairs if day is not None and theirs is not None), default=None)


def kilometres(one: Form, other: Form, _: Comparison) -> float | None:
    """Great-circle distance of the places; in numpy, whose functions differ from Python's in the last place."""
    if not (both(one, other, "longitude") and both(one, other, "latitude")):
        return None
    longitude, latitude = (np.radians(np.array([one[axis], other[axis]], dtype=np.float64)) for axis in ("longitude", "latitude"))
    across = np.sin((longitude[1:] - longitude[:1]) / 2) ** 2 * np.cos(latitude[:1]) * np.cos(latitude[1:])
    share = np.sin((latitude[1:] - latitude[:1]) / 2) ** 2 + across
    return float((2 * _EARTH_KM * np.arcsin(np.sqrt(share)))[0])


def ratio(one: Form, other: Form, comparison: Comparison) -> float | None:
    """Difference of two amounts, as a share of the larger."""
    if not both(one, other, comparison.column):
        return None
    amount, theirs = float(one[comparison.column]), float(other[comparison.column])
    larger = max(abs(amount), abs(theirs))
    return abs(amount - theirs) / larger if larger > 0 else None


def text(one: Form, other: Form, comparison: Comparison) -> float | None:
    """Cosine of the character bigrams of title and text."""
    if not both(one, other, comparison.column):
        return None
    return similarity_0_1(one[comparison.column], other[comparison.column])
