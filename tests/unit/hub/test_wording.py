"""What is told in both languages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub import errors
from hub.wording import Words

ROOT = Path(__file__).parents[3]
CHINESE = re.compile(r"[\u4e00-\u9fff]")
#: What tells people that something is wrong → places of the arguments that say what; a `remedy` is named.
TELLING = {name: (0,) for name, found in vars(errors).items() if isinstance(found, type) and issubclass(found, errors.HubError)}
TELLING |= {"refuse": (0,), "problem": (2, 3), "Unreadable": (1,)}
#: Names under which such words are put together first.
NAMED = {"remedy", "message"}


def test_chinese_comes_first_and_phrases_stay_in_their_language() -> None:
    several = Words.listed([Words("缺列 a", "missing_column a"), Words("缺列 b", "missing_column b")])
    assert several == ("缺列 a；缺列 b", "missing_column a; missing_column b")
    assert str(several) == "缺列 a；缺列 b · missing_column a; missing_column b"


def _said(tree: ast.AST) -> Iterator[ast.expr]:
    """Whatever is told: arguments of errors, remedies, and what is put together first under a name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            if name == "Problem" and not isinstance(node.args[0], ast.Constant):  # the API's own begin with their code
                yield from node.args[3:5]
            named = [keyword.value for keyword in node.keywords if keyword.arg in NAMED]
            places = TELLING.get(name, (0,) if named and name.islower() else ())  # a class may have come under a variable's name
            yield from (*(node.args[place] for place in places if place < len(node.args)), *named)
        elif isinstance(node, ast.FunctionDef) and any("validator" in ast.unparse(each) for each in node.decorator_list):
            for raised in (each.exc for each in ast.walk(node) if isinstance(each, ast.Raise)):
                yield from raised.args if isinstance(raised, ast.Call) else ()
        elif isinstance(node, ast.Assign):
            names = {part.id for target in node.targets for part in ast.walk(target) if isinstance(part, ast.Name)}
            if names & NAMED:
                yield node.value


def _alternatives(said: ast.expr) -> Iterator[ast.Constant | ast.JoinedStr]:
    """The literal texts that an expression may come to."""
    match said:
        case ast.BoolOp(values=several) | ast.List(elts=several) | ast.Tuple(elts=several):
            for one in several:
                yield from _alternatives(one)
        case ast.IfExp(body=first, orelse=second):
            yield from (*_alternatives(first), *_alternatives(second))
        case ast.Call(func=ast.Attribute(value=ast.Dict(values=several), attr="get"), args=args):
            for one in (*several, *args[1:]):
                yield from _alternatives(one)
        case ast.Constant(value=str()) | ast.JoinedStr():
            yield said


def _literal(text: ast.Constant | ast.JoinedStr) -> str:
    parts = [text] if isinstance(text, ast.Constant) else [part for part in text.values if isinstance(part, ast.Constant)]
    return "".join(str(part.value) for part in parts)


@pytest.mark.parametrize(("folder", "least"), [("api", 100), ("cli", 50), ("connectors", 250), ("hub", 60), ("pipeline", 60), ("dags", 2)])
def test_every_error_and_remedy_is_in_both_languages(folder: str, least: int) -> None:
    told = [
        (f"{file.relative_to(ROOT)}:{text.lineno}", _literal(text))
        for file in sorted((ROOT / folder).rglob("*.py"))
        for said in _said(ast.parse(file.read_text(encoding="utf-8")))
        for text in _alternatives(said)
    ]
    assert len(told) >= least
    assert [f"{place}: {words}" for place, words in told if re.search("[a-z]", words) and not CHINESE.search(words)] == []
