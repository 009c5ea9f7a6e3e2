"""JMESPath expressions as plain functions.

The interpreter of the jmespath package takes ten times as long a row. What contracts write, steps, lists, filters by
equality, is compiled to closures here, with the package's own meaning; any other expression goes to the package.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from jmespath.exceptions import JMESPathError

from connectors.paths import compile_path

Getter = Callable[[Any], Any]

#: What a path gives for a row that it cannot be applied to: that row is refused.
CANNOT = object()


@cache
def getter(expression: str) -> tuple[str | None, Getter]:
    """A function that finds in a decoded row what the expression says, or CANNOT where it cannot be applied.

    Returns:
        The column that the expression begins with, and the function of its value: fifteen expressions may begin with the
        same. The column is None where the function is one of the row as a whole.

    Raises:
        ContractError: it does not compile.
    """
    parsed = compile_path(expression)
    column, rest = _split(parsed.parsed)
    compiled = _compiled(rest)
    if compiled is not None:
        return column, compiled

    def search(value: Any) -> Any:
        try:
            return parsed.search(value)
        except (JMESPathError, TypeError, ValueError):  # length(null); the package compares "2" > 1 as Python does
            return CANNOT

    return None, search


def _split(node: Any) -> tuple[str | None, Any]:
    """The field that a path begins with, and the path after it."""
    if node["type"] == "field":
        return node["value"], {"type": "identity"}
    if node["type"] not in _LEFT_TO_RIGHT:
        return None, node
    first, *others = node["children"]
    column, rest = _split(first)
    return column, {**node, "children": [rest, *others]}


def _compiled(node: Any) -> Getter | None:
    """None for what is not compiled here."""
    build = _BUILDERS.get(node["type"])
    if build is None:
        return None
    if node["type"] == "comparator" and node["value"] == "eq" and _is_field_and_text(node["children"]):
        return _field_is(node["children"][0]["value"], node["children"][1]["value"])
    children = [_compiled(child) for child in node.get("children", ())]
    known = [child for child in children if child is not None]
    return build(node.get("value"), known) if len(known) == len(children) else None


def _is_field_and_text(sides: list[Any]) -> bool:
    left, right = sides
    return left["type"] == "field" and right["type"] == "literal" and isinstance(right["value"], str)


def _field_is(name: str, text: str) -> Getter:
    """What nearly all filters ask, in one step."""
    return lambda value: value.__class__ is dict and value.get(name) == text


def _field(name: Any, _: list[Getter]) -> Getter:
    return lambda value: value.get(name) if value.__class__ is dict else None


def _index(place: Any, _: list[Getter]) -> Getter:
    def get(value: Any) -> Any:
        return value[place] if value.__class__ is list and -len(value) <= place < len(value) else None

    return get


def _itself(_: Any, __: list[Getter]) -> Getter:
    return lambda value: value


def _literal(constant: Any, _: list[Getter]) -> Getter:
    return lambda value: constant


def _chain(_: Any, steps: list[Getter]) -> Getter:
    if len(steps) == 2:  # nearly all are
        first, second = steps
        return lambda value: second(first(value))

    def get(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return get


def _projection(_: Any, parts: list[Getter]) -> Getter:
    base, of_each = parts

    def get(value: Any) -> Any:
        found = base(value)
        return [each for each in map(of_each, found) if each is not None] if found.__class__ is list else None

    return get


def _filter(_: Any, parts: list[Getter]) -> Getter:
    base, of_each, holds = parts

    def get(value: Any) -> Any:
        found = base(value)
        if found.__class__ is not list:
            return None
        kept = []
        for element in found:
            held = holds(element)
            if held is True or (held is not False and not _is_false(held)):
                each = of_each(element)
                if each is not None:
                    kept.append(each)
        return kept

    return get


def _flatten(_: Any, parts: list[Getter]) -> Getter:
    def get(value: Any) -> Any:
        found = parts[0](value)
        if found.__class__ is not list:
            return None
        merged: list[Any] = []
        for element in found:
            if element.__class__ is list:
                merged.extend(element)
            else:
                merged.append(element)
        return merged

    return get


def _comparator(operator: Any, parts: list[Getter]) -> Getter | None:
    left, right = parts
    if operator == "eq":
        return lambda value: _equal(left(value), right(value))
    return (lambda value: not _equal(left(value), right(value))) if operator == "ne" else None


def _or(_: Any, parts: list[Getter]) -> Getter:
    left, right = parts
    return lambda value: right(value) if _is_false(found := left(value)) else found


def _and(_: Any, parts: list[Getter]) -> Getter:
    left, right = parts
    return lambda value: found if _is_false(found := left(value)) else right(value)


def _equal(left: Any, right: Any) -> bool:
    """JMESPath tells 1 from true, Python does not."""
    return bool(left == right) and (left.__class__ is bool) == (right.__class__ is bool)


def _is_false(value: Any) -> bool:
    """JMESPath's: 0 is true."""
    return value is None or value is False or (value.__class__ in (str, list, dict) and not value)


#: Nodes whose first child alone sees the row itself.
_LEFT_TO_RIGHT = frozenset({"subexpression", "index_expression", "pipe", "projection", "filter_projection", "flatten"})
_BUILDERS: dict[str, Callable[[Any, list[Getter]], Getter | None]] = {
    "field": _field,
    "index": _index,
    "identity": _itself,
    "current": _itself,
    "literal": _literal,
    "subexpression": _chain,
    "index_expression": _chain,
    "pipe": _chain,
    "projection": _projection,
    "filter_projection": _filter,
    "flatten": _flatten,
    "comparator": _comparator,
    "or_expression": _or,
    "and_expression": _and,
}
