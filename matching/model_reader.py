"""What a model's document says: mappings and lists → a `Model`, every mistake told with the file, the place and the words allowed."""

from __future__ import annotations

from dataclasses import replace
from math import isnan, nan
from typing import Any

from hub.wording import Words
from matching.document_reader import DocumentReader
from matching.model import GRADED, MOST_LEVELS, MOST_RULES, OUTCOMES, TESTS, Adjustment, BlockingRule, Comparison, Level, Model, Rarity

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
_MODEL = Words("模型", "the model")
_WEIGHTS = ("bits", "m", "u", "stated")  # keys of a level


class ModelReader(DocumentReader):
    """Reads the model of one document."""

    of_rules = frozenset[str]()  # what else a blocking rule may say

    def model(self, document: object) -> Model:
        """All of the document as the model of a relation, every level with its weight."""
        needed = {"relation", "version", "prior", "thresholds", "block_limit", "blocking", "comparisons"}
        top = self.mapping(document, _MODEL, needed, {"adjustments", "placeholders", "over_common"})
        model = self.decisions(top)
        for comparison in model.comparisons:
            for level in comparison.levels:
                if isnan(level.bits):
                    raise self.error(
                        f"{comparison.name} 的等级 {level.name} 没有权重 · level {level.name} of {comparison.name} has no weight",
                        "写明 bits，或 m 与 u · give it bits, or m and u",
                    )
        return model

    def decisions(self, top: dict[str, Any]) -> Model:
        """What compares, weighs and decides in a document, other keys passed over."""
        comparisons = tuple(self.comparison(entry) for entry in self.sequence(top["comparisons"], "comparisons"))
        rules = self.at_most(MOST_RULES, self.sequence(top["blocking"], "blocking"), Words("分块规则", "blocking rules"))
        self.distinct([comparison.name for comparison in comparisons], Words("比较", "comparison"))
        thresholds = self.mapping(top.get("thresholds", DECIDED), "thresholds", {"link", "review"})
        model = Model(
            relation=str(top["relation"]),
            version=str(top["version"]),
            prior=self.number(top.get("prior", nan), "prior"),
            link=self.number(thresholds["link"], "thresholds.link"),
            review=self.number(thresholds["review"], "thresholds.review"),
            block_limit=int(self.number(top.get("block_limit", BLOCK_LIMIT), "block_limit")),
            blocking=tuple(map(self.rule, rules)),
            comparisons=comparisons,
            adjustments=tuple(self.adjustment(entry, comparisons) for entry in self.sequence(top.get("adjustments", []), "adjustments")),
            placeholders=self.words(top.get("placeholders", {}), "placeholders"),
            over_common=self.words(top.get("over_common", {}), "over_common"),
            rarity=self.rarity(top.get("rarity", {})),
        )
        self.distinct([rule.name for rule in model.blocking], Words("分块规则", "blocking rule"))
        if model.review > model.link:
            raise self.error(
                "thresholds.review 高于 thresholds.link · thresholds.review is above thresholds.link",
                "review 不得高于 link · put review at or below link",
            )
        return model

    def comparison(self, document: object) -> Comparison:
        """One entry of `comparisons:`."""
        entry = self.mapping(
            document, Words("一项比较", "a comparison"), {"name", "kind"}, {"levels", "column", "groups", "own", "term_frequency"}
        )
        name, kind = str(entry["name"]), str(entry["kind"])
        kind, usual = USUAL.get(kind, (kind, None))
        if kind not in OUTCOMES and kind not in GRADED and kind != "string":
            allowed = ", ".join([*OUTCOMES, *GRADED, "string", *USUAL])
            raise self.error(f"比较 {name} 没有种类 {kind!r} · comparison {name}: no kind {kind!r}", f"可用值 · name one of: {allowed}")
        stated = entry.get("levels", usual or [{"name": level} for level in OUTCOMES.get(kind, ())])
        listed = self.at_most(MOST_LEVELS, self.sequence(stated, f"{name}.levels"), Words(f"{name} 的等级", f"levels of {name}"))
        levels = tuple(self.level(level, name, kind) for level in listed)
        if not levels:
            raise self.error(
                f"比较 {name} 没有等级 · comparison {name} has no levels",
                f"写明何为相似，{kind} 没有自带等级 · state what counts as alike; kind {kind} has no levels of its own",
            )
        self.distinct([level.name for level in levels], Words(f"{name} 的等级", f"level of {name}"))
        if kind in GRADED:
            self.check_limits(name, GRADED[kind], levels)
        if kind == "string" and any(not level.tests for level in levels[:-1]):
            raise self.error(
                f"比较 {name} 只有最后一级可以没有判据 · comparison {name}: only its last level may go without a test",
                f"为其余各级写明以下判据之一 · give each other one of: {', '.join(TESTS)}",
            )
        groups = tuple(frozenset(map(str, group)) for group in entry.get("groups", []))
        own = frozenset(map(str, entry.get("own", [])))
        return Comparison(name, kind, str(entry.get("column", name)), levels, groups, own, bool(entry.get("term_frequency", False)))

    def level(self, document: object, comparison: str, kind: str) -> Level:
        """One entry of a comparison's `levels:`."""
        allowed = {"cannot_link", *_WEIGHTS, *(TESTS if kind == "string" else [GRADED.get(kind) or "at_least"])}
        entry = self.mapping(document, Words(f"{comparison} 的一级", f"a level of {comparison}"), {"name"}, allowed)
        name = str(entry["name"])
        if kind in OUTCOMES and name not in OUTCOMES[kind]:
            raise self.error(
                f"比较 {comparison} 的 {kind} 没有等级 {name!r} · comparison {comparison}: {kind} has no level {name!r}",
                f"可用值 · name one of: {', '.join(OUTCOMES[kind])}",
            )
        place = f"{comparison}.{name}"
        numbers = {key: self.number(entry[key], f"{place}.{key}") for key in (*_WEIGHTS, "at_most", "at_least") if key in entry}
        limit = numbers.get("at_most", numbers.get("at_least"))
        tests = tuple((test, self.test(test, entry[test], place)) for test in TESTS if kind == "string" and test in entry)
        forbids = bool(entry.get("cannot_link", False))
        level = Level(name, numbers.get("bits", nan), forbids, limit, tests, stated=numbers.get("stated"))
        if {"m", "u"} <= numbers.keys():
            if not (0 < numbers["m"] <= 1 and 0 < numbers["u"] <= 1):
                raise self.error(
                    f"{place}: m 与 u 不是概率 · m and u are not probabilities",
                    "二者都须大于 0 且不超过 1 · write each above 0 and at most 1",
                )
            found = level.trained(numbers["m"], numbers["u"])  # to the digit as training weighed it
            level = replace(found, bits=numbers.get("bits", found.bits))
        return level

    def test(self, test: str, value: object, place: str) -> float | str:
        """What a level of kind `string` is reached by."""
        if TESTS[test] is str:
            return str(value)
        if TESTS[test] is bool:
            if value is not True:
                raise self.error(f"{place}.{test} 不是 true · {place}.{test} is not true", "写 true 或去掉 · write true, or leave it out")
            return 1.0
        bound = self.number(value, f"{place}.{test}")
        if TESTS[test] is float and not 0 < bound <= 1:
            raise self.error(
                f"{place}.{test} 不在 0 与 1 之间 · {place}.{test} is not between 0 and 1",
                "1 为相同，0 为毫无共同 · 1 is the same, 0 has nothing in common",
            )
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

    def at_most(self, most: int, entries: list[Any], what: Words) -> list[Any]:
        """A list that is no longer than can be told apart."""
        if len(entries) > most:
            raise self.error(
                f"{what.zh}有 {len(entries)} 项，最多 {most} 项 · {len(entries)} {what.en}, at most {most} can be told apart",
                "合并或去掉几项 · put some together, or leave some out",
            )
        return entries

    def check_limits(self, name: str, limit: str, levels: tuple[Level, ...]) -> None:
        """Limits stand in order, and only the last level goes without."""
        bounds = [level.limit for level in levels[:-1]] + ([levels[-1].limit] if levels[-1].limit is not None else [])
        known = [bound for bound in bounds if bound is not None]
        if len(known) != len(bounds):
            raise self.error(
                f"比较 {name} 只有最后一级可以没有 {limit} · comparison {name}: only its last level may go without {limit}",
                f"为其余各级写明 {limit} · give each other level {limit}",
            )
        if known != sorted(known, reverse=limit == "at_least"):
            raise self.error(
                f"比较 {name} 的 {limit} 次序不对 · comparison {name}: levels are taken in order and {limit} is out of it",
                "最严的等级写在最前 · put the strictest level first",
            )

    def rule(self, document: object) -> BlockingRule:
        """One entry of `blocking:`."""
        entry = self.mapping(document, Words("一条分块规则", "a blocking rule"), {"name", "fields"}, {"refine", *self.of_rules})
        fields = tuple(map(str, self.sequence(entry["fields"], f"{entry['name']}.fields")))
        if not fields:
            raise self.error(
                f"分块规则 {entry['name']} 没有字段 · blocking rule {entry['name']} has no fields",
                "写明须一致的列 · name the form columns that must agree",
            )
        limit = int(self.number(entry["block_limit"], f"{entry['name']}.block_limit")) if "block_limit" in entry else None
        return BlockingRule(str(entry["name"]), fields, tuple(map(str, entry.get("refine", []))), limit)

    def adjustment(self, document: object, comparisons: tuple[Comparison, ...]) -> Adjustment:
        """One entry of `adjustments:`."""
        entry = self.mapping(document, Words("一项调整", "an adjustment"), {"name", "when", "bits"}, {"cannot_link", "stated"})
        name = str(entry["name"])
        known = {comparison.name: {level.name for level in comparison.levels} | {"missing"} for comparison in comparisons}
        when = {str(key): frozenset(map(str, levels)) for key, levels in self.mapping(entry["when"], f"{name}.when").items()}
        for comparison, levels in when.items():
            unknown = levels - known.get(comparison, set())
            if unknown:
                words = ", ".join(sorted(unknown))
                raise self.error(
                    f"调整 {name} 中 {comparison} 没有等级 {words} · adjustment {name}: {comparison} has no level {words}",
                    "写明模型中的等级 · name a level of the model",
                )
        stated = self.number(entry["stated"], f"{name}.stated") if "stated" in entry else None
        return Adjustment(name, when, self.number(entry["bits"], f"{name}.bits"), bool(entry.get("cannot_link", False)), stated)
