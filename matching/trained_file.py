"""Trained model files: what a file said, with the weights that training found, as YAML."""

from __future__ import annotations

from typing import Any

import yaml

from matching.model import GRADED, TESTS, Comparison, Level, Model


def trained_document(document: object, model: Model, unique_within: frozenset[str] = frozenset()) -> str:
    """A model file as YAML with the weights that training found; what else it says stays, its comments do not.

    Args:
        document: what the file held, as `document_of` gives it.
        model: the same, trained.
        unique_within: sources that were found to hold nothing twice.
    """
    kept = {key: value for key, value in document.items() if key not in ("related", "ties")} if isinstance(document, dict) else {}
    stated = {str(entry["name"]): entry for entry in kept["comparisons"]}
    if unique_within:
        kept["unique_within"] = sorted(unique_within)
    kept["prior"] = model.prior
    kept["comparisons"] = [{**stated[comparison.name], **_trained(comparison)} for comparison in model.comparisons]
    if model.rarity:
        kept["rarity"] = {
            name: {"agreement": rarity.agreement, "rest": rarity.rest, "shares": dict(rarity.shares)}
            for name, rarity in model.rarity.items()
        }
    if model.ties:
        kept["ties"] = [{"of": [tie.one, tie.other], "bits": [list(row) for row in tie.bits]} for tie in model.ties]
    if model.related:
        together = [{"levels": list(levels), "bits": bits} for levels, bits in model.related.together.items()]
        bits = {name: list(each) for name, each in model.related.bits.items()}
        kept["related"] = {"prior": model.related.prior, "apart_by": list(model.related.apart_by), "bits": bits, "together": together}
    return yaml.safe_dump(kept, allow_unicode=True, sort_keys=False, width=140)


def _trained(comparison: Comparison) -> dict[str, Any]:
    levels = []
    for level in comparison.levels:
        tests = {test: True if TESTS[test] is bool else int(value) if TESTS[test] is int else value for test, value in level.tests}
        limit = {} if level.limit is None else {GRADED[comparison.kind]: level.limit}
        forbids = {"cannot_link": True} if level.cannot_link else {}
        moved = {} if level.stated is None else {"stated": level.stated}
        levels.append({"name": level.name, **tests, **limit, **forbids, **_weight(level), **moved})
    return {"kind": comparison.kind, "levels": levels}


def _weight(level: Level) -> dict[str, float]:
    """As found; `bits` where they were stated, for m and u do not say them."""
    if level.m is None or level.u is None:
        return {"bits": level.bits}
    found = {"m": level.m, "u": level.u}
    return found if level.trained(level.m, level.u).bits == level.bits else {"bits": level.bits, **found}
