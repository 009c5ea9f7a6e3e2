"""The words that comparable forms are made with: titles, compound surnames, legal forms, industries, look-alikes.

Enters `matching/models/vocabulary.yml`, leaves frozen look-ups, read once a process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from matching.model_file import MODELS


@dataclass(frozen=True)
class Vocabulary:
    """Word lists, each longest first where a regular expression is made of it."""

    compound_surnames: frozenset[str]
    titles: Mapping[str, tuple[str, ...]]  # male, female, none → titles
    addressed: Mapping[str, tuple[str, ...]]  # the same, of what follows a surname alone
    name_prefixes: tuple[str, ...]
    surname_readings: Mapping[str, str]
    common_given: frozenset[str]
    look_alikes: Mapping[int, str]  # code point → the character that stands for its class
    variants: Mapping[int, str]  # code point → the usual shape of the character
    firm_prefixes: tuple[str, ...]
    places: tuple[str, ...]
    districts: tuple[str, ...]
    legal_forms: tuple[str, ...]
    spoken_forms: tuple[str, ...]
    shop_names: tuple[str, ...]
    shops: tuple[str, ...]
    industries: tuple[str, ...]
    bodies: tuple[str, ...]
    short_for: Mapping[str, str]
    estates: tuple[str, ...]
    divisions: Mapping[str, str]  # district → what it counts as
    provinces: tuple[str, ...]
    other_cities: tuple[str, ...]
    sounding_cities: tuple[str, ...]


@cache
def _similar_looks() -> Mapping[str, str]:
    """Common character → others of like outlines, or with a telling component in common; of two, one at least tells the other.

    As texts: sets of the 400,000 pairs would take a hundred megabytes, and most of a second to make.
    """
    found: dict[str, str] = {}
    for name in ("look_alikes.txt", "shared_components.txt"):
        for line in (MODELS / name).read_text(encoding="utf-8").splitlines():
            if not line.startswith("#"):
                found[line[0]] = found.get(line[0], "") + line[1:]
    return found


def look_alike(one: str, other: str) -> bool:
    """Whether a common character is easily taken for another."""
    looks = _similar_looks()
    return other in looks.get(one, "") or one in looks.get(other, "")


@cache
def vocabulary() -> Vocabulary:
    """The project's word lists."""
    document = yaml.safe_load((MODELS / "vocabulary.yml").read_text(encoding="utf-8"))
    persons: dict[str, Any] = document["person_names"]
    firms: dict[str, Any] = document["organisation_names"]
    return Vocabulary(
        compound_surnames=frozenset(persons["compound_surnames"].split()),
        titles={gender: _longest_first(words) for gender, words in persons["titles"].items()},
        addressed={gender: _longest_first(words) for gender, words in persons["addressed"].items()},
        name_prefixes=_longest_first(persons["prefixes"]),
        surname_readings=_readings(persons["surname_readings"]),
        common_given=frozenset(persons["common_given"].split()),
        look_alikes={ord(char): group[0] for group in document["look_alikes"].split() for char in group[1:]},
        variants={ord(shape): usual for shape, usual in document["variants"].split()},
        firm_prefixes=_longest_first(firms["prefixes"]),
        places=_longest_first(firms["places"]),
        districts=_longest_first(firms["districts"]),
        legal_forms=_longest_first(firms["legal_forms"]),
        spoken_forms=_longest_first(firms["spoken_forms"]),
        shop_names=_longest_first(firms["shop_names"]),
        shops=_longest_first(firms["shops"]),
        industries=_longest_first(firms["industries"]),
        bodies=_longest_first(firms["bodies"]),
        short_for=dict(firms["short_for"]),
        estates=_longest_first(document["addresses"]["estates"]),
        divisions=dict(document["addresses"]["divisions"]),
        provinces=_longest_first(document["addresses"]["provinces"]),
        other_cities=_longest_first(document["addresses"]["other_cities"]),
        sounding_cities=_longest_first(document["addresses"]["sounding_cities"]),
    )


def _longest_first(words: str) -> tuple[str, ...]:
    return tuple(sorted(set(words.split()), key=lambda word: (-len(word), word)))


def _readings(text: str) -> dict[str, str]:
    """Alternating surname and syllables: a word in Latin letters belongs to the surname before it."""
    readings: dict[str, str] = {}
    surname = ""
    for word in text.split():
        if word.isascii():
            readings[surname] = f"{readings[surname]} {word}".strip()
        else:
            surname = word
            readings[surname] = ""
    return readings
