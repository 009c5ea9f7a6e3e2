"""Union-find that knows what may not be joined, and what nobody can tell where to join."""

from __future__ import annotations

from collections.abc import Sequence
from math import log2

_NONE: frozenset[int] = frozenset()


class Unions:
    """Sets of nodes that grow by `join`, unless that would put together what is forbidden, or settle by chance what is open.

    A set is torn where links that are as good lead to two others that are not one: then it joins neither, and after that only what is
    torn, too, or has no better to join. As good is what weighs less by no more than the tie, how often each of the two is met counted in:
    of two of which one is met far oftener that is the likelier, and joined. Two are not one if their identifiers differ, or if it is
    forbidden and no link as good joins those two: what forbids may be a slip in a name.

    Args:
        nodes: their numbers.
        identifiers: for each, its identifier or None; a set holds at most one.
        mentions: for each, a mark or None, and the number of a mention; a set holds no mark with two mentions.
        tie: bits.
    """

    def __init__(
        self, nodes: Sequence[int], identifiers: Sequence[str | None], mentions: Sequence[tuple[str | None, int]], tie: float
    ) -> None:
        self._parent = {node: node for node in nodes}
        self._identifier = {node: value for node, value in zip(nodes, identifiers, strict=True) if value is not None}
        self._mentions = {node: {mark: number} for node, (mark, number) in zip(nodes, mentions, strict=True) if mark is not None}
        self._foes: dict[int, set[int]] = {}
        self._others: dict[int, set[int]] = {}  # of the foes, those that nobody can be as well
        self._size = dict.fromkeys(nodes, 1)
        self._tie = tie
        self._told: list[tuple[int, int]] = []
        # Of each set its best link to each other: bits, and its place among those told, below nought so that the first is the greatest.
        self._best: dict[int, dict[int, tuple[float, int]]] = {}
        self._open: dict[int, tuple[float, int]] = {}  # of each torn set how good its links are, and one that it might join
        self._recorded: set[tuple[int, int]] = set()
        self.torn: list[tuple[int, int, int]] = []  # a torn node, another that it would be joined with, one of a third that it might be

    def root(self, node: int) -> int:
        """The node that stands for the set."""
        parent = self._parent
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    def forbid(self, one: int, other: int, *, are_two: bool = True) -> None:
        """Never let the sets of these two become one. Only before the first `join`.

        Args:
            one: of the two.
            other: of the two.
            are_two: nobody is both.
        """
        for pairs in (self._foes, self._others) if are_two else (self._foes,):
            pairs.setdefault(one, set()).add(other)
            pairs.setdefault(other, set()).add(one)

    def tell(self, one: int, other: int, weight: float) -> None:
        """Tell of a link; before each `join` all must have been told that weigh as much, or less by no more than the tie."""
        left, right = self.root(one), self.root(other)
        if left != right and right not in self._best.setdefault(left, {}):  # heavier ones were told before
            self._best[left][right] = self._best.setdefault(right, {})[left] = (weight, -len(self._told))
            self._told.append((one, other))

    def join(self, one: int, other: int, *, is_certain: bool = False) -> bool:
        """Make one set of two, if nothing forbids it and neither is torn; whether they are one set now.

        Args:
            one: of a link that was told.
            other: of the same.
            is_certain: no other link is as good.
        """
        keep, drop = self.root(one), self.root(other)
        if keep == drop:
            return True
        if self._is_forbidden(keep, drop) or (not is_certain and self._is_left(one, other)):
            return False
        if self._size[keep] < self._size[drop]:
            keep, drop = drop, keep
        self._parent[drop] = keep
        self._size[keep] += self._size.pop(drop)
        if drop in self._identifier:
            self._identifier[keep] = self._identifier.pop(drop)
        if drop in self._mentions:
            self._mentions.setdefault(keep, {}).update(self._mentions.pop(drop))
        for pairs in (self._foes, self._others):  # roots only: foes are kept under roots throughout
            for foe in pairs.pop(drop, ()):
                pairs[foe].discard(drop)
                pairs[foe].add(keep)
                pairs.setdefault(keep, set()).add(foe)
        if drop in self._open:  # and the other is, too
            self._open[keep] = max(self._open[keep], self._open.pop(drop))
        self._keep_best(keep, drop)
        return True

    def _keep_best(self, keep: int, drop: int) -> None:
        ours = self._best.setdefault(keep, {})
        for other, link in self._best.pop(drop, {}).items():
            theirs = self._best[other]
            del theirs[drop]
            if other != keep:
                ours[other] = theirs[keep] = max(link, ours.get(other, link))

    def _is_left(self, one: int, other: int) -> bool:
        """Whether a link is passed over because one of its sets is torn, or rather one with a third. What is torn alike may be one."""
        left, right = self.root(one), self.root(other)
        if any([self._is_elsewhere(left, right), self._is_elsewhere(right, left)]):
            return True
        for ours, theirs in ((left, right), (right, left)):
            if ours in self._open and theirs not in self._open:
                return self._has_better(ours, theirs)
        return False

    def _has_better(self, torn: int, other: int) -> bool:
        """Whether a set may not join a torn one, for a link nearly as good leads elsewhere; one without is torn with it."""
        best = self._best[other][torn][0]
        if self._is_torn_by(other, best):
            return False
        bits, rival = self._open[torn]
        if any(
            link[0] >= best - self._tie and third not in self._open and not self._is_forbidden(other, third)
            for third, link in self._best[other].items()
        ):
            if best >= bits - self._tie:
                self._record(torn, other, rival)
            return True
        self._open[other] = self._open[torn]
        return False

    def _is_torn_by(self, one: int, bits: float) -> bool:
        """Whether links that weigh as much tear a set, though none of them has come yet."""
        ours = self._best[one]
        thirds = [third for third in self._telling(one) if ours[third][0] >= bits and not self._is_forbidden(one, third)]
        thirds.sort(key=lambda third: ours[third], reverse=True)
        return any([self._is_elsewhere(one, third) for third in thirds]) and one in self._open

    def _telling(self, one: int) -> list[int]:
        """Sets that the one might join and that others are not; of what has a number only by what is forbidden, for other numbers are."""
        ours = self._best[one].keys()
        told = ours & self._others.keys()
        return list(told if one in self._identifier else told | (ours & self._identifier.keys()))

    def _is_elsewhere(self, one: int, other: int) -> bool:
        """Whether the one set is torn, or sooner one with a third than with the other; what it might be as well is recorded."""
        is_elsewhere = False
        for third in self._rivals(one, other):
            more = self._likelihood(one, third) - self._likelihood(one, other)
            self._record(one, third, other)
            if more >= -self._tie:
                self._record(one, other, third)
                is_elsewhere = True
            if abs(more) <= self._tie:
                self._open.setdefault(one, (self._best[one][other][0], third))
        return is_elsewhere

    def _likelihood(self, one: int, other: int) -> float:
        """Bits that speak for the other: their best link, and how often it is met."""
        return self._best[one][other][0] + log2(self._size[other])

    def _record(self, one: int, other: int, rival: int) -> None:
        if (one, other) not in self._recorded:
            self._recorded.add((one, other))
            left, right = self._told[-self._best[one][other][1]]
            self.torn.append((left, right, rival) if self.root(left) == one else (right, left, rival))

    def _rivals(self, one: int, other: int) -> list[int]:
        """Third sets to which the one has as good a link as to the other, and that are not the other."""
        foes = self._others.get(other, _NONE)
        has_number = other in self._identifier and one not in self._identifier  # what has the number of the one has that of the other
        if not foes and not has_number:
            return []
        ours, theirs = self._best[one], self._best[other]
        least = ours[other][0] - self._tie
        thirds = [
            third
            for third, link in ours.items()
            if link[0] >= least
            and ((third in foes and third not in theirs) or (has_number and self._have_two(third, other)))
            and not self._is_forbidden(third, one)
        ]
        return sorted(thirds, key=lambda third: ours[third], reverse=True)

    def _have_two(self, one: int, other: int) -> bool:
        ours, theirs = self._identifier.get(one), self._identifier.get(other)
        return ours is not None and theirs is not None and ours != theirs

    def _is_forbidden(self, one: int, other: int) -> bool:
        if self._have_two(one, other):
            return True
        marks, others = self._mentions.get(one), self._mentions.get(other)
        if marks and others:
            few, many = (marks, others) if len(marks) < len(others) else (others, marks)
            for mark, number in few.items():  # a million times a chunk: `any` of a generator takes twice as long
                if many.get(mark, number) != number:
                    return True
        return other in self._foes.get(one, ())
