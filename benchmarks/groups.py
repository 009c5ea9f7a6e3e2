"""Tables in which things of one group are two: tracks of one album, members of one household, requests about one spot.

`python -m benchmarks groups`: each table is made up from a seed, drafted and linked as `casehub match draft` and `run` do, with what
the draft states as `told_apart_by` and without it, and beside Splink at the best threshold by the truth. SEED was
drawn when the code was done.
"""

from __future__ import annotations

import datetime as dt
import logging
import random
from collections.abc import Iterator

import polars as pl
import splink.comparison_library as cl

from benchmarks import peer
from benchmarks.harness import Row, show
from matching.evaluation import Evaluation, evaluate
from matching.model_draft import draft
from matching.table_linkage import link_table
from matching.table_model import table_model_from

SEED = 104729
_THINGS = 5_000  # of each table: tracks, persons, incidents
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SYLLABLES = [
    "ka",
    "lo",
    "mi",
    "ra",
    "ten",
    "sol",
    "bel",
    "dan",
    "vor",
    "shi",
    "el",
    "an",
    "or",
    "the",
    "bri",
    "gar",
    "mon",
    "zu",
    "fi",
    "lu",
    "pe",
    "rog",
    "nax",
    "ty",
    "wen",
    "har",
    "cor",
    "del",
    "sta",
    "vin",
]
_WORDS = [
    "love",
    "night",
    "heart",
    "blue",
    "river",
    "dance",
    "moon",
    "fire",
    "road",
    "sweet",
    "summer",
    "rain",
    "star",
    "golden",
    "lonely",
    "street",
    "dream",
    "live",
    "the",
    "of",
    "in",
    "my",
    "a",
    "and",
]
_STREETS = [f"{name} {kind}" for name in ("oak", "main", "pine", "maple", "cedar", "elm", "lake", "hill") for kind in ("st", "rd", "ave")]
_TOWNS = [("springfield", "27001"), ("fairview", "27012"), ("clinton", "27103"), ("salem", "27205"), ("madison", "27401")]
_COMPLAINTS = {
    "pothole": ("pothole in the road", "deep hole in street", "road damaged"),
    "noise": ("loud music at night", "noise from construction", "party next door"),
    "garbage": ("trash not collected", "overflowing bin", "illegal dumping"),
    "light": ("street light out", "lamp not working", "dark street"),
    "water": ("water leak", "hydrant leaking", "flooded street"),
}


def measure_groups() -> None:
    """Print the table."""
    rows = []
    for name, made, setup in (
        (_TRACKS, tracks, _tracks_setup),
        (_HOMES, households, _households_setup),
        (_SPOTS, requests, _requests_setup),
    ):
        table = made(random.Random(SEED))  # noqa: S311 - a made-up table
        document = dict(draft(table, "truth").document)
        apart_by = document.get("told_apart_by", [])
        with_it, without = (_linked(table, each) for each in (document, {**document, "told_apart_by": []}))
        logging.disable(logging.WARNING)  # it tells of each iteration
        theirs = peer.link(_as_splink_reads(table), setup()).evaluation
        note = "; ".join(f"{who} {_told(one)}" for who, one in (("hub", with_it), ("without", without), ("Splink", theirs)))
        rows.append(
            Row(
                f"{name}, {len(table):,} rows: F1",
                [with_it.pairwise.f1],
                "",
                at_least=theirs.pairwise.f1,
                note=f"{', '.join(apart_by)}: {note}",
            )
        )
    show("tables of groups, drafted; target: Splink's best threshold on the same rows", rows)


_TRACKS, _HOMES, _SPOTS = "tracks of albums, five sources", "persons of households, five sources", "requests about spots"


def _linked(table: pl.DataFrame, document: dict[str, object]) -> Evaluation:
    linkage = link_table(table, table_model_from(document, "the draft"))
    return evaluate(pl.Series(linkage.clusters.column("cluster")), table["truth"])


def _as_splink_reads(table: pl.DataFrame) -> pl.DataFrame:
    table = table.with_columns(unique_id="id").with_columns(pl.col(pl.String).replace("", None))
    return table.with_columns(pl.col(name).cast(pl.Float64) for name in ("longitude", "latitude") if name in table.columns)


def _told(one: Evaluation) -> str:
    return f"P {one.pairwise.precision:.3f} R {one.pairwise.recall:.3f} F1 {one.pairwise.f1:.3f}"


