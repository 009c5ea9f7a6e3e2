"""FORMS of one row: `matching.forms` for a mapping of the columns of PERSON_INPUT, ORGANISATION_INPUT or CASE_INPUT.

A column that a row leaves out is null. Leaves a mapping of the columns of PERSON_FORM, ORGANISATION_FORM or CASE_FORM.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from matching.addresses import ADDRESS, DISTRICT, community_name, street_name
from matching.characters import fold_one
from matching.forms import A_CELL_DEGREES, A_DAY_US, NO_NUMBER, READ_OF_NAME, case_numbers
from matching.model import Model
from matching.single.addresses import address
from matching.single.firms import organisation_name
from matching.single.identifiers import credit_code, id_number, phone
from matching.single.names import person_name
from matching.single.patterns import column, is_ordinary, without
from matching.single.texts import bands, signature
from schema.codes import sides
from schema.numbers import whole_numbers

Row: TypeAlias = Mapping[str, Any]
Form: TypeAlias = dict[str, Any]

_NONE: frozenset[str] = frozenset()
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_TAIL = 4  # digits of a phone
_COPIED = ("id", "category", "amount", "people_involved", "longitude", "latitude")
_PARTIES = ("petitioner_persons", "petitioner_organisations", "respondent_persons", "respondent_organisations")


def person_form(row: Row, model: Model) -> Form:
    """A row of `forms.person_forms`."""
    words = model.placeholders
    id_no = id_number(row.get("id_no"), words.get("id_no", _NONE))
    name = person_name(row.get("name"), words.get("name", _NONE))
    number = phone(row.get("phone"), words.get("phone", _NONE))
    return {
        **name,
        **address(row.get("address"), words.get("address", _NONE)),
        "id": row["id"],
        "role": row.get("role"),
        "id_no": id_no["id_no"],
        "id_state": id_no["id_state"],
        "identifier": id_no["id_no"] if id_no["id_state"] == "verified" else None,
        "apart": _apart(row),
        "phone": number,
        "phone_tail": None if number is None else number[-_TAIL:],
        "birth_date": _first(row.get("birth_date"), id_no["id_birth_date"]),
        "gender": _first(row.get("gender"), id_no["id_gender"], name["title_gender"]),
    }


def organisation_form(row: Row, model: Model) -> Form:
    """A row of `forms.organisation_forms`."""
    form = _organisation_named(row, model) | _organisation_reached(row, model)
    return form | {"fingerprint": _fingerprint(form)}


def _organisation_named(row: Row, model: Model) -> Form:
    words = model.placeholders
    code = credit_code(row.get("uscc"), words.get("uscc", _NONE))
    return {
        **organisation_name(row.get("name"), words.get("name", _NONE)),
        **code,
        "id": row["id"],
        "role": row.get("role"),
        "identifier": code["uscc"] if code["uscc_state"] == "verified" else None,
        "apart": _apart(row),
    }


def _organisation_reached(row: Row, model: Model) -> Form:
    words = model.placeholders
    spot = address(row.get("address"), words.get("address", _NONE))
    return {**spot, "phone": phone(row.get("phone"), words.get("phone", _NONE))}


def case_form(row: Row, model: Model, unique_within: frozenset[str] = _NONE) -> Form:
    """A row of `forms.case_forms`."""
    told = _case_told(row, unique_within)
    return {**told, **_case_placed(row, model), **_case_worded(row), **_for_keys(row, told)}


def _case_told(row: Row, unique_within: frozenset[str]) -> Form:
    department = row.get("department")
    return {
        **{name: row.get(name) for name in _COPIED},
        **{name: None if row.get(name) is None else [one for one in row[name] if one is not None] for name in _PARTIES},
        **_numbers(row),
        "occurred_day": _days(row.get("occurred_at")),
        "reported_day": _days(row.get("reported_at")),
        "identifier": None,
        "apart": department if department in unique_within else None,
    }


def _case_placed(row: Row, model: Model) -> Form:
    spot = address(row.get("address"), model.placeholders.get("address", _NONE))
    return {
        **spot,
        "street": _first(street_name(row.get("street")), spot["street"]),
        "community": _first(community_name(row.get("community")), spot["community"]),
    }


def _case_worded(row: Row) -> Form:
    return {"text_signature": signature(_words(row))}


#: Relation → of its form's later parts the columns, and `address` for what is compared by several.
LATER = {
    "person": (),
    "organisation": (frozenset(("address", "places", "phone", DISTRICT, *ADDRESS)),),
    "case": (frozenset(("address", "places", DISTRICT, *ADDRESS)), frozenset(("text_signature",))),
}


def parts_of(relation: str, row: Row, model: Model, unique_within: frozenset[str] = _NONE) -> Iterator[Form]:
    """A row's form in parts, made one after the other: what tells most pairs apart for the least time first.

    What blocking keys alone are made of is in none of them, and of organisations no fingerprint.
    """
    if relation == "person":
        yield person_form(row, model)
    elif relation == "organisation":
        yield _organisation_named(row, model)
        yield _organisation_reached(row, model)
    else:
        yield _case_told(row, unique_within)
        yield _case_placed(row, model)
        yield _case_worded(row)


def _apart(row: Row) -> str | None:
    return None if row.get("record_id") is None else f"{row['record_id']}|{sides().get(row.get('role') or '', 'other')}"


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _fingerprint(form: Form) -> str | None:
    if form["uscc"] is None and form["name"] is None and form["phone"] is None:
        return None
    compared = "\x1f".join(form[column] or "" for column in ("uscc", "name", "phone", *ADDRESS, DISTRICT, *READ_OF_NAME))
    return hashlib.blake2b(compared.encode(), digest_size=16).hexdigest()


def _numbers(row: Row) -> Form:
    own = _of_department(row.get("department"), row.get("case_number"))
    cited = {_of_department(one["department"], one["number"]) for one in row.get("references") or ()} - {None}
    cites = sorted(one for one in cited if one is not None)
    return {"case_number": own, "cites": cites or None, "numbers": [*([] if own is None else [own]), *cites]}


def _of_department(department: str | None, number: str | None) -> str | None:
    bare = None if number is None else _case_number(number)
    return None if bare is None or department is None else f"{department}|{bare}"


def _case_number(number: str) -> str | None:
    if not is_ordinary(number):
        found: str | None = column(lambda values: case_numbers(values).to_frame("number"), number)["number"]
        return found
    folded = fold_one(number)
    return None if folded is None else without(NO_NUMBER, folded)


def _words(row: Row) -> str:
    return whole_numbers(" ".join(part for part in (row.get("title"), row.get("text")) if part is not None), told=())


def _for_keys(row: Row, told: Form) -> Form:
    """What blocking keys alone are made of."""
    both = [day for day in (told["occurred_day"], told["reported_day"]) if day is not None]
    return {
        "days_3": _windows(both[:1], 3),
        "days_30": _windows(both, 30),
        "days_120": _windows(both, 120),
        "months": _windows(both, 30, steps=1),
        "cells": _cells(row.get("longitude"), row.get("latitude")),
        "text_bands": bands(_words(row)),
    }


def _days(moment: dt.datetime | None) -> float | None:
    return None if moment is None else (moment - _EPOCH) // dt.timedelta(microseconds=1) * A_DAY_US


def _windows(days: Sequence[float], length: int, steps: int = 2) -> list[int]:
    return [math.floor(day * (1 / length)) + step for day in days for step in range(steps)]


def _cells(longitude: float | None, latitude: float | None) -> list[str]:
    if longitude is None or latitude is None:
        return []
    steps = longitude * A_CELL_DEGREES, latitude * A_CELL_DEGREES
    return [".".join((grid, *(str(math.floor(axis + shift)) for axis in steps))) for grid, shift in (("a", 0.0), ("b", 0.5))]
