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
from matching.model import (
    GRADED,
    MOST_APART,
    OUTCOMES,
    RELATIONS,
    TESTS,
    Adjustment,
    BlockingRule,
    Comparison,
    Level,
    Model,
    Rarity,
    Related,
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
        return yaml.safe_load(text)
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


class ModelReader:
    """Reads one document, naming the file in each complaint."""

    def __init__(self, file: str) -> None:
        self.file = file

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
            told_apart_by=self.told_apart_by(top, comparisons),
            related=self.related(top["related"], comparisons) if "related" in top else None,
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

    def told_apart_by(self, top: dict[str, Any], comparisons: tuple[Comparison, ...]) -> tuple[str, ...] | None:
        """Comparisons in which things of one group differ: some, but not all; none at all where there are no groups."""
        if top.get("told_apart_by") is None:
            return None
        names = tuple(map(str, self.sequence(top["told_apart_by"], "told_apart_by")))
        self.distinct(list(names), "in told_apart_by")
        known = [comparison.name for comparison in comparisons]
        unknown = [name for name in names if name not in known]
        if unknown:
            raise self.error(f"told_apart_by: there is no comparison {', '.join(unknown)}", f"name some of {', '.join(known)}")
        if len(names) == len(known):
            raise self.error("told_apart_by names every comparison", "leave out those in which things of one group agree")
        if len(names) > MOST_APART:
            raise self.error(f"told_apart_by names more than {MOST_APART} comparisons", "keep those that tell most")
        if "related" in top and names != tuple(self.mapping(top["related"], "related").get("apart_by", ())):
            raise self.error("told_apart_by is not what related was trained with", "take related: and the weights out, and train anew")
        if names and "related" not in top and not any(isnan(level.bits) for comparison in comparisons for level in comparison.levels):
            raise self.error("told_apart_by is for training, and every level has its weight", "take it out, or the weights")
        return names

    def related(self, document: object, comparisons: tuple[Comparison, ...]) -> Related:
        """What pairs of one group show, as training found it."""
        entry = self.mapping(document, "related", {"prior", "apart_by", "bits", "together"})
        levels = {comparison.name: len(comparison.levels) for comparison in comparisons}
        apart_by = tuple(map(str, self.sequence(entry["apart_by"], "related.apart_by")))
        bits = {
            str(name): tuple(self.number(value, f"related.bits.{name}") for value in self.sequence(stated, f"related.bits.{name}"))
            for name, stated in self.mapping(entry["bits"], "related.bits").items()
        }
        together = {}
        for stated in self.sequence(entry["together"], "related.together"):
            each = self.mapping(stated, "an entry of related.together", {"levels", "bits"})
            numbers = self.sequence(each["levels"], "related.together.levels")
            together[tuple(int(self.number(number, "related.together.levels")) for number in numbers)] = self.number(each["bits"], "bits")
        is_whole = sorted([*apart_by, *bits]) == sorted(levels) and all(levels[name] == len(each) for name, each in bits.items())
        most = [levels[name] for name in apart_by if name in levels]
        if not is_whole or not apart_by or not all(_are_levels(numbers, most) for numbers in together):
            raise self.error("related is not of these comparisons and their levels", "take it and the weights out, and train anew")
        return Related(self.number(entry["prior"], "related.prior"), bits, apart_by, together)

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

    def mapping(self, value: object, what: str, needed: set[str] | None = None, optional: set[str] | None = None) -> dict[str, Any]:
        """A mapping, with the keys that it needs and may have."""
        if not isinstance(value, dict):
            raise self.error(f"{what} is not a mapping", "write it as key: value")
        if needed is not None:
            missing, unknown = needed - value.keys(), value.keys() - needed - (optional or set())
            if missing or unknown:
                words = ", ".join(sorted(map(str, missing or unknown)))
                allowed = ", ".join(sorted(needed | (optional or set())))
                raise self.error(f"{what} {'lacks' if missing else 'has unknown'} {words}", f"its keys are {allowed}")
        return value

    def sequence(self, value: object, what: str) -> list[Any]:
        """A list."""
        if not isinstance(value, list):
            raise self.error(f"{what} is not a list", "write it as a list")
        return value

    def number(self, value: object, what: str) -> float:
        """A number; true and false are none."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(f"{what} is not a number", "write bits and limits as numbers")
        return float(value)

    def words(self, value: object, what: str) -> dict[str, frozenset[str]]:
        """Sets of words by column."""
        return {str(key): frozenset(map(str, words)) for key, words in self.mapping(value, what).items()}

    def distinct(self, names: list[str], what: str) -> None:
        """Names that stand once each."""
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise self.error(f"{what} {', '.join(twice)} stands twice", "name each once")

    def error(self, message: str, remedy: str) -> ContractError:
        """A complaint that names the file."""
        return ContractError(f"{self.file}: {message}", remedy=remedy, file=self.file)


def _are_levels(numbers: tuple[int, ...], most: list[int]) -> bool:
    """Whether these are numbers of levels, 0 for none, of comparisons that have so many."""
    return len(numbers) == len(most) and all(0 <= number <= last for number, last in zip(numbers, most, strict=True))
