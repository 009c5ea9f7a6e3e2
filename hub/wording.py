"""What people are told, in Chinese first and in English beside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


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
