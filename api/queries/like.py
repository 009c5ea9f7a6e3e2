"""LIKE patterns."""

from __future__ import annotations


def literal(part: str) -> str:
    """A text inside a LIKE pattern that stands for itself."""
    return part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
