"""Names of organisations, one at a time: `matching.firms` for one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from matching import firms
from matching.characters import fold_one, look_one, pinyin_one
from matching.firms import ORGANISATION_NAME, ends, organisation_names
from matching.single.patterns import REMEMBERED, column, compiled, contains, extract, is_ordinary, without, without_first
from matching.vocabulary import vocabulary

_NOBODY: Mapping[str, Any] = dict.fromkeys(ORGANISATION_NAME)
_SHORTEST = 2  # characters that a stem keeps


@dataclass
class _Parts:
    """A name taken apart."""

    bare: str
    stem: str
    is_body: bool
    aside: str | None
    part: str | None = None
    legal: str | None = None
    place: str | None = None
    industry: str | None = None

    @property
    def is_whole(self) -> bool:
        """As `firms._is_whole`."""
        told = self.industry is not None or self.is_placed or self.legal not in vocabulary().spoken_forms
        return self.is_body or self.part is not None or (self.legal is not None and told and not self.is_shop)

    @property
    def is_shop(self) -> bool:
        """As `firms._is_shop`."""
        called = contains(firms.shop_name(), self.bare)
        return called and not self.is_body and self.part is None and not self.is_placed

    @property
    def is_placed(self) -> bool:
        """Whether the name says where it is."""
        return bool(self.place) or self.aside is not None


@lru_cache(REMEMBERED)
def organisation_name(text: str | None, placeholders: frozenset[str]) -> Mapping[str, Any]:
    """The columns of ORGANISATION_NAME of one name as written."""
    if text is None:
        return _NOBODY
    if not is_ordinary(text):
        return column(partial(organisation_names, placeholders=placeholders), text)
    name = fold_one(text)
    if name is None or name in placeholders:
        return _NOBODY
    bracketed = _name_alone(without(r"[\]】]", without(r"[\[【]", name, "("), ")"))
    parts = _parts(bracketed)
    return {"name": without(firms.NO_LETTER, bracketed), **_sounds(parts, *_restored(parts))}


def _name_alone(name: str) -> str:
    bare = without(firms.FORMER, without_first(ends(vocabulary().firm_prefixes, "^(?:{}):"), name))
    return without_first(firms.others(), bare, lambda found: found[1])


def _usual_words(name: str) -> str:
    for short, long in vocabulary().short_for.items():
        if name.endswith(short):
            name = name.removesuffix(short) + long
    if "第" in name:
        for number, numeral in enumerate(firms.NUMERALS, 1):
            name = without_first(rf"第{number}(\D)", name, lambda found, numeral=numeral: f"第{numeral}{found[1]}")  # type: ignore[misc]
    name = without_first(firms.HOME_SLIP, name, lambda found: f"光明{found[1]}")
    name = without_first(firms.LEGAL_SLIP, without_first(firms.HOME_FIRST, name, "第"), "有限公司")
    return without_first(firms.POLICE, without_first(firms.LEGAL_SHORT, name, "有限公司"), lambda found: found[1] + "公安分局")


def _parts(bracketed: str) -> _Parts:
    words = vocabulary()
    stem = _usual_words(without(firms.NO_LETTER, without(firms.aside(), bracketed)))
    parts = _Parts(stem, stem, contains(ends(words.bodies, "(?:{})$"), stem), extract(firms.place_aside(), bracketed))
    if not parts.is_body:
        branches = (extract(firms.branch_after(before), stem) for before in (words.legal_forms, words.industries))
        parts.part = next((branch for branch in branches if branch is not None), None)
        parts.stem = parts.stem.removesuffix(parts.part or "")
        parts.legal = extract(ends(words.legal_forms, firms.WORDS_AT_END), parts.stem[_SHORTEST:])
        parts.stem = parts.stem.removesuffix(parts.legal or "")
        parts.place = extract(firms.firm_place(), parts.stem.replace("市政", "·"))
    else:
        parts.place = extract(firms.BODY_PLACE, parts.stem)
    rest = parts.stem.removeprefix(parts.place or "")
    if parts.is_body or len(rest) >= _SHORTEST:
        parts.stem = rest
    _leave_inner_place_out(parts)
    if parts.is_body:
        parts.industry = extract(ends(words.bodies, "((?:{}))$"), parts.stem)
    else:
        parts.industry = extract(ends(words.industries, firms.WORDS_AT_END), parts.stem[_SHORTEST:])
    parts.stem = parts.stem.removesuffix(parts.industry or "")
    _leave_inner_place_out(parts)
    return parts


def _leave_inner_place_out(parts: _Parts) -> None:
    """As `firms._without_inner_place`."""
    if parts.is_body or parts.legal is None or parts.legal in vocabulary().spoken_forms or parts.is_placed:
        return
    found = compiled(firms.inner_place()).search(parts.stem)
    if found is not None:
        parts.stem, parts.aside = found[1], found[2]


def _restored(parts: _Parts) -> tuple[str | None, str | None, str | None, str | None]:
    """Core, stem, part and city."""
    stem, place = parts.stem, _spelt_right(parts.place)
    if stem == "" or stem in firms.trade_words():
        home = without_first(firms.HOME_PLACE, place) if parts.is_body and place is not None else place
        stem = (home or "") + stem
    numerals = without(f"[^0-9{firms.NUMERALS}]", stem) if parts.is_body else ""
    named = place or parts.aside
    city = _city(named) if named is not None else None
    return (stem + (parts.industry or "")) or None, stem or None, ((parts.part or "") + numerals) or None, city or None


def _spelt_right(place: str | None) -> str | None:
    """As `firms._spelt_right`."""
    found = compiled(firms.A_CITY).search(place or "")
    meant = firms.city_meant(found[1]) if found is not None else None
    return place if meant is None else f"{meant}市"


def _city(place: str) -> str:
    if contains(firms.OF_PROVINCE, place):
        return "广东"
    place = compiled(firms.FORMER_DISTRICT).sub(lambda found: found[1], place)
    place = without("(?:光明)+", place.replace("公明", "光明"), "光明")
    place = without_first("^光明$", without(firms.DIVISIONS, place))
    place = without_first(ends(vocabulary().districts, "^({})$"), place, lambda found: "深圳" + found[1])
    known = contains(ends(vocabulary().districts, "^深圳(?:{})?$"), place)
    return "深圳" if place.startswith("深圳") and not known else place


def _sounds(parts: _Parts, core: str | None, stem: str | None, part: str | None, city: str | None) -> dict[str, Any]:
    stem_pinyin = None if stem is None else pinyin_one(stem)
    legal = without_first(firms.LEGAL_USUAL, parts.legal or "", "有限公司")
    return {
        "core": core,
        "core_pinyin": None if core is None else pinyin_one(core),
        "core_look": None if core is None else look_one(core),
        "stem": stem,
        "stem_pinyin": stem_pinyin,
        "stem_head": None if stem_pinyin is None else extract(firms.STEM_HEAD, stem_pinyin) or stem_pinyin,
        "stem_look": None if stem is None else look_one(stem),
        "trading_stem": stem_pinyin if parts.industry is not None else None,
        "industry": parts.industry,
        "city": city,
        "part": part,
        "formal": f"{core}|{legal}|{part or ''}" if parts.is_whole and core is not None else None,
        "is_whole": parts.is_whole,
        "is_shop": parts.is_shop,
    }
