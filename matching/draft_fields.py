"""FIELDS of a drafted model: what is made and compared of a column, by what it was taken for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matching.column_profiles import CODE, Profile

_PIECE = 5  # letters; of Chinese characters two less
_SHORT = 60  # characters of a text, on average, that is cut to pieces
_TEXTS = "all_words"  # field
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
    yield name, {"from": column.name, **_made(column)}
    if column.is_company:
        yield f"{name}_form", {"from": column.name, "as": "legal_form"}
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


def _made(column: Profile) -> dict[str, Any]:
    """What a column is compared as."""
    if column.is_company:
        return {"as": "company"}
    if column.abbreviated:
        return {"as": "start", "length": column.abbreviated}
    form = column.role if column.role in OWN else _FORMS.get(column.role, "text")
    pattern = _PATTERNS.get(column.role, column.pattern)
    if pattern is not None:
        return {"as": form, "pattern": pattern}
    return {"as": form, "formats": _MONTH_FIRST} if column.is_month_first and form == "date" else {"as": form}


def pieces_of(column: Profile, name: str) -> dict[str, dict[str, Any]]:
    """Of a short text its pieces, to meet by rare ones: a slip leaves most as they are."""
    is_short = column.role in ("name", "phrase") and column.length <= _SHORT
    return {f"{name}_pieces": {"from": column.name, "as": "pieces", "length": _PIECE - 2 * column.is_han}} if is_short else {}


def further_of(columns: Sequence[Profile], called: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Fields that rows may meet by beside those that are compared and what is made of these."""
    further: dict[str, dict[str, Any]] = {}
    for column in columns:
        further |= pieces_of(column, called[column.name])
    texts = [column for column in columns if column.role in ("name", "phrase")]
    if len(texts) > 1 and not {column.name for column in columns} & {_TEXTS}:  # what one source has in another column
        further[_TEXTS] = {"from": [column.name for column in texts], "as": "words"}
    further |= {f"{called[column.name]}_words": {"from": column.name, "as": "words"} for column in texts if column.role == "name"}
    return further


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
    forms = [{"name": f"{name}_form", "kind": "equal"}] if column.is_company else []
    kind = "phrase" if column.is_company else _KINDS[role]
    codes = [{"name": f"{name}_code", "kind": "code"}] if role == "phrase" and column.has_codes else []
    return [{"name": name, "kind": kind, **(often if kind != "phrase" else {})}, *forms, *codes]


#: With or without the country's and the area's digits.
_TELEPHONE = [{"name": "exact", "exact": True}, {"name": "ending", "ending": 7}, {"name": "one_off", "edits": 1}, {"name": "differ"}]


def graded(*bounds: float) -> list[dict[str, Any]]:
    """Levels of a distance, the nearest first, the last for what is farther."""
    words = ("same", "near", "close", "around")
    levels: list[dict[str, Any]] = [{"name": word, "at_most": bound} for word, bound in zip(words, bounds, strict=False)]
    return [*levels, {"name": "far"}]
