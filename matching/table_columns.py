"""Columns that each field of a table's model makes: its own name, or of the hub's own forms several, under names of theirs.

No two fields make one: what is compared and what rows meet by would be another field's.
"""

from __future__ import annotations

from collections.abc import Collection

from matching.addresses import ADDRESS, DISTRICT
from matching.firms import ORGANISATION_NAME
from matching.model import RELATED, TIES
from matching.names import PERSON_NAME

#: Form → its columns, where they are several: one field of each in a table.
OWN_COLUMNS: dict[str, tuple[str, ...]] = {
    "place": ("longitude", "latitude", "cells"),
    "person_name": tuple(PERSON_NAME),
    "organisation_name": tuple(ORGANISATION_NAME),
    "id_no": ("id_no", "id_state", "id_birth_date", "id_gender"),
    "uscc": ("uscc", "uscc_state"),
    "address": (*ADDRESS, DISTRICT, "places"),
}
#: Columns beside a comparison's in tables of levels.
BESIDE_LEVELS = frozenset({"left", "right", "found by", "pairs of it"})
#: Words that forms and levels use themselves, which no field of a draft is called.
TAKEN_NAMES = BESIDE_LEVELS | {"id", "identifier", "apart", RELATED, TIES}
#: The whole name of an organisation, where a person's is beside it: of one of them alone it is `name`.
BESIDE_A_PERSON = {"name": "organisation_name"}


def renamed(form: str, forms: Collection[str]) -> dict[str, str]:
    """Columns of a form that are called otherwise beside the others of a table."""
    return BESIDE_A_PERSON if form == "organisation_name" and "person_name" in forms else {}


def columns_made(name: str, form: str, forms: Collection[str]) -> tuple[str, ...]:
    """Columns that a field makes.

    Args:
        name: of the field.
        form: of the field.
        forms: of all fields of the table.
    """
    others = renamed(form, forms)
    return tuple(others.get(column, column) for column in OWN_COLUMNS.get(form, (name,)))
