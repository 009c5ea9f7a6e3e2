"""What a document in YAML holds, looked at piece by piece; each complaint names the file."""

from __future__ import annotations

from typing import Any

from hub.errors import ContractError


class DocumentReader:
    """Reads one document, naming the file in each complaint."""

    def __init__(self, file: str) -> None:
        self.file = file

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
