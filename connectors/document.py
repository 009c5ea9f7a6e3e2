"""A YAML document that knows the line of everything in it, and mistakes told with file, line and the allowed words.

Enters: the path of a contract or code list. Leaves: plain data, and `Problem`s for whoever explains them.
"""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ValidationError

from hub import field_words
from hub.errors import ContractError

Loc = tuple[str | int, ...]

#: pydantic's type of an error that a check of a contract raised.
REFUSED = "contract"


@dataclass(frozen=True)
class Problem:
    """One mistake in one file.

    Attributes:
        file: the file it is in.
        line: 1-based line; 0 where the file as a whole is meant.
        where: path in the document, "record.amount.as".
        message: what is wrong.
        remedy: what to write instead.
        allowed: the words that may stand there; empty where any may.
    """

    file: Path
    line: int
    where: str
    message: str
    remedy: str = ""
    allowed: tuple[str, ...] = ()

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.line else f"{self.file}: "
        where = f"{self.where}: " if self.where else ""
        return f"{place}{where}{self.message}" + (f" → {self.remedy}" if self.remedy else "")


def raise_problems(problems: Sequence[Problem]) -> typing.NoReturn:
    """Turn problems into one ContractError: the first gives file, line and remedy, all are in its detail.

    Raises:
        ContractError: always.
    """
    first = problems[0]
    more = f"（另有 {len(problems) - 1} 处 · and {len(problems) - 1} more）" if len(problems) > 1 else ""
    place = f"{first.file}:{first.line}: " if first.line else f"{first.file}: "
    where = f"{first.where}: " if first.where else ""
    error = ContractError(
        f"{place}{where}{first.message}{more}",
        remedy=first.remedy or "运行 `casehub sources check` · run `casehub sources check`",
        file=str(first.file),
        line=first.line,
        where=first.where,
        allowed=list(first.allowed),
        problems=[str(problem) for problem in problems],
    )
    if more:
        error.add_note("\n".join(map(str, problems)))  # a traceback is all that Airflow shows of an import error
    raise error


class Document:
    """A parsed YAML file: `data` as plain values, `line_of` for any place in it, `problems` already found on the way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[Problem] = []
        self.data: Any = None
        self.node: yaml.Node | None = None
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            if isinstance(error, UnicodeDecodeError):
                self.problems.append(
                    Problem(
                        path,
                        0,
                        "",
                        "不是 UTF-8 文本 · is not UTF-8 text",
                        "另存为 UTF-8：编辑器可能存成了 GBK · save it as UTF-8: an editor may have written GBK",
                    )
                )
            else:
                remedy = "指定已有且可读的文件 · name a file that is there and may be read"
                self.problems.append(Problem(path, 0, "", f"无法读取 · cannot be read ({error.strerror})", remedy))
            return
        self._parse(text)

    def _parse(self, text: str) -> None:
        loader = yaml.CSafeLoader(text)
        try:
            self.node = loader.get_single_node()
            if self.node is not None:
                self._find_repeats(self.node, (), set())
                self.data = loader.construct_document(self.node)  # type: ignore[no-untyped-call,unused-ignore]
        except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            reason = getattr(error, "problem", None) or "a value cannot be read"
            self.problems.append(Problem(self.path, mark.line + 1 if mark else 0, "", f"不是 YAML · is not YAML: {reason}"))
        finally:
            loader.dispose()  # type: ignore[no-untyped-call,unused-ignore]

    def _find_repeats(self, node: yaml.Node, loc: Loc, above: set[int]) -> None:
        """Keys that stand twice: YAML itself would silently keep the last."""
        if id(node) in above:
            raise yaml.YAMLError("an alias that holds itself")
        inner = above | {id(node)}
        if isinstance(node, yaml.SequenceNode):
            for index, child in enumerate(node.value):
                self._find_repeats(child, (*loc, index), inner)
        elif isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, child in node.value:
                name = str(key.value)
                if name in seen:
                    line = key.start_mark.line + 1
                    self.problems.append(
                        Problem(self.path, line, dotted((*loc, name)), "出现两次 · stands twice", "两者只保留一个 · keep one of the two")
                    )
                seen.add(name)
                self._find_repeats(child, (*loc, name), inner)

    def line_of(self, loc: Iterable[str | int]) -> int:
        """1-based line of a place in the document; of its nearest parent where the place itself is missing."""
        node, line = self.node, 1
        if node is None:
            return 0
        for part in loc:
            found = _child(node, part)
            if found is not None:  # a discriminator's tag is part of pydantic's path and not of the document
                node, line = found
        return line

    def scalar_keys(self, *loc: str | int) -> dict[str, Any]:
        """A mapping's entries with each key as it is written: YAML reads 01 as the number 1, a code list must not."""
        node = self.node
        for part in loc:
            found = _child(node, part) if node is not None else None
            node = found[0] if found else None
        if not isinstance(node, yaml.MappingNode):
            return {}
        return {str(key.value): _scalar(child) for key, child in node.value}


