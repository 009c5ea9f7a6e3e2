"""Plain builders of model files and tables."""

from __future__ import annotations

import copy
import random
import zlib
from collections.abc import Callable
from functools import cache
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


def shops(malls: int = 4, in_each: int = 12, elsewhere: int = 500, seed: int = 6) -> pl.DataFrame:
    """Shops of two directories; those of one mall share address and place. Fewer pairs are of a mall than there are rows."""
    dice = random.Random(seed)
    rows = []
    names = [(word(dice, 6), word(dice, 5), word(dice, 4)) for _ in range(malls * in_each + elsewhere)]
    for number, (one, two, kind) in enumerate(names):
        mall = number // in_each
        at = random.Random(mall if mall < malls else number + 1_000_000)
        street, spot = f"{at.randint(1, 300)} {word(at, 7)} street", (round(at.uniform(8, 9), 5), round(at.uniform(47, 48), 5))
        for source in ("guide", "map"):
            name = dice.choice((f"{one} {two} {kind}", f"{one} {slip(dice, two, 0.5)}", f"the {slip(dice, one, 0.3)} {kind}"))
            own = f"0{zlib.crc32(one.encode()) % 10**8:08}"
            phone = dice.choice((own, own, None, f"0{dice.randint(10_000_000, 99_999_999)}"))
            rows.append((f"{source}{number}", source, name, street, phone, *spot, str(number)))
    dice.shuffle(rows)
    return pl.DataFrame(rows, schema=["id", "source", "name", "street", "phone", "lon", "lat", "shop"], orient="row").with_columns(
        pl.col("lon", "lat").cast(pl.String)
    )


def models_of_families(families: int = 120, in_each: int = 4, seed: int = 7) -> pl.DataFrame:
    """Products of some families: brand, category and most of the number are the family's; each is named by two or three shops."""
    dice = random.Random(seed)
    rows = []
    for family in range(families):
        brand, category, letters = f"brand{dice.randrange(25)}", f"kind{dice.randrange(12)}", word(dice, 2).upper()
        for model in range(in_each):
            number = f"{letters}{100 + family}{'ABDEGHKM'[model]}{dice.randint(0, 3)}0"
            about, price = f"{brand} {category} {word(dice, 5)} {number}", dice.randint(50, 2_000)
            for _ in range(dice.choice((2, 2, 3))):
                stated = None if dice.random() < 0.2 else number
                paid = round(price * dice.uniform(0.9, 1.1))
                rows.append((brand, category, stated, slip(dice, about.lower(), 0.3), str(paid), f"{family}/{model}"))
    dice.shuffle(rows)
    return pl.DataFrame(rows, schema=["brand", "category", "model_no", "title", "price", "product"], orient="row")


@cache
def firms(repeated: float = 0.3, count: int = 700, seed: int = 11) -> pl.DataFrame:
    """Firms of four sources, many in one building and some of one name in two towns; `calls` holds that share of its own twice."""
    dice = random.Random(seed)
    kinds, rows = [word(dice, 6) for _ in range(12)], []
    for number in range(count):
        at = random.Random(number // 3 if number < count // 2 else number + 1_000_000)  # three to a building
        street, town, code = f"{at.randint(1, 300)} {word(at, 7)} street", f"town {word(at, 4)}", str(at.randint(10_000, 99_999))
        phone = f"0{at.randint(10_000_000, 99_999_999)}"
        own = random.Random(number // 2 if number >= count * 3 // 4 else number + 2_000_000)  # two of a name
        name = f"{word(own, 7)} {word(own, 6)} {own.choice(kinds)}"
        for source, share in (("register", 0.8), ("tax", 0.7), ("guide", 0.6), ("calls", 0.6)):
            for _ in range((dice.random() < share) * (1 + (source == "calls" and dice.random() < repeated))):
                told = slip(dice, name, 0.15), slip(dice, street, 0.1), town, code, phone if dice.random() < 0.7 else None
                rows.append((source, *told, str(number)))
    dice.shuffle(rows)
    return pl.DataFrame(rows, schema=["source", "name", "street", "town", "zip", "phone", "firm"], orient="row")
