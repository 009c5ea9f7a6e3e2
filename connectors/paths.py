"""Paths into a row: JMESPath expressions, dotted names, and what a transport must know of them beforehand."""

from __future__ import annotations

import contextlib
import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from hub.errors import ContractError

if TYPE_CHECKING:
    from jmespath.parser import ParsedResult

    from connectors.contract import Contract

_LEFT_ONLY = frozenset(
    {"subexpression", "index_expression", "projection", "value_projection", "flatten", "filter_projection", "pipe", "slice"}
)


@cache
def compile_path(expression: str) -> ParsedResult:
    """A JMESPath expression, compiled once.

    Raises:
        ContractError: it does not compile.
    """
    import jmespath  # not at the top: DAG parsing loads contracts and needs no paths
    from jmespath.exceptions import JMESPathError

    try:
        return jmespath.compile(expression)
    except JMESPathError as error:
        raise ContractError(
            f"{expression!r} 不是 JMESPath · {expression!r} is no JMESPath: {str(error).splitlines()[0]}",
            remedy='非 ASCII 的名称须加双引号："姓名" · names in any script but plain ASCII stand in double quotes: "姓名"',
            path=expression,
        ) from None


@cache
def top_level_names(expression: str) -> frozenset[str]:
    """Names of the row's own columns that a path begins with; none for `@`, nor for what does not compile."""
    try:
        return frozenset(_heads(compile_path(expression).parsed))
    except ContractError:
        return frozenset()


def _heads(node: Any) -> set[str]:
    kind, children = node["type"], node.get("children", [])
    if kind == "field":
        return {node["value"]}
    if kind in _LEFT_ONLY:
        return _heads(children[0]) if children else set()
    return {name for child in children for name in _heads(child)}


def head(name: str) -> str:
    """The column that a dotted name begins with."""
    return name.partition(".")[0]


def listed_names(expression: str) -> frozenset[str]:
    """Names that a path takes as lists (`workers[]`, `"当事人"[*]`): XML cannot tell a list of one from a single element."""
    found = re.findall(r'(?:"((?:[^"\\]|\\.)+)"|([A-Za-z_][A-Za-z0-9_]*))\[', expression)
    return frozenset(quoted or plain for quoted, plain in found)


def lookup(row: dict[str, Any], name: str) -> Any:
    """A column by its name, or by a dotted path into nested objects; None where there is none."""
    if name in row:
        return row[name]
    head, dot, rest = name.partition(".")
    inner = row.get(head) if dot else None
    return lookup(inner, rest) if isinstance(inner, dict) else None


def nested_columns(contract: Contract) -> frozenset[str]:
    """Columns that some path of a contract goes into: where a flat source keeps JSON text in one, it is opened."""
    paths = [
        *(mapping.path for mapping in contract.record.values()),
        *(party.each.path if party.each else None for party in contract.parties),
        *(mapping.path for party in contract.parties if not party.each for mapping in party.fields.values()),
        *(reference.path for reference in contract.references),
        contract.feed.deleted.path if contract.feed.deleted else None,
    ]
    return frozenset(name for path in paths if path for name in top_level_names(path))


def open_nested(row: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """A row whose JSON texts under some names are objects and lists; what does not parse stays text."""
    for name in names:
        value = row.get(name)
        if isinstance(value, str) and value[:1] in ("[", "{"):
            with contextlib.suppress(ValueError, RecursionError):
                row[name] = json.loads(value)
    return row
