"""Made-up tables in which things of one group are two, from a seed: tracks, persons, requests, shops, products.

Each with its truth in `truth`, every column text, as a file would be read.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator

import polars as pl

_THINGS = 5_000  # of each table: tracks, persons, incidents, shops, products
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SYLLABLES = [
    "ka", "lo", "mi", "ra", "ten", "sol", "bel", "dan", "vor", "shi", "el", "an", "or", "the", "bri", "gar", "mon", "zu", "fi", "lu",
    "pe", "rog", "nax", "ty", "wen", "har", "cor", "del", "sta", "vin",
]  # fmt: skip
_WORDS = [
    "love", "night", "heart", "blue", "river", "dance", "moon", "fire", "road", "sweet", "summer", "rain", "star", "golden", "lonely",
    "street", "dream", "live", "the", "of", "in", "my", "a", "and",
]  # fmt: skip
_STREETS = [f"{name} {kind}" for name in ("oak", "main", "pine", "maple", "cedar", "elm", "lake", "hill") for kind in ("st", "rd", "ave")]
_TOWNS = [("springfield", "27001"), ("fairview", "27012"), ("clinton", "27103"), ("salem", "27205"), ("madison", "27401")]
_COMPLAINTS = {
    "pothole": ("pothole in the road", "deep hole in street", "road damaged"),
    "noise": ("loud music at night", "noise from construction", "party next door"),
    "garbage": ("trash not collected", "overflowing bin", "illegal dumping"),
    "light": ("street light out", "lamp not working", "dark street"),
    "water": ("water leak", "hydrant leaking", "flooded street"),
}
_DISHES = ("Pizza", "Noodle", "Burger", "Curry", "Taco", "Sushi", "Grill", "Bakery")
_HOUSES = ("House", "Kitchen", "Garden", "Corner", "Palace", "Bar", "Place", "Table")
_KINDS = {"LED TV": 400, "Digital Camera": 200, "Laptop": 800, "Laser Printer": 150, "Headphones": 80, "Navigator": 160, "Hard Drive": 90}
_COLOURS = ("Black", "White", "Silver", "Red", "Blue")


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


def shops(dice: random.Random) -> pl.DataFrame:
    """Restaurants as two directories have them, neither twice; one in fourteen stands in a mall, with others at one address."""
    malls = [_spot(dice) for _ in range(_THINGS // 120)]
    first = [_name(dice).split()[0] for _ in range(400)]

    def rows() -> Iterator[tuple[object, ...]]:
        for shop in range(_THINGS):
            street, town, longitude, latitude = dice.choice(malls) if dice.random() < 0.07 else _spot(dice)
            name = f"{dice.choice(first)} {dice.choice(_DISHES)} {dice.choice(_HOUSES)}"
            phone = f"919{dice.randint(1_000_000, 9_999_999)}"
            for source in dice.choices(("ab", "a", "b"), (55, 20, 25))[0]:
                told, dialled = _slip(dice, name, 0.15), phone if dice.random() < 0.9 else f"919{dice.randint(1_000_000, 9_999_999)}"
                if source == "b":
                    told = dice.choice((told, told, f"The {told}", told.rsplit(" ", 1)[0]))
                    dialled = f"+1 {dialled[:3]} {dialled[3:6]} {dialled[6:]}"
                place = f"{longitude + dice.gauss(0, 2e-4):.6f}", f"{latitude + dice.gauss(0, 2e-4):.6f}"
                yield shop, source, told, _slip(dice, street, 0.05), _kept(dice, town, 0.97), _kept(dice, dialled, 0.88), *place

    return _table(dice, rows(), ["truth", "source", "name", "address", "city", "phone", "longitude", "latitude"])


def _spot(dice: random.Random) -> tuple[str, str, float, float]:
    return (
        f"{dice.randint(1, 2500)} {dice.choice(_STREETS)}",
        dice.choice(_TOWNS)[0],
        -73.98 + dice.gauss(0, 0.05),
        40.74 + dice.gauss(0, 0.05),
    )


def products(dice: random.Random) -> pl.DataFrame:
    """Products, of whose models some are of one family, as three shops offer them."""
    brands = [_name(dice).split()[0] for _ in range(40)]

    def rows() -> Iterator[tuple[object, ...]]:
        product = 0
        while product < _THINGS:
            brand, (kind, usual) = dice.choice(brands), dice.choice(list(_KINDS.items()))
            letters, number = "".join(dice.choice(_LETTERS) for _ in range(dice.choice((2, 3)))).upper(), dice.randint(10, 99) * 10
            for member in range(dice.choice((1, 1, 2, 3, 4))):
                model = f"{letters}-{number + member * dice.choice((1, 5, 10))}{dice.choice(('', 'B', 'S', 'X'))}"
                colour, price = dice.choice(_COLOURS), usual * dice.uniform(0.5, 2)
                for source in dice.sample(("amber", "birch", "cedar"), dice.choice((1, 2, 2, 3))):
                    said = model if dice.random() < 0.7 else model.replace("-", "")
                    title = dice.choice(
                        (f"{brand} {said} {kind} ({colour})", f"{brand} {kind}, {colour}, {said}", f"{kind} {brand} {said}")
                    )
                    told = _slip(dice, title, 0.1) + dice.choice(("", "", "", " NEW", " - 1 Year Warranty"))
                    paid = f"{price * dice.uniform(0.93, 1.07):.2f}"
                    yield product, source, told, _kept(dice, brand, 0.8), _kept(dice, said, 0.65), _kept(dice, paid, 0.92), kind
                product += 1

    return _table(dice, rows(), ["truth", "source", "title", "brand", "model_number", "price", "category"])


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
    if dice.random() >= chance or len(text) < 3:  # too short to slip
        return text
    place = dice.randrange(len(text) - 1)
    before, one, next_, rest = text[:place], text[place], text[place + 1], text[place + 2 :]
    return before + dice.choice((next_, one + one + next_, dice.choice(_LETTERS) + next_, next_ + one)) + rest


def _kept(dice: random.Random, text: str, chance: float) -> str:
    return text if dice.random() < chance else ""
