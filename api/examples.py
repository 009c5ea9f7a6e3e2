"""EXAMPLES: whole answers, as the OpenAPI document and /docs show them; they stand in `examples.yml`, held to the schema by a test."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

_FILE = Path(__file__).with_name("examples.yml")


@cache
def _examples() -> dict[str, dict[Any, dict[str, Any]]]:
    found: dict[str, dict[Any, dict[str, Any]]] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return found


def answered(route: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI `responses` of a route's ordinary answer, with its examples."""
    return {200: {"content": {"application/json": {"examples": _examples()["answers"][route]}}}}


def refused(status: int) -> dict[str, Any]:
    """Examples of problem documents of a status; none of a rarer one."""
    return {} if status not in (found := _examples()["problems"]) else {"examples": found[status]}
