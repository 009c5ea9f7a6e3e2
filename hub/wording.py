"""What people are told, in Chinese first and in English beside it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

_LONGEST_NAME = 60  # characters; columns have shorter names, and swallowed lines are longer
_NUMBER_IN_NAME = re.compile(r"\d(?:[ ._-]?\d){6,}[Xx]?")


class Words(NamedTuple):
    """A phrase that goes into sentences of both languages; by itself it is told as `中文 · English`."""

    zh: str
    en: str

    @classmethod
    def listed(cls, phrases: Iterable[Words]) -> Words:
        """Phrases one after the other."""
        several = list(phrases)
        return cls("；".join(one.zh for one in several), "; ".join(one.en for one in several))

    def __str__(self) -> str:
        return f"{self.zh} · {self.en}"


def shown_name(name: str, known: Collection[str] = ()) -> str:
    """A column's name as it may be told: without a number of seven digits or more, and no more than its length where it is no name at all.

    Args:
        name: as the source has it.
        known: names that stand in the contract, which are told as they are.
    """
    if name in known:
        return name
    if len(name) > _LONGEST_NAME or not name.isprintable():
        return f"({len(name)} characters)"
    return _NUMBER_IN_NAME.sub(lambda match: "＊" * len(match[0]), name)


def is_header(names: Iterable[str]) -> bool:
    """Whether these are names of columns: one that holds a number as above is a cell, and the others are of the same person."""
    return not any(_NUMBER_IN_NAME.search(name) for name in names)
