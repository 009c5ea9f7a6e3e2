"""What a model file says of groups, by what their things are told apart, what training found of them, and of ties of comparisons."""

from __future__ import annotations

from math import isnan
from typing import Any

from hub.wording import Words
from matching.document_reader import DocumentReader
from matching.model import MOST_APART, Comparison, Related, Tie


class GroupReader(DocumentReader):
    """Reads `told_apart_by`, `related` and `ties`."""

    def told_apart_by(self, top: dict[str, Any], comparisons: tuple[Comparison, ...]) -> tuple[str, ...] | None:
        """Comparisons in which things of one group differ: some, but not all; none at all where there are no groups."""
        if top.get("told_apart_by") is None:
            return None
        names = tuple(map(str, self.sequence(top["told_apart_by"], "told_apart_by")))
        self.distinct(list(names), Words("told_apart_by 中", "in told_apart_by"))
        known = [comparison.name for comparison in comparisons]
        unknown = [name for name in names if name not in known]
        if unknown:
            raise self.error(
                f"told_apart_by: 没有比较 {', '.join(unknown)} · there is no comparison {', '.join(unknown)}",
                f"可用值 · name some of: {', '.join(known)}",
            )
        if len(names) == len(known):
            raise self.error(
                "told_apart_by 列出了全部比较 · told_apart_by names every comparison",
                "去掉同组一致的比较 · leave out those in which things of one group agree",
            )
        if len(names) > MOST_APART:
            raise self.error(
                f"told_apart_by 超过 {MOST_APART} 项 · told_apart_by names more than {MOST_APART} comparisons",
                "保留区分力最强的 · keep those that tell most",
            )
        if "related" in top and names != tuple(self.mapping(top["related"], "related").get("apart_by", ())):
            raise self.error(
                "told_apart_by 与 related 训练时不同 · told_apart_by is not what related was trained with",
                "去掉 related: 与权重后重新训练 · take related: and the weights out, and train anew",
            )
        if names and "related" not in top and not any(isnan(level.bits) for comparison in comparisons for level in comparison.levels):
            raise self.error(
                "told_apart_by 用于训练，而各级已有权重 · told_apart_by is for training, and every level has its weight",
                "去掉它或权重 · take it out, or the weights",
            )
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
            each = self.mapping(stated, Words("related.together 的一项", "an entry of related.together"), {"levels", "bits"})
            numbers = self.sequence(each["levels"], "related.together.levels")
            together[tuple(int(self.number(number, "related.together.levels")) for number in numbers)] = self.number(each["bits"], "bits")
        is_whole = (
            {*apart_by, *bits} == set(levels)
            and len(set(apart_by)) == len(apart_by)
            and all(levels[name] == len(each) for name, each in bits.items())
        )
        most = [levels[name] for name in apart_by if name in levels]
        if not is_whole or not apart_by or not all(_are_levels(numbers, most) for numbers in together):
            raise self.error(
                "related 与这些比较及其等级不符 · related is not of these comparisons and their levels",
                "去掉它与权重后重新训练 · take it and the weights out, and train anew",
            )
        return Related(self.number(entry["prior"], "related.prior"), bits, apart_by, together)

    def ties(self, document: object, comparisons: tuple[Comparison, ...]) -> tuple[Tie, ...]:
        """Comparisons that say the same, as training found them: for each level of one a row, in it for each of the other its bits."""
        levels = {comparison.name: len(comparison.levels) for comparison in comparisons}
        found = []
        for stated in self.sequence(document, "ties"):
            entry = self.mapping(stated, Words("ties 的一项", "an entry of ties"), {"of", "bits"})
            of = list(map(str, self.sequence(entry["of"], "ties.of")))
            rows = [self.sequence(row, "ties.bits") for row in self.sequence(entry["bits"], "ties.bits")]
            if len({*of}) != 2 or not {*of} <= levels.keys() or [len(row) for row in rows] != [levels[of[1]]] * levels[of[0]]:
                raise self.error(
                    "ties 与这些比较及其等级不符 · ties are not of these comparisons and their levels",
                    "去掉它与权重后重新训练 · take them and the weights out, and train anew",
                )
            found.append(Tie(of[0], of[1], tuple(tuple(self.number(bits, "ties.bits") for bits in row) for row in rows)))
        return tuple(found)


def _are_levels(numbers: tuple[int, ...], most: list[int]) -> bool:
    """Whether these are numbers of levels, 0 for none, of comparisons that have so many."""
    return len(numbers) == len(most) and all(0 <= number <= last for number, last in zip(numbers, most, strict=True))
