"""Code lists of the hub: one YAML file a list, loaded once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

_FOLDER = Path(__file__).parent


@cache
def load(name: str) -> dict[str, dict[str, str]]:
    """Codes of a list (category, status, grade, channel, role) by code, in the file's order."""
    return dict(_read(name)["codes"])


@cache
def sides() -> dict[str, str]:
    """Role → the side of a dispute it stands on: petitioner, respondent, other."""
    return {role: entry["side"] for role, entry in load("role").items()}


@cache
def streets() -> dict[str, str]:
    """Street code (9 digits) → name."""
    return {entry["code"]: entry["zh"] for entry in _read("region")["streets"]}


@cache
def communities() -> dict[str, str]:
    """Community code (12 digits) → name; the first nine digits are its street's code."""
    return {entry["code"]: entry["zh"] for entry in _read("region")["communities"]}


@cache
def region_aliases() -> dict[str, str]:
    """Former division code → the code in force (the district was 440306… before 440311…)."""
    region = _read("region")
    entries = [region["district"], *region["streets"], *region["communities"]]
    return {former: entry["code"] for entry in entries for former in entry.get("formerly", [])}


@cache
def _read(name: str) -> dict[str, Any]:
    text = (_FOLDER / f"{name}.yml").read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.load(text, Loader=yaml.CSafeLoader)  # CSafeLoader builds plain data only
    return document
