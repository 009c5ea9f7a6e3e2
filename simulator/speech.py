"""What is said of a case: titles and texts, put together from facts and ways of telling them.

A template is cut into literals and slots once; texts are then gathered piece by piece for all records at a time, so that a million of
them cost seconds however many templates there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl

from simulator.columns import Flags, Ints, Notes, Random, chance, draw, either, glue, pick, put, strings, words
from simulator.disputes import COLLECTIVE, Cases, categories
from simulator.filings import Filings
from simulator.noise import TEXT_SLIP, misspell
from simulator.places import Places, short_names
from simulator.rates import Rates, RecordRates

#: Records put into words at a time: what bounds the memory it takes.
_CHUNK = 200_000


@dataclass(frozen=True)
class _Lists:
    """Facts of many lists end to end: where each fact's paraphrases begin, and how many there are."""

    phrases: pl.Series
    first: Ints
    ways: Ints

    def say(self, rng: Random, fact: Ints) -> pl.Series:
        """Each fact in one of its paraphrases."""
        return pick(self.phrases, self.first[fact] + (rng.random(len(fact)) * self.ways[fact]).astype(np.int64))


def _lists(texts: list[str]) -> tuple[_Lists, Ints]:
    """Facts of these lists, and where each list begins among them."""
    facts = [fact.split("|") for text in texts for fact in text.split()]
    ways = np.array([len(paraphrases) for paraphrases in facts], dtype=np.int64)
    begins = np.cumsum([0] + [len(text.split()) for text in texts])[:-1]
    phrases = strings([phrase for paraphrases in facts for phrase in paraphrases])
    return _Lists(phrases, np.cumsum(ways) - ways, ways), begins


@dataclass(frozen=True)
class _Bank:
    """Templates cut into pieces: literal, slot, literal, slot …"""

    literals: list[pl.Series]
    slots: list[Ints]
    names: list[str]
    begins: dict[str, tuple[int, int]]


@cache
def _bank() -> _Bank:
    speech = words("speech")
    listed: list[str] = []
    begins: dict[str, tuple[int, int]] = {}
    for name in ("resident", "crowd", "legal", "brief", "title", "legal_title"):
        begins[name] = (len(listed), len(speech[name]))
        listed += speech[name]
    cut = [[piece.partition("}") for piece in template.split("{")] for template in listed]
    names = sorted({slot for pieces in cut for slot, _, _ in pieces[1:]})
    longest = max(len(pieces) for pieces in cut)
    # The first piece of a template has no slot before it: partition leaves its text in front.
    literals = [strings([_literal(pieces, place) for pieces in cut]) for place in range(longest)]
    slots = [
        np.array([names.index(pieces[place][0]) if place < len(pieces) else len(names) for pieces in cut], dtype=np.int64)
        for place in range(1, longest)
    ]
    return _Bank(literals, slots, names, begins)


def _literal(pieces: list[tuple[str, str, str]], place: int) -> str:
    if place >= len(pieces):
        return ""
    return pieces[0][0] if place == 0 else pieces[place][2]


def _render(templates: Ints, values: Mapping[str, pl.Series]) -> pl.Series:
    """Templates filled in, one a row."""
    bank, count = _bank(), len(templates)
    stacked = pl.concat([values[name].cast(pl.String).alias("v") for name in bank.names] + [strings([""]).alias("v")])
    at = np.arange(count)
    pieces = [bank.literals[0].gather(templates)]
    for literal, slot in zip(bank.literals[1:], bank.slots, strict=True):
        which = slot[templates]
        pieces += [
            stacked.gather(np.where(which < len(bank.names), which * count + at, len(bank.names) * count)),
            literal.gather(templates),
        ]
    return glue(*pieces)


@dataclass(frozen=True)
class Telling:
    """What the texts are made from."""

    rates: Rates
    places: Places
    cases: Cases
    filings: Filings
    rough: Flags  # the place is told by its community alone
    other_side: pl.Series


def tell(rng: Random, telling: Telling, notes: Notes) -> tuple[pl.Series, pl.Series]:
    """Titles and texts of all records."""
    count = len(telling.filings.case)
    dropped = chance(rng, telling.rates.records.fact_dropped, count)
    notes.add("fact_dropped", dropped)
    titles, texts = [], []
    for start in range(0, count, _CHUNK):
        rows = np.arange(start, min(count, start + _CHUNK))
        values = _values(rng, telling, rows, dropped[rows])
        voice, heading = _voices(rng, telling, rows)
        titles.append(_render(heading, values))
        texts.append(_render(voice, values))
    title, text = pl.concat(titles), pl.concat(texts)
    return title, _slips(rng, telling.rates.records, text, notes)


def _slips(rng: Random, rates: RecordRates, text: pl.Series, notes: Notes) -> pl.Series:
    return misspell(rng, text, chance(rng, rates.text_typo, len(text)), TEXT_SLIP, notes)


