"""MENTIONS: the places and bodies that a text names: roads, estates, rivers, villages, schools, firms.

Enters texts as they are written, leaves for each a list of what it names. Chinese is written without blanks, so where a
name begins is not to be seen; where it ends is (…路, …小区, …学院). A mention is that ending and the two characters before
it: 万科魅力之城小区 and A5区魅力之城小区 both name 之城小区. Names that end alike are one mention: enough to tell texts of like
wording about different places apart, and no more.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import polars as pl
import yaml

from matching.characters import fold
from matching.model_file import MODELS

_HAN = r"\p{Han}"
#: No name holds them, so what ends like one is a phrase (有一条路, 这个小区, 我们学校).
_PHRASE = "的了这那该某本我你您他她它们是有没在从到往于就也还都把被给让请望个条家座间每各一两几多很又太因为所使得"


def mentions(texts: pl.Series) -> pl.Series:
    """List of the distinct places and bodies named, sorted; null where there are none."""
    mention, sort = _patterns()
    named = _lines(texts).str.extract_all(mention).list.eval(pl.element().filter(~pl.element().str.contains(sort)))
    found = named.list.unique().list.sort()
    return pl.select(pl.when(found.list.len() > 0).then(found)).to_series()


def without_mentions(texts: pl.Series) -> pl.Series:
    """The texts, a blank for whatever ends as a name does, and for areas: what is told, without where."""
    mention, _ = _patterns()
    areas = "|".join(_listed()["areas"].split())
    return _lines(texts).str.replace_all(mention, " ").str.replace_all(f"(?:{_HAN}{{2}}|[A-Z][0-9]{{0,2}})(?:{areas})", " ")


def _lines(texts: pl.Series) -> pl.Series:
    """Folded, with a sign for each mark and blank: no name runs over one."""
    return fold(texts.str.replace_all(r"[\s\p{P}\p{Cc}\p{Cf}]+", "\u241f"))


@cache
def _patterns() -> tuple[str, str]:
    """What a mention looks like, and those that name a sort of thing alone."""
    listed = _listed()
    words = {word for line in listed["endings"].values() for word in line.split()}
    endings = "|".join(sorted(words, key=lambda word: (-len(word), word)))
    sorts = "|".join(sorted(set(listed["sorts"].split()), key=lambda word: (-len(word), word)))
    return f"[{_HAN}&&[^{_PHRASE}]]{{2}}(?:{endings})", f"^.?(?:{sorts})(?:{endings})$"


@cache
def _listed() -> dict[str, Any]:
    listed: dict[str, Any] = yaml.safe_load((MODELS / "mentions.yml").read_text(encoding="utf-8"))
    return listed