def tracks(dice: random.Random) -> pl.DataFrame:
    """Tracks, some two an album, as five sources write them."""
    artists = [_name(dice) for _ in range(_THINGS // 6)]
    albums: dict[tuple[str, int], tuple[str, int, str]] = {}

    def rows() -> Iterator[tuple[object, ...]]:
        for track in range(_THINGS):
            artist = dice.choice(artists)
            album, year, language = albums.setdefault(
                (artist, dice.randrange(3)),
                (_title(dice), dice.randint(1955, 2015), dice.choice(("English", "German", "French", "Spanish"))),
            )
            title, number, length = _title(dice), dice.randint(1, 18), dice.randint(90, 420)
            for source in dice.sample("ABCDE", dice.choices((1, 2, 3, 4, 5), (50, 25, 12, 8, 5))[0]):
                told = [_slip(dice, text, chance) for text, chance in ((title, 0.25), (artist, 0.15), (album, 0.15))]
                yield track, source, *_as_written(dice, source, told, number, length, year, language)

    return _table(dice, rows(), ["truth", "source", "number", "title", "length", "artist", "album", "year", "language"])


def _as_written(
    dice: random.Random, source: str, told: list[str], number: int, length: int, year: int, language: str
) -> tuple[str, str, str, str, str, str, str]:
    title, artist, album = told
    if source == "A":
        title = f"{artist} - {title}" if dice.random() < 0.3 else title
        return f"{number:02d}", title, f"{length // 60}m {length % 60:02d}sec", artist, album, str(year), language
    if source == "B":
        return str(number), f"{number:03d}-{title}", str(length * 1000 + dice.randint(-500, 500)), artist, album, str(year), language
    if source == "C":
        title = f"{title} - {album}" if dice.random() < 0.5 else title
        return str(number), title, f"{length / 60:.3f}", _kept(dice, artist, 0.8), album, f"'{year % 100:02d}", f"{language[:3]}."
    if source == "D":
        return _kept(dice, str(number), 0.9), title, str(length), artist, album, str(year), language[:2].lower()
    album = f"{album} ({year})" if dice.random() < 0.6 else album
    return str(number), title, str(length), artist, album, _kept(dice, str(year), 0.6), language


def households(dice: random.Random) -> pl.DataFrame:
    """Persons, of whom up to four live together, as five sources know them."""
    given, family = [_name(dice).split()[0] for _ in range(300)], [_name(dice).split()[-1] for _ in range(600)]

    def rows() -> Iterator[tuple[object, ...]]:
        person = 0
        while person < _THINGS:
            home = [f"{dice.randint(1, 999)} {dice.choice(_STREETS)}", *dice.choice(_TOWNS), f"919{dice.randint(1_000_000, 9_999_999)}"]
            surname = dice.choice(family)
            for _ in range(dice.choices((1, 2, 3, 4), (30, 35, 20, 15))[0]):
                born = f"{dice.randint(1930, 2005)}-{dice.randint(1, 12):02d}-{dice.randint(1, 28):02d}"
                own = [dice.choice(given), surname if dice.random() < 0.85 else dice.choice(family), born, *home]
                for source in dice.sample("ABCDE", dice.choices((1, 2, 3, 4), (45, 30, 15, 10))[0]):
                    told = [_slip(dice, text, chance) for text, chance in zip(own, (0.15, 0.12, 0.08, 0.12, 0.05, 0.03, 0.05), strict=True)]
                    kept = [_kept(dice, text, chance) for text, chance in zip(told, (0.98, 1, 0.85, 0.92, 0.95, 0.95, 0.65), strict=True)]
                    yield person, source, *kept
                person += 1

    return _table(dice, rows(), ["truth", "source", "first", "last", "born", "street", "city", "zip", "phone"])


def requests(dice: random.Random) -> pl.DataFrame:
    """Requests about incidents, of which several happen at one spot in a year."""
    spots = [
        (f"{dice.randint(1, 400)} {dice.choice(_STREETS)}", -73.9 + dice.random() * 0.2, 40.7 + dice.random() * 0.15)
        for _ in range(_THINGS // 5)
    ]

    def rows() -> Iterator[tuple[object, ...]]:
        for incident in range(_THINGS):
            address, longitude, latitude = dice.choice(spots)
            kind, begun = (
                dice.choice(list(_COMPLAINTS)),
                dt.datetime(2025, 1, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=dice.randrange(525_600)),
            )
            for _ in range(dice.choices((1, 2, 3, 5), (55, 25, 13, 7))[0]):
                told = dice.choice(_COMPLAINTS[kind]) + dice.choice(("", "", " please fix", " since yesterday", " again"))
                when = begun + dt.timedelta(minutes=int(dice.expovariate(1 / 1500)))
                category = kind if dice.random() < 0.9 else dice.choice(list(_COMPLAINTS))
                place = f"{longitude + dice.gauss(0, 2e-4):.6f}", f"{latitude + dice.gauss(0, 1.5e-4):.6f}"
                yield (
                    incident,
                    dice.choice(("app", "phone", "web")),
                    category,
                    told,
                    _kept(dice, address, 0.9),
                    *place,
                    f"{when:%Y-%m-%d %H:%M:%S}",
                )

    return _table(dice, rows(), ["truth", "channel", "category", "description", "address", "longitude", "latitude", "created"])


def _table(dice: random.Random, rows: Iterator[tuple[object, ...]], names: list[str]) -> pl.DataFrame:
    listed = [tuple(map(str, row)) for row in rows]
    dice.shuffle(listed)
    return (
        pl.DataFrame(listed, schema=dict.fromkeys(names, pl.String), orient="row")
        .with_row_index("id")
        .with_columns(pl.col("id").cast(pl.String))
    )


def _name(dice: random.Random) -> str:
    return " ".join("".join(dice.choice(_SYLLABLES) for _ in range(dice.randint(2, 3))).capitalize() for _ in range(dice.choice((1, 2, 2))))


def _title(dice: random.Random) -> str:
    words = [
        dice.choice(_WORDS) if dice.random() < 0.7 else "".join(dice.choice(_SYLLABLES) for _ in range(2))
        for _ in range(dice.randint(1, 5))
    ]
    return " ".join(words).capitalize()


def _slip(dice: random.Random, text: str, chance: float) -> str:
    """The text, by a chance with one character left out, doubled, put for another, or swapped with its neighbour."""
    if dice.random() >= chance or len(text) < 3:  # noqa: PLR2004 - too short to slip
        return text
    place = dice.randrange(len(text) - 1)
    before, one, next_, rest = text[:place], text[place], text[place + 1], text[place + 2 :]
    return before + dice.choice((next_, one + one + next_, dice.choice(_LETTERS) + next_, next_ + one)) + rest


def _kept(dice: random.Random, text: str, chance: float) -> str:
    return text if dice.random() < chance else ""


def _tracks_setup() -> peer.Setup:
    texts = [cl.JaroWinklerAtThresholds(name, [0.95, 0.88, 0.8]) for name in ("title", "artist", "album")]
    exact = [cl.ExactMatch(name) for name in ("number", "year", "length", "language")]
    rules = [("title",), ("artist",), ("album",), ("number", "year")]
    return peer.Setup([*texts, *exact], rules, rules[:3], [("title", "artist"), ("title", "album")])


def _households_setup() -> peer.Setup:
    comparisons = [
        cl.NameComparison("first"),
        cl.NameComparison("last"),
        cl.LevenshteinAtThresholds("born", [1, 2]),
        cl.JaroWinklerAtThresholds("street", [0.95, 0.88]),
        cl.ExactMatch("city"),
        cl.ExactMatch("zip"),
        cl.LevenshteinAtThresholds("phone", [1]),
    ]
    rules = [("born",), ("phone",), ("street",), ("first", "last")]
    return peer.Setup(comparisons, rules, [("born",), ("street",), ("first", "last")], [("first", "last", "born"), ("first", "phone")])


def _requests_setup() -> peer.Setup:
    comparisons = [
        cl.ExactMatch("category"),
        cl.JaroWinklerAtThresholds("description", [0.95, 0.88]),
        cl.JaroWinklerAtThresholds("address", [0.95, 0.88]),
        cl.DistanceInKMAtThresholds("latitude", "longitude", [0.05, 0.3, 1]),
        cl.AbsoluteDateDifferenceAtThresholds(
            "created", input_is_string=True, datetime_format="%Y-%m-%d %H:%M:%S", metrics=["day", "day", "month"], thresholds=[3, 14, 2]
        ),
    ]
    rules = [("address",), ("category", "address"), ("description", "category")]
    return peer.Setup(comparisons, rules, [("address",), ("description",)], [("category", "address", "description")])
