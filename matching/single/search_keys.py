"""Keys to look for what somebody typed as a name: `matching.search_keys` for one value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import polars as pl

from matching import search_keys as columns
from matching.characters import fold_one
from matching.names import addressed_pattern
from matching.search_keys import (
    AGREEMENTS,
    INITIALS,
    SLIPS_LEAST,
    SLIPS_MOST,
    NameAgreement,
    TypedAs,
)
from matching.single.firms import organisation_name
from matching.single.names import person_name
from matching.single.patterns import compiled, contains, is_ordinary, plain_text

_NONE: frozenset[str] = frozenset()


def typed_keys(typed: str, kind: TypedAs) -> dict[str, NameAgreement]:
    """Keys to look for what somebody typed, each with what sharing it means.

    Args:
        typed: a name as typed, or what `spoken` made of it.
        kind: whose name it is taken for, or that it is pinyin or initials.
    """
    if kind == "spoken":
        found = {f"s:{typed}": NameAgreement.PINYIN, f"a:{_accent(typed)}": NameAgreement.ACCENT}
        return found | ({f"i:{typed}": NameAgreement.INITIALS} if INITIALS.fullmatch(typed) else {})
    keys: set[str] = set()
    if kind != "organisation":
        keys.update(person_keys(typed))
    if kind != "person":
        keys.update(organisation_keys(typed))
    # A firm may be called by a stem that looks like a person's name.
    keys.update(f"t:{key[2:]}" for key in list(keys) if key.startswith("n:"))
    return {key: AGREEMENTS[key[0]] for key in sorted(keys) if key[0] != "i"}


def person_keys(name: str) -> set[str]:
    """Every key of a person's name."""
    if not is_ordinary(name):
        return _by_column(columns.person_keys, name)
    form = person_name(name, _NONE)
    known = form["name"]
    if known is None:
        return set()
    if form["is_masked"]:
        folded = fold_one(name)
        return _told({"w": _upper(form["name_written"]), "n": folded}) if contains(addressed_pattern(), folded) else set()
    sound = _sound(form["name_pinyin"])
    keys = {
        "w": _upper(form["name_written"]),
        "n": known,
        "s": sound,
        "a": _accent(sound),
        "l": form["name_look"],
        "o": "".join(sorted(known)) if len(known) >= SLIPS_LEAST else None,
        "i": "".join(
            part[1:] if part[0] == " " else part for part in compiled(r"(?:^| )[a-z]").findall((form["name_pinyin"] or "").lower())
        ),
    }
    return _told(keys) | set(_slips(known))


def organisation_keys(name: str) -> set[str]:
    """Every key of an organisation's name."""
    if not is_ordinary(name):
        return _by_column(columns.organisation_keys, name)
    form = organisation_name(name, _NONE)
    if form["name"] is None:
        return set()
    stem, core = form["stem"], form["core"]
    is_long = len(stem or "") >= SLIPS_LEAST
    core_sound = _sound(form["core_pinyin"])
    whole = {"w": _upper(plain_text(name)), "n": form["name"], "c": core if len(core or "") >= SLIPS_LEAST else None}
    of_stem: dict[str, str | None] = {}
    if is_long:
        sound = _sound(form["stem_pinyin"])
        of_stem = {"t": stem, "s": sound, "a": _accent(sound), "l": form["stem_look"]}
    keys = _told(whole) | _told(of_stem) | _told({"s": core_sound, "a": _accent(core_sound)})
    return keys | (set(_slips(stem)) if stem else set())


def _by_column(make: Callable[[pl.Series], pl.DataFrame], name: str) -> set[str]:
    return set(make(pl.Series([name], dtype=pl.String))["key"])


def _told(keys: Mapping[str, Any]) -> set[str]:
    return {f"{prefix}:{key}" for prefix, key in keys.items() if key}


def _slips(text: str) -> Iterator[str]:
    """A key for each character that may be another, and for each that may be missing."""
    if not SLIPS_LEAST <= len(text) <= SLIPS_MOST or not contains(r"\p{Han}", text):
        return
    yield f"x:{text}"
    for place in range(len(text)):
        before, after = text[:place], text[place + 1 :]
        yield f"d:{before}_{after}"
        if len(text) > SLIPS_LEAST:
            yield f"x:{before}{after}"


def _upper(text: str | None) -> str | None:
    return None if text is None else text.upper()


def _sound(pinyin: str | None) -> str | None:
    return None if pinyin is None else pinyin.replace(" ", "").lower()


def _accent(sound: str | None) -> str | None:
    return None if sound is None else compiled("([zcs])h").sub(r"\1", sound).replace("ng", "n").replace("v", "u")
