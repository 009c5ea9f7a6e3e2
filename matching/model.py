"""The model of a relation: what is compared, what each outcome weighs, which records meet, and what is decided.

Enters a versioned YAML file (`matching/models/<relation>.yml`), leaves a frozen `Model`. Nothing in a model depends on
what a store holds at the moment: placeholders and over-common values are written down in the version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from hub.errors import ContractError

MODELS = Path(__file__).parent / "models"
RELATIONS = ("person", "organisation", "case")

#: Kind of comparison → the level names it may give. A level that a model leaves out is no evidence.
OUTCOMES: dict[str, tuple[str, ...]] = {
    "apart": ("together",),
    "identifier": ("same", "same_unverified", "one_off", "conflict", "differ", "differ_broken"),
    "person_name": (
        "exact",
        "variant",
        "exact_common",
        "same_pinyin",
        "same_pinyin_common",
        "look_alike",
        "near",
        "masked_given",
        "masked",
        "same_surname",
        "differ",
    ),
    "organisation_name": (
        "exact",
        "exact_short",
        "core",
        "same_pinyin",
        "look_alike",
        "alias",
        "alias_short",
        "near",
        "other_part",
        "other_industry",
        "other_place",
        "differ",
    ),
    "phone": ("same", "one_off", "differ"),
    "date": ("same", "near", "differ"),
    "equal": ("same", "differ"),
    "address": ("room", "neighbour", "building", "number", "estate", "road", "community", "street", "differ"),
    "citation": ("cites", "same_citation"),
    "parties": ("shared", "shared_organisation", "crossed", "differ"),
    "category": ("same", "compatible", "differ"),
    "count": ("same_many", "differ"),
}
#: Kind of comparison → the limit by which its levels, named freely and taken in order, are told apart.
GRADED: dict[str, str] = {"days": "at_most", "kilometres": "at_most", "ratio": "at_most", "text": "at_least"}


@dataclass(frozen=True)
class Level:
    """One graded outcome of a comparison.

    Args:
        name: what it is called, in EDGE.levels too.
        bits: its weight of evidence, log2; negative speaks against.
        cannot_link: forbids the link, through any chain, unless the pair's total still says link.
        limit: of a graded kind: days, kilometres, share of the larger amount, similarity 0–1; None takes the rest.
    """

    name: str
    bits: float
    cannot_link: bool = False
    limit: float | None = None


@dataclass(frozen=True)
class Comparison:
    """One attribute compared: `column` names the form column, or the stem of several."""

    name: str
    kind: str
    column: str
    levels: tuple[Level, ...]
    groups: tuple[frozenset[str], ...] = ()

    def index(self, level: str) -> int:
        """Number of a level in a levels table, 0 (no evidence) where the model leaves it out."""
        return next((i for i, known in enumerate(self.levels, 1) if known.name == level), 0)


@dataclass(frozen=True)
class BlockingRule:
    """Records that share all `fields` meet; those with an over-common value must share `refine` as well."""

    name: str
    fields: tuple[str, ...]
    refine: tuple[str, ...] = ()


@dataclass(frozen=True)
class Adjustment:
    """A correction where comparisons are not independent: added when each named one is at one of its levels."""

    name: str
    when: Mapping[str, frozenset[str]]
    bits: float
    cannot_link: bool = False


@dataclass(frozen=True)
class Model:
    """All that decides a relation, under one version."""

    relation: str
    version: str
    prior: float
    link: float
    review: float
    block_limit: int
    blocking: tuple[BlockingRule, ...]
    comparisons: tuple[Comparison, ...]
    adjustments: tuple[Adjustment, ...] = ()
    placeholders: Mapping[str, frozenset[str]] = field(default_factory=dict)
    over_common: Mapping[str, frozenset[str]] = field(default_factory=dict)


@cache
def load_model(relation: str) -> Model:
    """The project's own model of a relation: person, organisation or case.

    Raises:
        ContractError: there is no such relation, or the file says what cannot be done.
    """
    if relation not in RELATIONS:
        raise ContractError(f"no relation {relation!r}", remedy=f"name one of {', '.join(RELATIONS)}", allowed=list(RELATIONS))
    return read_model(MODELS / f"{relation}.yml")


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
    """Read a model file.

    Raises:
        ContractError: the file cannot be read, or a kind, level, field, weight or threshold in it makes no sense.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ContractError(f"model file {path.name} cannot be read", remedy="check that it is YAML", file=str(path)) from error
    return _Reader(path.name).model(document)