def _voices(rng: Random, telling: Telling, rows: Ints) -> tuple[Ints, Ints]:
    """A way of telling the text and one of heading it, by the department's custom."""
    bank = _bank()
    customs = np.array([words("departments")[code].get("voice", "resident") for code in telling.rates.department_codes])
    department, case = telling.filings.department[rows], telling.filings.case[rows]
    legal, brief = customs[department] == "legal", customs[department] == "brief"
    crowd = (telling.cases.plan.form[case] == COLLECTIVE) & ~legal & ~brief

    def within(name: str) -> Ints:
        begin, size = bank.begins[name]
        drawn: Ints = begin + rng.integers(0, size, len(rows))
        return drawn

    voice = np.select([legal, brief, crowd], [within("legal"), within("brief"), within("crowd")], within("resident"))
    return voice, np.where(legal & chance(rng, 0.7, len(rows)), within("legal_title"), within("title"))


def _values(rng: Random, telling: Telling, rows: Ints, dropped: Flags) -> dict[str, pl.Series]:
    """What goes into the slots."""
    filings, cases, count = telling.filings, telling.cases, len(rows)
    case = filings.case[rows]
    facts, category = cases.facts, cases.plan.category[case]
    matters, begins = _matter_lists()
    kinds = len(categories())
    detail = np.where(dropped, facts.other_detail[case], facts.detail[case])
    nobody = _lists([words("speech")["nobody"]])[0]
    named = telling.other_side.gather(rows)
    values = {
        "cause": matters.say(rng, begins[category]),
        "thing": matters.say(rng, begins[kinds + category] + facts.thing[case]),
        "detail": matters.say(rng, begins[2 * kinds + category] + detail),
        "who": either(named.is_not_null().to_numpy(), named, nobody.say(rng, rng.integers(0, len(nobody.ways), count))),
        "place": short_names(telling.places, facts.address.place[case], rng, telling.rough[rows]),
        "when": _dates(rng, np.where(filings.occurred[rows] >= 0, filings.occurred[rows], filings.reported[rows])),
        "amount": _amounts(rng, filings, rows),
        "count": pl.Series(filings.people[rows]).cast(pl.String),
    }
    for name, numbers in facts.told.items():
        source = words("places")["spots"] if name == "spot" else words("speech")[name]
        values[name] = _lists([source])[0].say(rng, numbers[case])
    return values


@cache
def _matter_lists() -> tuple[_Lists, Ints]:
    """Causes, things and details of every kind of dispute end to end; a kind's cause is one fact with paraphrases."""
    facts = words("facts")
    return _lists([facts[name][part] for part in ("cause", "thing", "detail") for name in categories()])


def _dates(rng: Random, seconds: Ints) -> pl.Series:
    """A day as people say it."""
    moment = pl.DataFrame({"t": pl.Series(seconds + 8 * 3600).cast(pl.Int64) * 1_000_000}).select(pl.col("t").cast(pl.Datetime("us")))
    parts = moment.select(y=pl.col("t").dt.year(), m=pl.col("t").dt.month(), d=pl.col("t").dt.day())
    year = glue(parts["y"].cast(pl.String), "年")
    told = either(chance(rng, 0.4, len(seconds)), year, strings([""]).gather(np.zeros(len(seconds), dtype=np.int64)))
    endings = strings(["日", "号", "日下午", "日晚上", "日左右"])
    ending = pick(endings, draw(rng, [6, 3, 1, 1, 1], len(seconds)))
    return glue(told, parts["m"].cast(pl.String), "月", parts["d"].cast(pl.String), ending)


def _amounts(rng: Random, filings: Filings, rows: Ints) -> pl.Series:
    """A sum as people say it; vague where the record has none."""
    amount, count = filings.amount[rows], len(rows)
    vague = strings(["一笔钱", "若干费用", "具体金额待核", "相关费用"])
    told = np.nan_to_num(amount)
    whole = glue(pl.Series(np.round(told).astype(np.int64)).cast(pl.String), "元")
    tens = glue(pl.Series(np.round(told / 10_000, 2)).cast(pl.String), "万元")
    said = either((told >= 10_000) & chance(rng, 0.55, count), tens, whole)
    return either(np.isnan(amount), pick(vague, rng.integers(0, 4, count)), said)


def cite(rng: Random, text: pl.Series, number: pl.Series, flags: Flags) -> pl.Series:
    """Texts in which another department's number is cited."""
    rows = np.flatnonzero(flags)
    ways = strings(["此前编号", "已有文书", "前案案号", "原受理号"])
    return put(text, rows, glue(text.gather(rows), "（", pick(ways, rng.integers(0, 4, len(rows))), number.gather(rows), "）"))


def moved_on(rng: Random, text: pl.Series) -> pl.Series:
    """Texts with a word on what has happened since."""
    added = [tuple(template.split("{0}")) for template in words("speech")["added"]]
    replies = strings(words("speech")["replies"].split())
    which = rng.integers(0, len(added), len(text))
    return glue(
        text,
        pick(strings([head for head, _ in added]), which),
        pick(replies, rng.integers(0, len(replies), len(text))),
        pick(strings([tail for _, tail in added]), which),
    )
