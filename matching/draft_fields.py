"""FIELDS of a drafted model: what is made and compared of a column, by what it was taken for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from matching.column_profiles import CODE, Profile

_START = 3  # letters; of Chinese characters one less
#: Roles of columns that the hub's own forms are made of.
OWN = ("person_name", "organisation_name", "id_no", "uscc", "phone", "address", "place")
SAYS_WHERE = {"telephone", "email", "url", "phone", "address", "place", "longitude", "latitude"}  # what columns are taken for
_LAST_SEVEN = r"((?:\d\D*){7})$"  # with or without the country's and the area's digits
_PATTERNS = {"url": r"^(?:https?://)?(?:www\.)?([^/]+)", "short_year": r"(\d\d)$"}  # a host; the two digits that all have
_MONTH_FIRST = ["%Y-%m-%d", "%m/%d/%Y", "%m.%d.%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y.%m.%d"]
_FORMS = dict.fromkeys(("url", "telephone", "birth", "code", "category"), "code")
_FORMS |= {"birth_date": "date", "date": "date", "year": "year", "short_year": "code", "duration": "duration", "number": "number"}
_KINDS = {
    "birth": "code",
    "code": "code",
    "short_year": "equal",
    "category": "code",
    "name": "name",
    "email": "name",
    "url": "name",
    "phrase": "phrase",
    "date": "days",
}


def fields_of(column: Profile, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The fields of a column: what is compared, then what rows may meet by, the strictest first."""
    role = column.role
    if role in ("nothing", "truth", "source", "id", "longitude", "latitude"):
        return
    form = role if role in OWN else _FORMS.get(role, "text")
    more: dict[str, Any] = (
        {"pattern": _PATTERNS[role]} if role in _PATTERNS else {"formats": _MONTH_FIRST} if column.is_month_first and form == "date" else {}
    )
    yield name, {"from": column.name, "as": form, **more}
    if role == "telephone":
        yield f"{name}_end", {"from": column.name, "as": "code", "pattern": _LAST_SEVEN}
    if role == "email":
        yield f"{name}_user", {"from": column.name, "as": "code", "pattern": "^([^@]+)@"}
    if role in ("name", "phrase"):
        yield f"{name}_start", {"from": column.name, "as": "start", "length": _START - column.is_han}
    if role == "name":
        yield f"{name}_sound", {"from": column.name, "as": "sound"}
    if role == "phrase":
        yield f"{name}_words", {"from": column.name, "as": "words"}
        yield f"{name}_bands", {"from": column.name, "as": "bands"}
        if column.has_codes:
            yield f"{name}_code", {"from": column.name, "as": "code", "pattern": CODE}


def comparisons_of(column: Profile, name: str) -> list[dict[str, Any]]:
    """How a column is compared, if it is."""
    role = column.role
    if role in OWN:
        kind = {"id_no": "identifier", "uscc": "identifier"}.get(role, role)
        return [{"name": name, "kind": kind} | ({"column": role} if kind == "identifier" else {})]
    if role == "year":
        return [{"name": name, "kind": "difference", "levels": graded(0, 1, 3)}]
    if role == "number":
        return [{"name": name, "kind": "ratio", "levels": graded(0, 0.01, 0.1)}]
    if role == "duration":
        return [{"name": name, "kind": "difference", "levels": graded(1, 3, 10, 30)}]
    if role == "birth_date":
        return [{"name": name, "kind": "date"}]
    if role == "date":
        return [{"name": name, "kind": "days", "levels": graded(0, 3, 14, 60)}]
    if role == "telephone":
        return [{"name": name, "kind": "string", "levels": _TELEPHONE}]
    if role not in _KINDS:
        return []
    often = {"term_frequency": True} if role in ("name", "category", "code") else {}
    codes = [{"name": f"{name}_code", "kind": "code"}] if role == "phrase" and column.has_codes else []
    return [{"name": name, "kind": _KINDS[role], **often}, *codes]


#: With or without the country's and the area's digits.
_TELEPHONE = [{"name": "exact", "exact": True}, {"name": "ending", "ending": 7}, {"name": "one_off", "edits": 1}, {"name": "differ"}]


def graded(*bounds: float) -> list[dict[str, Any]]:
    """Levels of a distance, the nearest first, the last for what is farther."""
    words = ("same", "near", "close", "around")
    levels: list[dict[str, Any]] = [{"name": word, "at_most": bound} for word, bound in zip(words, bounds, strict=False)]
    return [*levels, {"name": "far"}]