class _Reader:
    """Reads one document, naming the file in each complaint."""

    def __init__(self, file: str) -> None:
        self.file = file

    def model(self, document: object) -> Model:
        keys = {"relation", "version", "prior", "thresholds", "block_limit", "blocking", "comparisons"}
        top = self.mapping(document, "the model", keys, {"adjustments", "placeholders", "over_common"})
        comparisons = tuple(self.comparison(entry) for entry in self.sequence(top["comparisons"], "comparisons"))
        self.distinct([comparison.name for comparison in comparisons], "comparison")
        thresholds = self.mapping(top["thresholds"], "thresholds", {"link", "review"})
        model = Model(
            relation=str(top["relation"]),
            version=str(top["version"]),
            prior=self.number(top["prior"], "prior"),
            link=self.number(thresholds["link"], "thresholds.link"),
            review=self.number(thresholds["review"], "thresholds.review"),
            block_limit=int(self.number(top["block_limit"], "block_limit")),
            blocking=tuple(self.rule(entry) for entry in self.sequence(top["blocking"], "blocking")),
            comparisons=comparisons,
            adjustments=tuple(self.adjustment(entry, comparisons) for entry in self.sequence(top.get("adjustments", []), "adjustments")),
            placeholders=self.words(top.get("placeholders", {}), "placeholders"),
            over_common=self.words(top.get("over_common", {}), "over_common"),
        )
        self.distinct([rule.name for rule in model.blocking], "blocking rule")
        if model.review > model.link:
            raise self.error("thresholds.review is above thresholds.link", "put review at or below link")
        return model

    def comparison(self, document: object) -> Comparison:
        entry = self.mapping(document, "a comparison", {"name", "kind", "levels"}, {"column", "groups"})
        name, kind = str(entry["name"]), str(entry["kind"])
        if kind not in OUTCOMES and kind not in GRADED:
            raise self.error(f"comparison {name}: no kind {kind!r}", f"name one of {', '.join([*OUTCOMES, *GRADED])}")
        levels = tuple(self.level(level, name, kind) for level in self.sequence(entry["levels"], f"{name}.levels"))
        self.distinct([level.name for level in levels], f"level of {name}")
        if kind in GRADED:
            self.check_limits(name, GRADED[kind], levels)
        groups = tuple(frozenset(map(str, group)) for group in entry.get("groups", []))
        return Comparison(name, kind, str(entry.get("column", name)), levels, groups)

    def level(self, document: object, comparison: str, kind: str) -> Level:
        limit = GRADED.get(kind) or "at_least"
        entry = self.mapping(document, f"a level of {comparison}", {"name", "bits"}, {"cannot_link", limit})
        name = str(entry["name"])
        if kind in OUTCOMES and name not in OUTCOMES[kind]:
            raise self.error(f"comparison {comparison}: {kind} has no level {name!r}", f"name one of {', '.join(OUTCOMES[kind])}")
        bits = self.number(entry["bits"], f"{comparison}.{name}.bits")
        bound = None if limit not in entry else self.number(entry[limit], f"{comparison}.{name}.{limit}")
        return Level(name, bits, bool(entry.get("cannot_link", False)), bound)

    def check_limits(self, name: str, limit: str, levels: tuple[Level, ...]) -> None:
        bounds = [level.limit for level in levels[:-1]] + ([levels[-1].limit] if levels[-1].limit is not None else [])
        known = [bound for bound in bounds if bound is not None]
        if len(known) != len(bounds):
            raise self.error(f"comparison {name}: only its last level may go without {limit}", f"give each other level {limit}")
        if known != sorted(known, reverse=limit == "at_least"):
            raise self.error(f"comparison {name}: levels are taken in order and {limit} is out of it", "put the strictest level first")

    def rule(self, document: object) -> BlockingRule:
        entry = self.mapping(document, "a blocking rule", {"name", "fields"}, {"refine"})
        fields = tuple(map(str, self.sequence(entry["fields"], f"{entry['name']}.fields")))
        if not fields:
            raise self.error(f"blocking rule {entry['name']} has no fields", "name the form columns that must agree")
        return BlockingRule(str(entry["name"]), fields, tuple(map(str, entry.get("refine", []))))

    def adjustment(self, document: object, comparisons: tuple[Comparison, ...]) -> Adjustment:
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
        if not isinstance(value, list):
            raise self.error(f"{what} is not a list", "write it as a list")
        return value

    def number(self, value: object, what: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(f"{what} is not a number", "write bits and limits as numbers")
        return float(value)

    def words(self, value: object, what: str) -> dict[str, frozenset[str]]:
        return {str(key): frozenset(map(str, words)) for key, words in self.mapping(value, what).items()}

    def distinct(self, names: list[str], what: str) -> None:
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise self.error(f"{what} {', '.join(twice)} stands twice", "name each once")

    def error(self, message: str, remedy: str) -> ContractError:
        return ContractError(f"{self.file}: {message}", remedy=remedy, file=self.file)