def _scalar(node: yaml.Node) -> Any:
    return None if node.tag == "tag:yaml.org,2002:null" else node.value


def _child(node: yaml.Node, part: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key, child in node.value:
            if str(key.value) == str(part):
                return child, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child = node.value[part]
        return child, child.start_mark.line + 1
    return None


def dotted(loc: Iterable[str | int]) -> str:
    """A path as people write it: parties[0].name."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text


def did_you_mean(word: object, allowed: Sequence[str]) -> str:
    """A remedy that names the nearest allowed word, and the others where they are few."""
    near = difflib.get_close_matches(str(word), allowed, n=1, cutoff=0.6)
    listed = "可用值 · allowed: " + ", ".join(allowed) if len(allowed) <= 60 else ""
    return f"是否为 {near[0]!r}？ · did you mean {near[0]!r}? {listed}".strip() if near else listed


def problems_of(document: Document, error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Every mistake that pydantic found, in the document's own words and lines."""
    found = []
    # What nobody knows comes before what is missing: the one is mostly the other, misspelt.
    for item in sorted(error.errors(include_url=False), key=lambda item: item["type"] == "missing"):
        models, loc = _walk(model, item["loc"])
        message, allowed = _explain(item["type"], item, models)
        word = item["loc"][-1] if item["type"] == "extra_forbidden" else item.get("input")
        if item["type"] in ("union_tag_invalid", "union_tag_not_found"):
            discriminator = str(item["ctx"]["discriminator"]).strip("'")
            word = item["ctx"].get("tag", "")
            loc = (*loc, discriminator)
        loc = (*loc, *item.get("ctx", {}).get("at", ()))
        remedy = did_you_mean(word, allowed) if allowed else str(item.get("ctx", {}).get("remedy", ""))
        found.append(Problem(document.path, document.line_of(loc), dotted(loc), message, remedy, allowed))
    return found


def _explain(kind: str, item: Any, models: Sequence[type[BaseModel]]) -> tuple[str, tuple[str, ...]]:
    context = item.get("ctx", {})
    if kind == "extra_forbidden":
        return "此处没有这个键 · is not a word of the contract here", tuple(sorted({name for each in models for name in aliases(each)}))
    if kind == "missing":
        return "缺少此项 · is missing", ()
    if kind == "literal_error":
        return f"{item['input']!r} 不可用 · is not allowed", _expected(context["expected"])
    if kind == "union_tag_invalid":
        return f"{context['tag']!r} 不可用 · is not allowed", _expected(context["expected_tags"])
    if kind == "union_tag_not_found":
        return "缺少此项 · is missing", ()
    own = kind == REFUSED  # in both languages already
    return str(item["msg"]) if own else field_words.told(item), tuple(context.get("allowed", ()))


def _expected(text: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("'") for part in text.replace(" or ", ", ").split(",") if part.strip())


def aliases(model: type[BaseModel]) -> list[str]:
    """The keys of a model as the document writes them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _walk(model: type[BaseModel], loc: Loc) -> tuple[list[type[BaseModel]], Loc]:
    """Follow pydantic's path through the models: which ones hold its last part, and the path without the unions' tags."""
    current, path = [model], []
    pending: list[type[BaseModel]] = [model]
    for part in loc:
        if part == "[key]":  # pydantic's mark for a dictionary's key
            continue
        tagged = [each for each in pending if part in _tags(each)] if len(pending) > 1 else []
        if tagged:
            pending = current = tagged
            continue
        path.append(part)
        if isinstance(part, int):
            continue
        current = pending
        pending = [inner for each in current for inner in _inner_models(each, part)] or current
    return current, tuple(path)


def _inner_models(model: type[BaseModel], key: str) -> list[type[BaseModel]]:
    for name, field in model.model_fields.items():
        if key in (field.alias, name):
            return list(_models_in(field.annotation))
    return []


def _models_in(annotation: Any) -> Iterable[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for part in typing.get_args(annotation):
        yield from _models_in(part)


def _tags(model: type[BaseModel]) -> set[str]:
    """The literal words of a model's `kind` or `mode`."""
    words: set[str] = set()
    for name in ("kind", "mode"):
        field = model.model_fields.get(name)
        if field is not None and typing.get_origin(field.annotation) is Literal:
            words.update(typing.get_args(field.annotation))
    return words
