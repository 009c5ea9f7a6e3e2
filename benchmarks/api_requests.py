"""What the benchmark of the API asks, drawn from the store's own values by a seed.

Of identifiers 40 in 100 are ID numbers, 30 telephones, 10 credit codes and 20 departments' numbers. Names are misspelt: a third in
traditional characters, a third by a homophone, a third by a look-alike; three of four are of persons. Words are pieces of records'
titles and texts, one or two of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import Connection, text

from simulator.noise import lookalikes, swap

WHOLE = "?include=records,parties,timeline,lineage,links"
PAGE = 20
_CASES = """
SELECT case_id::text FROM store.unified_case WHERE known_to IS NULL AND departments <> '{}'
ORDER BY md5(case_id::text || :seed) LIMIT :most
"""
_VALUES = """
SELECT {column} FROM (SELECT party_id, {column} FROM store.party WHERE {column} IS NOT NULL AND known_to IS NULL) p
ORDER BY md5(party_id::text || :seed) LIMIT :most
"""
_NUMBERS = "SELECT case_number FROM store.source_record WHERE case_number IS NOT NULL ORDER BY md5(record_id::text || :seed) LIMIT :most"
_NAMES = """
SELECT name FROM store.party WHERE kind = :kind AND length(name) BETWEEN 2 AND 30 AND name !~ '[*某]|先生|女士'
ORDER BY md5(party_id::text || :seed) LIMIT :most
"""
_TEXTS = """
SELECT concat_ws(' ', title, text) FROM store.source_record WHERE visibility = 'shared'
ORDER BY md5(record_id::text || :seed) LIMIT :most
"""
_FILTERS: tuple[dict[str, str], ...] = ({}, {"street": "440311001"}, {"category": "wages"}, {"department": "labour"})
_SHARES = {"id_no": 40, "phone": 30, "uscc": 10, "number": 20}


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    body: Any = None


class Drawing:
    """Draws from one store; every draw is of other values, and the same seed draws the same."""

    def __init__(self, connection: Connection, seed: int) -> None:
        self._connection, self._seed, self._turn = connection, seed, 0

    def cases(self, count: int, include: str = "") -> list[Asked]:
        """Cases by their ids."""
        return [Asked("GET", f"/v1/cases/{case_id}{include}") for case_id in self._draw(_CASES, count)]

    def identifiers(self, count: int) -> list[Asked]:
        """Searches for whole identifiers."""
        random_ = self._random()
        drawn = {name: iter(self._draw(_sql_of(name), count)) for name in _SHARES}
        return _searches(_next(drawn, random_, count))

    def names(self, count: int) -> list[Asked]:
        """Searches for misspelt names."""
        persons = self._draw(_NAMES, 3 * count // 4, kind="person")
        names = persons + self._draw(_NAMES, count - len(persons), kind="organisation")
        rng = np.random.default_rng(self._seed + self._turn)
        misspelt = [_misspelt(rng, name, kind) for name, kind in zip(names, _KINDS * len(names), strict=False)]
        self._random().shuffle(misspelt)
        return _searches(misspelt)

    def words(self, count: int) -> list[Asked]:
        """Searches for pieces of texts."""
        random_ = self._random()
        return _searches(_pieces(random_, each) for each in self._draw(_TEXTS, count))

    def pages(self, count: int) -> list[Asked]:
        """First pages of the stored order, most of them filtered."""
        return [Asked("POST", "/v1/cases/search", {"limit": PAGE, **_FILTERS[turn % len(_FILTERS)]}) for turn in range(count)]

    def mixed(self, count: int) -> list[Asked]:
        """What a day's use is taken to be: mostly looking at cases and up identifiers."""
        drawn = [
            *self.cases(count * 30 // 100),
            *self.cases(count * 15 // 100, WHOLE),
            *self.identifiers(count * 25 // 100),
            *self.names(count * 15 // 100),
            *self.words(count * 10 // 100),
            *self.pages(count * 5 // 100),
        ]
        self._random().shuffle(drawn)
        return drawn

    def _draw(self, sql: str, count: int, **values: Any) -> list[str]:
        self._turn += 1
        found = self._connection.execute(text(sql), {"seed": f"{self._seed}/{self._turn}", "most": count, **values}).scalars()
        return [str(each) for each in found]

    def _random(self) -> random.Random:
        return random.Random(self._seed * 1000 + self._turn)  # noqa: S311 - draws of a benchmark


_KINDS = ["traditional", "homophones", "looks"]


def _sql_of(name: str) -> str:
    return _NUMBERS if name == "number" else _VALUES.format(column=name)


def _next(drawn: dict[str, Iterator[str]], random_: random.Random, count: int) -> Iterator[str]:
    for name in random_.choices(list(_SHARES), list(_SHARES.values()), k=count):
        yield next(drawn[name])


def _searches(entries: Iterable[str]) -> list[Asked]:
    return [Asked("POST", "/v1/cases/search", {"q": entry, "limit": PAGE}) for entry in entries]


def _misspelt(rng: np.random.Generator, name: str, kind: str) -> str:
    if kind == "traditional":
        table = lookalikes(kind)
        return "".join(table.get(letter, letter)[0] for letter in name)
    for _ in range(8):  # the character drawn may be taken for no other
        told, changed = swap(rng, pl.Series([name]), kind)
        if changed[0]:
            return str(told[0])
    return name


def _pieces(random_: random.Random, told: str) -> str:
    """One or two runs of two to six characters."""
    pieces = []
    for _ in range(random_.choice((1, 1, 2))):
        size = random_.randint(2, 6)
        start = random_.randrange(max(1, len(told) - size))
        pieces.append(told[start : start + size].strip() or told[:size].strip() or "欠薪")
    return " ".join(pieces)
