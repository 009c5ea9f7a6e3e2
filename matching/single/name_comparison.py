"""COMPARISON of names, one pair: `matching.name_comparison` for two forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from rapidfuzz.distance import OSA

from matching.model import Comparison
from matching.name_comparison import LONG, LONG_REST, NUMBER_AT_END, YOUNGER, mask_agrees, one_looks_like, two_slips_of_one
from matching.single.patterns import without_first

Form: TypeAlias = Mapping[str, Any]


def person_name(one: Form, other: Form, comparison: Comparison) -> str | None:
    """The first of the levels of kind `person_name` that two persons reach."""
    name, their_name = one["name"], other["name"]
    if name is None or their_name is None:
        return None
    if one["is_masked"] or other["is_masked"]:
        agrees, tells_given = mask_agrees((name, one["surname"] or ""), (their_name, other["surname"] or ""))
        if agrees:
            return "masked_given" if tells_given else "masked"
        return "same_surname" if same(one, other, "surname") else "differ"
    is_common = one["is_common"] or other["is_common"]
    if name == their_name:
        return "exact_common" if is_common else "exact" if same(one, other, "name_written") else "variant"
    if same(one, other, "name_pinyin"):
        return "same_pinyin_common" if is_common else "same_pinyin"
    if same(one, other, "name_look"):
        return "look_alike"
    return _otherwise_alike(one, other, comparison)


def _otherwise_alike(one: Form, other: Form, comparison: Comparison) -> str:
    name, their_name = one["name"], other["name"]
    shorter, is_one_longer = min(len(name), len(their_name)), abs(len(name) - len(their_name)) == 1
    if is_one_longer and shorter >= LONG and edits(name, their_name) <= 1:
        return "near"
    if is_one_longer and (name[1:] == their_name or their_name[1:] == name):
        return "married"
    if one_looks_like(name, their_name):
        return "similar_look"
    if " " in (one["given_pinyin"] or "") and same(one, other, "given_pinyin"):
        return "same_given"
    if not same(one, other, "surname"):
        return "differ"
    return "two_slips" if comparison.index("two_slips") and two_slips_of_one(name, their_name) else "same_surname"


def organisation_name(one: Form, other: Form, comparison: Comparison) -> str | None:
    """The first of the levels of kind `organisation_name` that two organisations reach."""
    has_both, is_same = both(one, other, "core"), same(one, other, "name")
    stem, same_industry = same(one, other, "stem"), same(one, other, "industry")
    is_whole = bool(one["is_whole"] and other["is_whole"])
    if is_same and is_whole:
        return "exact"
    kin = has_both and (stem or same(one, other, "stem_pinyin") or same(one, other, "stem_look"))
    shorter = min(_telling_length(one), _telling_length(other))
    slip = has_both and _slip(one, other, shorter)
    apart = _apart(one, other, is_kin=kin, is_slip=slip, is_whole=is_whole)
    if apart is not None:
        return apart
    long_stem = shorter >= LONG
    telling = long_stem or same_industry
    one_part = (one["part"] is None) != (other["part"] is None)
    alike = has_both and any(same(one, other, column) for column in ("core_pinyin", "core_look"))
    of_one_trade = (kin and same_industry and shorter >= LONG_REST) or slip
    two_places = both(one, other, "city") and not same(one, other, "city")
    steps = (
        ("shop", has_both and (alike or same(one, other, "core")) and bool(one["is_shop"] or other["is_shop"])),
        ("formal", same(one, other, "formal") and telling),
        ("exact_short", is_same and telling),
        ("core", has_both and same(one, other, "core") and telling and not one_part),
        ("core_alike", alike and of_one_trade and not two_places and not one_part),
        ("alias", stem and long_stem),
        ("same_pinyin", kin and same(one, other, "stem_pinyin") and telling),
        ("look_alike", kin and same(one, other, "stem_look") and telling),
        ("alias_short", stem),
        ("short_alike", kin),
        ("near", slip and not _unlike(one, other, "city") and not one_part),
        ("differ", has_both),
    )
    return next((name for name, holds in steps if holds and (name not in YOUNGER or comparison.index(name))), None)


def _telling_length(form: Form) -> int:
    stem: str = form["stem"] or ""
    return len(stem if form["industry"] is not None else without_first(NUMBER_AT_END, stem))


def _apart(one: Form, other: Form, *, is_kin: bool, is_slip: bool, is_whole: bool) -> str | None:
    """In what two names of one stem differ."""
    two_parts = both(one, other, "part") and not same(one, other, "part")
    one_part = (one["part"] is None) != (other["part"] is None)
    if (is_kin and (two_parts or (one_part and is_whole))) or (is_slip and two_parts):
        return "other_part"
    if is_kin and _unlike(one, other, "city"):
        return "other_place"
    return "other_industry" if is_kin and _unlike(one, other, "industry") else None


def _slip(one: Form, other: Form, shorter: int) -> bool:
    if not same(one, other, "stem_head") or same(one, other, "core"):
        return False
    unlike_length = len(one["stem"]) != len(other["stem"])
    return (unlike_length or shorter >= LONG_REST) and edits(one["core"], other["core"]) <= 1


def _unlike(one: Form, other: Form, column: str) -> bool:
    value, theirs = one[column], other[column]
    return value is not None and theirs is not None and value not in theirs and theirs not in value


def both(one: Form, other: Form, column: str) -> bool:
    """Whether both sides have it."""
    return one[column] is not None and other[column] is not None


def same(one: Form, other: Form, column: str) -> bool:
    """Whether both sides have it, and it is equal."""
    return one[column] is not None and one[column] == other[column]


def edits(one: str, other: str) -> int:
    """Characters put in, left out, changed or swapped with a neighbour; 2 stands for more than one."""
    return int(OSA.distance(one, other, score_cutoff=1))
