"""Union-find that knows what may not be joined."""

from __future__ import annotations

from collections.abc import Sequence


class Unions:
    """Sets of nodes that grow by `join`, unless that would put together what is forbidden.

    Args:
        nodes: their numbers.
        identifiers: for each, its identifier or None; a set holds at most one.
        mentions: for each, a mark or None, and the number of a mention; a set holds no mark with two mentions.
    """

    def __init__(self, nodes: Sequence[int], identifiers: Sequence[str | None], mentions: Sequence[tuple[str | None, int]]) -> None:
        self._parent = {node: node for node in nodes}
        self._identifier = {node: value for node, value in zip(nodes, identifiers, strict=True) if value is not None}
        self._mentions = {node: {mark: number} for node, (mark, number) in zip(nodes, mentions, strict=True) if mark is not None}
        self._foes: dict[int, set[int]] = {}
        self._size = dict.fromkeys(nodes, 1)

    def root(self, node: int) -> int:
        """The node that stands for the set."""
        parent = self._parent
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    def forbid(self, one: int, other: int) -> None:
        """Never let the sets of these two become one. Only before the first `join`."""
        self._foes.setdefault(one, set()).add(other)
        self._foes.setdefault(other, set()).add(one)

    def join(self, one: int, other: int) -> bool:
        """Make one set of two, if nothing forbids it; whether they are one set now."""
        keep, drop = self.root(one), self.root(other)
        if keep == drop:
            return True
        if self._size[keep] < self._size[drop]:
            keep, drop = drop, keep
        if self._is_forbidden(keep, drop):
            return False
        self._parent[drop] = keep
        self._size[keep] += self._size.pop(drop)
        if drop in self._identifier:
            self._identifier[keep] = self._identifier.pop(drop)
        if drop in self._mentions:
            self._mentions.setdefault(keep, {}).update(self._mentions.pop(drop))
        for foe in self._foes.pop(drop, ()):  # roots only: foes are kept under roots throughout
            self._foes[foe].discard(drop)
            self._foes[foe].add(keep)
            self._foes.setdefault(keep, set()).add(foe)
        return True

    def _is_forbidden(self, keep: int, drop: int) -> bool:
        ours, theirs = self._identifier.get(keep), self._identifier.get(drop)
        if ours is not None and theirs is not None and ours != theirs:
            return True
        marks, others = self._mentions.get(keep, {}), self._mentions.get(drop, {})
        if any(marks.get(mark, number) != number for mark, number in others.items()):
            return True
        return drop in self._foes.get(keep, ())
