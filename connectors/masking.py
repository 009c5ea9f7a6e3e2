"""Values shown to a person who connects a source: enough to see that a mapping fits, nothing that says who somebody is."""

from __future__ import annotations

import re
from typing import Any

from connectors.contract import Contract
from connectors.mapping import Mapping
from connectors.words import PERSONAL_FIELDS

_SAFE_KINDS = (bool, type(None))
_PERSONAL_TRANSFORMS = frozenset({"person_name", "org_name", "party_name", "id_no", "uscc", "phone", "address"})


def masked(field: str, mapping: Mapping, value: Any) -> Any:
    """A value as it may be shown: of a personal one the first character and its length, of any other digits in long runs hidden.

    Args:
        field: the canonical field that it goes to.
        mapping: its mapping, for the transform and the classification.
        value: as the source sends it.
    """
    return _hidden(value) if _is_personal(field, mapping) else scrubbed(value)


def mask_row(contract: Contract, row: dict[str, Any]) -> dict[str, Any]:
    """A row with personal columns hidden; a column that the contract does not map may hold anything, and is hidden too."""
    personal: dict[str, bool] = {}
    for where, mapping in contract.mappings():
        field = where.rpartition(".")[2]
        for name in (*(mapping.from_ or ()), *((mapping.with_,) if mapping.with_ else ())):
            personal[name] = personal.get(name, False) or _is_personal(field, mapping)
    plain = {*contract.key, getattr(contract.feed, "field", ""), *contract.volatile}
    return {name: scrubbed(value) if name in plain or personal.get(name) is False else _hidden(value) for name, value in row.items()}


def _is_personal(field: str, mapping: Mapping) -> bool:
    if mapping.classification is not None:
        return mapping.classification != "general"
    return field in PERSONAL_FIELDS or mapping.as_ in _PERSONAL_TRANSFORMS


def _hidden(value: Any) -> Any:
    if isinstance(value, _SAFE_KINDS):
        return value
    if isinstance(value, dict):
        return {name: _hidden(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_hidden(inner) for inner in value]
    text = str(value)
    return f"{text[0]}{'＊' * min(len(text) - 1, 8)}" if text else text


def scrubbed(value: Any) -> Any:
    """Text without runs of digits that could be a phone or an identity number."""
    if isinstance(value, dict):
        return {name: scrubbed(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [scrubbed(inner) for inner in value]
    return re.sub(r"\d{15,}[\dXx]?|(?<!\d)1\d{10}(?!\d)", lambda match: "＊" * len(match[0]), value) if isinstance(value, str) else value
