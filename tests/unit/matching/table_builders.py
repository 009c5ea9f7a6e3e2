"""Plain builders of model files and tables."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from matching.table_model import TableModel, read_table_model

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
DOCUMENT: dict[str, Any] = {
    "version": 1,
    "fields": {"given": "given", "surname": "surname", "born": {"from": "born", "as": "code"}},
    "blocking": [{"name": "born", "fields": ["born"]}, {"name": "names", "fields": ["given", "surname"]}],
    "comparisons": [
        {"name": "given", "kind": "name"},
        {"name": "surname", "kind": "name", "term_frequency": True},
        {"name": "born", "kind": "code"},
    ],
}


def write_model(folder: Path, change: Callable[[dict[str, Any]], object] = lambda _: None) -> Path:
    """A model file of three fields, changed."""
    document = copy.deepcopy(DOCUMENT)
    change(document)
    path = folder / "model.yml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def make_table(folder: Path, change: Callable[[dict[str, Any]], object] = lambda _: None) -> TableModel:
    """The same, read."""
    return read_table_model(write_model(folder, change))


def make_rows(*rows: tuple[str | None, str | None, str | None]) -> pl.DataFrame:
    """A table of given name, surname and birth."""
    return pl.DataFrame(list(rows), schema={"given": pl.String, "surname": pl.String, "born": pl.String}, orient="row")


def word(dice: random.Random, letters: int) -> str:
    return "".join(dice.choice(_LETTERS) for _ in range(letters))


def slip(dice: random.Random, text: str, chance: float) -> str:
    place = dice.randrange(len(text))
    return text[:place] + dice.choice(_LETTERS) + text[place + 1 :] if dice.random() < chance else text


def homes(count: int = 250, persons: int = 4, addresses: int = 1, mentions: tuple[int, int] = (2, 4), seed: int = 5) -> pl.DataFrame:
    """Persons who live together, each named some times, at one of so many addresses, now and then with a slip."""
    dice = random.Random(seed)
    given, families, towns = ([word(dice, 6) for _ in range(many)] for many in (80, 150, 8))
    rows = []
    for home in range(count):
        family = dice.choice(families)
        places = [
            (f"{dice.randint(1, 400)} {word(dice, 7)} street", dice.choice(towns), f"9{dice.randint(10_000_000, 99_999_999)}")
            for _ in range(addresses)
        ]
        for person in range(persons):
            name, born = dice.choice(given), f"{dice.randint(1930, 2010)}-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}"
            for _ in range(dice.randint(*mentions)):
                street, town, phone = dice.choice(places)
                own = slip(dice, name, 0.15), slip(dice, family, 0.1), slip(dice, born, 0.08)
                rows.append((*own, slip(dice, street, 0.1), town, phone if dice.random() < 0.7 else None, f"{home}/{person}"))
    dice.shuffle(rows)
    return pl.DataFrame(rows, schema=["given", "family", "born", "street", "town", "phone", "person"], orient="row")
