"""What a document in YAML holds, looked at piece by piece; each complaint names the file."""

from __future__ import annotations

from typing import Any

from hub.errors import ContractError
from hub.wording import Words


class DocumentReader:
    """Reads one document, naming the file in each complaint."""

    def __init__(self, file: str) -> None:
        self.file = file

    def mapping(self, value: object, what: str | Words, needed: set[str] | None = None, optional: set[str] | None = None) -> dict[str, Any]:
        """A mapping, with the keys that it needs and may have."""
        zh, en = _both(what)
        if not isinstance(value, dict):
            raise self.error(f"{zh} 不是映射 · {en} is not a mapping", "写作 key: value · write it as key: value")
        if needed is not None:
            missing, unknown = needed - value.keys(), value.keys() - needed - (optional or set())
            if missing or unknown:
                words = ", ".join(sorted(map(str, missing or unknown)))
                allowed = ", ".join(sorted(needed | (optional or set())))
                fault = Words("缺少", "lacks") if missing else Words("含有未知的键", "has unknown")
                raise self.error(f"{zh} {fault.zh} {words} · {en} {fault.en} {words}", f"可用的键 · its keys are: {allowed}")
        return value

    def sequence(self, value: object, what: str) -> list[Any]:
        """A list."""
        if not isinstance(value, list):
            raise self.error(f"{what} 不是列表 · {what} is not a list", "写作列表 · write it as a list")
        return value

    def number(self, value: object, what: str) -> float:
        """A number; true and false are none."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(f"{what} 不是数字 · {what} is not a number", "bits 与界限值写作数字 · write bits and limits as numbers")
        return float(value)

    def words(self, value: object, what: str) -> dict[str, frozenset[str]]:
        """Sets of words by column."""
        return {str(key): frozenset(map(str, words)) for key, words in self.mapping(value, what).items()}

    def distinct(self, names: list[str], what: Words) -> None:
        """Names that stand once each."""
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            words = ", ".join(twice)
            raise self.error(f"{what.zh} {words} 重复 · {what.en} {words} stands twice", "各写一次 · name each once")

    def error(self, message: str, remedy: str) -> ContractError:
        """A complaint that names the file."""
        return ContractError(f"{self.file}: {message}", remedy=remedy, file=self.file)


def _both(what: str | Words) -> Words:
    """A place of the document in both languages: its keys are the same in either."""
    return what if isinstance(what, Words) else Words(what, what)
