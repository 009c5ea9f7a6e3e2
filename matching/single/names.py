"""Names of persons, one at a time: `matching.names` for one value."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any

from matching.characters import fold_one, look_one, pinyin_one
from matching.names import (
    DOTS,
    HEAD,
    IS_CHINESE,
    LAST,
    MASK,
    NICKNAME,
    NOTE,
    OTHERS,
    PERSON_NAME,
    TAIL,
    addressed_pattern,
    gender_of,
    person_names,
    prefix_pattern,
    title_pattern,
)
from matching.single.patterns import REMEMBERED, column, compiled, contains, extract, is_ordinary, plain_text, without, without_first
from matching.vocabulary import vocabulary

_HAN = r"\p{Han}"
_NOBODY: Mapping[str, Any] = dict.fromkeys(PERSON_NAME)


@lru_cache(REMEMBERED)
def person_name(text: str | None, placeholders: frozenset[str]) -> Mapping[str, Any]:
    """The columns of PERSON_NAME of one name as written."""
    if text is None:
        return _NOBODY
    if not is_ordinary(text):
        return column(partial(person_names, placeholders=placeholders), text)
    name, gender = _clean(fold_one(text), placeholders)
    return {**_split(name), "name_written": plain_text(text), "title_gender": gender}


def _clean(name: str | None, placeholders: frozenset[str]) -> tuple[str | None, str | None]:
    """Name without notes, prefixes, "and others", with its mask read; and the gender that its title tells."""
    if name is None or name in placeholders:
        return None, None
    words = vocabulary()
    bare = without_first(OTHERS, without_first(prefix_pattern(), without(NOTE, name)))
    bare = without(DOTS, bare, "·").strip("·")
    told = extract(title_pattern(), bare)
    if told is None and (called := compiled(addressed_pattern()).search(bare)):
        return called[1] + "*", gender_of(called[2])
    gender = None if told is None else gender_of(told)
    base = without_first(title_pattern(), bare)
    hidden = without(MASK, without("X+", base, "*") if contains(_HAN, bare) else base, "*")
    shown = without_first(NICKNAME, hidden, lambda found: found[1] + "*")
    if (len(shown) == 1 or shown in words.compound_surnames) and contains(f"^{_HAN}", shown):
        shown += "*"
    return (None if shown in ("", "*") or shown in placeholders else shown), gender


def _split(name: str | None) -> dict[str, Any]:
    if name is None:
        return {**_NOBODY, "is_common": False}
    words = vocabulary()
    is_chinese = contains(IS_CHINESE, name)
    if is_chinese:
        surname: str | None = name[: 2 if name[:2] in words.compound_surnames and len(name) > 2 else 1]  # of two characters
        given: str | None = name[len(surname or "") :]
    else:
        surname = extract(HEAD, name) if contains(f"^{_HAN}|^[A-Z]", name) else None
        given = extract(TAIL, name) or None
    surname_pinyin = None if surname is None else words.surname_readings.get(surname, pinyin_one(surname))
    sound = None if given is None else pinyin_one(given)
    is_plain = "*" not in name
    told = sound if is_plain and sound else None
    return {
        "name": name.replace("·", "") if contains(f"^{_HAN}", name) else name,
        "name_pinyin": " ".join(part for part in (surname_pinyin, sound) if part is not None) if is_plain else None,
        "name_look": look_one(name).replace("·", "") if is_plain else None,
        "surname": surname,
        "surname_pinyin": surname_pinyin,
        "given_pinyin": told,
        "last_pinyin": extract(LAST, told),
        "is_masked": not is_plain,
        "is_common": is_plain and given is not None and (len(given) == 1 or given in words.common_given),
    }
