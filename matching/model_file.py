"""Model files: YAML → a `Model`, every mistake told with the file, the place and the words allowed."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import isnan, log2, nan
from pathlib import Path
from typing import Any

import yaml

from hub.errors import ContractError
from hub.settings import get_settings
from matching.document_reader import DocumentReader
from matching.model import (
    GRADED,
    OUTCOMES,
    RELATIONS,
    TESTS,
    Adjustment,
    BlockingRule,
    Comparison,
    Level,
    Model,
    Rarity,
)

MODELS = Path(__file__).parent / "models"


@cache
def load_model(relation: str) -> Model:
    """The model in force of a relation: person, organisation or case.

    Raises:
        ContractError: there is no such relation, or the file says what cannot be done.
    """
    model = read_model(model_path(relation))
    if model.relation != relation:
        raise ContractError(f"the model of {relation} is one of {model.relation}", remedy=f"write relation: {relation}, or move the file")
    return model


def model_path(relation: str) -> Path:
    """The file of the model in force: the one in CASEHUB_MODELS, or the project's own.

    Raises:
        ContractError: there is no such relation.
    """
    if relation not in RELATIONS:
        raise ContractError(f"no relation {relation!r}", remedy=f"name one of {', '.join(RELATIONS)}", allowed=list(RELATIONS))
    own = get_settings().models
    if own and (Path(own) / f"{relation}.yml").is_file():
        return Path(own) / f"{relation}.yml"
    return MODELS / f"{relation}.yml"


def model_of(relation: str, model: Model | None = None) -> Model:
    """The given model, or the project's own of the relation.

    Raises:
        ContractError: the given model is of another relation.
    """
    chosen = model or load_model(relation)
    if chosen.relation != relation:
        raise ContractError(f"a model of relation {chosen.relation} was given for {relation}", remedy="pass the relation's own model")
    return chosen


def read_model(path: Path) -> Model:
    """Read a model file of one of the project's relations.

    Raises:
        ContractError: the file cannot be read, or a kind, level, field, weight or threshold in it makes no sense.
    """
    return ModelReader(path.name).model(document_of(path))


def model_from(document: object, name: str) -> Model:
    """The model that a document describes, as one that was kept.

    Args:
        document: as `document_of` gives it, or as JSON keeps that.
        name: what complaints call it.

    Raises:
        ContractError: a kind, level, field, weight or threshold in it makes no sense.
    """
    return ModelReader(name).model(document)


def document_of(path: Path) -> object:
    """What a model file holds, as YAML reads it.

    Raises:
        ContractError: the file cannot be read.
    """
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        try:
            return yaml.load(text, Loader=yaml.CSafeLoader)  # noqa: S506 - CSafeLoader builds plain data only, in a tenth of the time
        except yaml.YAMLError:
            return yaml.safe_load(text)  # which knows better where the mistake is
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        place = _place(error, len(text.rstrip().splitlines()))
        remedy = "mend the YAML there: a bracket, a quote, a colon or an indent" if place else "check that it is there and is YAML"
        raise ContractError(f"model file {path.name} cannot be read{place}", remedy=remedy, file=str(path)) from error


def _place(error: Exception, lines: int) -> str:
    """Where to mend a file of so many lines: where what was never ended begins, which is noticed a line or more after it."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return ""
    noticed = min(error.problem_mark.line + 1, lines)
    if error.context_mark is None or "block" in (error.context or ""):  # a block begins far above its wrong line
        return f" at line {noticed}"
    begun = min(error.context_mark.line + 1, lines)
    return f" at line {begun}" if begun == noticed else f" at line {begun}, which line {noticed} shows"


#: What a table's own model may leave out: an even chance links, one in ten is for a person to see.
DECIDED = {"link": 0, "review": -3.17}
BLOCK_LIMIT = 1_000
#: Kinds that are `string` with levels that serve for most: what people write for a name, a number, a line of words.
USUAL: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "name": (
        "string",
        [
            {"name": "exact", "exact": True},
            {"name": "near", "edits": 1, "jaro_winkler": 0.92},
            {"name": "alike", "jaro_winkler": 0.85},
            {"name": "faint", "jaro_winkler": 0.7},
            {"name": "differ"},
        ],
    ),
    "code": (
        "string",
        [{"name": "exact", "exact": True}, {"name": "one_off", "edits": 1}, {"name": "two_off", "edits": 2}, {"name": "differ"}],
    ),
    "phrase": (
        "string",
        [
            {"name": "exact", "exact": True},
            {"name": "nearly", "words": 0.9, "ngrams": 0.9},
            {"name": "mostly", "words": 0.7, "ngrams": 0.7},
            {"name": "half", "words": 0.5, "ngrams": 0.5},
            {"name": "faint", "words": 0.3, "ngrams": 0.3},
            {"name": "differ"},
        ],
    ),
}


