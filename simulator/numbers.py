"""Numbers that hold: resident ids by GB 11643, credit codes by GB 32100, mobile phones. Whole columns at once, each number once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from simulator.columns import Ints, Random, draw, pick, strings, words

_ID_WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
_ID_CHECKS = "10X98765432"
#: Letters that GB 32100 uses: no I, O, S, V, Z.
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_ORGANISATION_WEIGHTS = [3, 7, 9, 10, 5, 8, 4, 2]
#: What a credit code begins with: registering department, kind of organisation, division.
_PREFIXES = ("91440300", "92440300", "12440311", "52440311", "91440311", "91441900")
#: Bodies of numbers given since 2015 are counted from here, so that they are told from the old ones.
_NEW_BODIES = 10**9
COMPANY, TRADER, PUBLIC, PRIVATE_SCHOOL, DISTRICT_COMPANY, FOREIGN_COMPANY = range(6)


def _once(rng: Random, made: Ints, remake: Callable[[Ints], Ints]) -> Ints:
    """Values made anew until each stands once."""
    while True:
        _, first = np.unique(made, return_index=True)
        again = np.setdiff1d(np.arange(len(made)), first, assume_unique=True)
        if not len(again):
            return made
        made[again] = remake(again)


def resident_ids(rng: Random, birth: Ints, is_male: Ints, area: Ints) -> pl.Series:
    """Eighteen digits: division, birth date, a sequence odd for men, and the check digit.

    Args:
        rng: the generator.
        birth: days since 1970.
        is_male: 1 or 0.
        area: division codes of six digits.
    """
    days = pl.Series(birth).cast(pl.Date)
    date = (days.dt.year().cast(pl.Int64) * 10_000 + days.dt.month().cast(pl.Int64) * 100 + days.dt.day().cast(pl.Int64)).to_numpy()

    def body(rows: Ints) -> Ints:
        sequence = rng.integers(0, 500, len(rows)) * 2 + is_male[rows]
        made: Ints = area[rows] * 10**11 + date[rows] * 1000 + sequence
        return made

    number = _once(rng, body(np.arange(len(birth))), body)
    return with_check_digit(number)


def with_check_digit(body: Ints) -> pl.Series:
    """The seventeen digits of a resident id with the eighteenth."""
    digits = [body // 10 ** (16 - place) % 10 for place in range(17)]
    total = sum((digit * weight for digit, weight in zip(digits, _ID_WEIGHTS, strict=True)), np.zeros(len(body), dtype=np.int64))
    check = pick(strings(list(_ID_CHECKS)), total % 11)
    return pl.DataFrame({"body": pl.Series(body).cast(pl.String), "check": check}).select(pl.concat_str("body", "check")).to_series()


def areas(rng: Random, birth: Ints) -> Ints:
    """Division codes in force when somebody was born, to be drawn for each."""
    vocabulary = words("people")["born_in"]
    first_days = np.array([(year - 1970) * 365.2425 + 1 for year in vocabulary])
    era = np.maximum(np.searchsorted(first_days, birth, side="right") - 1, 0)
    lists = [np.array(codes.split(), dtype=np.int64) for codes in vocabulary.values()]
    found = np.zeros(len(birth), dtype=np.int64)
    for number, listed in enumerate(lists):
        rows = np.flatnonzero(era == number)
        found[rows] = listed[rng.integers(0, len(listed), len(rows))]
    return found


def phones(rng: Random, count: int) -> pl.Series:
    """Mobile numbers, each once."""
    prefixes = np.array(words("people")["mobile"].split(), dtype=np.int64)

    def make(rows: Ints) -> Ints:
        tail = rng.integers(1_000_000, 99_999_999, len(rows))
        made: Ints = prefixes[rng.integers(0, len(prefixes), len(rows))] * 10**8 + tail
        return made

    return pl.Series(_once(rng, make(np.arange(count)), make)).cast(pl.String)


def credit_codes(rng: Random, prefix: Ints) -> pl.Series:
    """Credit codes by GB 32100, each once; half of the bodies are old numeric ones, half begin with MA.

    Args:
        rng: the generator.
        prefix: which beginning each has, one of the constants above.
    """
    alphabet = strings(list(USCC_ALPHABET))
    is_new = rng.random(len(prefix)) < 0.5

    def make(rows: Ints) -> Ints:
        return np.where(is_new[rows], _NEW_BODIES + rng.integers(0, 31**3 * 1000, len(rows)), rng.integers(10**7, 10**8, len(rows)))

    places = _organisation_body(_once(rng, make(np.arange(len(prefix))), make))
    organisation = _organisation_check(places)
    begin = np.array([[USCC_ALPHABET.index(letter) for letter in text] for text in _PREFIXES], dtype=np.int64)[prefix]
    values = [*begin.T, *places]
    head = pick(strings(list(_PREFIXES)), prefix)
    letters = [pick(alphabet, value) for value in places]
    inner = pick(strings([*list("0123456789"), "X"]), organisation)
    weights = [pow(3, place, 31) for place in range(17)]
    tail_value = np.where(organisation == 10, USCC_ALPHABET.index("X"), organisation)
    total = sum(
        (value * weight for value, weight in zip([*values, tail_value], weights, strict=True)), np.zeros(len(prefix), dtype=np.int64)
    )
    check = pick(alphabet, (31 - total % 31) % 31)
    columns = [head, *letters, inner, check]
    return pl.DataFrame([column.rename(f"c{number}") for number, column in enumerate(columns)]).select(pl.concat_str(pl.all())).to_series()


def _organisation_body(body: Ints) -> list[Ints]:
    """The eight characters of an organisation's number as values of the alphabet: eight digits, or MA, three letters and three digits."""
    fresh = body - _NEW_BODIES
    old = [body // 10 ** (7 - place) % 10 for place in range(8)]
    new = [np.full_like(body, USCC_ALPHABET.index(letter)) for letter in "MA"]
    new += [fresh // (1000 * 31 ** (2 - place)) % 31 for place in range(3)] + [fresh // 10 ** (2 - place) % 10 for place in range(3)]
    return [np.where(fresh >= 0, one, other) for one, other in zip(new, old, strict=True)]


def _organisation_check(places: list[Ints]) -> Ints:
    """The check character of GB 11714 as a value, 10 for X; letters count from 10 there (A = 10, B = 11 …)."""
    ordinals = np.array([int(letter, 36) for letter in USCC_ALPHABET], dtype=np.int64)
    total = sum(
        (ordinals[value] * weight for value, weight in zip(places, _ORGANISATION_WEIGHTS, strict=True)),
        np.zeros(len(places[0]), dtype=np.int64),
    )
    check: Ints = (11 - total % 11) % 11
    return check


def draw_prefixes(rng: Random, count: int, shares: dict[int, float]) -> Ints:
    """Beginnings of credit codes by share."""
    return np.array(list(shares), dtype=np.int64)[draw(rng, list(shares.values()), count)]
