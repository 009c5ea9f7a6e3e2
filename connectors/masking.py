"""Values and names shown to a person who connects a source: enough to see that a mapping fits, nothing that says who somebody is.

A column's name is an engineer's word only while the source keeps to its form: a line of data where the header should be, a quote
that swallowed some lines, an object keyed by numbers, and the name is what a person told.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from connectors.contract import Contract
from connectors.mapping import Mapping
from connectors.words import PERSONAL_FIELDS
from hub.wording import Words, shown_name

_SAFE_KINDS = (bool, type(None))
_KEY = re.compile(r"[A-Za-z_@$][A-Za-z0-9_@$.:-]{0,39}")
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
        return {shown_name(name): _hidden(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_hidden(inner) for inner in value]
    text = str(value)
    return f"{text[0]}{'＊' * min(len(text) - 1, 8)}" if text else text


def scrubbed(value: Any) -> Any:
    """Text without runs of digits that could be a phone or an identity number."""
    if isinstance(value, dict):
        return {shown_name(name): scrubbed(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [scrubbed(inner) for inner in value]
    return re.sub(r"\d{15,}[\dXx]?|(?<!\d)1\d{10}(?!\d)", lambda match: "＊" * len(match[0]), value) if isinstance(value, str) else value


def known_among(contract: Contract, columns: Collection[str]) -> Words:
    """Columns as found where those that were looked for are not, in words: names that the contract knows, the others as a count.

    What is found there may be the first person of a file that came without its header.
    """
    known = [name for name in columns if name in contract.source_columns()]
    if not known:
        return Words(f"{len(columns)} 列中没有契约所列的列", f"none of its {len(columns)} columns is known to the contract")
    others = len(columns) - len(known)
    more = Words(f"，另有契约未列的 {others} 列", f", and {others} that the contract does not know") if others else Words("", "")
    return Words(f"现有列 {', '.join(known)}{more.zh}", f"columns are {', '.join(known)}{more.en}")


def told_keys(document: Collection[str]) -> Words:
    """An object's keys in words: those that are plain words of a program, the others as a count: an object may be keyed by persons."""
    words = sorted(name for name in document if _KEY.fullmatch(name) and shown_name(name) == name)[:30]
    others = len(document) - len(words)
    if not words:
        return Words(f"共 {others} 个，名称不予显示", f"{others} that are not told") if others else Words("空", "none")
    more = Words(f" 等 {len(document)} 个", f" and {others} more") if others else Words("", "")
    return Words(", ".join(words) + more.zh, ", ".join(words) + more.en)