class ModelReader(DocumentReader):
    """Reads the model of one document."""

    def model(self, document: object) -> Model:
        """All of the document as the model of a relation, every level with its weight."""
        needed = {"relation", "version", "prior", "thresholds", "block_limit", "blocking", "comparisons"}
        top = self.mapping(document, "the model", needed, {"adjustments", "placeholders", "over_common"})
        model = self.decisions(top)
        for comparison in model.comparisons:
            for level in comparison.levels:
                if isnan(level.bits):
                    raise self.error(f"level {level.name} of {comparison.name} has no weight", "give it bits, or m and u")
        return model

    def decisions(self, top: dict[str, Any]) -> Model:
        """What compares, weighs and decides in a document, other keys passed over."""
        comparisons = tuple(self.comparison(entry) for entry in self.sequence(top["comparisons"], "comparisons"))
        self.distinct([comparison.name for comparison in comparisons], "comparison")
        thresholds = self.mapping(top.get("thresholds", DECIDED), "thresholds", {"link", "review"})
        model = Model(
            relation=str(top["relation"]),
            version=str(top["version"]),
            prior=self.number(top.get("prior", nan), "prior"),
            link=self.number(thresholds["link"], "thresholds.link"),
            review=self.number(thresholds["review"], "thresholds.review"),
            block_limit=int(self.number(top.get("block_limit", BLOCK_LIMIT), "block_limit")),
            blocking=tuple(self.rule(entry) for entry in self.sequence(top["blocking"], "blocking")),
            comparisons=comparisons,
            adjustments=tuple(self.adjustment(entry, comparisons) for entry in self.sequence(top.get("adjustments", []), "adjustments")),
            placeholders=self.words(top.get("placeholders", {}), "placeholders"),
            over_common=self.words(top.get("over_common", {}), "over_common"),
            rarity=self.rarity(top.get("rarity", {})),
        )
        self.distinct([rule.name for rule in model.blocking], "blocking rule")
        if model.review > model.link:
            raise self.error("thresholds.review is above thresholds.link", "put review at or below link")
        return model

    def comparison(self, document: object) -> Comparison:
        """One entry of `comparisons:`."""
        entry = self.mapping(document, "a comparison", {"name", "kind"}, {"levels", "column", "groups", "term_frequency"})
        name, kind = str(entry["name"]), str(entry["kind"])
        kind, usual = USUAL.get(kind, (kind, None))
        if kind not in OUTCOMES and kind not in GRADED and kind != "string":
            allowed = ", ".join([*OUTCOMES, *GRADED, "string", *USUAL])
            raise self.error(f"comparison {name}: no kind {kind!r}", f"name one of {allowed}")
        stated = entry.get("levels", usual or [{"name": level} for level in OUTCOMES.get(kind, ())])
        levels = tuple(self.level(level, name, kind) for level in self.sequence(stated, f"{name}.levels"))
        if not levels:
            raise self.error(f"comparison {name} has no levels", f"state what counts as alike; kind {kind} has no levels of its own")
        self.distinct([level.name for level in levels], f"level of {name}")
        if kind in GRADED:
            self.check_limits(name, GRADED[kind], levels)
        if kind == "string" and any(not level.tests for level in levels[:-1]):
            raise self.error(f"comparison {name}: only its last level may go without a test", f"give each other one of {', '.join(TESTS)}")
        groups = tuple(frozenset(map(str, group)) for group in entry.get("groups", []))
        return Comparison(name, kind, str(entry.get("column", name)), levels, groups, bool(entry.get("term_frequency", False)))

    def level(self, document: object, comparison: str, kind: str) -> Level:
        """One entry of a comparison's `levels:`."""
        allowed = set(TESTS) if kind == "string" else {GRADED.get(kind) or "at_least"}
        entry = self.mapping(document, f"a level of {comparison}", {"name"}, {"bits", "m", "u", "cannot_link", *allowed})
        name = str(entry["name"])
        if kind in OUTCOMES and name not in OUTCOMES[kind]:
            raise self.error(f"comparison {comparison}: {kind} has no level {name!r}", f"name one of {', '.join(OUTCOMES[kind])}")
        place = f"{comparison}.{name}"
        numbers = {key: self.number(entry[key], f"{place}.{key}") for key in ("bits", "m", "u", "at_most", "at_least") if key in entry}
        limit = numbers.get("at_most", numbers.get("at_least"))
        tests = tuple((test, self.test(test, entry[test], place)) for test in TESTS if kind == "string" and test in entry)
        level = Level(name, numbers.get("bits", nan), bool(entry.get("cannot_link", False)), limit, tests)
        if {"m", "u"} <= numbers.keys():
            if not (0 < numbers["m"] <= 1 and 0 < numbers["u"] <= 1):
                raise self.error(f"{place}: m and u are not probabilities", "write each above 0 and at most 1")
            level = replace(level, m=numbers["m"], u=numbers["u"], bits=numbers.get("bits", log2(numbers["m"] / numbers["u"])))
        return level

    def test(self, test: str, value: object, place: str) -> float | str:
        """What a level of kind `string` is reached by."""
        if TESTS[test] is str:
            return str(value)
        if TESTS[test] is bool:
            if value is not True:
                raise self.error(f"{place}.{test} is not true", "write true, or leave it out")
            return 1.0
        bound = self.number(value, f"{place}.{test}")
        if TESTS[test] is float and not 0 < bound <= 1:
            raise self.error(f"{place}.{test} is not between 0 and 1", "1 is the same, 0 has nothing in common")
        return bound

    def rarity(self, document: object) -> dict[str, Rarity]:
        """How often values occur, by comparison."""
        found = {}
        for name, stated in self.mapping(document, "rarity").items():
            entry = self.mapping(stated, f"rarity.{name}", {"shares", "rest", "agreement"})
            shares = {str(value): self.number(share, f"rarity.{name}") for value, share in self.mapping(entry["shares"], name).items()}
            rest, agreement = (self.number(entry[key], f"rarity.{name}.{key}") for key in ("rest", "agreement"))
            found[str(name)] = Rarity(shares, rest, agreement)
        return found

    def check_limits(self, name: str, limit: str, levels: tuple[Level, ...]) -> None:
        """Limits stand in order, and only the last level goes without."""
        bounds = [level.limit for level in levels[:-1]] + ([levels[-1].limit] if levels[-1].limit is not None else [])
        known = [bound for bound in bounds if bound is not None]
        if len(known) != len(bounds):
            raise self.error(f"comparison {name}: only its last level may go without {limit}", f"give each other level {limit}")
        if known != sorted(known, reverse=limit == "at_least"):
            raise self.error(f"comparison {name}: levels are taken in order and {limit} is out of it", "put the strictest level first")

    def rule(self, document: object) -> BlockingRule:
        """One entry of `blocking:`."""
        entry = self.mapping(document, "a blocking rule", {"name", "fields"}, {"refine"})
        fields = tuple(map(str, self.sequence(entry["fields"], f"{entry['name']}.fields")))
        if not fields:
            raise self.error(f"blocking rule {entry['name']} has no fields", "name the form columns that must agree")
        return BlockingRule(str(entry["name"]), fields, tuple(map(str, entry.get("refine", []))))

    def adjustment(self, document: object, comparisons: tuple[Comparison, ...]) -> Adjustment:
        """One entry of `adjustments:`."""
        entry = self.mapping(document, "an adjustment", {"name", "when", "bits"}, {"cannot_link"})
        name = str(entry["name"])
        known = {comparison.name: {level.name for level in comparison.levels} | {"missing"} for comparison in comparisons}
        when = {str(key): frozenset(map(str, levels)) for key, levels in self.mapping(entry["when"], f"{name}.when").items()}
        for comparison, levels in when.items():
            unknown = levels - known.get(comparison, set())
            if unknown:
                raise self.error(f"adjustment {name}: {comparison} has no level {', '.join(sorted(unknown))}", "name a level of the model")
        return Adjustment(name, when, self.number(entry["bits"], f"{name}.bits"), bool(entry.get("cannot_link", False)))
